"""test_pause.py - what is paused is not asked for, also by the next daemon, until it is resumed."""
import harness
from harness import wait_until
from scripts import DONE, ENDS, PENDING, ScriptTest

# Polls of somebody else's operation that tell that time has passed.
ROUNDS = 8
EVENTS = {"Content-Type": "text/event-stream"}


class PauseTest(ScriptTest):
    def setUp(self):
        super().setUp()
        self.poll_answers(PENDING)
        self.other = self.another_service()
        self.other.answer("poll", PENDING)
        self.clock = self.begin({"base": self.other.url, **self.without_base({"url": "/poll/clock"})})

    def without_base(self, poll):
        return {key: value for key, value in self.spec(poll).items() if key != "base"}

    def of(self, name, **more):
        return self.start({"url": f"/poll/{name}"}, **more)

    def time_passes(self):
        """As long as it takes to ask the other service so often."""
        polls = self.other.call(self.other.count, "poll", "clock")
        self.assertTrue(self.other.wait(polls + ROUNDS, "poll", "clock", harness.PATIENCE))

    def quiet(self):
        """Requests that were under way are answered."""
        wait_until(lambda: self.service.stats()["concurrent"] == 0, "the last answer")

    def not_asked(self):
        """Nothing reaches the service while time passes, nor after a crash."""
        self.quiet()
        before = len(self.requests())
        self.time_passes()
        self.restart()
        self.time_passes()
        self.assertEqual(self.requests()[before:], [])

    def pause(self, **target):
        return self.rpc.call("future.pause", target)["paused"]

    def resume(self, **target):
        return self.rpc.call("future.resume", target)["resumed"]

    def condition(self, some_id):
        return self.snapshot(some_id).get("condition")


class Futures(PauseTest):
    def test_one(self):
        paused, going = self.of("a"), self.of("b")
        self.seen(1, "poll", "a")
        self.assertEqual(self.pause(id=paused), 1)
        self.assertEqual(self.pause(id=paused), 0)
        self.assertEqual((self.condition(paused), self.snapshot(paused)["paused"]), ("paused", True))
        self.quiet()
        before = self.count("poll", "a")
        for crash in (False, True):
            if crash:
                self.restart()
            self.seen(self.count("poll", "b") + ROUNDS, "poll", "b")
            self.rpc.call("future.refresh", {"id": paused})
            self.seen(self.count("poll", "b") + 2, "poll", "b")
            self.assertEqual(self.count("poll", "a"), before)
            self.assertEqual(self.condition(paused), "paused")
        self.assertEqual(self.resume(id=paused), 1)
        self.assertEqual(self.resume(id=paused), 0)
        self.assertIsNone(self.condition(paused))
        self.assertNotIn("paused", self.snapshot(paused))
        self.poll_answers(DONE)
        self.assertEqual(self.json_result(paused), [1, 2])
        self.assertEqual(self.json_result(going), [1, 2])
        self.assertEqual(self.pause(id=paused), 0)

    def test_the_answer_on_its_way_counts(self):
        self.service.fault({"kind": "poll", "hold": True})
        self.poll_answers(DONE)
        made = self.of("a")
        self.seen(1, "poll")
        self.pause(id=made)
        self.service.release()
        self.assertEqual(self.json_result(made), [1, 2])
        self.assertNotIn("paused", self.snapshot(made))

    def test_its_deadline_goes_on(self):
        made = self.begin(self.spec(), timeout=0.5)
        self.pause(id=made)
        self.fails(made, kind="deadline")

    def test_nothing_is_submitted(self):
        self.service.answer("submit", {"json": {"id": 1}})
        self.service.fault({"kind": "submit", "status": 503})
        made = self.of("{job}", submit={"url": "/submit", "idempotency": "X-Key", "capture": {"job": {"body": "/id"}}},
                       retry={"initial": 0.3, "maximum": 0.3, "jitter": "none"})
        self.seen(1, "submit")
        self.pause(id=made)
        self.not_asked()
        self.resume(id=made)
        self.seen(2, "submit")
        self.poll_answers(DONE)
        self.assertEqual(self.json_result(made), [1, 2])

    def test_the_cancel_of_a_paused_one(self):
        self.service.answer("cancel", {"json": {}})
        made = self.of("a", cancel={"url": "/cancel/a"})
        self.seen(1, "poll")
        self.pause(id=made)
        self.assertTrue(self.rpc.call("future.cancel", {"id": made})["cancelled"])
        self.not_asked()
        self.resume(id=made)
        self.seen(1, "cancel")

    def test_by_ids_and_by_labels(self):
        made = [self.begin(self.spec({"url": f"/poll/{i}"}), labels={"run": "ab"[i % 2], "n": str(i)}) for i in range(4)]
        self.assertEqual(self.pause(ids=made[:2] + made[:1]), 2)
        self.assertEqual(self.pause(labels={"run": "a"}), 1)
        self.assertEqual([self.condition(some_id) for some_id in made], ["paused", "paused", "paused", None])
        late = self.begin(self.spec({"url": "/poll/late"}), labels={"run": "a"})
        self.assertIsNone(self.condition(late))
        self.restart()
        self.assertEqual([self.condition(some_id) for some_id in made], ["paused", "paused", "paused", None])
        self.assertEqual(self.resume(labels={"run": "a"}), 2)
        self.assertEqual(self.resume(ids=made), 1)
        self.poll_answers(DONE)
        for some_id in (*made, late):
            self.assertEqual(self.json_result(some_id), [1, 2])
        self.assertEqual(self.pause(labels={"run": "a"}), 0)
        self.assertEqual(self.pause(labels={"run": "nobody"}), 0)

    def test_what_is_refused(self):
        made = self.of("a")
        for method in ("future.pause", "future.resume"):
            for params, says in (({}, "exactly one"), ({"id": made, "labels": {"a": "b"}}, "exactly one"),
                                 ({"ids": []}, "ids"), ({"labels": {}}, "labels"), ({"orign": "x"}, "origin"),
                                 ({"origin": "not a url"}, "origin"), ({"origin": "ftp://x"}, "origin"),
                                 ({"origin": "https://x/path"}, "a host and a port")):
                self.assert_rpc_error("InvalidArgument", self.rpc.call, method, params, says=says)
            nobody = "01900000-0000-7000-8000-000000000001"
            self.assert_rpc_error("NotFound", self.rpc.call, method, {"ids": [made, nobody]}, says=["ids[1]", nobody])
        self.assertIsNone(self.condition(made))


