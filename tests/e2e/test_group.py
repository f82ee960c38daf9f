"""test_group.py - futures over others: all of them, any of them, the first exception."""
import base64
import json

import harness
from harness import wait_until
from scripts import DONE, PENDING, ScriptTest

MANY = 1000
FAILED = {"json": {"state": "failed", "error": {"code": 7, "message": "b\u00f6om"}}}


class Group(ScriptTest):
    def job(self, name, *answers, **more):
        self.service.answer(f"poll/{name}", *(answers or (DONE,)))
        return self.begin(self.spec({"url": f"/poll/{name}"}), **more)

    def group(self, of, until=None, **more):
        return self.begin({"kind": "group", "of": of, **({"until": until} if until else {})}, **more)

    def promise(self, result=None, content_type="application/json"):
        made = self.begin({"kind": "promise"})
        if result is not None:
            self.rpc.call("future.resolve", {"id": made, "result": result, "content_type": content_type})
        return made

    def held(self, some_id):
        snapshot = self.snapshot(some_id)
        self.assertEqual((snapshot["kind"], snapshot["state"], snapshot.get("condition")), ("group", "pending", "waiting"))
        return snapshot

    def members(self, group):
        reply = self.rpc.call("future.result", {"id": group})
        self.assertEqual(reply["content_type"], "application/json")
        return json.loads(reply["result"])

    def test_all_of_them(self):
        one, two = self.job("one", PENDING), self.job("two")
        text, failed = self.promise("plain \u2713".encode(), "text/plain"), self.job("failed", FAILED)
        cancelled = self.job("cancelled", PENDING)
        of = [one, two, text, failed, cancelled, one]
        group = self.group(of)
        self.assertEqual(self.held(group)["after"], of[:5])
        self.rpc.call("future.cancel", {"id": cancelled})
        self.held(group)
        self.service.answer("poll/one", DONE)
        members = self.members(group)
        self.assertEqual([member["id"] for member in members], of)
        self.assertEqual([member["state"] for member in members],
                         ["succeeded", "succeeded", "succeeded", "failed", "cancelled", "succeeded"])
        self.assertEqual([members[0]["result"], members[1]["result"], members[5]["result"]], [[1, 2]] * 3)
        self.assertEqual((members[0]["content_type"], members[0]["size"]), ("application/json", 6))
        self.assertEqual(base64.b64decode(members[2]["base64"]).decode(), "plain \u2713")
        self.assertEqual(members[3]["error"], {"kind": "remote", "message": "b\u00f6om", "code": "7", "http_status": 200})
        self.assertNotIn("result", members[4])
        snapshot = self.snapshot(group)
        self.assertEqual((snapshot["requests"], snapshot.get("held")), (0, None))

    def test_bytes_are_verbatim(self):
        odd = b' {"n":9007199254740993, "f":1.10,\n"big":123456789012345678901234567890, "s":"\\u00e9\\/"} '
        group = self.group([self.promise(odd), self.promise(b""), self.promise(b"{"), self.promise(b"\xff\x00", "a/b")])
        whole = self.result(group)
        self.assertIn(b'"result":' + odd + b"}", whole)
        self.assertEqual([member.get("base64") for member in json.loads(whole)], [None, "", "ew==", "/wA="])

    def test_a_content_type_that_is_no_text(self):
        """A service may say anything in a header; everything that clients get is text nevertheless."""
        self.service.answer("poll/odd", {"headers": {"Content-Type": "text/caf\xe9"}, "text": "x"})
        odd = self.begin(self.spec({"url": "/poll/odd", "rules": [{"when": {"status": 200}, "then": "success"}]}))
        self.assertEqual(self.members(self.group([odd])), [{"id": odd, "state": "succeeded", "size": 1, "base64": "eA=="}])
        self.assertNotIn("content_type", self.snapshot(odd))
        self.assertEqual(self.rpc.call("future.result", {"id": odd})["result"], b"x")

    def test_nobody(self):
        for until in (None, "all", "any", "first_exception"):
            self.assertEqual(self.result(self.group([], until)), b"[]")

    def test_any_of_them(self):
        one, two = self.job("one", PENDING), self.job("two", PENDING)
        group = self.group([one, two], "any")
        self.seen(2, "poll")
        self.held(group)
        self.service.answer("poll/two", FAILED)
        self.assertEqual([member["state"] for member in self.members(group)], ["running", "failed"])

    def test_the_first_exception(self):
        one, two, three = self.job("one", PENDING), self.job("two", PENDING), self.job("three", PENDING)
        group = self.group([one, two, three], "first_exception")
        self.rpc.call("future.cancel", {"id": one})
        self.held(group)
        self.service.answer("poll/two", FAILED)
        message = self.fails(group, kind="dependency")["message"]
        self.assertIn(two, message)
        self.assertIn("b\u00f6om", message)
        fine = self.group([one, three], "first_exception")
        self.service.answer("poll/three", DONE)
        self.assertEqual([member["state"] for member in self.members(fine)], ["cancelled", "succeeded"])

    def test_a_forgotten_member(self):
        done, slow = self.job("done"), self.job("slow", PENDING)
        self.result(done)
        group = self.group([done, slow])
        self.rpc.call("future.forget", {"id": done})
        self.restart()
        self.service.answer("poll/slow", DONE)
        self.assertEqual(self.members(group)[0], {"id": done, "state": "forgotten"})

    def test_a_cancelled_group(self):
        one = self.job("one", PENDING)
        group = self.group([one])
        self.assertEqual(self.rpc.call("future.cancel", {"id": group}), {"cancelled": True, "state": "cancelled"})
        self.service.answer("poll/one", DONE)
        self.result(one)

    def test_members_are_kept(self):
        brief, slow = self.job("brief", ttl=0.1), self.job("slow", PENDING)
        group = self.group([brief, slow])
        other = self.job("other", ttl=0.1)
        self.assertEqual(self.events_until(other, "forgotten"), "forgotten")
        self.restart()
        self.service.answer("poll/slow", DONE)
        self.assertEqual(self.members(group)[0]["result"], [1, 2])
        self.assertEqual(self.events_until(brief, "forgotten"), "forgotten")

    def events_until(self, some_id, event):
        events = self.client()
        events.call("future.subscribe", {"since": 0})
        while True:
            told = events.next_notification()[1][0]
            if (told["id"], told["event"]) == (some_id, event):
                return event

    def test_a_thousand_members(self):
        self.service.answer("poll/x", PENDING)
        numbers = [self.rpc.send("future.create", {"spec": self.spec({"url": "/poll/x"})}) for _ in range(MANY)]
        ids = [self.rpc.reply(number)["id"] for number in numbers]
        group = self.group(ids)
        nested = self.group([group] * 3)
        after = self.job("after", after=[nested])
        self.service.answer("poll/x", DONE)
        self.result(after)
        members = self.members(group)
        self.assertEqual([member["id"] for member in members], ids)
        self.assertEqual({member["state"] for member in members}, {"succeeded"})
        self.assertEqual(len(self.members(nested)[2]["result"]), MANY)

    def test_results_that_are_too_much(self):
        large, larger = json.dumps("x" * (250 * 1024)), json.dumps("x" * (257 * 1024))
        group = self.group([self.promise(larger)] + [self.promise(large) for _ in range(40)])
        pieces, size = b"", None
        while size is None or len(pieces) < size:
            reply = self.rpc.call("future.result", {"id": group, "offset": len(pieces)})
            pieces, size = pieces + reply["result"], reply["size"]
        members = json.loads(pieces)
        self.assertEqual((members[0]["size"], "result" in members[0]), (len(larger), False))
        whole = [member for member in members if "result" in member]
        self.assertEqual(whole, members[1:1 + len(whole)])
        self.assertEqual(len(whole), 8 * 1024 * 1024 // len(large))
        self.assertEqual({member["size"] for member in members[1:]}, {len(large)})

    def test_killed_at_each_step(self):
        for step in range(6):
            with self.subTest(step=step):
                wait_until(lambda: self.rpc.call("server.stats")["in_flight"] == 0, "the last answers")
                self.service.reset()
                of = [self.job("a", PENDING, DONE), self.job("b", PENDING, FAILED), self.promise(b"3")]
                everything, first = self.group(of), self.group(of, "first_exception")
                any_one = self.group(of, "any")
                after = self.job("after", after=[everything])
                if step < 4:
                    self.seen(step + 1, "poll")
                elif step == 4:
                    self.result(everything)
                else:
                    self.result(after)
                for _ in range(2):
                    self.restart()
                    self.assertEqual([member["state"] for member in self.members(everything)],
                                     ["succeeded", "failed", "succeeded"])
                    self.assertIn("b\u00f6om", self.fails(first, kind="dependency")["message"])
                    self.assertEqual(self.members(any_one)[2]["result"], 3)
                    self.assertEqual(self.json_result(after), [1, 2])

    def test_a_key(self):
        of = [self.job("one", PENDING), self.job("two", PENDING)]
        params = {"spec": {"kind": "group", "of": of}, "key": "k"}
        made = self.rpc.call("future.create", params)
        self.assertEqual(self.rpc.call("future.create", params)["id"], made["id"])
        self.assert_rpc_error("KeyConflict", self.rpc.call, "future.create",
                              {**params, "spec": {"kind": "group", "of": of[:1]}})

    def test_a_retry(self):
        one = self.job("one", PENDING)
        group = self.group([one])
        self.rpc.call("future.cancel", {"id": group})
        again = self.rpc.call("future.retry", {"id": group})["id"]
        self.held(again)
        self.service.answer("poll/one", DONE)
        self.assertEqual(self.members(again)[0]["state"], "succeeded")

    def test_what_is_refused(self):
        mine, other = self.job("one", PENDING), "01900000-0000-7000-8000-000000000001"
        for name, spec, more, says in [
                ("NotFound", {"of": [mine, other]}, {}, f"of[1]: no such future {other}"),
                ("InvalidSpec", {"of": [mine, "x"]}, {}, "of[1]: must be the id of a future"),
                ("InvalidSpec", {}, {}, "\"of\" is missing"),
                ("InvalidSpec", {"of": [mine] * 4097}, {}, "at most 4096"),
                ("InvalidSpec", {"of": [], "until": "some"}, {}, "until: unknown word"),
                ("InvalidSpec", {"of": [], "base": "http://x"}, {}, "unknown key \"base\""),
                ("InvalidArgument", {"of": [mine]}, {"after": [mine]}, "its members alone")]:
            with self.subTest(says=says):
                self.assert_rpc_error(name, self.rpc.call, "future.create", {"spec": {"kind": "group", **spec}, **more},
                                      says=says)
        self.assertEqual(len(self.members(self.group([self.promise(b"1")] * 4096))), 4096)


if __name__ == "__main__":
    harness.main()
