"""test_machine.py - the daemon of the machine connects to public addresses only, and runs nothing for its users."""
import os
import re
import signal
import subprocess

import harness
from harness import FUTURED, wait_until
from operations import OperationsTest


class Machine(OperationsTest):
    def start_daemon(self):
        self.config = os.path.join(self.home.path, "futured.conf")
        self.write("")
        self.daemon.arguments = ["--machine", "--config", self.config]
        super().start_daemon()

    def write(self, text):
        with open(self.config, "w") as file:
            file.write(text)

    def reload(self):
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.wait_for("RELOADING=1")
        self.daemon.wait_for("READY=1")

    def refused(self, made):
        return wait_until(lambda: re.search(r"address (127\.0\.0\.1|::1) is not allowed",
                                            self.snapshot(made).get("last_error", "")), "the address is refused")

    def test_loopback_has_to_be_allowed(self):
        self.google.add("operations/x", polls=0, response=b"{}")
        made = self.create("operations/x")
        self.refused(made)
        self.assertEqual(self.google.polled(), 0)
        self.write("[remote]\nallow = 127.0.0.0/8\n")
        self.reload()
        self.assertEqual(self.result(made), b"{}")

    def test_what_is_not_allowed_any_more_is_not_asked(self):
        """Connections that stand are no way around a new configuration."""
        self.write("[remote]\nallow = 127.0.0.0/8\n")
        self.reload()
        self.google.add("operations/x", polls=None)
        made = self.create("operations/x")
        wait_until(lambda: self.google.polled() >= 3, "three polls")
        self.write("")
        self.reload()
        self.refused(made)
        polled = self.google.polled()
        requests = self.snapshot(made)["attempts"]
        wait_until(lambda: self.snapshot(made)["attempts"] >= requests + 3, "three more attempts")
        self.assertEqual(self.google.polled(), polled)

    def test_a_name_leads_nowhere_else(self):
        self.google.add("operations/x", polls=0, response=b"{}")
        creation = self.creation("operations/x")
        creation["params"]["base"] = self.google.url.replace("127.0.0.1", "localhost")
        self.refused(self.rpc.call("future.create", creation)["id"])
        self.assertEqual(self.google.polled(), 0)

    def test_commands_are_refused(self):
        self.write("[credential x]\ntype = command\ncommand = /bin/true\n")
        self.reload()
        self.assertIn("credential x: the daemon of the machine runs no commands", self.daemon.log())
        done = subprocess.run([FUTURED, "--machine", "--check-config", "--config", self.config], env=self.home.env,
                              capture_output=True, text=True, timeout=harness.PATIENCE)
        self.assertEqual(done.returncode, 1)
        self.assertIn(":2: credential x: the daemon of the machine runs no commands", done.stderr)


if __name__ == "__main__":
    harness.main()
