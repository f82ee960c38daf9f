"""test_depend.py - futures that wait for others, and nobody there to look after them."""
import harness
from harness import wait_until
from rpc import RpcError
from scripts import DONE, PENDING, ScriptTest

MANY = 1000


class Depend(ScriptTest):
    def job(self, name, *answers, **more):
        """A future whose poll is about that name; the service answers it so."""
        self.poll_answers_of(name, *(answers or (DONE,)))
        return self.begin(self.spec({"url": f"/poll/{name}"}), **more)

    def poll_answers_of(self, name, *answers):
        self.service.answer(f"poll/{name}", *answers)

    def failed(self, code=1):
        return {"json": {"state": "failed", "error": {"code": code, "message": "boom"}}}

    def held(self, some_id):
        snapshot = self.snapshot(some_id)
        self.assertEqual((snapshot["state"], snapshot.get("held"), snapshot.get("condition")), ("pending", True, "waiting"))
        return snapshot

    def assert_dependency(self, some_id, on, says):
        message = self.fails(some_id, kind="dependency")["message"]
        self.assertIn(on, message)
        self.assertIn(says, message)

    def test_one_after_another(self):
        first = self.job("first", PENDING)
        second = self.job("second", after=[first])
        self.seen(1, "poll", "first")
        self.assertEqual(self.held(second)["after"], [first])
        self.assertEqual(self.count("poll", "second"), 0)
        self.poll_answers_of("first", DONE)
        self.assertEqual(self.json_result(second), [1, 2])
        snapshot = self.snapshot(second)
        self.assertEqual((snapshot.get("held"), snapshot.get("condition"), snapshot["after"]), (None, None, [first]))
        self.assertEqual([entry["name"] for entry in self.requests("poll")][-1], "second")

    def test_a_failure_goes_down_the_chain(self):
        first = self.job("first", PENDING)
        second = self.job("second", after=[first])
        third = self.job("third", after=[second])
        self.poll_answers_of("first", self.failed())
        self.assert_dependency(second, first, "boom")
        self.assert_dependency(third, second, "boom")
        self.assertEqual(self.count("poll", "second") + self.count("poll", "third"), 0)
        self.assert_dependency(self.job("late", after=[first]), first, "boom")

    def test_cancelled_and_forgotten(self):
        first = self.job("first", PENDING)
        second = self.job("second", after=[first])
        self.rpc.call("future.cancel", {"id": first})
        self.assert_dependency(second, first, "was cancelled")
        done = self.job("done")
        self.result(done)
        third = self.job("third", after=[done, self.job("slow", PENDING)])
        self.rpc.call("future.forget", {"id": done})
        self.assert_dependency(third, done, "was forgotten")

    def test_a_held_one_is_cancelled_at_once(self):
        first = self.job("first", PENDING)
        cancel = {"cancel": {"url": "/cancel/1"}}
        second = self.begin(self.spec({"url": "/poll/second"}, **cancel), after=[first])
        self.assertEqual(self.rpc.call("future.cancel", {"id": second}), {"cancelled": True, "state": "cancelled"})
        self.assertEqual(self.count("cancel") + self.count("poll", "second"), 0)
        self.assertEqual(self.snapshot(first)["state"], "running")

    def test_a_deadline_counts_from_the_creation(self):
        first = self.job("first", PENDING)
        self.fails(self.job("second", after=[first], timeout=0.2), kind="deadline")

    def test_a_diamond(self):
        top = self.job("top", PENDING)
        left, right = self.job("left", PENDING, after=[top]), self.job("right", PENDING, after=[top])
        bottom = self.job("bottom", after=[left, right])
        self.poll_answers_of("top", DONE)
        self.seen(1, "poll", "left")
        self.seen(1, "poll", "right")
        self.poll_answers_of("left", DONE)
        self.result(left)
        self.held(bottom)
        self.poll_answers_of("right", DONE)
        self.result(bottom)
        names = [entry["name"] for entry in self.requests("poll")]
        self.assertEqual(list(dict.fromkeys(names))[0], "top")
        self.assertEqual(names[-1], "bottom")

    def test_a_thousand_after_one(self):
        first = self.job("first", PENDING)
        self.poll_answers_of("x", DONE)
        numbers = [self.rpc.send("future.create", {"spec": self.spec({"url": "/poll/x"}), "after": [first]})
                   for _ in range(MANY)]
        ids = [self.rpc.reply(number)["id"] for number in numbers]
        self.assertEqual(self.count("poll", "x"), 0)
        self.restart()
        self.poll_answers_of("first", DONE)
        reply = self.rpc.call("future.wait", {"ids": ids, "timeout": harness.PATIENCE})
        self.assertEqual(set(reply["states"]), {"succeeded"})
        self.assertGreater(self.count("poll", "x"), 0)      # equal ones on their way are one

    def test_a_thousand_fail_with_one(self):
        first = self.job("first", PENDING)
        numbers = [self.rpc.send("future.create", {"spec": self.spec({"url": "/poll/x"}), "after": [first]})
                   for _ in range(MANY)]
        ids = [self.rpc.reply(number)["id"] for number in numbers]
        self.poll_answers_of("first", self.failed())
        reply = self.rpc.call("future.wait", {"ids": ids, "timeout": harness.PATIENCE})
        self.assertEqual(set(reply["states"]), {"failed"})
        self.assertEqual(self.count("poll", "x"), 0)

    def test_three_operations_with_no_client_alive(self):
        self.service.answer("submit", {"json": {"id": "j"}})
        submit = {"url": "/submit/{n}", "idempotency": "Idempotency-Key"}
        chain, after = [], {}
        for n in "abc":
            self.poll_answers_of(n, PENDING, PENDING, DONE)
            spec = self.spec({"url": "/poll/{n}"}, submit=submit)
            chain.append(self.rpc.call("future.create", {"spec": spec, "params": {"n": n}, **after})["id"])
            after = {"after": [chain[-1]]}
        self.rpc.close()
        self.seen(3, "poll", "c")
        self.rpc = self.client(errors="map")
        self.result(chain[-1])
        kinds = [(entry["kind"], entry["name"]) for entry in self.requests()]
        self.assertEqual(kinds, [step for n in "abc" for step in [("submit", n)] + [("poll", n)] * 3])

    def test_killed_at_each_step(self):
        """The first three are a chain, the last waits for all of them and fails with the one that fails."""
        for step, (kind, name) in enumerate([("poll", "a"), ("poll", "b"), ("poll", "c"), ("poll", "bad"), (None, None)]):
            with self.subTest(step=step):
                wait_until(lambda: self.rpc.call("server.stats")["in_flight"] == 0, "the last answers")
                self.service.reset()
                a = self.job("a", PENDING, DONE)
                b = self.job("b", PENDING, DONE, after=[a])
                c = self.job("c", PENDING, DONE, after=[a, b])
                bad = self.job("bad", PENDING, self.failed(), after=[c])
                never = self.job("never", after=[c, bad])
                if kind:
                    self.seen(1, kind, name)
                self.restart()
                self.assertEqual(self.json_result(c), [1, 2])
                self.assert_dependency(never, bad, "boom")
                order = list(dict.fromkeys(entry["name"] for entry in self.requests("poll")))
                self.assertEqual(order, ["a", "b", "c", "bad"])
                self.restart()
                self.assert_dependency(never, bad, "boom")

    def test_what_happened_while_the_daemon_was_down(self):
        """What a future waits for is over, durably, and the daemon dies with that commit."""
        for _ in range(20):
            first = self.job("first", DONE)
            second = self.job("second", after=[first])
            wait_until(lambda f=first: self.snapshot(f)["state"] == "succeeded", "the end")
            self.restart()
            self.result(second)

    def test_one_that_is_waited_for_is_kept(self):
        first = self.job("first", ttl=0.1)
        slow = self.job("slow", PENDING)
        last = self.job("last", after=[first, slow])
        free = self.job("free", ttl=0.1)
        wait_until(lambda: self.gone(free), "the end of the other's time")
        self.assertEqual(self.snapshot(first)["state"], "succeeded")
        self.restart()
        self.assertEqual(self.snapshot(first)["state"], "succeeded")
        self.poll_answers_of("slow", DONE)
        self.result(last)
        wait_until(lambda: self.gone(first), "the end of its time")

    def gone(self, some_id):
        try:
            self.snapshot(some_id)
        except RpcError as error:
            return error.name == "NotFound"
        return False

    def test_ids_that_are_not_there(self):
        mine, other = self.job("mine", PENDING), "01900000-0000-7000-8000-000000000001"

        def refused(name, after, says):
            self.assert_rpc_error(name, self.rpc.call, "future.create", {"spec": self.spec(), "after": after}, says=says)
        refused("NotFound", [mine, other], f"after[1]: no such future {other}")
        refused("InvalidArgument", ["nonsense"], "after")
        refused("InvalidArgument", [mine] * 4097, "at most 4096")
        self.assertEqual(self.snapshot(self.job("x", after=[mine] * 5))["after"], [mine])

    def test_a_key_stands_for_what_it_waits_for(self):
        first, other = self.job("first", PENDING), self.job("other", PENDING)
        params = {"spec": self.spec({"url": "/poll/x"}), "key": "nightly", "after": [first]}
        made = self.rpc.call("future.create", params)
        again = self.rpc.call("future.create", params)
        self.assertEqual((again["id"], again["created"]), (made["id"], False))
        self.assert_rpc_error("KeyConflict", self.rpc.call, "future.create", {**params, "after": [other]})
        self.assert_rpc_error("KeyConflict", self.rpc.call, "future.create", {**params, "delay": 5})
        self.rpc.call("future.cancel", {"id": first})
        self.fails(made["id"], kind="dependency")
        self.rpc.call("future.forget", {"id": first})
        self.assertFalse(self.rpc.call("future.create", params)["created"])

    def test_promises(self):
        promise = self.begin({"kind": "promise"})
        later = self.begin({"kind": "promise"}, after=[promise])
        last = self.job("last", after=[later])
        self.assert_rpc_error("InvalidState", self.rpc.call, "future.claim", {"id": later}, says="held")
        self.restart()
        self.held(later)
        self.rpc.call("future.resolve", {"id": promise, "result": "5", "content_type": "application/json"})
        wait_until(lambda: "held" not in self.snapshot(later), "the end of the hold")
        self.assertEqual(self.snapshot(later)["state"], "pending")
        claim = self.rpc.call("future.claim", {"id": later, "lease": 60})["claim"]
        self.restart()
        self.held(last)
        self.rpc.call("future.resolve", {"id": later, "claim": claim, "result": "6"})
        self.result(last)

    def test_a_retry_waits_again(self):
        first = self.job("first", PENDING)
        second = self.job("second", after=[first])
        self.rpc.call("future.cancel", {"id": second})
        again = self.rpc.call("future.retry", {"id": second})["id"]
        self.assertEqual(self.held(again)["after"], [first])
        self.poll_answers_of("first", DONE)
        self.result(again)


if __name__ == "__main__":
    harness.main()
