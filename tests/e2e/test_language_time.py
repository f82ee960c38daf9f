"""test_language_time.py - what a general language for polls needs, the other rows: timing, budgets, actions, sharing."""
import json
import time

import harness
from harness import QUICK, wait_until
from scripts import DONE, ENDS, PENDING, ScriptTest
from services import ONCE, SLOW

LADDER = {"initial": 0.1, "maximum": 0.4, "multiplier": 2, "jitter": "none"}
EVENTS = {"Content-Type": "text/event-stream"}


class Row7(ScriptTest):
    """When to ask."""

    def ladder(self, answers, **more):
        self.poll_answers(*answers, DONE)
        self.result(self.start(**{"polling": LADDER, "retry": LADDER, **more}))
        return self.gaps("poll")

    def test_row_7_initial_multiplier_maximum(self):
        gaps = self.ladder([PENDING] * 4)
        for gap, delay in zip(gaps, (0.1, 0.2, 0.4, 0.4)):
            self.assertGreaterEqual(gap, delay - 0.01, gaps)

    def test_row_7_jitter(self):
        gaps = self.ladder([PENDING] * 5, polling={"initial": 0.2, "maximum": 0.2, "multiplier": 1, "jitter": 0.5})
        self.assertGreaterEqual(min(gaps), 0.09)
        self.assertGreater(max(gaps) - min(gaps), 0.0001)

    def test_row_7_retries_have_a_ladder_of_their_own(self):
        gaps = self.ladder([PENDING, {"status": 500}, {"status": 500}, PENDING],
                           polling={"initial": 0.3, "maximum": 0.3, "multiplier": 1, "jitter": "none"})
        for gap, delay in zip(gaps, (0.3, 0.1, 0.2, 0.3)):
            self.assertGreaterEqual(gap, delay - 0.01, gaps)

    def test_row_7_body_hints(self):
        rules = [*ENDS, {"when": {"status": 200}, "then": "pending", "delay": {"body": "/poll_after_ms", "unit": "ms"}}]
        self.poll_answers({"json": {"poll_after_ms": 300}}, {"json": {"poll_after_ms": 0}}, DONE)
        self.result(self.start({"rules": rules}, polling=ONCE))
        self.assertGreaterEqual(self.gaps("poll")[0], 0.29)

    def test_row_7_header_hints(self):
        rules = [*ENDS, {"when": {"status": 200}, "then": "pending", "delay": {"header": "X-Poll-After"}}]
        self.poll_answers({**PENDING, "headers": {"X-Poll-After": "0.3"}}, DONE)
        self.result(self.start({"rules": rules}, polling=ONCE))
        self.assertGreaterEqual(self.gaps("poll")[0], 0.29)

    def test_row_7_hints_that_are_none(self):
        rules = [*ENDS, {"when": {"status": 200}, "then": "pending", "delay": {"body": "/wait"}}]
        self.poll_answers({"json": {"wait": "soon"}}, {"json": {"wait": -1}}, {"json": {"wait": None}}, DONE)
        self.result(self.start({"rules": rules}, polling=LADDER))
        self.assertGreaterEqual(self.gaps("poll")[0], 0.09)

    def test_row_7_caps(self):
        rules = [*ENDS, {"when": {"status": 200}, "then": "pending", "delay": {"body": "/wait"}}]
        self.poll_answers({"json": {"wait": 99999}}, DONE)
        self.result(self.start({"rules": rules}, retry={**QUICK, "retry_after_max": 0.3}))
        self.assertGreaterEqual(self.gaps("poll")[0], 0.29)

    def test_row_7_a_long_poll(self):
        self.service.fault({"kind": "poll", "hold": True})
        self.poll_answers({"status": 408}, {"status": 408}, DONE)
        made = self.start({"long_poll": True}, polling=ONCE)
        self.seen(1, "poll")
        self.service.release()
        self.result(made)
        self.assertEqual((self.statuses(), self.rpc.call("server.stats")["retries"]), ([408, 408, 200], 0))

    def test_row_7_a_long_poll_that_is_not_answered(self):
        self.service.fault({"kind": "poll", "hold": True, "times": 2})
        self.poll_answers(DONE)
        begin = time.monotonic()
        made = self.start({"long_poll": True, "timeout": 0.3}, polling=ONCE)
        self.result(made)
        self.assertEqual((self.statuses(), self.rpc.call("server.stats")["retries"]), ([None, None, 200], 0))
        # the time runs from when a request is sent, and a busy service takes note of it late
        _, second, third = (entry["at"] - begin for entry in self.requests("poll"))
        self.assertGreaterEqual(second, 0.29)
        self.assertGreaterEqual(third, 0.58)

    def test_row_7_progress_resets_the_ladder(self):
        rules = [*ENDS, {"when": {"status": 200}, "then": "pending", "progress": "/n"}]
        polling = {"initial": 0.1, "maximum": 30, "multiplier": 3, "jitter": "none", "reset_on_progress": True}
        self.poll_answers(*({"json": {"n": n}} for n in (1, 1, 1, 2)), DONE)
        self.result(self.start({"rules": rules}, polling=polling))
        gaps = self.gaps("poll")
        self.assertGreaterEqual(gaps[2], 0.85)
        self.assertLess(gaps[3], gaps[2])

    def test_row_7_a_last_attempt_before_the_deadline(self):
        self.poll_answers(PENDING, DONE)
        self.assertEqual(self.json_result(self.begin({**self.spec(), "polling": ONCE}, timeout=1)), [1, 2])
        self.assertLess(self.gaps("poll")[0], 1.1)


