"""test_language.py - what a general language for polls needs, row by row: ids, requests, rules, matchers, outcomes, results.

Its other half, when to ask and what to do besides, is test_language_time.py.
"""
import json

import harness
from harness import QUICK
from scripts import DONE, ENDS, PENDING, ScriptTest
from services import ONCE


class Row1(ScriptTest):
    """Capture of ids and URLs from the submit."""

    def submitted(self, answer, capture, url="/poll/{job}", **submit):
        """A future whose submit got that answer; the targets of its polls."""
        self.service.answer("submit", answer)
        self.poll_answers(DONE)
        made = self.start({"url": url}, submit={"url": "/submit", "json": {"n": 1}, "capture": capture, **submit})
        self.assertEqual(self.json_result(made), [1, 2])
        self.assertEqual(self.statuses("submit"), [answer.get("status", 200)])
        return self.targets()

    def test_row_1_a_pointer(self):
        self.assertEqual(self.submitted({"json": {"job": {"id": 17}}}, {"job": {"body": "/job/id"}}), ["/poll/17"])

    def test_row_1_the_root_string(self):
        self.assertEqual(self.submitted({"json": "a b"}, {"job": {"body": ""}}), ["/poll/a%20b"])

    def test_row_1_a_part_of_a_text(self):
        xml = {"text": "<r><id>x7</id></r>", "headers": {"Content-Type": "application/xml"}}
        self.assertEqual(self.submitted(xml, {"job": {"body": "", "after": "<id>", "before": "</id>"}}), ["/poll/x7"])

    def test_row_1_headers(self):
        for name in ("Operation-Location", "Azure-AsyncOperation", "Location", "Content-Location"):
            answer = {"status": 202, "headers": {name: self.service.url + "/poll/9?v=1"}}
            targets = self.submitted(answer, {"place": [{"header": "Operation-Location"}, {"header": name}]}, "{+place}")
            self.assertEqual(targets, ["/poll/9?v=1"])
            self.service.reset()

    def test_row_1_relative_urls(self):
        self.assertEqual(self.submitted({"headers": {"Location": "/poll/1"}}, {"at": {"header": "Location"}}, "{+at}"),
                         ["/poll/1"])
        self.poll_answers(DONE)
        self.result(self.begin({**self.spec({"url": "v2/{job}"}), "base": self.service.url + "/poll", "params": {"job": 3}}))
        self.assertEqual(self.targets()[-1], "/poll/v2/3")

    def test_row_1_an_id_of_the_clients_choice(self):
        self.service.answer("submit", {"status": 204})
        self.poll_answers(DONE)
        made = self.start({"url": "/poll/{id}"}, submit={"url": "/submit", "headers": {"Idempotency-Key": "{id}"}})
        self.result(made)
        self.assertEqual(self.requests("submit")[0]["headers"]["idempotency-key"], made)
        self.assertEqual(self.targets(), [f"/poll/{made}"])

    def test_row_1_the_answer_to_the_submit_may_be_the_end(self):
        self.service.answer("submit", {"status": 200, "json": {"state": "done", "value": 3}})
        made = self.start(submit={"url": "/submit", "rules": "poll"})
        self.assertEqual(self.json_result(made), 3)
        self.assertEqual(self.count("poll"), 0)

    def test_row_1_an_answer_without_the_id(self):
        self.service.answer("submit", {"json": {"job": {}}})
        made = self.start({"url": "/poll/{job}"}, submit={"url": "/submit", "capture": {"job": {"body": "/job/id"}}})
        self.fails(made, kind="invalid_response")


