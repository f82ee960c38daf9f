"""test_activation.py - a socket that somebody else made: LISTEN_FDS by hand, and systemd-socket-activate."""
import os
import shutil
import unittest

import activation
import harness
from rpc import Client

SPEC = {"poll": {"url": "http://127.0.0.1:1/", "rules": [{"when": {"status": 200}, "then": "success"}]}}


class Activation(harness.DaemonTest):
    def start_daemon(self):
        activation.listen(self)

    def test_the_socket_is_used_and_no_other_is_made(self):
        self.assertEqual(self.client().call("server.hello")["server"], "futured")
        self.assertFalse(os.path.exists(os.path.join(self.home.runtime, "futured", "futured.sock")))

    def test_the_socket_is_not_removed_at_the_end(self):
        self.daemon.stop()
        self.assertTrue(os.path.exists(self.home.socket))

    def test_who_connects_between_two_daemons_is_served_by_the_next(self):
        made = self.client().call("future.create", {"spec": SPEC})
        self.daemon.kill()
        early = self.client()
        number = early.send("future.get", {"id": made["id"]})
        activation.hand_over(self.daemon, self.listener)
        self.assertEqual(early.reply(number)["id"], made["id"])

    def test_futurectl_waits_for_the_next_daemon(self):
        self.daemon.kill()
        waiting = self.daemon.ctl_start("list", "--json")
        activation.hand_over(self.daemon, self.listener)
        _, stderr = waiting.communicate(timeout=harness.PATIENCE)
        self.assertEqual(waiting.returncode, 0, stderr)


@unittest.skipUnless(shutil.which("systemd-socket-activate"), "systemd-socket-activate is not here")
class SocketActivate(harness.DaemonTest):
    def start_daemon(self):
        self.home.socket = os.path.join(self.home.path, "given.sock")
        self.daemon.spawn(["systemd-socket-activate", "-l", self.home.socket, "-E", "NOTIFY_SOCKET", "-E", "HOME",
                           "-E", "XDG_RUNTIME_DIR", harness.FUTURED, "--state-dir", self.home.state])
        harness.wait_until(lambda: os.path.exists(self.home.socket), "the socket of systemd-socket-activate")

    def connect(self):
        """The socket exists a moment before it listens."""
        try:
            return Client(self.home.socket)
        except ConnectionRefusedError:
            return None

    def test_the_first_connection_starts_it(self):
        with harness.wait_until(self.connect, "a connection") as client:
            self.assertEqual(client.call("server.hello")["server"], "futured")
            self.daemon.wait_for("READY=1")
            made = client.call("future.create", {"spec": SPEC})
            self.assertEqual(client.call("future.get", {"id": made["id"]})["id"], made["id"])


if __name__ == "__main__":
    harness.main()