class Row8(ScriptTest):
    """Budgets."""

    def noisy(self, status, budget, **rule):
        rules = [*ENDS, {"when": {"status": status}, "then": "retry", "budget": budget, "error": {"code": "E"}, **rule}]
        return self.start({"rules": rules})

    def test_row_8_so_often(self):
        self.poll_answers({"status": 400})
        self.fails(self.noisy(400, {"times": 3}), kind="remote", code="E", http_status=400)
        self.assertEqual(self.statuses(), [400] * 4)

    def test_row_8_in_a_row(self):
        self.poll_answers(*[{"status": 400}] * 3, PENDING, *[{"status": 400}] * 3, DONE)
        self.result(self.noisy(400, {"times": 3}))
        self.assertEqual(len(self.statuses()), 8)

    def test_row_8_so_long(self):
        self.poll_answers({"status": 402})
        started = time.monotonic()
        self.fails(self.noisy(402, {"seconds": 0.5}, delay=0.1), code="E", http_status=402)
        self.assertGreaterEqual(time.monotonic() - started, 0.5)
        self.assertLessEqual(len(self.statuses()), 8)

    def test_row_8_what_comes_then(self):
        self.poll_answers({"status": 404})
        self.fails(self.noisy(404, {"times": 2, "then": "lost"}), kind="lost", http_status=404)
        self.assertEqual(self.statuses(), [404] * 3)

    def test_row_8_a_budget_of_pending(self):
        self.poll_answers({"json": {"state": "stuck"}})
        rule = {"when": {"body": {"/state": "stuck"}}, "then": "pending", "budget": {"times": 2},
                "error": {"message": "stuck"}}
        self.fails(self.start({"rules": [*ENDS, rule]}), message="stuck")
        self.assertEqual(len(self.statuses()), 3)

    def test_row_8_across_the_power_cord(self):
        self.service.fault({"kind": "poll", "skip": 2, "hold": True})
        self.poll_answers({"status": 400})
        made = self.noisy(400, {"times": 3})
        self.seen(3, "poll")
        self.restart()
        self.fails(made, http_status=400)
        self.assertEqual(self.statuses(), [400, 400, None, 400, 400])

    def test_row_8_401_once(self):
        self.credential("key", "bad")
        self.poll_answers({"status": 401})
        rules = [*ENDS, {"when": {"status": 401}, "then": "refresh_credential"}]
        made = self.start({"rules": rules}, credential="key", headers={"X-Key": "{credential}"}, retry=ONCE)
        wait_until(lambda: self.snapshot(made).get("attempts"), "the retry")
        self.assertLessEqual(len(self.statuses()), 2)
        # that it runs may take longer to the disk than the service to its answer
        wait_until(lambda: self.snapshot(made)["state"] != "pending", "a state that is durable")
        self.assertEqual(self.snapshot(made)["state"], "running")

    def test_row_8_connections_without_end(self):
        self.service.fault({"kind": "poll", "reset": True, "times": 12})
        self.poll_answers(DONE)
        made = self.start()
        self.assertEqual(self.json_result(made), [1, 2])
        self.assertEqual(len(self.statuses()), 13)

    def test_row_8_a_deadline(self):
        self.poll_answers(PENDING)
        self.fails(self.start(polling={**QUICK, "timeout": 0.3}), kind="deadline")

    def test_row_8_null_is_without_end_and_unset_is_the_specs(self):
        self.poll_answers(PENDING)
        spec = self.spec(polling={**QUICK, "timeout": 3600})
        self.assertIn("deadline_at_ms", self.snapshot(self.begin(spec)))
        self.assertNotIn("deadline_at_ms", self.snapshot(self.begin(spec, timeout=None)))
        self.assertNotIn("deadline_at_ms", self.snapshot(self.start()))

    def test_row_8_a_retry_policy_that_gives_up(self):
        self.poll_answers({"status": 503})
        self.fails(self.start(retry={**QUICK, "timeout": 0.3}), kind="retry_exhausted")


