"""test_chain.py - operations that follow from each other, with nobody waiting in between."""
import json
import os

import harness
from harness import QUICK
from scripts import DONE, ENDS, PENDING, ScriptTest
from services import SLOW


class Chain(ScriptTest):
    """A service at which one operation leads to the next; each is a submit and a poll of its name."""

    def operation(self, name, polls=1, **answer):
        """What the service answers about an operation of that name."""
        self.service.answer(f"submit/{name}", {"json": {"job": name}})
        self.service.answer(f"poll/{name}", *[PENDING] * polls, {"json": {"state": "done", "value": name, **answer}})

    def spec_of(self, name, rules=None, **more):
        """A spec of such an operation."""
        return {"base": self.service.url,
                "submit": {"url": f"/submit/{name}", "capture": {"job": {"body": "/job"}}},
                "poll": {"url": "/poll/{job}", "rules": rules or ENDS}, "polling": QUICK, "retry": QUICK, **more}

    def then(self, capture=None, **with_):
        """Rules that go on when an operation is done."""
        return [{"when": {"status": 200, "body": {"/state": "done"}}, "then": "continue",
                 **({"capture": capture} if capture else {}), "with": with_}, *ENDS[1:]]

    def doubled(self, value):
        """A spec within a `with`: its own templates have double braces."""
        return json.loads(json.dumps(value).replace("{job}", "{{job}}"))

    def order(self):
        """The names of what was submitted, in order."""
        return [entry["name"] for entry in self.requests("submit")]

    def profile_dir(self):
        path = os.path.join(self.home.env["XDG_CONFIG_HOME"], "futured", "profiles")
        os.makedirs(path, exist_ok=True)
        return path

    def write_profile(self, name, spec):
        with open(os.path.join(self.profile_dir(), name + ".json"), "w", encoding="utf-8") as file:
            json.dump(spec, file)


