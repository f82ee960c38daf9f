"""test_generic.py - what services do that no profile is for: moving places, times to come back, states in odd places."""
import email.utils
import time

import harness
from harness import QUICK, wait_until
from scripts import DONE, ENDS, PENDING, ScriptTest
from services import ONCE

GARBAGE = ("soon", "-5", "3 apples", "1e3", "", "0x10", "Fri", "99999999999999999999999999 s")


def http_date(seconds):
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


class Cancels(ScriptTest):
    def test_a_cancel_request_that_fails_hides_no_end(self):
        """The operation is asked about all the same, and the cancel requests stay on their ladder."""
        self.poll_answers(PENDING)
        self.service.answer("cancel", {"status": 503})
        made = self.begin(self.spec(cancel={"url": "/cancel/1"}, retry={
            "initial": 0.2, "maximum": 5, "multiplier": 2, "jitter": "none"}))
        self.seen(1, "poll")
        self.rpc.call("future.cancel", {"id": made})
        self.seen(4, "cancel")
        gaps = self.gaps("cancel")
        self.assertGreater(gaps[-1], 2 * gaps[0])
        after = [entry["kind"] for entry in self.requests()]
        self.assertEqual(after[after.index("cancel"):][:7], ["cancel", "poll"] * 3 + ["cancel"])
        self.poll_answers(DONE)
        self.assertEqual(self.json_result(made), [1, 2])

    def test_nor_does_its_policy_end_what_is_not_over(self):
        self.poll_answers(PENDING)
        self.service.answer("cancel", {"status": 503})
        made = self.begin(self.spec(cancel={"url": "/cancel/1"}, retry={**QUICK, "timeout": 0.3}))
        self.seen(1, "poll")
        self.rpc.call("future.cancel", {"id": made})
        self.seen(12, "cancel")
        self.assertEqual(self.snapshot(made)["state"], "running")
        self.service.answer("cancel", {"json": {}})
        self.poll_answers(DONE)
        self.assertEqual(self.json_result(made), [1, 2])


