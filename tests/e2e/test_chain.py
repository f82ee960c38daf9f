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
        self.assertEqual(self.snapshot(made)["profile"], "report")
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


if __name__ == "__main__":
    harness.main()
