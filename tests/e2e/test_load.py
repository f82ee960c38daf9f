"""test_load.py - what a service has to bear: no more for many waiters, no more at a time than the limit, nothing too early."""
import random
import time

import harness
from harness import wait_until
from operations import OperationsTest
from scripts import DONE, PENDING, ScriptTest

STEADY = {"initial": 0.2, "maximum": 0.2, "multiplier": 1, "jitter": "none"}
BUSY = {"initial": 0.02, "maximum": 0.05, "multiplier": 1.5, "jitter": 0.5}
PROCESSES = 64
FUTURES = 100
LIMIT = 4
PAUSE = 1.0
# A request that was on its way when the answer with the pause was written may still arrive.
ON_ITS_WAY = 0.2


class Waiters(OperationsTest):
    def polls_with(self, processes, name):
        """Requests for one operation that is over at its eleventh poll, with so many processes waiting."""
        self.google.add(name, polls=None)
        workers = []
        for _ in range(processes):
            made = self.client().call("future.create", self.creation(name, key=name, polling=STEADY))
            workers.append(self.daemon.ctl_start("result", made["id"]))
        wait_until(lambda: self.rpc.call("server.stats")["waits"] >= processes, "all of them wait")
        before = self.google.polled(name)
        self.seen(before + 5, "get", name)
        gaps = self.gaps("get", name)
        self.google.end(name, response=b'{"n": 1}')
        for worker in workers:
            stdout, stderr = worker.communicate(timeout=harness.PATIENCE)
            self.assertEqual((worker.returncode, stdout), (0, b'{"n": 1}'), stderr)
        return gaps

    def test_64_waiting_processes_cost_no_more_than_one(self):
        for processes in (1, PROCESSES):
            gaps = self.polls_with(processes, f"operations/{processes}")
            self.assertGreaterEqual(min(gaps), 0.19, f"{processes} processes")

    def test_64_connections_get_one_answer(self):
        self.google.add("operations/all", polls=None)
        made = self.create("operations/all", polling={"initial": 3600, "maximum": 3600, "jitter": "none"})
        self.seen(1, "get")
        clients = [self.client() for _ in range(PROCESSES)]
        numbers = [client.send("future.result", {"id": made, "timeout": harness.PATIENCE}) for client in clients]
        wait_until(lambda: self.rpc.call("server.stats")["waits"] >= PROCESSES, "all of them wait")
        self.google.end("operations/all", response=b"[1]")
        self.rpc.call("future.refresh", {"id": made})
        for client, number in zip(clients, numbers):
            self.assertEqual(client.reply(number)["result"], b"[1]")
        self.assertEqual(self.google.polled(), 2)


class Limits(ScriptTest):
    def crowd(self, count=FUTURES, **more):
        """So many futures of one bucket."""
        return [self.start({"url": f"/poll/{i}"}, polling=BUSY, **more) for i in range(count)]

    def finish(self, made):
        self.poll_answers(DONE)
        for some_id in made:
            self.assertEqual(self.json_result(some_id), [1, 2])

    def test_never_more_in_flight_than_the_limit(self):
        self.service.fault({"kind": "poll", "delay": 0.02, "times": None})
        self.poll_answers(PENDING)
        made = self.crowd(concurrency=LIMIT)
        self.seen(3 * FUTURES, "poll")
        self.assertEqual(self.service.stats()["max_concurrent"], LIMIT)
        self.finish(made)
        stats = self.service.stats()
        self.assertEqual(stats["max_concurrent"], LIMIT)
        self.assertLessEqual(stats["connections"], 2 * LIMIT)

    def test_the_limit_holds_after_the_power_cord(self):
        self.service.fault({"kind": "poll", "delay": 0.02, "times": None})
        self.poll_answers(PENDING)
        made = self.crowd(concurrency=LIMIT)
        self.seen(FUTURES, "poll")
        self.restart()
        wait_until(lambda: self.service.stats()["concurrent"] <= LIMIT, "the old requests are gone")
        self.finish(made)
        # those of the daemon that was killed are answered until the service notices
        self.assertLessEqual(self.service.stats()["max_concurrent"], 2 * LIMIT)

    def test_everybody_gets_a_turn(self):
        self.service.fault({"kind": "poll", "delay": 0.005, "times": None})
        self.poll_answers(PENDING)
        made = self.crowd(concurrency=LIMIT)
        self.seen(10 * FUTURES, "poll")
        counts = [self.count("poll", str(i)) for i in range(FUTURES)]
        self.assertGreaterEqual(min(counts) * 3, max(counts), counts)
        self.finish(made)

    def test_a_busy_service_does_not_starve_another(self):
        other = self.another_service()
        other.answer("poll", DONE)
        self.service.fault({"kind": "poll", "hold": True, "times": None})
        self.crowd()
        self.seen(1, "poll")
        self.assertEqual(self.json_result(self.begin({**self.spec(), "base": other.url})), [1, 2])


class Pauses(ScriptTest):
    def throttled(self, status, seed):
        """Every so often an answer asks for a pause, while many poll in a hurry; none may come before it is over."""
        draw = random.Random(seed)
        self.poll_answers(PENDING)
        made = [self.start({"url": f"/poll/{i}"}, polling=BUSY) for i in range(30)]
        for _ in range(3):
            self.seen(self.count("poll") + draw.randrange(20, 60), "poll")
            said = self.statuses().count(status)
            self.service.fault({"kind": "poll", "status": status, "headers": {"Retry-After": str(PAUSE)}})
            wait_until(lambda: self.statuses().count(status) > said, "the pause")
        self.poll_answers(DONE)
        for some_id in made:
            self.result(some_id)
        polls = self.requests("poll")
        for i, entry in enumerate(polls):
            if entry["status"] == status:
                early = [later["at"] - entry["at"] for later in polls[i + 1:]
                         if ON_ITS_WAY < later["at"] - entry["at"] < PAUSE - 0.01]
                self.assertEqual(early, [], f"seed {seed}")

    def test_never_before_a_retry_after(self):
        for status in (429, 503):
            self.throttled(status, seed=status)
            self.service.reset()

    def test_a_storm_is_met_with_fewer_and_fewer_requests(self):
        self.poll_answers({"status": 500})
        retry = {"initial": 0.1, "maximum": 2, "multiplier": 2, "jitter": "none"}
        started = time.monotonic()
        made = [self.start({"url": f"/poll/{i}"}, retry=retry) for i in range(20)]
        self.seen(20 * 4, "poll")
        self.assertGreaterEqual(time.monotonic() - started, 0.1 + 0.2 + 0.4)
        for i in range(20):
            for gap, delay in zip(self.gaps("poll", str(i)), (0.1, 0.2, 0.4, 0.8, 1.6, 2)):
                self.assertGreaterEqual(gap, delay - 0.02)
        self.poll_answers(DONE)
        for some_id in made:
            self.result(some_id)


if __name__ == "__main__":
    harness.main()