class Moving(ScriptTest):
    def moving(self, *places):
        """A poll of which each answer but the last one leads to the next place."""
        for i, place in enumerate(places):
            self.service.answer(f"poll/{i + 1}", {"status": 202, "headers": {"Location": place}})
        self.service.answer(f"poll/{len(places) + 1}", DONE)
        return self.start({"url": "{+place}", "capture": {"place": {"header": "Location"}}}, params={"place": "/poll/1"})

    def test_moving_location(self):
        made = self.moving("/poll/2", self.service.url + "/poll/3?token=a%2Fb", "/poll/4")
        self.assertEqual(self.json_result(made), [1, 2])
        self.assertEqual(self.targets(), ["/poll/1", "/poll/2", "/poll/3?token=a%2Fb", "/poll/4"])

    def test_moving_location_to_another_service(self):
        other = self.another_service()
        other.answer("poll", DONE)
        self.credential("key", "secret")
        self.service.answer("poll/1", {"status": 202, "headers": {"Location": other.url + "/poll/2"}})
        made = self.start({"url": "{+place}", "capture": {"place": {"header": "Location"}}}, params={"place": "/poll/1"},
                          credential="key", headers={"Authorization": "Bearer {credential}"})
        self.assertEqual(self.json_result(made), [1, 2])
        self.assertEqual(self.requests("poll")[0]["headers"]["authorization"], "Bearer secret")
        self.assertNotIn("authorization", other.requests()[0]["headers"])

    def test_302_to_a_signed_url_on_another_origin_does_not_get_the_key(self):
        other = self.another_service()
        other.answer("archive", {"text": "the archive", "headers": {"Content-Type": "application/gzip"}})
        self.credential("key", "secret")
        self.poll_answers({"json": {"status": "ready", "url": "/signed/1"}})
        self.service.answer("signed", {"status": 302, "headers": {"Location": other.url + "/archive/1?sig=abc"}})
        rules = [{"when": {"body": {"/status": "ready"}}, "then": "fetch"}]
        made = self.start({"rules": rules, "capture": {"url": {"body": "/url"}}}, fetch={"url": "{+url}", "redirects": 2},
                          credential="key", headers={"X-API-Key": "{credential}", "X-Trace": "1"})
        self.assertEqual(self.result(made), b"the archive")
        self.assertEqual(self.rpc.call("future.result", {"id": made})["content_type"], "application/gzip")
        self.assertEqual([entry["headers"].get("x-api-key") for entry in self.requests()], ["secret"] * 2)
        fetch, = other.requests()
        self.assertEqual((fetch["target"], fetch["headers"].get("x-api-key"), fetch["headers"].get("x-trace")),
                         ("/archive/1?sig=abc", None, "1"))

    def test_302_that_is_not_to_be_followed(self):
        self.poll_answers({"status": 302, "headers": {"Location": "/poll/2"}})
        self.fails(self.start(), kind="remote", http_status=302)
        self.assertEqual(self.targets(), ["/poll/1"])

    def test_302_without_an_end(self):
        self.service.answer("poll", {"status": 302, "headers": {"Location": "/poll/1"}})
        made = self.start({"redirects": 3}, retry={**QUICK, "timeout": 0.1})
        self.assertIn(self.fails(made)["kind"], ("remote", "retry_exhausted"))
        self.assertEqual(len(self.targets()) % 4, 0)

    def test_202_with_a_result_url_that_is_fetched(self):
        self.poll_answers(PENDING, {"status": 202, "json": {"status": "SUCCEEDED", "response_url": "/file/out"}})
        self.service.answer("file", {"text": "a,b\n1,2\n", "headers": {"Content-Type": "text/csv"}})
        rules = [{"when": {"body": {"/status": "SUCCEEDED"}}, "then": "fetch", "capture": {"out": {"body": "/response_url"}}}]
        made = self.start({"rules": rules}, fetch={"url": "{+out}"})
        self.assertEqual(self.result(made), b"a,b\n1,2\n")
        self.assertEqual([entry["kind"] for entry in self.requests()], ["poll", "poll", "file"])


