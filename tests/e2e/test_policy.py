"""test_policy.py - policies and timeouts that are given with a creation: whose key counts, and absent, nil and a number."""
import time

import harness
from harness import QUICK, wait_until
from operations import OperationsTest
from scripts import DONE, PENDING, ScriptTest

HOUR = 3600
STEADY = {"initial": 0.2, "maximum": 0.2, "multiplier": 1, "jitter": "none"}
# No second request of such a policy within a test.
NEVER = {"initial": HOUR, "maximum": HOUR, "multiplier": 1, "jitter": "none"}


class PolicyTest(ScriptTest):
    def setUp(self):
        super().setUp()
        self.poll_answers(PENDING)

    def deadline_in(self, some_id):
        """Seconds from its creation to its deadline; None: it has none."""
        snapshot = self.snapshot(some_id)
        if "deadline_at_ms" not in snapshot:
            return None
        return (snapshot["deadline_at_ms"] - snapshot["created_at_ms"]) / 1000


class Timeouts(PolicyTest):
    """Of a future: absent is the spec's polling.timeout, nil none, a number so many seconds."""

    def test_absent_is_the_specs(self):
        self.assertEqual(self.deadline_in(self.start(polling={**QUICK, "timeout": 60})), 60)
        self.assertIsNone(self.deadline_in(self.start(polling={**QUICK, "timeout": None})))
        self.assertIsNone(self.deadline_in(self.start()))

    def test_nil_is_none(self):
        self.assertIsNone(self.deadline_in(self.begin(self.spec(polling={**QUICK, "timeout": 60}), timeout=None)))

    def test_a_number_is_seconds(self):
        for spec in (self.spec(), self.spec(polling={**QUICK, "timeout": 60}), self.spec(polling={**QUICK, "timeout": None})):
            self.assertEqual(self.deadline_in(self.begin(spec, timeout=90)), 90)
            self.assertEqual(self.deadline_in(self.begin(spec, timeout=0.5)), 0.5)

    def test_zero_is_a_deadline_at_once(self):
        self.fails(self.begin(self.spec(), timeout=0), kind="deadline")

    def test_it_goes_before_the_policy_of_the_call(self):
        spec = self.spec(polling={**QUICK, "timeout": 60})
        self.assertEqual(self.deadline_in(self.begin(spec, polling={"timeout": 70})), 70)
        self.assertEqual(self.deadline_in(self.begin(spec, polling={"timeout": 70}, timeout=80)), 80)
        self.assertIsNone(self.deadline_in(self.begin(spec, polling={"timeout": 70}, timeout=None)))
        self.assertIsNone(self.deadline_in(self.begin(spec, polling={"timeout": None})))

    def test_they_mean_the_same_after_a_crash(self):
        made = [self.begin(self.spec(polling={**QUICK, "timeout": 60}), **more)
                for more in ({}, {"timeout": None}, {"timeout": 90})]
        self.restart()
        self.assertEqual([self.deadline_in(some_id) for some_id in made], [60, None, 90])


class Waits(PolicyTest):
    """Of a wait: absent and nil are until it is done, a number seconds, 0 one look; the future is not changed."""

    def test_of_a_result(self):
        made = self.start()
        for timeout in (0, 0.1):
            start = time.monotonic()
            self.assert_rpc_error("Timeout", self.rpc.call, "future.result", {"id": made, "timeout": timeout})
            self.assertGreaterEqual(time.monotonic() - start, timeout)
            self.assertNotIn(self.snapshot(made)["state"], ("failed", "cancelled"))
        waiting = [self.rpc.send("future.result", {"id": made}), self.rpc.send("future.result", {"id": made, "timeout": None}),
                   self.rpc.send("future.result", {"id": made, "timeout": HOUR})]
        self.poll_answers(DONE)
        self.assertEqual([self.rpc.reply(number)["state"] for number in waiting], ["succeeded"] * 3)
        self.assertEqual(self.rpc.call("future.result", {"id": made, "timeout": 0})["state"], "succeeded")

    def test_of_a_wait(self):
        made = self.start()
        for timeout in (0, 0.1):
            self.assertTrue(self.rpc.call("future.wait", {"ids": [made], "timeout": timeout})["timed_out"])
        waiting = [self.rpc.send("future.wait", {"ids": [made]}), self.rpc.send("future.wait", {"ids": [made], "timeout": None})]
        self.poll_answers(DONE)
        for number in waiting:
            reply = self.rpc.reply(number)
            self.assertEqual((reply["done"], reply["timed_out"]), ([made], False))


