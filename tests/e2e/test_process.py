"""test_process.py - the daemon as a process: options, signals, files and sockets it makes, and being the only one."""
import os
import signal
import sqlite3
import stat
import subprocess
import unittest

import harness
from harness import FUTURED
from rpc import Client

SPEC = {"poll": {"url": "http://127.0.0.1:1/", "rules": [{"when": {"status": 200}, "then": "success"}]}}


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


class Options(unittest.TestCase):
    def setUp(self):
        self.home = harness.Home()
        self.addCleanup(self.home.remove)

    def run_daemon(self, *arguments, **more_env):
        return subprocess.run([FUTURED, *arguments], env=dict(self.home.env, **more_env), capture_output=True, text=True,
                              timeout=harness.PATIENCE, stdin=subprocess.DEVNULL)

    def test_version(self):
        done = self.run_daemon("--version")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^futured \d+\.\d+\.\d+")

    def test_help_names_every_option(self):
        done = self.run_daemon("--help")
        self.assertEqual(done.returncode, 0, done.stderr)
        for option in ("--socket", "--state-dir", "--config", "--profile-dir", "--log-level", "--check-config",
                       "--machine", "--version", "--help"):
            self.assertIn(option, done.stdout)

    def test_unknown_option(self):
        done = self.run_daemon("--sokcet=/tmp/x")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("--sokcet", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_check_config(self):
        config = os.path.join(self.home.path, "futured.conf")
        with open(config, "w") as file:
            file.write("[limits]\nconnections = 10\n")
        self.assertEqual(self.run_daemon("--check-config", "--config", config).returncode, 0)
        with open(config, "w") as file:
            file.write("[limits]\nconections = 10\nfutures_per_uid = many\n")
        done = self.run_daemon("--check-config", "--config", config)
        self.assertNotEqual(done.returncode, 0)
        said = done.stdout + done.stderr
        for word in (config + ":2", "conections", "connections", config + ":3", "many"):
            self.assertIn(word, said)
        self.assertFalse(os.path.exists(self.home.state), "--check-config made a database")

    def test_a_socket_path_that_is_too_long(self):
        done = self.run_daemon("--socket", "/" + "x" * 200, "--state-dir", self.home.state)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("108" if "108" in done.stderr else "107", done.stderr)

    def test_default_places(self):
        daemon = harness.Daemon(self.home)
        daemon.command = lambda: [FUTURED]
        daemon.start()
        self.addCleanup(daemon.stop)
        with Client(self.home.socket) as client:
            self.assertEqual(client.call("server.hello")["uid"], os.getuid())
        self.assertTrue(os.path.isdir(self.home.state))


class Process(harness.DaemonTest):
    def test_files_and_sockets_are_private(self):
        self.client().call("future.create", {"spec": SPEC})
        self.assertEqual(mode(self.home.state), 0o700)
        for name in os.listdir(self.home.state):
            self.assertEqual(mode(os.path.join(self.home.state, name)), 0o700 if name == "results" else 0o600, name)
        self.assertEqual(mode(os.path.dirname(self.home.socket)), 0o700)
        self.assertEqual(mode(self.home.socket), 0o600)

    def test_sigterm_and_sigint_end_cleanly(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            made = self.client().call("future.create", {"spec": SPEC})
            self.assertEqual(self.daemon.stop(how), 0, self.daemon.log())
            self.assertIn("STOPPING=1", self.daemon.notifications)
            self.assertFalse(os.path.exists(self.home.socket), "the socket is left behind")
            self.daemon.start()
            self.assertEqual(self.client().call("future.get", {"id": made["id"]})["id"], made["id"])

    def test_a_pending_wait_is_told_of_the_end(self):
        client = self.client()
        made = client.call("future.create", {"spec": SPEC})
        number = client.send("future.result", {"id": made["id"]})
        self.assertIn("running", client.call("server.stats")["futures"])
        self.daemon.stop()
        messages = client.expect_closed()
        for _, answered, error, _ in messages:
            self.assertEqual(answered, number)
            self.assertTrue(error.startswith("ShuttingDown"), error)

    def test_status_and_ready(self):
        self.assertIn("READY=1", self.daemon.notifications)
        self.client().call("future.create", {"spec": SPEC})
        self.assertIn("running", self.daemon.wait_for("STATUS="))

    def test_second_daemon_on_the_same_state(self):
        other = os.path.join(self.home.path, "other.sock")
        done = subprocess.run([FUTURED, "--socket", other, "--state-dir", self.home.state], env=self.home.env,
                              capture_output=True, text=True, timeout=harness.PATIENCE)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(self.home.state, done.stderr)
        self.assertFalse(os.path.exists(other))
        self.assertEqual(self.client().call("server.hello")["server"], "futured")

    def test_second_daemon_on_the_same_socket(self):
        done = subprocess.run([FUTURED, "--socket", self.home.socket, "--state-dir", self.home.path + "/state2"],
                              env=self.home.env, capture_output=True, text=True, timeout=harness.PATIENCE)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(self.home.socket, done.stderr)
        self.assertEqual(self.client().call("server.hello")["server"], "futured")

    def test_a_socket_left_by_a_crash_is_taken_over(self):
        self.daemon.kill()
        self.assertTrue(os.path.exists(self.home.socket))
        self.daemon.start()
        self.assertEqual(self.client().call("server.hello")["server"], "futured")

    def test_something_else_at_the_socket_path_is_not_removed(self):
        self.daemon.stop()
        with open(self.home.socket, "w") as file:
            file.write("precious")
        self.daemon.spawn()
        self.assertNotEqual(self.daemon.process.wait(harness.PATIENCE), 0)
        with open(self.home.socket) as file:
            self.assertEqual(file.read(), "precious")
        os.unlink(self.home.socket)
        self.daemon.start()

    def test_a_state_directory_that_others_can_write_is_refused(self):
        self.daemon.stop()
        os.chmod(self.home.state, 0o777)
        self.daemon.spawn()
        self.assertNotEqual(self.daemon.process.wait(harness.PATIENCE), 0)
        self.assertIn(self.home.state, self.daemon.log())
        os.chmod(self.home.state, 0o700)
        self.daemon.start()

    def test_a_newer_database_is_refused(self):
        self.daemon.stop()
        database = os.path.join(self.home.state, "state.db")
        with sqlite3.connect(database) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            connection.execute("PRAGMA user_version = 9999")
        connection.close()
        self.daemon.spawn()
        self.assertNotEqual(self.daemon.process.wait(harness.PATIENCE), 0)
        self.assertIn("9999", self.daemon.log())
        with sqlite3.connect(database) as connection:
            connection.execute(f"PRAGMA user_version = {version}")
        connection.close()
        self.daemon.start()


class Reload(harness.DaemonTest):
    def start_daemon(self):
        self.config = os.path.join(self.home.path, "futured.conf")
        self.write("[limits]\nfutures_per_uid = 1\n")
        self.daemon.arguments += ["--config", self.config]
        super().start_daemon()

    def write(self, text):
        with open(self.config, "w") as file:
            file.write(text)

    def reload(self):
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.wait_for("RELOADING=1")
        self.daemon.wait_for("READY=1")

    def test_sighup_puts_new_limits_in_force(self):
        client = self.client()
        client.call("future.create", {"spec": SPEC})
        self.assert_rpc_error("LimitExceeded", client.call, "future.create", {"spec": SPEC})
        self.write("[limits]\nfutures_per_uid = 2\n")
        self.reload()
        client.call("future.create", {"spec": SPEC})
        self.assert_rpc_error("LimitExceeded", client.call, "future.create", {"spec": SPEC})

    def test_a_bad_file_changes_nothing(self):
        client = self.client()
        client.call("future.create", {"spec": SPEC})
        self.write("[limits]\nfutures_per_uid = 100\nconections = 3\n")
        self.reload()
        self.assertIn("conections", self.daemon.log())
        self.assert_rpc_error("LimitExceeded", client.call, "future.create", {"spec": SPEC})


if __name__ == "__main__":
    harness.main()