class RetryAfter(ScriptTest):
    """Of an answer that means pending, and of one that means that asking has failed."""

    def two_polls(self, value, status=200, polling=QUICK, header="Retry-After"):
        """A future whose first answer has that header; seconds between its polls, and its id."""
        answer = {"status": status, "json": {"state": "working"}, "headers": {header: value}}
        self.poll_answers(answer, DONE)
        made = self.start(polling=polling, retry=polling)
        self.assertEqual(self.json_result(made), [1, 2])
        return self.gaps("poll")[0], made

    def waiting(self, value, status=200, **more):
        """Of a future that got that header: seconds from the answer to its next poll."""
        self.poll_answers({"status": status, "json": {"state": "working"}, "headers": {"Retry-After": value}})
        made = self.begin({**self.spec(), "polling": ONCE, "retry": {**ONCE, **more}})
        snapshot = wait_until(lambda: [s for s in [self.snapshot(made)] if s.get("requests")], "the first answer")[0]
        self.assertEqual(self.count("poll"), 1)
        delay = snapshot["next_poll_at_ms"] / 1000 - time.time()
        self.rpc.call("future.cancel", {"id": made})
        self.service.reset()
        return delay

    def test_retry_after_0(self):
        self.two_polls("0", polling=ONCE)

    def test_retry_after_3(self):
        gap, _ = self.two_polls("3")
        self.assertGreaterEqual(gap, 2.99)

    def test_retry_after_3_of_a_429(self):
        gap, _ = self.two_polls("3", status=429)
        self.assertGreaterEqual(gap, 2.99)

    def test_retry_after_a_fraction(self):
        gap, _ = self.two_polls("0.75", polling=ONCE)
        self.assertGreaterEqual(gap, 0.74)

    def test_retry_after_ms_comes_first(self):
        self.poll_answers({**PENDING, "headers": {"retry-after-ms": "300", "Retry-After": "900"}}, DONE)
        self.assertEqual(self.json_result(self.start(polling=ONCE)), [1, 2])
        self.assertGreaterEqual(self.gaps("poll")[0], 0.29)

    def test_retry_after_a_date_in_the_past(self):
        self.two_polls(http_date(-3600), polling=ONCE)

    def test_retry_after_a_date_to_come(self):
        gap, _ = self.two_polls(http_date(3), polling=ONCE)
        self.assertGreaterEqual(gap, 1.9)                  # a date is in whole seconds

    def test_retry_after_86400_is_an_hour(self):
        for status in (200, 503):
            self.assertAlmostEqual(self.waiting("86400", status), 3600, delta=60)

    def test_retry_after_86400_with_a_maximum(self):
        self.assertAlmostEqual(self.waiting("86400", retry_after_max=100), 100, delta=10)

    def test_retry_after_garbage_leaves_it_to_the_ladder(self):
        for value in GARBAGE:
            self.assertAlmostEqual(self.waiting(value), 3600, delta=60, msg=value)

    def test_retry_after_garbage_of_a_503(self):
        for value in GARBAGE:
            gap, _ = self.two_polls(value, status=503)
            self.assertLess(gap, harness.PATIENCE)
            self.service.reset()

    def test_x_ratelimit_reset(self):
        gap, _ = self.two_polls(str(int(time.time()) + 3), 429, header="x-ratelimit-reset")
        self.assertGreaterEqual(gap, 1.9)

    def test_x_ratelimit_reset_in_seconds(self):
        gap, _ = self.two_polls("1", 429, header="x-ratelimit-reset")
        self.assertGreaterEqual(gap, 0.99)

    def test_x_ratelimit_reset_of_a_limit_that_is_not_used_up(self):
        later = str(int(time.time()) + 3600)
        self.poll_answers({**PENDING, "headers": {"x-ratelimit-reset": later, "x-ratelimit-remaining": "17"}}, DONE)
        self.assertEqual(self.json_result(self.start()), [1, 2])

    def test_one_pause_is_for_all(self):
        self.poll_answers(PENDING)
        made = [self.start({"url": f"/poll/{i}"}) for i in range(4)]
        for i in range(4):
            self.seen(1, "poll", str(i))
        self.service.fault({"kind": "poll", "status": 429, "headers": {"Retry-After": "1"}})
        wait_until(lambda: 429 in self.statuses(), "the pause")
        self.poll_answers(DONE)
        for some_id in made:
            self.result(some_id)
        polls = self.requests("poll")
        said = next(i for i, entry in enumerate(polls) if entry["status"] == 429)
        after = [entry["at"] - polls[said]["at"] for entry in polls[said + 1:]]
        # a request that was under way already may still arrive
        self.assertEqual([gap for gap in after if 0.05 < gap < 0.99], [])