class Row2(ScriptTest):
    """Templates of requests."""

    def test_row_2_path_query_header_body(self):
        self.credential("key", "s3cret")
        self.poll_answers(PENDING, DONE)
        made = self.start({"method": "POST", "url": "/poll/{job}", "query": {"v": "{job}", "tag": ["a", "{tag}"], "no": 7},
                           "headers": {"X-Session": "{session}", "X-Poll-No": "{attempt}"},
                           "json": {"id": "{job}", "n": "{count}", "text": "{count} of {job}", "braces": "{{job}}"}},
                          credential="key", headers={"Authorization": "Bearer {credential}"},
                          params={"job": "a/b c", "tag": "\u00fc", "session": "s1", "count": 12})
        self.result(made)
        first, second = self.requests("poll")
        self.assertEqual(first["method"], "POST")
        path, _, query = first["target"].partition("?")
        self.assertEqual((path, sorted(query.split("&"))),
                         ("/poll/a%2Fb%20c", ["no=7", "tag=%C3%BC", "tag=a", "v=a%2Fb%20c"]))
        self.assertEqual(json.loads(first["body"]), {"id": "a/b c", "n": 12, "text": "12 of a/b c", "braces": "{job}"})
        self.assertEqual((first["headers"]["x-session"], first["headers"]["authorization"]), ("s1", "Bearer s3cret"))
        self.assertEqual([entry["headers"]["x-poll-no"] for entry in (first, second)], ["1", "2"])

    def test_row_2_form_text_and_bytes(self):
        self.poll_answers(DONE)
        for body, expected, kind in (({"form": {"a": "{job}", "b": "&"}}, "a=x&b=%26", "application/x-www-form-urlencoded"),
                                     ({"text": "<q>{job}</q>"}, "<q>x</q>", "text/plain"), ({"bytes": "AAE="}, "\0\1", None)):
            self.result(self.start({"method": "PUT", **body}, params={"job": "x"}))
            entry = self.requests("poll")[-1]
            self.assertEqual((entry["method"], entry["body"]), ("PUT", expected))
            self.assertIn(kind or "octet-stream", entry["headers"]["content-type"])

    def test_row_2_head(self):
        rules = [{"when": {"status": 200, "header": {"X-State": "done"}}, "then": "success"}]
        self.poll_answers({"status": 202}, {"headers": {"X-State": "done"}, "text": "not sent"})
        made = self.start({"method": "HEAD", "rules": rules})
        self.assertEqual(self.result(made), b"")
        self.assertEqual([entry["method"] for entry in self.requests("poll")], ["HEAD"] * 2)

    def test_row_2_each_poll_may_change_the_next(self):
        rules = [*ENDS, {"when": {"body": {"/state": "metadata"}}, "then": "pending", "delay": 0, "set": {"only": False}}]
        self.poll_answers(PENDING, {"json": {"state": "metadata"}}, DONE)
        made = self.start({"method": "POST", "json": {"metadata_only": "{only}"}, "rules": rules}, params={"only": True})
        self.result(made)
        self.assertEqual([json.loads(entry["body"])["metadata_only"] for entry in self.requests("poll")], [True, True, False])

    def test_row_2_a_cursor(self):
        self.poll_answers({"json": {"cursor": "c1"}}, {"json": {"cursor": "c2"}}, DONE)
        made = self.start({"query": {"since": "{cursor}"}, "capture": {"cursor": {"body": "/cursor"}}}, params={"cursor": "c0"})
        self.result(made)
        self.assertEqual([target.partition("since=")[2] for target in self.targets()], ["c0", "c1", "c2"])


class Row3(ScriptTest):
    """Ordered rules, and what holds when none does."""

    def test_row_3_the_first_match_wins(self):
        rules = [{"when": {"body": {"/a": 1, "/b": 2}}, "then": "success", "result": "/b"},
                 {"when": {"body": {"/a": 1}}, "then": "success", "result": "/a"},
                 {"when": {"status": "2xx"}, "then": "failure"}]
        for answer, value in (({"a": 1, "b": 2}, 2), ({"a": 1, "b": 3}, 1)):
            self.poll_answers({"json": answer})
            self.assertEqual(self.json_result(self.start({"rules": rules})), value)

    def test_row_3_2xx_is_pending(self):
        self.poll_answers({"status": 202}, {"status": 204}, {"status": 200, "json": {"state": "new"}}, DONE)
        self.result(self.start({"rules": [{"when": {"status": 200, "body": {"/state": "done"}}, "then": "success"}]}))
        self.assertEqual(self.statuses(), [202, 204, 200, 200])

    def test_row_3_some_others_are_retried_and_the_rest_fail(self):
        self.poll_answers(*({"status": status} for status in (408, 429, 500, 502, 503, 504)), {"status": 418})
        self.fails(self.start(), kind="remote", http_status=418)
        self.assertEqual(len(self.statuses()), 7)

    def test_row_3_which_are_retried_is_for_the_spec_to_say(self):
        self.poll_answers({"status": 418}, {"status": 503})
        self.fails(self.start(retry={**QUICK, "on": [418]}), kind="remote", http_status=503)
        self.assertEqual(self.statuses(), [418, 503])