class Origins(PauseTest):
    def origin(self):
        return self.service.url

    def test_everything_of_it(self):
        self.service.answer("submit", {"json": {"id": 1}})
        self.service.answer("beat", {"json": {}})
        self.service.answer("cancel", {"json": {}})
        self.service.answer("poll/fetching", {"json": {"state": "there"}})
        self.service.answer("fetch", {"text": "five"})
        self.service.answer("ack", {"status": 202})
        self.service.answer("poll/acked", DONE)
        self.service.fault({"kind": "poll", "name": "fetching", "hold": True}, {"kind": "poll", "name": "acked", "hold": True})
        polled = self.of("polled", keepalive={"url": "/beat/s", "every": 1})
        cancelled = self.of("cancelled", cancel={"url": "/cancel/it"})
        fetching = self.start({"url": "/poll/fetching", "rules": [{"when": {"body": {"/state": "there"}}, "then": "fetch"}]},
                              fetch={"url": "/fetch/it"})
        acked = self.of("acked", ack={"url": "/ack/it"})
        for name in ("polled", "cancelled", "fetching", "acked"):
            self.seen(1, "poll", name)
        self.seen(1, "beat")
        self.assertEqual(self.pause(origin=self.origin()), 4)
        self.assertEqual(self.rpc.call("future.pause", {"origin": self.origin()}), {"paused": 0, "origins": [self.origin()]})
        self.service.release()
        self.result(acked)
        self.rpc.call("future.cancel", {"id": cancelled})
        submitted = self.of("{job}", submit={"url": "/submit", "capture": {"job": {"body": "/id"}}})
        for some_id in (polled, cancelled, fetching, submitted):
            self.assertEqual(self.condition(some_id), "paused")
        self.not_asked()
        self.assertEqual(self.condition(submitted), "paused")
        self.assertEqual((self.count("submit"), self.count("fetch"), self.count("ack"), self.count("cancel")), (0, 0, 0, 0))
        self.assertEqual(self.rpc.call("future.resume", {"origin": self.origin()}), {"resumed": 4, "origins": []})
        for kind in ("submit", "cancel", "ack", "fetch"):
            self.seen(1, kind)
        self.seen(self.count("beat") + 1, "beat")
        self.assertEqual(self.result(fetching), b"five")
        self.restart()
        self.poll_answers(DONE)
        self.assertEqual(self.json_result(polled), [1, 2])
        self.assertEqual(self.json_result(submitted), [1, 2])

    def test_streams_of_events(self):
        self.service.answer("stream", {"text": 'data: {"state": "end"}\n\n', "headers": EVENTS})
        self.service.fault({"kind": "stream", "hold": True, "times": 10})
        made = self.of("a", events={"url": "/stream/1", "wake": {"/state": "end"}})
        self.seen(1, "stream")
        self.pause(origin=self.origin())
        self.not_asked()
        self.resume(origin=self.origin())
        self.seen(2, "stream")
        self.poll_answers(DONE)
        self.assertEqual(self.json_result(made), [1, 2])

    def test_lists_for_many(self):
        names = [str(i) for i in range(5)]
        self.service.answer("list", {"json": {"items": [{"id": name, "state": "working"} for name in names]}})
        polling = {"initial": 0.1, "maximum": 0.1, "multiplier": 1, "jitter": "none",
                   "batch": {"url": "/list/all", "items": "/items", "id": "/id", "is": "{n}"}}
        made = [self.begin({"base": self.service.url, "poll": {"url": "/poll/{n}", "rules": ENDS}, "polling": polling},
                           params={"n": name}) for name in names]
        self.seen(3, "list")
        self.assertEqual(self.pause(ids=made[1:3]), 2)
        self.seen(self.count("list") + 3, "list")
        self.assertEqual(self.pause(origin=self.origin()), 5)
        self.not_asked()
        lists, polls = self.count("list"), self.count("poll")
        self.resume(origin=self.origin())
        self.seen(lists + 3, "list")
        self.assertEqual(self.resume(ids=made), 2)
        self.service.answer("list", {"json": {"items": [{"id": name, "state": "done", "value": name} for name in names]}})
        self.assertEqual([self.json_result(some_id) for some_id in made], names)
        self.assertLessEqual(self.count("poll"), polls + 2, "asked about one by one when it went on")

    def test_it_is_named_in_any_way_that_means_it(self):
        made = self.of("a")
        self.assertEqual(self.pause(origin=self.origin().upper() + "/"), 1)
        self.assertEqual(self.condition(made), "paused")
        default = self.rpc.call("future.pause", {"origin": "HTTPS://Example.ORG"})
        self.assertEqual(sorted(default["origins"]), sorted([self.origin(), "https://example.org:443"]))
        self.assertEqual(self.resume(origin="https://example.org:443"), 0)


if __name__ == "__main__":
    harness.main()