class Keys(PolicyTest):
    """A key of the call's policy wins over the spec's; the others stay."""

    def test_of_polling(self):
        made = self.begin(self.spec(polling={**NEVER, "multiplier": 7}), polling={"initial": 0.2, "maximum": 0.2})
        self.seen(4, "poll")
        # no jitter, still: that is the spec's
        self.assertGreaterEqual(min(self.gaps("poll")), 0.19)
        self.poll_answers(DONE)
        self.assertEqual(self.json_result(made), [1, 2])

    def test_one_end_of_a_ladder(self):
        """The spec's other end gives way."""
        for which in ("polling", "retry"):
            self.poll_answers(PENDING if which == "polling" else {"status": 503})
            made = self.begin(self.spec(**{which: NEVER}), **{which: {"maximum": 0.2}})
            seen = self.count("poll")
            self.seen(seen + 3, "poll")
            self.rpc.call("future.cancel", {"id": made})
        self.poll_answers(PENDING)
        made = self.begin(self.spec(polling=STEADY), polling={"initial": HOUR}, labels={"slow": "1"})
        snapshot = wait_until(lambda: [s for s in [self.snapshot(made)] if s.get("requests")], "the first answer")[0]
        self.assertGreater(snapshot["next_poll_at_ms"] / 1000 - time.time(), HOUR - 60)

    def test_one_end_of_a_ladder_where_the_spec_has_a_param(self):
        self.poll_answers(PENDING)
        for spec, given in (({"initial": "{every}", "maximum": HOUR}, {"maximum": 0.2}),
                            ({"initial": 0.01, "maximum": "{every}"}, {"initial": HOUR})):
            made = self.begin(self.spec(polling={**spec, "jitter": "none"}), polling=given, params={"every": 60})
            snapshot = wait_until(lambda: [s for s in [self.snapshot(made)] if s.get("requests")], "the first answer")[0]
            self.assertEqual(snapshot["next_poll_at_ms"] / 1000 - time.time() > 1, "initial" in given)

    def test_one_key_only(self):
        made = self.begin(self.spec(polling={**STEADY, "timeout": 60}), polling={"initial": 0.1})
        self.seen(3, "poll")
        self.assertEqual(self.deadline_in(made), 60)

    def test_of_retry(self):
        self.poll_answers({"status": 503}, {"status": 503}, DONE)
        self.assertEqual(self.json_result(self.begin(self.spec(retry=NEVER), retry={"initial": 0.05, "maximum": 0.05})), [1, 2])

    def test_a_retry_timeout_of_the_call(self):
        self.poll_answers({"status": 503})
        self.fails(self.begin(self.spec(retry={**STEADY, "timeout": None}), retry={"timeout": 0.5}), kind="retry_exhausted")
        made = self.begin(self.spec(retry={**STEADY, "timeout": 0.3}), retry={"timeout": None})
        wait_until(lambda: self.snapshot(made)["attempts"] > 4, "more failures than the spec has time for")
        self.assertEqual(self.snapshot(made)["condition"], "unreachable")
        self.poll_answers(DONE)
        self.assertEqual(self.json_result(made), [1, 2])

    def test_they_are_those_of_the_next_daemon(self):
        made = self.begin(self.spec(polling=NEVER, retry=NEVER), polling=STEADY, retry=STEADY)
        self.seen(2, "poll")
        self.restart()
        self.seen(self.count("poll") + 3, "poll")
        self.poll_answers({"status": 503}, {"status": 503}, DONE)
        self.assertEqual(self.json_result(made), [1, 2])

    def test_they_are_part_of_what_a_key_stands_for(self):
        made = self.begin(self.spec(), key="one", polling=STEADY)
        self.assertEqual(self.begin(self.spec(), key="one", polling=STEADY), made)
        other = {"spec": self.spec(), "key": "one", "polling": NEVER}
        self.assert_rpc_error("KeyConflict", self.rpc.call, "future.create", other)

    def test_a_wrong_one_is_named(self):
        for which, policy, says in (("polling", {"intial": 1}, ["polling", "intial", "initial"]),
                                    ("retry", {"maximum": -1}, ["retry.maximum"]),
                                    ("polling", {"jitter": "some"}, ["polling.jitter"]),
                                    ("retry", {"timeout": "soon"}, ["retry.timeout"])):
            self.assert_rpc_error("InvalidSpec", self.rpc.call, "future.create", {"spec": self.spec(), which: policy}, says=says)


class Profiles(OperationsTest):
    """A spec beside a profile wins over it key by key, and the call's policy over both."""

    def test_three_layers(self):
        self.google.add("operations/one")
        creation = self.creation("operations/one", spec={"polling": {**NEVER, "timeout": 50}}, polling={"initial": 0.2, "maximum": 0.2})
        made = self.rpc.call("future.create", creation)["id"]
        self.seen(3, "get", "operations/one")
        snapshot = self.snapshot(made)
        self.assertEqual(snapshot["deadline_at_ms"] - snapshot["created_at_ms"], 50000)
        self.google.end("operations/one", response=b'"yes"')
        self.assertEqual(self.json_result(made), "yes")


class Progress(PolicyTest):
    """The ladder begins again when progress is seen, where that is asked for."""

    LADDER = {"initial": 0.1, "maximum": 60, "multiplier": 4, "jitter": "none"}

    def gaps_with(self, polls, **more):
        answers = [{"json": {"state": "working", "done": done}} for done in (1, 1, 1, 2)]
        self.poll_answers(*answers)
        working = {"when": {"body": {"/state": "working"}}, "then": "pending", "progress": "/done"}
        self.start({"rules": [working]}, polling={**self.LADDER, **more})
        self.seen(polls, "poll")
        return self.gaps("poll")

    def test_reset_on_progress(self):
        gaps = self.gaps_with(5, reset_on_progress=True)
        self.assertGreaterEqual(gaps[2], 1.5)
        self.assertLess(gaps[3], 1.5)

    def test_no_reset_unless_asked_for(self):
        gaps = self.gaps_with(4)
        self.assertGreaterEqual(gaps[2], 1.5)
        wait_until(lambda: "2" in self.rpc.call("future.list")["futures"][0].get("progress", ""), "the progress")
        snapshot = self.rpc.call("future.list")["futures"][0]
        self.assertGreater(snapshot["next_poll_at_ms"] / 1000 - time.time(), 3)


if __name__ == "__main__":
    harness.main()