class Row4(ScriptTest):
    """Matchers. Each is tried on answers that it is for, and on some that it is not for."""

    def matches(self, when, holds, fails):
        """The condition holds for the first answers and not for the others."""
        rules = [{"when": when, "then": "failure", "error": {"code": "held"}}, {"when": {}, "then": "success"}]
        for answers, expected in ((holds, True), (fails, False)):
            for answer in answers:
                self.poll_answers(answer)
                made = self.start({"rules": rules})
                if expected:
                    self.fails(made, code="held")
                else:
                    self.result(made)

    @staticmethod
    def states(*values):
        return [{"json": {"state": value}} for value in values]

    def body(self, matcher, holds, fails):
        self.matches({"body": {"/state": matcher}}, self.states(*holds), self.states(*fails))

    def test_row_4_status_exact_list_class(self):
        def answers(*statuses):
            return [{"status": status, "json": {}} for status in statuses]
        self.matches({"status": 418}, answers(418), answers(200, 417))
        self.matches({"status": [404, 410]}, answers(404, 410), answers(403))
        self.matches({"status": ["4xx", 500]}, answers(400, 499, 500), answers(200, 501))

    def test_row_4_header_equals_contains_exists(self):
        def answers(*values):
            return [{"json": {}, "headers": {"X-State": value} if value is not None else {}} for value in values]
        self.matches({"header": {"x-state": "Done"}}, answers("Done"), answers("done", "Done.", None))
        self.matches({"header": {"X-State": {"contains": "do"}}}, answers("undone"), answers("Done", None))
        self.matches({"header": {"X-State": {"exists": True}}}, answers("x"), answers(None))
        self.matches({"header": {"X-State": {"exists": False}}}, answers(None), answers("x"))

    def test_row_4_pointer_equals(self):
        self.body("done", ["done"], ["Done", "", None, ["done"], 1])
        self.body(1, [1, 1.0], ["1", True, 2])
        self.body(True, [True], [1, "true", False])

    def test_row_4_pointer_in_set(self):
        self.body(["a", 2, True], ["a", 2, True], ["b", "2", False, None])

    def test_row_4_pointer_exists_and_absent(self):
        there, absent = self.states(0, "", False, [], {}), [*self.states(None), {"json": {}}, {"json": []}]
        self.matches({"body": {"/state": {"exists": True}}}, there, absent)
        self.matches({"body": {"/state": {"exists": False}}}, absent, there)

    def test_row_4_pointer_is_null_and_types(self):
        self.body({"type": "null"}, [None], [0, "", False])
        self.body({"type": ["string", "array"]}, ["", []], [1, {}, None, True])
        self.body({"type": "object"}, [{}], [[], "x"])
        self.body({"type": "boolean"}, [False], [0])

    def test_row_4_in_any_case(self):
        self.body({"equals": "Succeeded", "ignore_case": True}, ["SUCCEEDED", "succeeded"], ["success"])
        self.body({"in": ["ok", "Done"], "ignore_case": True}, ["OK", "dONE"], ["o"])

    def test_row_4_prefix_contains_and_numbers(self):
        self.body({"prefix": "fail"}, ["failed", "fail"], ["unfailing", 1])
        self.body({"contains": "memory"}, ["out of memory", ["disk", "memory"]], ["Memory", ["out of memory"]])
        self.body({"gt": 0, "lt": 10}, [5, 0.1, 9.99], [0, 10, "5", None])

    def test_row_4_an_empty_body(self):
        self.matches({"status": 204, "empty": True}, [{"status": 204}], [{"status": 200, "json": {}}])
        self.matches({"empty": False}, [{"text": " "}], [{"text": ""}])

    def test_row_4_an_absent_boolean_is_false(self):
        self.matches({"not": {"body": {"/done": True}}}, [{"json": {}}, {"json": {"done": False}}], [{"json": {"done": True}}])

    def test_row_4_an_element_of_an_array(self):
        any_of = {"body": {"/items": {"any": {"/type": "Complete", "/status": "True"}}}}
        good = {"type": "Complete", "status": "True"}
        self.matches(any_of, [{"json": {"items": [{"type": "x"}, good]}}],
                     [{"json": {"items": [{"type": "Complete", "status": "False"}, {"type": "x", "status": "True"}]}},
                      {"json": {"items": []}}, {"json": {"items": good}}, {"json": {}}])

    def test_row_4_all_elements_of_an_array(self):
        all_of = {"body": {"/items": {"all": {"": ["a", "b"]}}}}
        self.matches(all_of, [{"json": {"items": ["a", "b", "a"]}}], [{"json": {"items": ["a", "c"]}}, {"json": {"items": []}}])

    def test_row_4_two_fields(self):
        self.matches({"body": {"/status": "completed", "/conclusion": "failure"}},
                     [{"json": {"status": "completed", "conclusion": "failure"}}],
                     [{"json": {"status": "in_progress", "conclusion": "failure"}}, {"json": {"status": "completed"}}])

    def test_row_4_and_or_not(self):
        when = {"all": [{"body": {"/a": 1}}, {"any": [{"body": {"/b": 1}}, {"not": {"body": {"/c": 1}}}]}]}
        self.matches(when, [{"json": {"a": 1, "b": 1, "c": 1}}, {"json": {"a": 1}}], [{"json": {"a": 1, "c": 1}}, {"json": {}}])

    def test_row_4_dispatch_by_content_type(self):
        proto = {"text": "\n\x02ok", "headers": {"Content-Type": "application/x-protobuf"}}
        rules = [{"when": {"header": {"Content-Type": {"prefix": "application/x-protobuf"}}}, "then": "success"}, *ENDS]
        self.poll_answers(PENDING, proto)
        self.assertEqual(self.result(self.start({"rules": rules})), b"\n\x02ok")
        self.poll_answers(DONE)
        self.assertEqual(self.json_result(self.start({"rules": rules})), [1, 2])

    def test_row_4_text(self):
        self.matches({"text": {"contains": "quota"}}, [{"text": "over quota\n"}, {"json": "quota"}], [{"text": "Quota"}])
        self.matches({"text": "DONE"}, [{"text": " DONE\r\n"}], [{"text": "DONE!"}])

    def test_row_4_values_of_templates(self):
        rules = [{"when": {"body": {"/{job}/state": {"equals": "{word}"}}}, "then": "success", "result": "/{job}"}]
        self.poll_answers({"json": {"a/b": {"state": "new"}}}, {"json": {"a/b": {"state": "fin"}}})
        self.assertEqual(self.json_result(self.start({"rules": rules}, params={"job": "a/b", "word": "fin"})), {"state": "fin"})