class Continue(Chain):
    def three(self):
        """A spec of three operations in a row: the second gets a value of the first, the third one of the second."""
        third = self.spec_of("third")
        third["submit"]["json"] = {"from": "{{{{seen}}}}"}
        second = self.spec_of("second", self.then({"seen": {"body": "/value"}}, spec=self.doubled(third)))
        second["submit"]["json"] = {"from": "{first}"}
        second = json.loads(json.dumps(second).replace("{{{{seen}}}}", "{{seen}}"))
        inner = self.doubled(second)
        return self.spec_of("first", self.then({"first": {"body": "/value"}}, spec=json.loads(
            json.dumps(inner).replace("{{{job}}}", "{{{{job}}}}"))))

    def test_three_in_a_row_with_no_client(self):
        for name in ("first", "second", "third"):
            self.operation(name)
        made = self.begin(self.three())
        self.rpc.close()
        self.seen(3, "submit")
        self.seen(2, "poll", "third")
        self.rpc = self.client(errors="map")
        self.assertEqual(self.json_result(made), "third")
        self.assertEqual(self.order(), ["first", "second", "third"])
        self.assertEqual([json.loads(entry["body"]) for entry in self.requests("submit")[1:]],
                         [{"from": "first"}, {"from": "second"}])

    def test_a_restart_in_between(self):
        for name in ("first", "second", "third"):
            self.operation(name, polls=3)
        made = self.begin(self.three())
        for name in ("first", "second", "third"):
            self.seen(2, "poll", name)
            self.restart()
        self.assertEqual(self.json_result(made), "third")
        self.assertEqual(self.order(), ["first", "second", "third"])

    def test_each_operation_has_one_idempotency_value(self):
        """Killed while a submit is on its way, before and after it went on."""
        second = self.doubled(self.spec_of("second"))
        second["submit"]["idempotency"] = "X-Key"
        first = self.spec_of("first", self.then(spec=second))
        first["submit"]["idempotency"] = "X-Key"
        for name in ("first", "second"):
            self.operation(name)
            self.service.fault({"kind": "submit", "skip": 0 if name == "first" else 1, "effect": True, "hold": True})
        made = self.begin(first)
        for count in (1, 3):
            self.seen(count, "submit")
            self.restart()
        self.assertEqual(self.json_result(made), "second")
        keys = [(entry["name"], entry["headers"]["x-key"]) for entry in self.requests("submit")]
        self.assertEqual([name for name, _ in keys], ["first", "first", "second", "second"])
        self.assertEqual(len(set(keys)), 2)
        self.assertEqual(len({key for _, key in keys}), 2)

    def test_a_tail_call_to_another_profile(self):
        self.operation("report")
        self.operation("first")
        self.write_profile("report", {
            "parameters": {"input": {"help": "what it is about"}, "at": {}}, **self.spec_of("report"), "base": "{at}",
            "submit": {"url": "/submit/report", "json": {"input": "{input}"}, "capture": {"job": {"body": "/job"}}}})
        made = self.begin(self.spec_of("first", self.then({"out": {"body": "/value"}}, profile="report",
                                                          params={"input": ["{out}", "{id}"], "at": "{here}"}),
                                       params={"here": self.service.url}), key="k")
        self.assertEqual(self.json_result(made), "report")
        self.assertEqual(json.loads(self.requests("submit")[1]["body"]), {"input": ["first", made]})
        self.assertEqual((self.snapshot(made)["profile"], self.snapshot(made)["hops"]), ("report", 1))
        # What the key stands for is what was asked for then.
        again = self.rpc.call("future.create", {"key": "k", "spec": self.spec_of(
            "first", self.then({"out": {"body": "/value"}}, profile="report",
                               params={"input": ["{out}", "{id}"], "at": "{here}"}), params={"here": self.service.url})})
        self.assertEqual((again["id"], again["created"]), (made, False))

    def test_an_operation_that_is_done_at_its_submit(self):
        self.operation("second")
        self.service.answer("submit/first", {"json": {"state": "done", "value": 5}})
        first = self.spec_of("first", self.then(spec=self.doubled(self.spec_of("second"))))
        first["submit"]["rules"] = "poll"
        del first["submit"]["capture"]
        first["poll"]["url"] = "/poll/none"
        self.assertEqual(self.json_result(self.begin(first)), "second")
        self.assertEqual(self.count("poll", "none"), 0)

    def test_many_of_a_list(self):
        """What a list says of them leads on, too."""
        self.service.answer("list", {"json": {"items": [{"id": "a", "state": "working"}, {"id": "b", "state": "working"}]}},
                            {"json": {"items": [{"id": "a", "state": "done"}, {"id": "b", "state": "done"}]}})
        self.service.answer("poll", PENDING)
        self.service.answer("next/a", DONE)
        self.service.answer("next/b", PENDING, DONE)
        rules = self.then({"job": {"body": "/id"}}, spec={"base": self.service.url,
                                                          "poll": {"url": "/next/{job}", "rules": ENDS}, "polling": QUICK})
        ids = [self.begin({"base": self.service.url, "poll": {"url": "/poll/{job}", "rules": rules}, "params": {"job": job},
                           "polling": {**SLOW, "batch": {"url": "/list", "items": "/items", "is": "{job}", "id": "/id"}}})
               for job in ("a", "b")]
        for made in ids:
            self.assertEqual(self.json_result(made), [1, 2])
        self.assertEqual((self.count("next", "a"), self.count("next", "b")), (1, 2))

    def test_what_a_service_says_is_no_template(self):
        self.credential("key", "s3cret")
        self.operation("first", evil="{credential}")
        self.operation("second")
        second = self.doubled(self.spec_of("second", credential="key"))
        second["submit"]["json"] = {"v": "{evil}", "w": "x{evil}"}
        made = self.begin(self.spec_of("first", self.then({"evil": {"body": "/evil"}}, spec=second)))
        self.result(made)
        self.assertEqual(json.loads(self.requests("submit")[1]["body"]), {"v": "{credential}", "w": "x{credential}"})

    def test_a_value_is_no_reference_to_another_result(self):
        secret = self.rpc.call("future.create", {"spec": {"kind": "promise"}})["id"]
        self.rpc.call("future.resolve", {"id": secret, "result": '"for nobody"', "content_type": "application/json"})
        self.operation("first", evil=f"result:{secret}")
        self.operation("second")
        second = self.spec_of("second", parameters={"note": {}})
        second["submit"]["json"] = {"v": "{note}"}
        self.write_profile("second", second)
        self.json_result(self.begin(self.spec_of("first", self.then({"evil": {"body": "/evil"}}, profile="second",
                                                                    params={"note": "{{{evil}}}"}))))
        self.assertEqual(json.loads(self.requests("submit")[1]["body"]), {"v": f"{{result:{secret}}}"})

    def test_a_credential_does_not_go_where_only_an_answer_leads(self):
        """Neither at once nor two operations later; and where the creator said, it goes."""
        self.credential("key", "s3cret")
        other, known = self.another_service(), self.another_service()
        for service in (other, known):
            service.answer("poll", DONE)
        keyed = {"credential": "key", "headers": {"Authorization": "Bearer {credential}"}, "polling": QUICK}
        self.write_profile("told", {"parameters": {"at": {}}, "base": "{at}", "poll": {"url": "/poll/1", "rules": ENDS}, **keyed})
        self.write_profile("onward", {"parameters": {"at": {}}, "poll": {"url": self.service.url + "/poll/onward", "rules": [
            {"when": {"status": 200}, "then": "continue", "with": {"profile": "told", "params": {"at": "{at}"}}}]}, **keyed})
        self.service.answer("poll/onward", PENDING, {"json": {}})
        inline = json.loads(json.dumps(keyed).replace("{c", "{{c").replace("l}", "l}}"))
        inline["poll"] = {"url": "/poll/1", "rules": ENDS}
        for with_ in ({"profile": "told", "params": {"at": "{at}"}}, {"profile": "onward", "params": {"at": "{at}"}},
                      {"spec": {"base": "{at}", **inline}}):
            for service, param, headers in ((other, "", ()), (known, "", ()), (known, known.url, ("Bearer s3cret",))):
                with self.subTest(with_=with_, param=param):
                    self.operation("first", at=service.url)
                    made = self.begin(self.spec_of("first", self.then({"at": {"body": "/at"}}, **with_),
                                                   params={"unused": param} if param else {}))
                    self.assertEqual(self.json_result(made), [1, 2])
                    self.assertEqual(tuple(filter(None, [service.requests()[-1]["headers"].get("authorization")])), headers)

    def test_what_cannot_go_on(self):
        self.operation("first")
        for with_, capture, kind, words in (
                ({"profile": "nonesuch"}, None, "invalid_spec", "nonesuch"),
                ({"spec": {"poll": {"url": "/x", "rules": [{"then": "sucess"}]}}}, None, "invalid_spec", "did you mean"),
                ({"profile": "{gone}"}, {"gone": {"body": "/gone"}}, "invalid_response", "{gone} has no value")):
            data = self.fails(self.begin(self.spec_of("first", self.then(capture, **with_))), kind=kind)
            self.assertIn(words, data["message"])
            self.assertIn("it cannot go on", data["message"])
            self.operation("first")

    def test_one_that_is_cancelled_does_not_go_on(self):
        self.service.answer("submit/first", {"json": {"job": "first"}})
        self.service.answer("poll/first", PENDING)
        self.service.answer("cancel", {"json": {}})
        made = self.begin(self.spec_of("first", self.then(spec=self.doubled(self.spec_of("second"))),
                                       cancel={"url": "/cancel/first"}))
        self.seen(1, "poll", "first")
        self.rpc.call("future.cancel", {"id": made})
        self.seen(1, "cancel")
        self.service.answer("poll/first", {"json": {"state": "done", "value": 1}})
        self.assert_rpc_error("Cancelled", self.result, made)
        self.assertEqual(self.order(), ["first"])

    def test_subscribers_hear_of_it(self):
        self.operation("first", at=0.5)
        self.operation("second")
        self.service.answer("poll/second", PENDING)
        rules = self.then(spec=self.doubled(self.spec_of("second")))
        rules[0]["progress"] = "/at"
        self.assertEqual(self.progress_of(self.begin(self.spec_of("first", rules)))(), 0.5)

    def test_profile_try_shows_where_it_leads(self):
        self.service.answer("poll", {"json": {"state": "done", "value": "x y"}})
        spec = self.spec({"rules": self.then({"out": {"body": "/value"}}, profile="report", params={"input": "{out}"})})
        report = self.daemon.ctl("profile", "try", "-", input=json.dumps(spec))
        self.assertEqual(report.returncode, 0, report.stderr)
        self.assertIn("outcome: continue", report.stdout)
        self.assertIn("then profile: report", report.stdout)
        self.assertIn('then params: {"input":"x y"}', report.stdout)



