"""test_steps.py - the daemon is killed between any two steps of submit, poll, fetch and ack."""
import harness
from harness import QUICK, wait_until
from scripts import ScriptTest

# What one future asks for when nothing goes wrong.
STEPS = ("submit", "poll", "poll", "fetch", "ack")
RESULT = "the result \u2713\n"
KILLS = 8


class Steps(ScriptTest):
    """The service is a script, so that a second attempt of a step gets the first one's answer: the operation is there."""

    job = 0

    def answers(self):
        # an ack whose answer got lost is sent again: it must not be taken for the next job's
        self.job += 1
        self.service.answer("submit", {"status": 202, "json": {"id": f"j{self.job}"}})
        # the operation is over once the daemon has seen that it is not
        self.service.answer("poll", {"json": {"state": "working"}}, {"json": {"state": "done", "file": "f1"}})
        self.service.answer("fetch", {"text": RESULT, "headers": {"Content-Type": "text/plain"}})
        self.service.answer("ack", {"status": 202})

    def start_one(self, **more):
        """A future that takes all the steps."""
        rules = [{"when": {"body": {"/state": "done"}}, "then": "fetch", "capture": {"file": {"body": "/file"}}}]
        submit = {"url": "/submit", "json": {"n": 1}, "idempotency": "Idempotency-Key", "capture": {"job": {"body": "/id"}}}
        return self.start({"url": "/poll/{job}", "rules": rules}, submit=submit, fetch={"url": "/fetch/{file}"},
                          ack={"url": "/ack/{job}"}, **more)

    def begin_again(self):
        wait_until(lambda: self.rpc.call("server.stats")["in_flight"] == 0, "the last answers")
        self.service.reset()
        self.answers()

    def kinds(self):
        return [entry["kind"] for entry in self.requests() if entry["kind"] != "ack" or entry["name"] == f"j{self.job}"]

    def check(self, made):
        """What holds whenever the daemon was killed."""
        self.assertEqual(self.result(made), RESULT.encode())
        self.seen(1, "ack", f"j{self.job}")
        self.assertEqual(len({entry["headers"]["idempotency-key"] for entry in self.requests("submit")}), 1)
        kinds = self.kinds()
        self.assertEqual(set(kinds[kinds.index("ack"):]), {"ack"}, "asked the service for what it may have forgotten")
        self.assertEqual(sorted(kinds, key=list(dict.fromkeys(STEPS)).index), kinds, "a step back")

    def hold(self, step):
        """Keep back the answer to the request that is that step."""
        kind, before = STEPS[step], STEPS[:step].count(STEPS[step])
        self.service.fault({"kind": kind, "skip": before, "effect": True, "hold": True})
        return kind, before + 1

    def test_killed_before_the_answer_to_each_step(self):
        for step, name in enumerate(STEPS):
            with self.subTest(step=step, kind=name):
                self.begin_again()
                kind, count = self.hold(step)
                made = self.start_one()
                self.seen(count, kind)
                self.restart()
                self.check(made)
                # what was answered before the kill was not asked for again, but for the poll that said "working"
                self.assertEqual(self.count("submit"), 2 if name == "submit" else 1)
                self.assertEqual(self.count("fetch"), 2 if name == "fetch" else 1)
                self.assertLessEqual(self.count("poll"), 3)

    def test_killed_while_each_answer_is_on_its_way(self):
        for step, kind in enumerate(STEPS):
            with self.subTest(step=step, kind=kind):
                self.begin_again()
                made = self.start_one()
                self.seen(STEPS[:step + 1].count(kind), kind)
                self.restart()
                self.check(made)

    def test_killed_again_and_again(self):
        self.begin_again()
        kinds = tuple(dict.fromkeys(STEPS))
        self.service.fault(*({"kind": kind, "effect": True, "hold": True, "times": 2} for kind in kinds))
        made = self.start_one()
        for kind in kinds:
            for count in (1, 2):
                self.seen(count, kind)
                self.restart()
        self.seen(3, "ack")
        self.check(made)

    def test_killed_at_any_request(self):
        for count in range(1, KILLS + 1):
            self.begin_again()
            made = [self.start_one(polling=QUICK) for _ in range(3)]
            self.seen(count, None)
            self.restart()
            for some_id in made:
                self.assertEqual(self.result(some_id), RESULT.encode())
            keys = {entry["headers"]["idempotency-key"] for entry in self.requests("submit")}
            self.assertEqual(len(keys), len(made))

    def test_never_an_ack_before_the_result_is_stored(self):
        self.begin_again()
        self.hold(STEPS.index("ack"))
        made = self.start_one()
        self.seen(1, "ack")
        self.daemon.kill()
        self.service.reset()                                # it has forgotten all of it
        self.daemon.start()
        self.rpc = self.client(errors="map")
        self.assertEqual(self.result(made, 0), RESULT.encode())
        self.seen(1, "ack")
        self.assertEqual(set(self.kinds()), {"ack"})

    def test_the_ack_is_not_sent_again_once_it_was_answered(self):
        self.begin_again()
        made = self.start_one()
        self.seen(1, "ack")
        wait_until(lambda: self.service.stats()["concurrent"] == 0, "the answer to the ack")
        self.check(made)
        other = self.start_one()                            # what comes after it is durable with it
        self.result(other)
        self.seen(2, "ack")
        acks = self.count("ack")
        self.restart()
        last = self.start_one()
        self.result(last)
        wait_until(lambda: self.count("ack") > acks, "the last one's ack")
        self.assertLessEqual(self.count("ack"), acks + 2)

    def test_nothing_is_acked_that_ended_here(self):
        self.begin_again()
        self.service.answer("poll", {"json": {"state": "working"}})
        made = self.start_one(polling={**QUICK, "timeout": 0.3})
        self.fails(made, kind="deadline")
        self.restart()
        self.begin_again()
        self.check(self.start_one())
        self.assertEqual(self.count("ack"), 1)