class Row5(ScriptTest):
    """Outcomes."""

    def ends(self, rule, answer=None):
        self.poll_answers(PENDING, answer or {"json": {"state": "over", "error": {"code": "E", "message": "M"}}})
        return self.start({"rules": [{"when": {"body": {"/state": "over"}}, **rule}]})

    def test_row_5_pending_then_success(self):
        self.assertIn(b'"over"', self.result(self.ends({"then": "success"})))

    def test_row_5_failure(self):
        self.fails(self.ends({"then": "failure", "error": "/error"}), kind="remote", code="E", message="M")

    def test_row_5_cancelled(self):
        self.assert_rpc_error("Cancelled", self.result, self.ends({"then": "cancelled", "error": "/error"}))

    def test_row_5_lost_404_and_410(self):
        for status in (404, 410):
            self.poll_answers({"status": status})
            made = self.start({"rules": [*ENDS, {"when": {"status": [404, 410]}, "then": "lost"}]})
            self.fails(made, kind="lost", http_status=status)

    def test_row_5_partial_success(self):
        rules = [{"when": {"body": {"/state": "expired", "/done": {"gt": 0}}}, "then": "success", "result": "/values"}]
        self.poll_answers({"json": {"state": "expired", "done": 1, "values": [1]}})
        self.assertEqual(self.json_result(self.start({"rules": rules})), [1])

    def test_row_5_a_poll_that_is_to_be_repeated(self):
        self.poll_answers({"json": {"state": "flaky"}}, {"json": {"state": "flaky"}}, DONE)
        flaky = {"when": {"body": {"/state": "flaky"}}, "then": "retry", "error": {"message": "hm"}}
        made = self.start({"rules": [*ENDS, flaky]})
        self.assertEqual(self.json_result(made), [1, 2])
        self.assertEqual(self.rpc.call("server.stats")["retries"], 2)

    def test_row_5_a_fresh_credential(self):
        self.credential("key", "old")
        self.poll_answers(PENDING, {"status": 401}, DONE)
        self.service.fault({"kind": "poll", "skip": 1, "hold": True})
        made = self.start({"rules": [*ENDS, {"when": {"status": 401}, "then": "refresh_credential"}]},
                          credential="key", headers={"X-Key": "{credential}"})
        self.seen(2, "poll")
        self.credential("key", "new")
        self.service.release()
        self.result(made)
        self.assertEqual([entry["headers"]["x-key"] for entry in self.requests("poll")], ["old", "old", "new"])
        self.assertEqual(self.rpc.call("server.stats")["retries"], 0)

    def test_row_5_what_is_lost_may_be_submitted_again(self):
        self.service.answer("submit", {"json": {"job": 1}}, {"json": {"job": 2}})
        self.service.answer("poll/1", {"status": 410})
        self.service.answer("poll/2", DONE)
        spec = self.spec({"url": "/poll/{job}", "rules": [*ENDS, {"when": {"status": 410}, "then": "lost"}]},
                         submit={"url": "/submit", "capture": {"job": {"body": "/job"}}})
        self.fails(self.begin(spec), kind="lost")
        self.assertEqual(self.json_result(self.begin(spec)), [1, 2])

    def test_row_5_failing_to_read_the_status_is_no_failure(self):
        self.service.fault({"kind": "poll", "reset": True}, {"kind": "poll", "close": True}, {"kind": "poll", "status": 502})
        self.poll_answers(DONE)
        self.assertEqual(self.json_result(self.start()), [1, 2])
        self.assertEqual(self.statuses(), [None, None, 502, 200])

    def test_row_5_one_pointer_two_meanings(self):
        rules = [{"when": {"status": 200, "body": {"/error": {"exists": True}}}, "then": "failure", "error": "/error"},
                 {"when": {"status": 500, "body": {"/error/status": "UNAVAILABLE"}}, "then": "retry", "error": "/error"}]
        self.poll_answers({"status": 500, "json": {"error": {"code": 500, "status": "UNAVAILABLE"}}},
                          {"json": {"error": {"code": 13, "message": "inside"}}})
        self.assertEqual(str(self.fails(self.start({"rules": rules}), message="inside")["code"]), "13")