class Results(Chain):
    """{result:ID} and {result:ID/pointer} in a spec and in params."""

    def made(self, name, polls=1, **answer):
        """A future of an operation of that name, whose result is the value that the service gives."""
        self.operation(name, polls, **answer)
        return self.begin(self.spec_of(name))

    def bodies(self, name):
        return [json.loads(entry["body"]) for entry in self.requests("submit") if entry["name"] == name]

    def reader(self, **body):
        spec = self.spec_of("last")
        spec["submit"]["json"] = body
        self.operation("last")
        return spec

    def test_three_operations_with_no_client(self):
        first = self.made("first", polls=3, value={"id": "a/b", "n": 7})
        self.operation("second", value=["x", "y"])
        second = self.begin({**self.spec_of("second"), "submit": {
            "url": f"/submit/second?of={{result:{first}/id}}", "json": {"n": f"{{result:{first}/n}}", "text": f"is {{result:{first}/n}}"},
            "capture": {"job": {"body": "/job"}}}})
        last = self.begin(self.reader(all=f"{{result:{second}}}", one=f"{{result:{second}/1}}"))
        self.assertEqual(self.snapshot(last)["condition"], "waiting")
        self.assertEqual(self.snapshot(last)["after"], [second])
        self.rpc.close()
        self.seen(1, "submit", "last")
        self.rpc = self.client(errors="map")
        self.assertEqual(self.json_result(last), "last")
        entry = next(entry for entry in self.requests("submit") if entry["name"] == "second")
        self.assertEqual(entry["target"], "/submit/second?of=a%2Fb")
        self.assertEqual(json.loads(entry["body"]), {"n": 7, "text": "is 7"})
        self.assertEqual(self.bodies("last"), [{"all": ["x", "y"], "one": "y"}])

    def test_a_restart_in_between(self):
        first = self.made("first", polls=4, value="v1")
        last = self.begin(self.reader(v=f"{{result:{first}}}"))
        self.seen(1, "poll", "first")
        self.restart()
        self.seen(2, "poll", "first")
        self.restart()
        self.seen(1, "poll", "last")
        self.assertEqual(self.json_result(last), "last")
        self.assertEqual(self.bodies("last"), [{"v": "v1"}])
        # What was taken stays when the one that it came from is gone.
        self.rpc.call("future.forget", {"id": first})
        self.restart()
        self.assertEqual(self.json_result(last), "last")

    def test_in_params(self):
        first = self.made("first", value={"id": "a b", "rows": [1, 2]})
        spec = self.reader(rows="{rows}", text="{text}", plain="{plain}")
        spec["poll"]["url"] = "/poll/{job}?id={id_of}"
        last = self.begin({**spec, "params": {
            "rows": f"{{result:{first}/rows}}", "text": f"<{{result:{first}/id}}> {{{{x}}}}", "plain": "{x} {{y}}",
            "id_of": f"{{result:{first}/id}}"}})
        self.assertEqual(self.json_result(last), "last")
        self.assertEqual(self.bodies("last"), [{"rows": [1, 2], "text": "<a b> {x}", "plain": "{x} {{y}}"}])
        self.assertIn("/poll/last?id=a%20b", self.targets())

    def test_numbers_of_any_size(self):
        """One that is too large is its text, wherever it is; what it is in stays what it is."""
        text = '{"id": 18446744073709551615, "in": [{"n": 1e400, "m": -9223372036854775808, "s": "\\ud800", "z": null}], "f": 0.1}'
        self.service.answer("poll/numbers", {"json": 0}, {"text": text, "headers": {"Content-Type": "application/json"}})
        first = self.begin({"base": self.service.url, "polling": QUICK, "poll": {"url": "/poll/numbers", "rules": [
            {"when": {"body": {"/id": {"exists": True}}}, "then": "success"}]}})
        last = self.begin({**self.reader(all=f"{{result:{first}}}", id=f"{{result:{first}/id}}", n="{n}"),
                           "params": {"n": f"{{result:{first}/in}}"}})
        self.result(last)
        inner = [{"n": "1e400", "m": -2 ** 63, "s": "\ufffd", "z": None}]
        self.assertEqual(self.bodies("last"), [{"all": {"id": "18446744073709551615", "in": inner, "f": 0.1},
                                                "id": "18446744073709551615", "n": inner}])

    def test_a_text_result(self):
        self.service.answer("poll/text", {"text": "line one\nline two\n"})
        first = self.begin({"base": self.service.url, "polling": QUICK,
                            "poll": {"url": "/poll/text", "rules": [{"when": {"status": 200}, "then": "success"}]}})
        last = self.begin(self.reader(v=f"{{result:{first}}}"))
        self.result(last)
        self.assertEqual(self.bodies("last"), [{"v": "line one\nline two"}])
        data = self.fails(self.begin(self.reader(v=f"{{result:{first}/x}}")), kind="dependency")
        self.assertIn("not JSON", data["message"])

    def test_a_large_result(self):
        """More than a file of its own is made of, and much more than an answer may give."""
        first = self.made("first", value={"big": "x" * 600000, "small": 1})
        last = self.begin(self.reader(v=f"{{result:{first}/big}}"))
        self.assertEqual(self.json_result(last), "last")
        self.assertEqual(len(self.bodies("last")[0]["v"]), 600000)
        self.restart()
        huge = self.made("huge", value={"big": "x" * 1100000, "small": 1})
        data = self.fails(self.begin(self.reader(v=f"{{result:{huge}/small}}")), kind="dependency")
        self.assertIn("longer than 1048576 bytes", data["message"])

    def test_a_pointer_that_finds_nothing(self):
        first = self.made("first", value={"a": None})
        for pointer in ("/b", "/a", "/a/b", "/0"):
            data = self.fails(self.begin(self.reader(v=f"{{result:{first}{pointer}}}")), kind="dependency")
            self.assertIn(f'has no value at "{pointer}"', data["message"])
        self.assertEqual(self.count("submit", "last"), 0)

    def test_one_that_failed(self):
        self.service.answer("submit/bad", {"json": {"job": "bad"}})
        self.service.answer("poll/bad", {"json": {"state": "failed", "error": {"message": "no luck"}}})
        bad = self.begin(self.spec_of("bad"))
        data = self.fails(self.begin(self.reader(v=f"{{result:{bad}}}")), kind="dependency")
        self.assertIn("no luck", data["message"])

    def test_what_is_refused_at_creation(self):
        first = self.made("first")
        for reference, name, words in (
                ("{result:1}", "InvalidSpec", "submit.json.v: a reference to a result has the id"),
                (f"{{result:{first}x}}", "InvalidSpec", "a JSON Pointer follows the id"),
                ("{result:01902f6e-0000-7000-8000-00000000000a}", "NotFound", "01902f6e-0000-7000-8000-00000000000a")):
            self.assert_rpc_error(name, self.begin, self.reader(v=reference), says=words)

    def test_what_a_result_says_is_no_template(self):
        self.credential("key", "s3cret")
        first = self.made("first", value="{credential} {result:x}")
        last = self.begin({**self.reader(v=f"{{result:{first}}}", w="{p}"), "credential": "key",
                           "params": {"p": f"{{result:{first}}}"}})
        self.result(last)
        self.assertEqual(self.bodies("last"), [{"v": "{credential} {result:x}", "w": "{credential} {result:x}"}])

    def test_a_credential_does_not_go_where_only_a_result_leads(self):
        self.credential("key", "s3cret")
        other = self.another_service()
        other.answer("poll", DONE)
        first = self.made("first", value=other.url)
        made = self.begin({"base": self.service.url, "credential": "key", "headers": {"Authorization": "Bearer {credential}"},
                           "poll": {"url": f"{{+result:{first}}}/poll/1", "rules": ENDS}, "polling": QUICK})
        self.assertEqual(self.json_result(made), [1, 2])
        self.assertNotIn("authorization", other.requests()[-1]["headers"])

    def test_after_a_tail_call(self):
        first = self.made("first", polls=6, value={"n": 5})
        self.operation("second", of=first)
        self.operation("last")
        third = self.doubled(self.spec_of("last"))
        third["submit"]["json"] = {"n": "{{result:{of}/n}}"}
        made = self.begin(self.spec_of("second", self.then({"of": {"body": "/of"}}, spec=third)))
        self.assertEqual(self.json_result(made), "last")
        self.assertEqual(self.bodies("last"), [{"n": 5}])
        self.assertEqual(self.snapshot(made)["after"], [first])

    def test_with_after(self):
        slow = self.made("slow", polls=4)
        self.operation("first", ids=[slow])
        self.operation("last")
        made = self.begin(self.spec_of("first", self.then({"ids": {"body": "/ids"}}, after="{ids}",
                                                          spec=self.doubled(self.spec_of("last")))))
        self.result(made)
        self.assertEqual(self.order(), ["slow", "first", "last"])
        self.assertGreaterEqual(self.count("poll", "slow"), 5)

    def test_cycles_are_refused(self):
        self.operation("first", polls=20)
        self.service.answer("submit/second", {"json": {"job": "second"}})
        first = self.begin(self.spec_of("first", self.then({"next": {"body": "/next"}}, after=["{next}"],
                                                           spec=self.doubled(self.spec_of("second")))))
        waits = self.begin(self.reader(v=f"{{result:{first}}}"))
        self.service.answer("poll/first", {"json": {"state": "done", "value": 1, "next": waits}})
        data = self.fails(first, kind="dependency")
        self.assertIn(f"a cycle: {waits} waits for this one", data["message"])
        self.fails(waits, kind="dependency")
        self.assertEqual(self.order(), ["first"])


if __name__ == "__main__":
    harness.main()