class States(ScriptTest):
    def test_status_in_a_header(self):
        rules = [{"when": {"status": 200, "header": {"X-Export-Status": "202"}}, "then": "pending",
                  "progress": {"header": "X-Progress"}},
                 {"when": {"status": 200, "header": {"X-Export-Status": "200"}}, "then": "success"},
                 {"when": {"status": 200}, "then": "failure", "error": {"code": {"header": "X-Export-Status"}}}]
        self.poll_answers({"headers": {"x-export-status": "202", "X-Progress": "half"}},
                          {"headers": {"X-EXPORT-STATUS": "200"}, "text": "all of it"})
        made = self.start({"rules": rules})
        self.assertEqual(self.result(made), b"all of it")
        self.assertEqual(self.snapshot(made)["progress"], '"half"')
        self.poll_answers({"headers": {"X-Export-Status": "422"}, "text": "broken"})
        self.fails(self.start({"rules": rules}), kind="remote", code="422")

    def test_conditions_in_an_array(self):
        rules = [{"when": {"body": {"/status/conditions": {"any": {"/type": "Complete", "/status": "True"}}}}, "then": "success"},
                 {"when": {"body": {"/status/conditions": {"any": {"/type": "Failed", "/status": "True"}}}}, "then": "failure",
                  "error": {"code": "@/reason", "message": "@/message"}}]

        def conditions(*given):
            return {"json": {"status": {"conditions": [{"type": kind, "status": status, "reason": f"{kind}Because",
                                                        "message": f"{kind}, really"} for kind, status in given]}}}
        self.poll_answers({"json": {"status": {}}}, conditions(("Suspended", "True"), ("Complete", "False")),
                          conditions(("Suspended", "False"), ("Complete", "True")))
        self.result(self.start({"rules": rules}))
        self.assertEqual(len(self.statuses()), 3)
        self.poll_answers(conditions(("Complete", "False"), ("Failed", "True")))
        self.fails(self.start({"rules": rules}), code="FailedBecause", message="Failed, really")

    def test_an_unknown_status_string_is_pending(self):
        self.poll_answers({"json": {"state": "teleporting"}}, {"json": {"state": None}}, {"json": {}}, {"json": []}, DONE)
        self.assertEqual(self.json_result(self.start()), [1, 2])
        self.assertEqual(len(self.statuses()), 5)

    def test_two_fields_status_and_conclusion(self):
        rules = [{"when": {"body": {"/status": "completed", "/conclusion": ["success", "neutral"]}}, "then": "success"},
                 {"when": {"body": {"/status": "completed", "/conclusion": "cancelled"}}, "then": "cancelled"},
                 {"when": {"body": {"/status": "completed"}}, "then": "failure", "error": {"code": "/conclusion"}}]

        def run(status, conclusion):
            return {"json": {"status": status, "conclusion": conclusion}}
        self.poll_answers(run("queued", None), run("in_progress", "success"), run("completed", "neutral"))
        self.result(self.start({"rules": rules}))
        self.assertEqual(len(self.statuses()), 3)
        self.poll_answers(run("completed", "timed_out"))
        self.fails(self.start({"rules": rules}), code="timed_out")
        self.poll_answers(run("completed", "cancelled"))
        self.assert_rpc_error("Cancelled", self.result, self.start({"rules": rules}))

    def test_expired_with_output(self):
        rules = [{"when": {"body": {"/status": ["completed", "expired"], "/output_file_id": {"exists": True}}}, "then": "fetch",
                  "capture": {"file": {"body": "/output_file_id"}}},
                 {"when": {"body": {"/status": "expired"}}, "then": "failure", "error": {"message": "nothing was done"}}]
        self.poll_answers({"json": {"status": "expired", "output_file_id": "f/1"}})
        self.service.answer("files", {"text": "some"})
        self.assertEqual(self.result(self.start({"rules": rules}, fetch={"url": "/files/{file}"})), b"some")
        self.assertEqual(self.targets("files"), ["/files/f%2F1"])
        self.poll_answers({"json": {"status": "expired", "output_file_id": None}})
        self.fails(self.start({"rules": rules}, fetch={"url": "/files/{file}"}), message="nothing was done")

    def test_a_body_that_is_not_json_is_a_failed_read(self):
        self.poll_answers({"text": "<html>busy</html>"}, {"text": '{"state": "do'}, DONE)
        self.assertEqual(self.json_result(self.start()), [1, 2])
        self.assertEqual(self.rpc.call("server.stats")["retries"], 2)

    def test_ends_are_told_once(self):
        self.poll_answers(PENDING, DONE)
        made = self.start({"rules": ENDS})
        self.result(made)
        self.assertEqual(self.statuses(), [200, 200])


if __name__ == "__main__":
    harness.main()