class Row9(ScriptTest):
    """What is done besides polling."""

    def test_row_9_cancel(self):
        self.poll_answers(PENDING)
        self.service.answer("cancel", {"json": {}})
        rules = [*ENDS, {"when": {"body": {"/state": "stopped"}}, "then": "cancelled"}]
        made = self.start({"rules": rules}, cancel={"url": "/cancel/{id}", "json": {"why": "asked"}})
        self.seen(1, "poll")
        self.rpc.call("future.cancel", {"id": made})
        self.seen(1, "cancel")
        self.assertEqual(self.snapshot(made)["state"], "running")
        self.poll_answers({"json": {"state": "stopped"}})
        self.assert_rpc_error("Cancelled", self.result, made)
        cancel, = self.requests("cancel")
        self.assertEqual((cancel["method"], cancel["target"], cancel["body"]), ("POST", f"/cancel/{made}", '{"why":"asked"}'))

    def test_row_9_a_cancel_that_says_it_is_done(self):
        self.poll_answers(PENDING)
        self.service.answer("cancel", {"status": 202})
        rules = [{"when": {"status": 202}, "then": "cancelled"}]
        made = self.start(cancel={"method": "DELETE", "url": "/cancel/1", "rules": rules}, polling=ONCE)
        self.seen(1, "poll")
        self.rpc.call("future.cancel", {"id": made})
        self.assert_rpc_error("Cancelled", self.result, made)

    def test_row_9_ack_after_store(self):
        self.poll_answers(PENDING, DONE)
        self.service.answer("ack", {"status": 503}, {"status": 202})
        made = self.start(ack={"url": "/ack/{id}"})
        self.result(made)
        self.seen(2, "ack")
        self.assertEqual([entry["kind"] for entry in self.requests()], ["poll", "poll", "ack", "ack"])
        self.assertEqual({entry["method"] for entry in self.requests("ack")}, {"DELETE"})

    def test_row_9_ack_of_some_ends_only(self):
        self.poll_answers({"json": {"state": "failed", "error": {}}})
        self.service.answer("ack", {"status": 202})
        self.fails(self.start(ack={"url": "/ack/no", "on": ["success"]}))
        self.fails(self.start(ack={"url": "/ack/yes", "on": ["failure"]}))
        self.seen(1, "ack", "yes")
        self.assertEqual(self.targets("ack"), ["/ack/yes"])

    def test_row_9_keepalive(self):
        self.poll_answers(PENDING)
        self.service.answer("beat", {"json": {}})
        made = [self.start({"url": f"/poll/{i}"}, keepalive={"url": "/beat/{session}", "every": 1, "json": {"s": "{session}"}},
                           params={"session": "s1"}) for i in range(4)]
        self.seen(3, "beat", "s1")
        self.assertGreaterEqual(min(self.gaps("beat")), 0.9)
        self.poll_answers(DONE)
        for some_id in made:
            self.result(some_id)

    def test_row_9_events_wake(self):
        text = ': hello\n\ndata: {"step": "half"}\n\ndata: {"state": "end"}\n\n'
        self.service.answer("stream", {"text": text, "headers": EVENTS})
        self.service.fault({"kind": "stream", "hold": True})
        self.poll_answers(PENDING, DONE)
        made = self.start(polling=ONCE, events={"url": "/stream/1", "wake": {"/state": "end"}, "progress": "/step"})
        progress = self.progress_of(made)
        self.seen(1, "stream")
        self.seen(1, "poll")
        self.service.release()
        self.assertEqual(progress(), "half")
        self.assertEqual(self.json_result(made), [1, 2])
        self.assertEqual(len(self.statuses()), 2)

    def test_row_9_polling_goes_on_without_events(self):
        self.service.answer("stream", {"status": 404})
        self.poll_answers(PENDING, PENDING, DONE)
        self.result(self.start(events={"url": "/stream/1"}))
        self.assertEqual(len(self.statuses()), 3)
        self.assertGreaterEqual(self.count("stream"), 1)


