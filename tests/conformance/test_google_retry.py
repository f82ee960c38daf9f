"""test_google_retry.py - what google.api_core's tests/unit/retry/ (test_retry_base.py, test_retry_unary.py and the asyncio twins) ask.

A Retry is the `retry` policy of a future here, and what is tried again is a request of its. Where ours differs on purpose: neither
policy gives up by default; a deadline gets a last attempt instead of an early end; 408, 502 and 504 are passing troubles, too;
what a service says about when to come back is obeyed. The daemon has no threads that could sleep, so there are no async twins:
each test here stands for both.
"""
import math
import time

from conformance import QUICK, ScriptTest, harness, libfutured
from liborders import on_trouble, trouble

DONE = {"json": {"state": "done", "value": 42}}
PENDING = {"json": {"state": "working"}}
# Hours long, so that it does not matter how slow the machine is; nobody waits for them.
LADDER = {"initial": 100, "maximum": 6000, "multiplier": 2, "jitter": "none"}
STEP = {"initial": 0.05, "maximum": 0.05, "multiplier": 1, "jitter": "none"}


class RetryTest(ScriptTest):
    def trying(self, *statuses, retry=None, **more):
        """A future whose polls are answered with these statuses, then with its end."""
        self.answers(*({"status": status} for status in statuses), DONE)
        return self.c.create(spec={**self.spec(), **more}, **({"retry": retry} if retry else {}))

    def succeeds(self, future, requests):
        self.assertEqual((future.json(harness.PATIENCE), self.polls()), (42, requests))

    def delays(self, future, count):
        """The seconds after each of its first attempts, which are made by hand long before they are due."""
        future.created()
        found = []
        for i in range(count):
            if i:
                future.refresh()
            found.append(harness.wait_until(lambda i=i: self.due(future, i + 1), "the next attempt has its time"))
        return found

    def due(self, future, attempts):
        """Seconds from so many attempts to the next one, rounded up to the ladder's hundreds; None before that."""
        snapshot = self.snapshot(future.id)
        if snapshot.get("attempts") != attempts or "last_error" not in snapshot:
            return None
        return 100 * math.ceil((snapshot["next_poll_at_ms"] / 1000 - time.time()) / 100)


class Predicates(RetryTest):
    def test_if_exception_type(self):
        self.succeeds(self.trying(418, retry={"on": [418]}), 2)
        self.ended(libfutured.Failed, self.trying(400, retry={"on": [418]}), kind="remote", http_status=400)

    def test_if_exception_type_multiple(self):
        self.succeeds(self.trying(418, 425, retry={"on": [418, 425]}), 3)
        self.ended(libfutured.Failed, self.trying(400, retry={"on": [418, 425]}), http_status=400)

    def test_if_transient_error(self):
        """And 408, 502 and 504, which pass as well."""
        self.service.fault({"kind": "poll", "reset": True}, {"kind": "poll", "close": True},
                           {"kind": "poll", "body": "cut off", "half": 3})
        self.succeeds(self.trying(500, 429, 503, 408, 502, 504), 10)
        self.ended(libfutured.Failed, self.trying(400), kind="remote", http_status=400)


class Ladder(RetryTest):
    def test_exponential_sleep_generator_base_2(self):
        future = self.trying(*[503] * 20, retry={**LADDER})
        self.assertEqual(self.delays(future, 8), [100, 200, 400, 800, 1600, 3200, 6000, 6000])

    def test_build_retry_error_empty_list(self):
        """An error always says something: the last one of the attempts is in it."""
        future = self.trying(*[503] * 100, retry={**STEP, "timeout": 0.2})
        error = self.ended(libfutured.Failed, future, kind="retry_exhausted")
        self.assertTrue(error.message)

    def test_build_retry_error_timeout_message(self):
        future = self.trying(*[503] * 100, retry={**STEP, "timeout": 0.2})
        error = self.ended(libfutured.Failed, future, kind="retry_exhausted", http_status=503)
        self.assertIn("503", error.message)

    def test_build_retry_error_empty_timeout(self):
        """Without a timeout there is no such error: what cannot be seen has not failed."""
        future = self.trying(*[503] * 10, retry={**STEP, "timeout": None})
        self.succeeds(future, 11)


