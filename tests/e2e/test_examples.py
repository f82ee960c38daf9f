"""test_examples.py - the programs in examples/, as they are, with the real daemon."""
import os
import subprocess

import harness
from harness import BUILD
from operations import OperationsTest
from services import SLOW

EXAMPLES = os.path.join(BUILD, "examples")
TICKS = os.sysconf("SC_CLK_TCK")


class Examples(OperationsTest):
    def start(self, name, *arguments):
        """A program from there, in the background, with pipes to it."""
        program = os.path.join(EXAMPLES, name)
        if not os.path.exists(program):
            self.skipTest(f"{name} was not built: its library is not here")
        process = subprocess.Popen([program, *arguments], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=dict(self.home.env, FUTURED_SOCKET=self.home.socket))
        for stream in (process.stdin, process.stdout, process.stderr):
            self.addCleanup(stream.close)
        self.addCleanup(process.kill)
        return process

    def finish(self, process):
        """It ends, and has nothing to complain about; what it said."""
        out, err = process.communicate(timeout=harness.PATIENCE)
        self.assertEqual((process.returncode, err), (0, ""))
        return out.splitlines()

    def operations(self, count, **more):
        """Futures for operations that are pending: (name, id)."""
        names = [f"operations/{i}" for i in range(count)]
        for name in names:
            self.google.add(name, polls=None, **more)
        return [(name, self.create(name)) for name in names]

    @staticmethod
    def line(process):
        """The next line that is not about progress."""
        while True:
            line = process.stdout.readline().rstrip("\n")
            if " progress " not in line:
                return line

    @staticmethod
    def processor_time(process):
        with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def in_a_loop(self, name):
        """Takes ids while it waits, is told of ends in order, and goes on over a daemon that dies."""
        (one, first), (two, second), (three, third) = self.operations(3)
        process = self.start(name)
        process.stdin.write(f"{first}\n")
        process.stdin.flush()
        self.google.end(one, response=b"{}")
        self.assertEqual(self.line(process), f"{first} succeeded")
        # Idle, with nothing to wait for: it notices what begins outside the library's callbacks.
        process.stdin.write(f"{second}\n{third}\n")
        process.stdin.flush()
        harness.wait_until(lambda: self.rpc.call("server.stats")["waits"] >= 2 or None, "both are waited for")
        self.daemon.kill()
        self.daemon.start()
        self.rpc = self.client(errors="map")
        self.google.end(three, error={"code": 3, "message": "bad"})
        self.assertEqual(self.line(process), f"{third} bad")
        process.stdin.close()
        before = self.processor_time(process)
        self.rpc.call("future.wait", {"ids": [second], "timeout": 0.5})
        # A loop that spins would have used all of it.
        self.assertLess(self.processor_time(process) - before, 0.25)
        self.google.end(two, response=b"{}")
        self.assertEqual(self.line(process), f"{second} succeeded")
        process.stdin = None
        self.assertEqual(self.finish(process), [])

    def test_poll(self):
        self.in_a_loop("poll")

    def test_libevent(self):
        self.in_a_loop("libevent")

    def test_libuv(self):
        self.in_a_loop("libuv")

    def test_progress(self):
        ((name, some_id),) = self.operations(1, metadata=[{"n": 1}, {"n": 2}, {"n": 3}])
        process = self.start("poll")
        process.stdin.write(f"{some_id}\n")
        process.stdin.flush()
        seen = []
        while not seen or seen[-1] != f'{some_id} progress {{"n": 3}}':
            seen.append(process.stdout.readline().rstrip("\n"))
        # How many of those before it saw is a matter of time, their order is not.
        self.assertEqual(seen, sorted(set(seen)))
        self.google.end(name, response=b"{}")
        self.assertEqual(self.line(process), f"{some_id} succeeded")
        process.stdin.close()
        process.stdin = None
        self.finish(process)

    def test_trouble(self):
        self.google.add("operations/0", polls=None)
        some_id = self.create("operations/0", polling=SLOW)
        process = self.start("poll")
        process.stdin.write(f"{some_id}\n")
        process.stdin.flush()
        subscribed = harness.wait_until(lambda: self.rpc.call("server.stats")["subscriptions"], "it follows")
        self.assertEqual(subscribed, 1)
        self.google.stumble("operations/0", [503, 503])
        for attempts in (1, 2):
            line = self.line(process)
            self.assertIn(f"{some_id} trouble ", line)
            self.assertIn("503", line)
            self.assertIn(f"({attempts} in a row)", line)
        self.google.end("operations/0", response=b"{}")
        self.assertEqual(self.line(process), f"{some_id} succeeded")
        process.stdin.close()
        process.stdin = None
        self.finish(process)

    def test_group(self):
        operations = self.operations(3)
        (one, first), (two, second), (_, third) = operations
        path = os.path.join(self.home.path, "jobs.json")
        self.assertEqual(self.finish(self.start("group", "save", path, first, second, first, third)), [])
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.google.end(two, response=b'{"n": 2}')
        self.result(second)
        self.restart()
        process = self.start("group", "open", path)
        self.assertEqual(self.line(process), "4 futures, 1 succeeded, 0 failed, 0 cancelled")
        self.assertEqual(self.line(process), f'{second} succeeded {{"n": 2}}')
        self.rpc.call("future.cancel", {"id": third})
        self.google.complete(operations[2][0], error={"code": 1, "message": "stopped"})
        self.assertEqual(self.line(process), f"{third} stopped")
        self.google.end(one, response=b"[]")
        self.assertEqual(self.finish(process), [f"{first} succeeded []"])

    def test_group_without_a_file(self):
        process = self.start("group", "open", os.path.join(self.home.path, "none.json"))
        _, err = process.communicate(timeout=harness.PATIENCE)
        self.assertEqual(process.returncode, 1)
        self.assertIn("none.json: No such file", err)

    def test_wait(self):
        self.google.add("operations/one", polls=1, response=b'{"n": 1}')
        process = self.start("wait", "google-lro", f"base={self.google.url}", "name=operations/one")
        out, _ = process.communicate(timeout=harness.PATIENCE)
        self.assertEqual((process.returncode, out), (0, '{"n": 1}'))


if __name__ == "__main__":
    harness.main()