class Row10(ScriptTest):
    """Sharing of what services allow."""

    def setUp(self):
        super().setUp()
        for name in ("red", "blue"):
            self.credential(name, name)

    def of(self, credential, name, **more):
        return self.start({"url": f"/poll/{name}"}, credential=credential, headers={"X-Key": "{credential}"}, **more)

    def test_row_10_a_429_pauses_all_of_that_key_and_no_other(self):
        self.poll_answers(PENDING)
        self.service.answer("poll/first", {"status": 429, "headers": {"Retry-After": "3"}}, DONE)
        first = self.of("red", "first")
        wait_until(lambda: self.snapshot(first).get("condition") == "throttled", "the pause")
        same, other = self.of("red", "same"), self.of("blue", "other")
        self.seen(2, "poll", "other")
        self.assertEqual(self.count("poll", "same"), 0)
        self.poll_answers(DONE)
        for made in (first, same, other):
            self.result(made)
        said = self.times("poll", "first")[0]
        self.assertGreaterEqual(self.times("poll", "same")[0] - said, 2.9)
        self.assertGreaterEqual(self.times("poll", "first")[1] - said, 2.9)

    def test_row_10_a_402_with_a_delay(self):
        rules = [*ENDS, {"when": {"status": 402}, "then": "retry", "delay": 1}]
        self.poll_answers({"status": 402, "headers": {"Retry-After": "1"}}, DONE)
        self.result(self.start({"rules": rules}))
        self.assertGreaterEqual(self.gaps("poll")[0], 0.99)

    def test_row_10_concurrency_is_per_key(self):
        self.service.fault({"kind": "poll", "hold": True, "times": 2})
        self.poll_answers(DONE)
        made = [self.of(key, f"{key}{i}", concurrency=1) for key in ("red", "blue") for i in range(3)]
        self.seen(2, "poll")
        self.assertEqual({entry["headers"]["x-key"] for entry in self.requests("poll")}, {"red", "blue"})
        self.service.release()
        for some_id in made:
            self.result(some_id)
        self.assertEqual(self.service.stats()["max_concurrent"], 2)

    def test_row_10_identical_polls_at_a_time_are_one(self):
        self.service.fault({"kind": "poll", "hold": True})
        self.poll_answers(DONE)
        made = [self.of("red", "shared") for _ in range(5)]
        self.seen(1, "poll")
        self.assertEqual(self.rpc.call("server.stats")["in_flight"], 5)
        self.service.release()
        for some_id in made:
            self.assertEqual(self.json_result(some_id), [1, 2])
        self.assertEqual(self.count("poll"), 1)

    def test_row_10_what_changes_something_is_not_shared(self):
        self.service.answer("submit", {"json": {"job": 1}})
        self.poll_answers(DONE)
        submit = {"url": "/submit", "json": {"n": 1}, "capture": {"job": {"body": "/job"}}}
        for made in [self.start({"url": "/poll/{job}"}, submit=submit, polling=SLOW) for _ in range(3)]:
            self.result(made)
        self.assertEqual([json.loads(entry["body"]) for entry in self.requests("submit")], [{"n": 1}] * 3)


if __name__ == "__main__":
    harness.main()