class Row6(ScriptTest):
    """What is taken out of answers."""

    def test_row_6_a_part_of_the_body_as_it_was_written(self):
        self.poll_answers({"text": '{"state":"done", "value" : { "n": 1.50,"u":"\\u00e9" } }'})
        self.assertEqual(self.result(self.start()), b'{ "n": 1.50,"u":"\\u00e9" }')

    def test_row_6_the_whole_body_with_its_content_type(self):
        self.poll_answers({"text": "a;b", "headers": {"Content-Type": "text/csv; charset=latin-1"}})
        made = self.start({"rules": [{"when": {"status": 200}, "then": "success"}]})
        reply = self.rpc.call("future.result", {"id": made, "timeout": harness.PATIENCE})
        self.assertEqual((reply["result"], reply["content_type"]), (b"a;b", "text/csv; charset=latin-1"))

    def test_row_6_code_message_details(self):
        answer = {"json": {"state": "failed", "why": {"num": 7, "text": "no", "list": [1, {"a": 2}]}}}
        self.poll_answers(answer)
        error = {"code": "/why/num", "message": "/why/text", "details": "/why/list"}
        data = self.fails(self.start({"rules": [{"when": {"body": {"/state": "failed"}}, "then": "failure", "error": error}]}),
                          message="no")
        self.assertEqual((str(data["code"]), json.loads(data["details"])), ("7", [1, {"a": 2}]))

    def test_row_6_texts_and_headers_of_an_error(self):
        self.poll_answers({"status": 418, "text": "", "headers": {"X-Reason": "teapot"}})
        error = {"code": {"header": "X-Reason"}, "message": "it is one"}
        self.fails(self.start({"rules": [{"when": {"status": 418}, "then": "failure", "error": error}]}),
                   code="teapot", message="it is one", http_status=418)

    def test_row_6_progress(self):
        self.poll_answers({"json": {"done": 1}}, {"json": {"done": 2}})
        made = self.start({"rules": [*ENDS, {"when": {"status": 200}, "then": "pending", "progress": "/done"}]})
        self.assert_progress(made, [1, 2])
        self.poll_answers(DONE)
        self.result(made)

    def test_row_6_the_result_is_at_another_url(self):
        rules = [{"when": {"body": {"/state": "done"}}, "then": "fetch",
                  "capture": {"url": {"body": "/url"}, "n": {"body": "/n"}}}]
        self.poll_answers({"json": {"state": "done", "url": "/file/1", "n": 5}})
        self.service.answer("file", {"text": "got it"})
        for url, target in (("{+url}", "/file/1"), ("/file/of/{n}?x={n}", "/file/of/5?x=5"),
                            ("{+url}/output", "/file/1/output")):
            self.assertEqual(self.result(self.start({"rules": rules}, fetch={"url": url})), b"got it")
            self.assertEqual(self.targets("file")[-1], target)

    def test_row_6_a_download_that_takes_its_time(self):
        large = "0123456789abcdef" * (1 << 16)
        self.poll_answers(DONE)
        self.service.answer("file", {"status": 404}, {"status": 503}, {"status": 204}, {"text": large})
        fetch = {"url": "/file/1", "rules": [{"when": {"status": 404}, "then": "retry"},
                                             {"when": {"status": 204}, "then": "pending"}]}
        made = self.start({"rules": [{"when": {"body": {"/state": "done"}}, "then": "fetch"}]}, fetch=fetch)
        size = self.rpc.call("future.result", {"id": made, "timeout": harness.PATIENCE, "length": 0})["size"]
        self.assertEqual((size, self.statuses("file"), self.statuses()), (1 << 20, [404, 503, 204, 200], [200]))

    def test_row_6_a_result_of_several_hops(self):
        self.poll_answers(DONE)
        self.service.answer("file/1", {"json": {"next": "/file/2"}})
        self.service.answer("file/2", {"text": "the end"})
        hop = {"when": {"body": {"/next": {"exists": True}}, "header": {"Content-Type": {"exists": True}}}, "then": "fetch",
               "capture": {"at": {"body": "/next"}}, "budget": {"times": 5}}
        made = self.start({"rules": [{"when": {"body": {"/state": "done"}}, "then": "fetch"}]}, params={"at": "/file/1"},
                          fetch={"url": "{+at}", "rules": [hop]}, polling=ONCE)
        self.assertEqual(self.result(made), b"the end")
        self.assertEqual(self.targets("file"), ["/file/1", "/file/2"])


if __name__ == "__main__":
    harness.main()