class Submits(ScriptTest):
    """A submit that the service may have seen."""

    def killed(self, **more):
        self.service.answer("submit", {"json": {"id": 1}}, {"json": {"id": 2}})
        self.service.answer("poll", {"json": {"state": "done", "value": 5}})
        self.service.fault({"kind": "submit", "effect": True, "hold": True})
        submit = {"url": "/submit", "json": {}, "capture": {"job": {"body": "/id"}}, **more.pop("submit", {})}
        made = self.start({"url": "/poll/{job}"}, submit=submit, **more)
        self.seen(1, "submit")
        self.restart()
        return made

    def test_without_idempotency_it_is_not_sent_again(self):
        self.fails(self.killed(), kind="submit_unknown")
        self.assertEqual((self.count("submit"), self.count("poll")), (1, 0))

    def test_with_resubmit_it_is_sent_again(self):
        self.assertEqual(self.json_result(self.killed(resubmit=True)), 5)
        self.assertEqual(self.targets(), ["/poll/2"])

    def test_with_idempotency_it_is_sent_again_with_the_same_value(self):
        self.assertEqual(self.json_result(self.killed(submit={"idempotency": "X-Key"})), 5)
        first, second = self.requests("submit")
        self.assertEqual(first["headers"]["x-key"], second["headers"]["x-key"])
        self.assertEqual(first["body"], second["body"])

    def test_two_futures_have_two_values(self):
        self.service.answer("submit", {"json": {"id": 1}})
        self.service.answer("poll", {"json": {"state": "done", "value": 5}})
        submit = {"url": "/submit", "idempotency": "X-Key", "capture": {"job": {"body": "/id"}}}
        for made in [self.start({"url": "/poll/{job}"}, submit=submit) for _ in range(2)]:
            self.result(made)
        self.assertEqual(len({entry["headers"]["x-key"] for entry in self.requests("submit")}), 2)


if __name__ == "__main__":
    harness.main()
