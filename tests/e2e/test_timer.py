"""test_timer.py - futures that wait for a time: start_at, delay, and timers."""
import os
import time

import harness
from scripts import DONE, ScriptTest


def now_ms():
    return int(time.time() * 1000)


class Timer(ScriptTest):
    def begin_done(self, **more):
        self.poll_answers(DONE)
        return self.rpc.call("future.create", {"spec": self.spec(), **more})["id"]

    def test_nothing_is_asked_before_its_time(self):
        begin = time.time()
        made = self.begin_done(delay=0.7)
        snapshot = self.snapshot(made)
        self.assertEqual((snapshot["state"], snapshot["held"], snapshot["condition"]), ("pending", True, "waiting"))
        self.assertEqual(snapshot["start_at_ms"] - snapshot["created_at_ms"], 700)
        self.result(made)
        self.assertGreaterEqual(time.time() - begin, 0.7)
        self.assertEqual(self.count("poll"), 1)
        self.assertNotIn("held", self.snapshot(made))

    def test_start_at(self):
        at = now_ms() + 500
        made = self.begin_done(start_at=at)
        self.assertEqual(self.snapshot(made)["start_at_ms"], at)
        self.result(made)
        self.assertGreaterEqual(now_ms(), at)
        self.result(self.begin_done(start_at=0))
        self.result(self.begin_done(start_at=now_ms() - 5000))

    def test_a_time_that_comes_while_the_daemon_is_down(self):
        soon, later = self.begin_done(delay=0.3), self.begin_done(delay=3600)
        self.daemon.kill()
        time.sleep(0.4)
        self.daemon.start()
        self.rpc = self.client(errors="map")
        self.result(soon)
        self.assertTrue(self.snapshot(later)["held"])
        self.assertEqual(self.count("poll"), 1)

    def test_the_clock_is_watched(self):
        """The kernel is to say when the clock is set: an absolute timer of the wall clock that this cancels."""
        infos = []
        for fd in os.listdir(f"/proc/{self.daemon.process.pid}/fdinfo"):
            with open(f"/proc/{self.daemon.process.pid}/fdinfo/{fd}") as file:
                infos.append(dict(line.split(":", 1) for line in file.read().splitlines()))
        timers = [(int(info["clockid"]), int(info["settime flags"], 8)) for info in infos if "settime flags" in info]
        self.assertIn((time.CLOCK_REALTIME, 0o3), timers)

    def test_timers(self):
        begin = time.time()
        timers = [self.begin({"kind": "timer", "delay": 0.5}), self.begin({"kind": "timer"}, delay=0.5),
                  self.begin({"kind": "timer"}, start_at=now_ms() + 500)]
        for made in timers:
            snapshot = self.snapshot(made)
            self.assertEqual((snapshot["kind"], snapshot["state"], snapshot["held"]), ("timer", "pending", True))
        self.restart()
        for made in timers:
            reply = self.rpc.call("future.result", {"id": made})
            self.assertEqual((reply["result"], reply["content_type"]), (b"null", "application/json"))
            self.assertGreaterEqual(time.time() - begin, 0.499)
            self.assertNotIn("condition", self.snapshot(made))
        self.assertEqual(self.requests(), [])

    def test_a_timer_at_once(self):
        self.assertEqual(self.result(self.begin({"kind": "timer", "delay": 0})), b"null")
        self.assertEqual(self.result(self.begin({"kind": "timer"}, delay=0)), b"null")

    def test_a_timer_is_cancelled(self):
        made = self.begin({"kind": "timer", "delay": 3600})
        after = self.begin({"kind": "timer", "delay": 0}, after=[made])
        self.assertEqual(self.rpc.call("future.refresh", {"id": made}), {"state": "pending"})
        self.assertEqual(self.rpc.call("future.cancel", {"id": made}), {"cancelled": True, "state": "cancelled"})
        self.assertIn("was cancelled", self.fails(after, kind="dependency")["message"])

    def test_a_deadline(self):
        self.fails(self.begin({"kind": "timer", "delay": 3600}, timeout=0.1), kind="deadline")
        made = self.begin_done(delay=3600)
        self.rpc.call("future.extend", {"id": made, "timeout": 0.1})
        self.fails(made, kind="deadline")

    def test_many_timers(self):
        numbers = [self.rpc.send("future.create", {"spec": {"kind": "timer"}, "delay": 0.01 * (i % 50)})
                   for i in range(1000)]
        ids = [self.rpc.reply(number)["id"] for number in numbers]
        reply = self.rpc.call("future.wait", {"ids": ids, "timeout": harness.PATIENCE})
        self.assertEqual(set(reply["states"]), {"succeeded"})

    def test_what_is_refused(self):
        for name, spec, more, says in [
                ("InvalidArgument", {"kind": "timer"}, {}, "a timer needs one of them"),
                ("InvalidArgument", {"kind": "timer", "delay": 1}, {"delay": 1}, "only one of them"),
                ("InvalidArgument", self.spec(), {"delay": 1, "start_at": 5}, "only one of them"),
                ("InvalidArgument", self.spec(), {"start_at": 1 << 63}, "start_at"),
                ("InvalidArgument", self.spec(), {"delay": -1}, "delay"),
                ("InvalidSpec", {"kind": "timer", "delay": "soon"}, {}, "delay: must be a number"),
                ("InvalidSpec", {"kind": "timer", "poll": {}}, {}, "unknown key \"poll\""),
                ("InvalidSpec", {"kind": "timer", "dely": 1}, {}, "did you mean \"delay\"?"),
                ("InvalidSpec", {"kind": "timr"}, {}, "did you mean \"timer\"?"),
                ("InvalidSpec", {"kind": "timer"}, {"polling": {"timeout": 5}, "delay": 1}, "unknown key \"polling\"")]:
            with self.subTest(says=says):
                self.assert_rpc_error(name, self.rpc.call, "future.create", {"spec": spec, **more}, says=says)
        checked = self.rpc.call("profile.check", {"text": '{"kind": "timer", "delay": "x", "pol": 1}'})
        self.assertEqual([problem["place"] for problem in checked["problems"]], ["delay", ""])
        self.assertEqual(self.rpc.call("profile.check", {"text": '{"kind": "timer", "delay": 1}'})["problems"], [])
        self.assert_rpc_error("InvalidSpec", self.rpc.call, "profile.try", {"text": '{"kind": "timer", "delay": 1}'},
                              says="only http")


if __name__ == "__main__":
    harness.main()
