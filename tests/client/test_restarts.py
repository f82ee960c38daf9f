"""test_restarts.py - the library with the real daemon, which is killed again and again: each future is made once, each
callback comes once, and nothing is lost."""
import os
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import harness  # noqa: E402
from operations import OperationsTest  # noqa: E402

MANY = os.path.join(harness.BUILD, "tests", "client", "many")
COUNT = 200 if harness.SANITIZED else 1000


class Restarts(OperationsTest):
    def run_many(self):
        process = subprocess.Popen([MANY, self.google.url, str(COUNT)], text=True, stdout=subprocess.PIPE,
                                   env=dict(self.home.env, FUTURED_SOCKET=self.home.socket))
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        # From here on the daemon may go: only the first connection has to find it.
        self.assertEqual(process.stdout.readline(), "connected\n")
        return process

    def finish(self, process):
        """All operations end; the program's last words."""
        for i in range(COUNT):
            self.google.end(f"operations/{i}", response=b"{}")
        out, _ = process.communicate(timeout=harness.PATIENCE)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(out.splitlines()[-1], f"called {COUNT} succeeded {COUNT} made {COUNT}")

    def check_made_once(self):
        stats = self.client().call("server.stats")
        self.assertEqual(sum(stats["futures"].values()), COUNT)

    def setUp(self):
        super().setUp()
        for i in range(COUNT):
            self.google.add(f"operations/{i}", polls=None)

    def test_killed_while_it_creates(self):
        process = self.run_many()
        created = threading.Event()

        def read():
            process.stdout.readline()
            created.set()

        reader = threading.Thread(target=read)
        reader.start()
        for _ in range(4):
            created.wait(0.05)
            self.daemon.kill()
            self.daemon.start()
        reader.join(harness.PATIENCE)
        self.assertTrue(created.is_set(), "never all created")
        self.finish(process)
        self.check_made_once()

    def test_killed_and_stopped_while_it_waits(self):
        process = self.run_many()
        self.assertEqual(process.stdout.readline(), "created\n")
        self.daemon.kill()
        self.daemon.start()
        self.daemon.stop()
        self.daemon.start()
        self.finish(process)
        self.check_made_once()


if __name__ == "__main__":
    harness.main()
