"""test_crowd.py - the library with the real daemon and ten thousand futures: in one wait, in the order of completion, and as
a group that another process takes up."""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import harness  # noqa: E402
from operations import OperationsTest  # noqa: E402

CROWD = os.path.join(harness.BUILD, "tests", "client", "crowd")
COUNT = 1000 if harness.SANITIZED else 10000


class Crowd(OperationsTest):
    def start(self, *arguments):
        process = subprocess.Popen([CROWD, *arguments], text=True, stdout=subprocess.PIPE,
                                   env=dict(self.home.env, FUTURED_SOCKET=self.home.socket))
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process

    def finish(self, process, begin=None):
        """The lines that it says yet, and how long it took from begin on."""
        out, _ = process.communicate(timeout=2 * harness.PATIENCE)
        self.assertEqual(process.returncode, 0)
        return out.splitlines(), time.monotonic() - (begin or 0)

    def test_ten_thousand(self):
        # Every tenth fails, and two do not end by themselves.
        for i in range(COUNT):
            last = i >= COUNT - 2
            ending = {"error": {"code": 3, "message": "bad"}} if i % 10 == 0 else {"response": b"{}"}
            self.google.add(f"operations/{i}", polls=None if last else 0, **({} if last else ending))
        path = os.path.join(self.home.path, "crowd.json")
        maker = self.start("create", self.google.url, str(COUNT), path)
        self.assertEqual(maker.stdout.readline(), "waiting\n")

        def all_but_two():
            futures = self.rpc.call("server.stats")["futures"]
            return futures["succeeded"] + futures["failed"] == COUNT - 2

        harness.wait_until(all_but_two, "all but two are over", 4 * harness.PATIENCE)
        # Somebody who comes later waits for all, too, and somebody else finds what is there already.
        waiter = self.start("all", path)
        self.assertEqual(waiter.stdout.readline(), "waiting\n")
        begin = time.monotonic()
        lines, seconds = self.finish(self.start("first", path), begin)
        self.assertEqual(lines[-1].split()[:2], ["total", str(COUNT)])
        self.assertLess(seconds, 15)
        ids = [line for line in lines if len(line) == 36]
        self.assertGreaterEqual(len(ids), 1)
        self.assertIn(self.snapshot(ids[0])["state"], ("succeeded", "failed"))
        for i in range(COUNT - 2, COUNT):
            self.google.end(f"operations/{i}", response=b"{}")
        failed = (COUNT + 9) // 10
        expected = f"total {COUNT} succeeded {COUNT - failed} failed {failed} cancelled 0 others 0"
        self.assertEqual(self.finish(maker)[0], [expected])
        self.assertEqual(self.finish(waiter)[0], [expected])
        begin = time.monotonic()
        lines, seconds = self.finish(self.start("all", path), begin)
        self.assertEqual(lines[-1], expected)
        self.assertLess(seconds, 15)

    def test_that_come_and_end_one_by_one(self):
        """Whenever a handle comes, there is room to wait for it, whatever is waited for already."""
        count = COUNT // 10
        for i in range(count):
            self.google.add(f"operations/{i}", polls=None)
        path = os.path.join(self.home.path, "crowd.json")
        maker = self.start("slowly", self.google.url, str(count), path)
        self.assertEqual(maker.stdout.readline(), "waiting\n")
        first, failing = self.start("first", path), self.start("exception", path)
        for process in (first, failing):
            self.assertEqual(process.stdout.readline(), "waiting\n")
        # The last that came ends first.
        self.google.end(f"operations/{count - 1}", response=b"{}")
        self.assertEqual(len([line for line in self.finish(first)[0] if len(line) == 36]), 1)
        for i in range(count - 1):
            ending = {"error": {"code": 3, "message": "bad"}} if i == count // 2 else {"response": b"{}"}
            self.google.end(f"operations/{i}", **ending)
        self.assertEqual(self.finish(maker)[0],
                         [f"total {count} succeeded {count - 1} failed 1 cancelled 0 others 0"])
        self.assertEqual(len([line for line in self.finish(failing)[0] if len(line) == 36]), 1)

    def test_over_a_restart(self):
        """What events tell of is not lost with the connection."""
        count = COUNT // 10
        for i in range(count):
            self.google.add(f"operations/{i}", polls=None)
        path = os.path.join(self.home.path, "crowd.json")
        maker = self.start("create", self.google.url, str(count), path)
        self.assertEqual(maker.stdout.readline(), "waiting\n")
        for i in range(count):
            if i == count // 2:
                self.daemon.kill()
            self.google.end(f"operations/{i}", response=b"{}")
        self.daemon.start()
        self.assertEqual(self.finish(maker)[0],
                         [f"total {count} succeeded {count} failed 0 cancelled 0 others 0"])


if __name__ == "__main__":
    harness.main()
