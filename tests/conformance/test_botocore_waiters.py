"""test_botocore_waiters.py - what botocore's tests/unit/test_waiters.py asks of its waiters, said in rules.

A waiter is a spec, an acceptor a rule: success, failure and retry are its verdicts (retry there is pending here), pathAll and
pathAny are `all` and `any`, maxAttempts is a budget. Where ours differs on purpose: arrays are named by pointers and not by
expressions, so a length() has no counterpart; and nothing ends a future because it took too many polls, unless a rule says so.
"""
import itertools
import json

from conformance import QUICK, ScriptTest, harness, libfutured

GOOD = {"body": {"/Tables": {"all": {"/State": "GOOD"}}}}
FAIL = {"body": {"/Tables": {"any": {"/State": "FAIL"}}}}
NOT = {"when": {"status": ["2xx", "4xx"]}, "then": "lost"}
ERROR = {"code": "/Error/Code", "message": "/Error/Message", "details": ""}
PENDING = {"json": {"Foo": "WAIT"}}
DONE = {"json": {"Foo": "SUCCESS"}}


def error(code, message="bad", status=400):
    return {"status": status, "json": {"Error": {"Code": code, "Message": message}}}


def tables(*states):
    return {"Tables": [{"State": state} for state in states]}


class Matchers(ScriptTest):
    """TestWaiterModel."""

    def setUp(self):
        super().setUp()
        self.numbers = itertools.count(1)

    def matches(self, when, body, status=200):
        """Whether the condition holds of an answer."""
        number = next(self.numbers)
        self.service.answer(f"poll/{number}", {"status": status, "json": body})
        rules = [{"when": when, "then": "success"}, NOT]
        error = self.start({"url": f"/poll/{number}", "rules": rules}).exception(harness.PATIENCE)
        self.assertIn(error and error.kind, (None, "lost"))
        return error is None

    def refused(self, spec, *words):
        with self.assertRaises(libfutured.Error) as caught:
            self.c.create(spec=spec).created()
        self.assertEqual(caught.exception.name, "InvalidSpec")
        for word in words:
            self.assertIn(word, caught.exception.message)

    def test_waiter_version(self):
        """A spec says its kind; http is what it is without one."""
        self.answers(PENDING)
        self.assertEqual(self.snapshot(self.start(kind="http").created().id)["kind"], "http")

    def test_wont_load_missing_version_in_config(self):
        """What a spec cannot be without is asked for by name."""
        self.refused({"base": self.service.url}, "poll")

    def test_unsupported_waiter_version(self):
        self.refused(self.spec(kind="httq"), "kind", "httq")
        self.refused(self.spec(version=1), "version")

    def test_waiter_names(self):
        names = {profile["name"] for profile in self.c.call("profile.list")["profiles"]}
        self.assertLessEqual({"google-lro", "tinker", "tensorlake", "chemcloud"}, names)

    def test_get_single_waiter_config(self):
        profile = json.loads(self.c.call("profile.get", {"name": "google-lro"})["text"])
        self.assertEqual((profile["poll"]["url"], profile["polling"]["initial"]), ("/v1/{+name}", 1))

    def test_get_waiter_does_not_exist(self):
        with self.assertRaises(libfutured.Error) as caught:
            self.c.call("profile.get", {"name": "google-lor"})
        self.assertEqual(caught.exception.name, "NotFound")

    def test_single_waiter_config_attributes(self):
        """What is set is kept: the deadline, as an example."""
        self.answers(PENDING)
        future = self.c.create(spec=self.spec(polling={"initial": 5, "timeout": 100}))
        snapshot = self.snapshot(future.created().id)
        self.assertAlmostEqual(snapshot["deadline_at_ms"] - snapshot["created_at_ms"], 100000, delta=1000)

    def test_single_waiter_acceptors_built_with_matcher_func(self):
        """Rules are compiled at creation: what is wrong with the last of them is heard at once."""
        rules = [{"when": {"status": 200}, "then": "success"}, {"when": {"staus": 404}, "then": "pending"}]
        self.refused(self.spec({"rules": rules}), "poll.rules[1].when", "staus", "status")

    def test_single_waiter_acceptor_matches_jmespath(self):
        when = {"body": {"/Table/TableStatus": "ACCEPTED"}}
        self.assertTrue(self.matches(when, {"Table": {"TableStatus": "ACCEPTED"}}))
        self.assertFalse(self.matches(when, {"Table": {"TableStatus": "CREATING"}}))

    def test_single_waiter_supports_status_code(self):
        self.assertTrue(self.matches({"status": 200}, {}))
        self.assertFalse(self.matches({"status": 200}, {}, 404))

    def test_single_waiter_supports_error(self):
        when = {"body": {"/Error/Code": "DoesNotExistError"}}
        self.assertTrue(self.matches(when, {"Error": {"Code": "DoesNotExistError"}}, 404))
        self.assertFalse(self.matches(when, {"Error": {"Code": "DoesNotExistErorr"}}, 404))

    def test_single_waiter_supports_no_error(self):
        """error: false."""
        when = {"not": {"any": [{"status": "4xx"}, {"body": {"/Error": {"exists": True}}}]}}
        self.assertTrue(self.matches(when, {}))
        self.assertFalse(self.matches(when, {"Error": {"Code": "X"}}))
        self.assertFalse(self.matches(when, {}, 404))

    def test_single_waiter_supports_any_error(self):
        """error: true."""
        when = {"any": [{"status": "4xx"}, {"body": {"/Error": {"exists": True}}}]}
        self.assertTrue(self.matches(when, {"Error": {"Code": "X"}}, 404))
        self.assertFalse(self.matches(when, {"Foo": 1}))

    def test_unknown_matcher(self):
        self.refused(self.spec({"rules": [{"when": {"body": {"/x": {"pathAll": 1}}}, "then": "success"}]}), "pathAll")

    def test_single_waiter_supports_path_all(self):
        self.assertTrue(self.matches(GOOD, tables("GOOD")))
        self.assertTrue(self.matches(GOOD, tables("GOOD", "GOOD")))

    def test_single_waiter_supports_path_any(self):
        self.assertTrue(self.matches(FAIL, tables("FAIL")))
        self.assertTrue(self.matches(FAIL, tables("GOOD", "FAIL")))

    def test_waiter_handles_error_responses_with_path_matchers(self):
        answer = {"Error": {"Code": "DoesNotExist"}}
        for when in (GOOD, FAIL, {"body": {"/Tables/0": {"exists": True}}}):
            self.assertFalse(self.matches(when, answer, 400))

    def test_single_waiter_does_not_match_path_all(self):
        for states in (["GOOD", "BAD"], ["BAD", "GOOD"], ["BAD", "BAD"], [], ["BAD"] * 4):
            self.assertFalse(self.matches(GOOD, tables(*states)), states)

    def test_single_waiter_does_not_match_path_any(self):
        for states in (["GOOD"], ["GOOD", "GOOD"], []):
            self.assertFalse(self.matches(FAIL, tables(*states)), states)

    def test_path_all_missing_field(self):
        self.assertFalse(self.matches(GOOD, {"Tables": [{"NotState": "GOOD"}, {"NotState": "BAD"}]}))

    def test_path_any_missing_field(self):
        self.assertFalse(self.matches(FAIL, {"Tables": [{"NotState": "FAIL"}]}))

    def test_path_all_matcher_does_not_receive_list(self):
        self.assertFalse(self.matches(GOOD, {"NotTables": []}))
        self.assertFalse(self.matches(GOOD, {"Tables": {"State": "GOOD"}}))

    def test_path_any_matcher_does_not_receive_list(self):
        self.assertFalse(self.matches(FAIL, {"Tables": "FAIL"}))

    def test_single_waiter_supports_all_three_states(self):
        for when in ({"body": {"/Error/Code": "DoesNotExistError"}}, {"status": 201}, {"body": {"/Foo/Bar": "baz"}}):
            self.assertFalse(self.matches(when, {}), when)


