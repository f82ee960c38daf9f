"""test_internal_client_holder.py - after Tinker's src/tinker/lib/internal_client_holder_test.py: settings, and when they change.

There a server has them, and each process fetches them for itself; here a file has them, for the daemon that all share.
"""
import os
import signal

from conformance import harness

DEFAULT = 100000


class Settings(harness.DaemonTest):
    def start_daemon(self):
        directory = os.path.join(self.home.env["XDG_CONFIG_HOME"], "futured")
        os.mkdir(directory)
        self.path = os.path.join(directory, "futured.conf")
        super().start_daemon()

    def write(self, text):
        with open(self.path, "w", encoding="ascii") as file:
            file.write(text)

    def limit(self):
        """One of them, as clients are told."""
        return self.client().call("server.hello")["limits"]["futures"]

    def restart(self):
        self.daemon.stop()
        self.daemon.start()

    def reload(self):
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.wait_for("RELOADING=1")
        self.daemon.wait_for("READY=1")

    def test_fetch_client_config_returns_flags_from_server(self):
        self.write("[limits]\nfutures_per_uid = 7\n")
        self.restart()
        self.assertEqual(self.limit(), 7)

    def test_fetch_client_config_raises_on_network_error(self):
        """What cannot be read is said, and nothing begins without it."""
        self.daemon.stop()
        os.mkdir(self.path)
        self.daemon.spawn()
        self.assertNotIn(self.daemon.process.wait(harness.PATIENCE), (0, None))
        self.assertIn(self.path, self.daemon.log())
        os.rmdir(self.path)
        self.daemon.start()

    def test_fetch_initial_client_dynamic_config_falls_back_to_defaults_on_404(self):
        self.assertFalse(os.path.exists(self.path))
        self.assertEqual(self.limit(), DEFAULT)

    def test_refresh_client_dynamic_config_swaps_in_new_flags(self):
        self.write("[limits]\nfutures_per_uid = 8\n")
        self.reload()
        self.assertEqual(self.limit(), 8)

    def test_refresh_client_dynamic_config_keeps_last_known_good_on_failure(self):
        self.write("[limits]\nfutures_per_uid = 9\n")
        self.reload()
        self.write("[limits]\nfutures_per_uid = many\n")
        self.reload()
        self.assertEqual(self.limit(), 9)
        self.assertIn("many", self.daemon.log())


if __name__ == "__main__":
    harness.main()