class BaseRetry(RetryTest):
    """The policy is data: at creation its keys win over the spec's, one by one."""

    def first_delays(self, count=2, **changes):
        return self.delays(self.trying(*[503] * 10, **changes), count)

    def test_constructor_defaults(self):
        """1 s, doubled, up to 60 s, each drawn from 0 to that; and without end."""
        spec = self.spec()
        del spec["retry"]
        self.answers(*[{"status": 503}] * 2, {"status": 400})
        future = self.c.create(spec=spec)
        self.ended(libfutured.Failed, future, http_status=400)
        for gap, most in zip(self.gaps("poll"), (1, 2)):
            self.assertLess(gap, most + 1)

    def test_constructor_options(self):
        self.assertEqual(self.first_delays(3, retry={"initial": 100, "maximum": 200, "multiplier": 3, "jitter": "none"}),
                         [100, 200, 200])

    def test_with_timeout(self):
        """The spec's ladder, and an end of it at creation; absent, null and a number are three things."""
        spec = {**self.spec(), "retry": {**STEP, "timeout": 0.2}}
        self.answers(*[{"status": 503}] * 10, DONE)
        self.ended(libfutured.Failed, self.c.create(spec=spec), kind="retry_exhausted")
        self.answers(*[{"status": 503}] * 10, DONE)
        self.assertEqual(self.c.create(spec=spec, retry={"timeout": None}).json(harness.PATIENCE), 42)
        self.answers(*[{"status": 503}] * 10, DONE)
        self.assertEqual(self.c.create(spec=spec, retry={"timeout": 60}).json(harness.PATIENCE), 42)

    def test_with_predicate(self):
        spec = {**self.spec(), "retry": {**LADDER, "on": [503]}}
        self.answers({"status": 418})
        self.ended(libfutured.Failed, self.c.create(spec=spec), http_status=418)
        self.assertEqual(self.delays(self.c.create(spec=spec, retry={"on": [418]}), 1), [100])

    def with_delay(self, retry, expected):
        spec = {**self.spec(), "retry": {**LADDER, "maximum": 200}}
        self.answers({"status": 503})
        self.assertEqual(self.delays(self.c.create(spec=spec, retry=retry), 3), expected)

    def test_with_delay_noop(self):
        self.with_delay({}, [100, 200, 200])

    def test_with_delay(self):
        self.with_delay({"initial": 500, "maximum": 6000, "multiplier": 7}, [500, 3500, 6000])

    def test_with_delay_partial_options_initial(self):
        self.with_delay({"initial": 200}, [200, 200, 200])

    def test_with_delay_partial_options_maximum(self):
        self.with_delay({"maximum": 400}, [100, 200, 400])

    def test_with_delay_partial_options_multiplier(self):
        self.with_delay({"multiplier": 1}, [100, 100, 100])

    def test___str__(self):
        """A policy that cannot be is refused in words: the key, its place, and the nearest that there is."""
        for retry, words in (({"inital": 1}, ("inital", "initial")), ({"multiplier": -1}, ("multiplier",)),
                             ({"on": ["9xx"]}, ("on",)), ({"deadline": 4}, ("deadline",))):
            with self.assertRaises(libfutured.Error) as caught:
                self.c.create(spec=self.spec(), retry=retry).created()
            for word in ("retry", *words):
                self.assertIn(word, caught.exception.message)