class Waiters(ScriptTest):
    """TestWaitersObjects."""

    def waiter(self, answers, rules=(), attempts=3, status="2xx", **more):
        """At most so many attempts, as every answer for which no other rule is counts for its budget."""
        self.answers(*answers)
        budget = {"times": attempts - 1, "then": "failure"}
        last = {"when": {"status": status}, "then": "pending", "budget": budget, "error": {"message": "Max attempts exceeded"}}
        return self.start({"rules": [*rules, last]}, **more)

    def ends(self, future, polls, **expected):
        found = self.ended(libfutured.Failed, future, kind="remote", **expected)
        self.assertEqual(self.polls(), polls)
        return found

    def test_waiter_waits_until_acceptor_matches(self):
        rule = {"when": {"body": {"/Foo": "SUCCESS"}}, "then": "success", "result": "/Foo"}
        future = self.waiter([PENDING, PENDING, DONE], [rule])
        self.assertEqual((future.result(harness.PATIENCE), self.polls()), (b'"SUCCESS"', 3))

    def test_waiter_never_matches(self):
        self.ends(self.waiter([PENDING] * 5), 3, message="Max attempts exceeded")

    def test_unspecified_errors_stops_waiter(self):
        self.ends(self.waiter([error("UnknownError", "bad error"), DONE]), 1, http_status=400)

    def test_last_response_available_on_waiter_error(self):
        future = self.waiter([error("UnknownError")], [{"when": {"status": "4xx"}, "then": "failure", "error": ERROR}])
        self.assertIn(b'"UnknownError"', self.ends(future, 1).details)
        self.service.reset()
        self.assertIn(b'"UnknownError"', self.ends(self.waiter([error("UnknownError")]), 1).details)

    def test_unspecified_errors_propagate_error_code(self):
        future = self.waiter([error("a_code", "a message")], [{"when": {"status": "4xx"}, "then": "failure", "error": ERROR}])
        self.ends(future, 1, remote_code="a_code", message="a message")

    def test_waiter_transitions_to_failure_state(self):
        rules = [{"when": {"status": 299}, "then": "success"},
                 {"when": {"body": {"/Error/Code": "FailError"}}, "then": "failure", "error": ERROR}]
        self.ends(self.waiter([PENDING, error("FailError", "foo"), DONE], rules), 2, remote_code="FailError")

    def test_waiter_handles_retry_state(self):
        rules = [{"when": {"body": {"/Foo": "SUCCESS"}}, "then": "success"},
                 {"when": {"body": {"/Error/Code": "RetryMe"}}, "then": "pending"}]
        future = self.waiter([PENDING, error("RetryMe"), DONE, PENDING], rules)
        self.assertEqual((future.json(harness.PATIENCE), self.polls()), (DONE["json"], 3))

    def test_waiter_transitions_to_retry_but_max_attempts_exceeded(self):
        """Answers of every kind count for the attempts when it is one rule that they come under."""
        rules = [{"when": {"body": {"/Foo": "SUCCESS"}}, "then": "success"}]
        self.ends(self.waiter([PENDING, error("RetryMe"), PENDING, PENDING], rules, status=["2xx", 400]), 3,
                  message="Max attempts exceeded")

    def test_kwargs_are_passed_through(self):
        self.answers(DONE)
        spec = self.spec({"query": {"Foo": "{foo}", "Bar": "{bar}"}, "rules": [{"when": {"status": 200}, "then": "success"}]})
        self.c.create(spec=spec, params={"foo": "f o", "bar": 3}).result(harness.PATIENCE)
        path, _, query = self.requests()[0]["target"].partition("?")
        self.assertEqual((path, set(query.split("&"))), ("/poll/1", {"Foo=f%20o", "Bar=3"}))

    def delayed(self, future, delay):
        self.ends(future, 3)
        self.assertGreaterEqual(min(self.gaps("poll")), delay - 0.01)

    def test_waiter_honors_delay_time_between_retries(self):
        self.delayed(self.waiter([PENDING], polling={"initial": 0.3, "maximum": 0.3, "jitter": "none"}), 0.3)

    def test_waiter_invocation_config_honors_delay(self):
        """A policy given at creation wins over the spec's."""
        self.answers(PENDING)
        rule = {"when": {"status": 200}, "then": "pending", "budget": {"times": 2, "then": "failure"}}
        spec = self.spec({"rules": [rule]}, polling={"initial": 0.01, "maximum": 0.3, "jitter": "none"})
        self.delayed(self.c.create(spec=spec, polling={"initial": 0.3}), 0.3)

    def test_waiter_invocation_config_honors_max_attempts(self):
        self.ends(self.waiter([PENDING], attempts=2), 2)

    def test_can_create_waiter_from_client(self):
        """TestCreateWaiter: from a profile's name, params and nothing else."""
        self.service.answer("v1", {"json": {"done": True, "response": {"v": 1}}})
        future = self.c.create("google-lro", params={"name": "operations/1", "base": self.service.url})
        self.assertEqual(future.json(harness.PATIENCE), {"v": 1})

    def test_waiter_class_name(self):
        """What a future was made from is told with it."""
        self.service.answer("v1", {"json": {"done": False}})
        future = self.c.create("google-lro", params={"name": "operations/1", "base": self.service.url})
        self.assertEqual(self.snapshot(future.created().id)["profile"], "google-lro")

    def test_waiter_help_documentation(self):
        """What it asks, what it needs, and what that is when it is not given; each param with an example or a default."""
        shown = self.daemon.ctl("profile", "show", "google-lro").stdout
        profile = json.loads(self.c.call("profile.get", {"name": "google-lro"})["text"])
        for word in ("name", "base", *profile["parameters"]):
            self.assertIn(word, shown)
        for param in profile["parameters"].values():
            self.assertTrue(param["help"] and ("example" in param or "default" in param), param)

    def test_normalized_op_method_makes_call(self):
        """TestOperationMethods."""
        self.answers(DONE)
        rule = {"when": {"body": {"/Foo": "SUCCESS"}}, "then": "success"}
        self.start({"method": "POST", "json": {"Foo": "a", "Bar": "b"}, "rules": [rule]}).result(harness.PATIENCE)
        entry, = self.requests()
        self.assertEqual((entry["method"], json.loads(entry["body"])), ("POST", {"Foo": "a", "Bar": "b"}))

    def test_normalized_op_returns_error_response(self):
        """An answer with an error status is an answer like others: rules read it."""
        rule = {"when": {"status": 409, "body": {"/Error/Code": "Exists"}}, "then": "success", "result": "/Error/Message"}
        self.assertEqual(self.waiter([error("Exists", "there", 409)], [rule]).result(harness.PATIENCE), b'"there"')


class CloudFrontWaiters(ScriptTest):
    """CloudFrontWaitersTest. The service speaks XML."""

    def found(self, path, document, word):
        self.service.answer("2014-05-31", {"text": f"<?xml version='1.0'?><{document}><Status>InProgress</Status></{document}>"},
                            {"text": f"<?xml version='1.0'?><{document}><Status>{word}</Status></{document}>"})
        rule = {"when": {"status": 200, "text": {"contains": f"<Status>{word}</Status>"}}, "then": "success"}
        future = self.start({"url": "/2014-05-31/" + path, "rules": [rule]}, polling=QUICK)
        self.assertIn(word.encode(), future.result(harness.PATIENCE))
        self.assertEqual(self.count("2014-05-31"), 2)

    def test_distribution_deployed(self):
        self.found("distribution/1", "Distribution", "Deployed")

    def test_invalidation_completed(self):
        self.found("distribution/1/invalidation/2", "Invalidation", "Completed")

    def test_streaming_distribution_deployed(self):
        self.found("streaming-distribution/1", "StreamingDistribution", "Deployed")


if __name__ == "__main__":
    harness.main()