class RetryTarget(RetryTest):
    def test_retry_target_success(self):
        self.succeeds(self.trying(503, 503), 3)

    def test_retry_target_w_on_error(self):
        """Each failure is told while it goes on, to callbacks, and to who looks."""
        future, told = self.trying(503, retry=LADDER), []
        on_trouble(future, lambda f: told.append(trouble(f)))
        self.delays(future, 1)
        snapshot = harness.wait_until(lambda: "condition" in (found := self.snapshot(future.id)) and found, "its condition")
        self.assertEqual((snapshot["state"], snapshot["condition"], snapshot["attempts"]), ("running", "unreachable", 1))
        self.assertIn("503", snapshot["last_error"])
        self.c.process_until(lambda: told)
        future.refresh()
        self.succeeds(future, 2)
        self.assertNotIn("condition", self.snapshot(future.id))
        self.assertEqual(told, [(snapshot["last_error"], 1)])

    def test_retry_target_non_retryable_error(self):
        self.ended(libfutured.Failed, self.trying(400), kind="remote", http_status=400)
        self.assertEqual(self.polls(), 1)

    def test_retry_target_timeout_exceeded(self):
        """Answers that are slow count, too: the first takes longer than all attempts together may."""
        self.service.fault({"kind": "poll", "delay": 0.4, "status": 503})
        future = self.trying(*[503] * 100, retry={**STEP, "timeout": 0.3})
        error = self.ended(libfutured.Failed, future, kind="retry_exhausted", http_status=503)
        self.assertEqual(error.attempts, self.polls())
        self.assertNotIn(self.service.url, error.message)

    def test_retry_target_bad_sleep_generator(self):
        with self.assertRaises(libfutured.Error) as caught:
            self.trying(retry={"initial": []}).created()
        self.assertEqual((caught.exception.name, "initial" in caught.exception.message), ("InvalidSpec", True))

    def test_retry_target_dynamic_backoff(self):
        """The service says when to come back, and so may a rule."""
        self.answers({"status": 503, "headers": {"Retry-After": "300"}})
        future = self.c.create(spec=self.spec())
        self.assertEqual(self.delays(future, 1), [300])
        harness.wait_until(lambda: self.snapshot(future.id).get("condition") == "throttled", "throttled")
        rules = [{"when": {"status": 402}, "then": "retry", "delay": {"body": "/wait"}}]
        self.answers({"status": 402, "json": {"wait": 700}})
        other = self.spec({"url": "/poll/2", "rules": rules}, base=self.service.url.replace("127.0.0.1", "localhost"))
        self.assertEqual(self.delays(self.c.create(spec=other), 1), [700])


class Retry(RetryTest):
    def test___call___and_execute_success(self):
        self.succeeds(self.trying(), 1)

    def test___call___and_execute_retry(self):
        started = time.monotonic()
        self.succeeds(self.trying(503, retry={**QUICK, "initial": 0.2, "jitter": "none"}), 2)
        self.assertGreaterEqual(time.monotonic() - started, 0.19)

    def test___call___and_execute_retry_hitting_timeout(self):
        """google gives up when the next sleep would cross the timeout; here a last attempt is made before that."""
        future = self.trying(*[503] * 10, retry={"initial": 0.1, "maximum": 60, "multiplier": 2, "jitter": "none",
                                                 "timeout": 1.2})
        started = time.monotonic()
        error = self.ended(libfutured.Failed, future, kind="retry_exhausted", http_status=503)
        gaps = self.gaps("poll")
        self.assertLessEqual(self.polls(), 5)
        for gap, rung in zip(gaps[:-1], (0.1, 0.2, 0.4)):
            self.assertGreaterEqual(gap, rung - 0.01, gaps)
        self.assertLess(gaps[-1], 0.8, gaps)
        self.assertEqual(error.attempts, self.polls())
        self.assertGreaterEqual(time.monotonic() - started, 1.1)

    def test___init___without_retry_executed(self):
        future = self.trying()
        self.succeeds(future, 1)
        self.assertEqual(self.rpc.call("server.stats")["retries"], 0)

    def test___init___when_retry_is_executed(self):
        future = self.trying(503, 503)
        self.succeeds(future, 3)
        self.assertEqual(self.rpc.call("server.stats")["retries"], 2)


if __name__ == "__main__":
    harness.main()
