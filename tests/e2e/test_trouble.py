"""test_trouble.py - subscribers hear of requests that failed and are tried again."""
import harness
from harness import wait_until
from scripts import DONE, ENDS, PENDING, ScriptTest

STEADY = {"initial": 0.1, "maximum": 0.1, "multiplier": 1, "jitter": "none"}
BUSY = {"status": 503}


class Trouble(ScriptTest):
    def subscribe(self, **params):
        client = self.client()
        client.call("future.subscribe", params)
        return client

    def events_to(self, client, state):
        """The events that come, up to the one in which it is in that state."""
        events = []
        while not events or events[-1]["state"] != state:
            events.append(client.next_notification()[1][0])
        return events

    def troubles(self, events):
        return [event for event in events if event["event"] == "trouble"]

    def test_each_failure(self):
        client = self.subscribe()
        self.poll_answers(PENDING, BUSY, {"status": 500}, PENDING, BUSY, DONE)
        made = self.start(retry=STEADY)
        events = self.events_to(client, "succeeded")
        troubles = self.troubles(events)
        self.assertEqual(len(troubles), 3)
        self.assertEqual([event["attempts"] for event in troubles], [1, 2, 1])
        for event, status in zip(troubles, (503, 500, 503)):
            self.assertEqual((event["id"], event["state"]), (made, "running"))
            self.assertIn(str(status), event["message"])
        numbers = [event["seq"] for event in events]
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertEqual(events[-1]["event"], "changed")
        self.assertNotIn("message", events[-1])

    def test_nobody_there(self):
        client = self.subscribe()
        made = self.begin({**self.spec(), "base": "http://127.0.0.1:1"}, timeout=1)
        troubles = self.troubles(self.events_to(client, "failed"))
        self.assertGreater(len(troubles), 1)
        # the number is that of the moment in which the event is sent
        attempts = [event["attempts"] for event in troubles]
        self.assertEqual(attempts, sorted(attempts))
        self.assertTrue(all(count > place for place, count in enumerate(attempts)), attempts)
        self.assertTrue(all(event["message"] for event in troubles))
        self.fails(made, kind="deadline")

    def test_the_one_that_ends_it_is_none(self):
        client = self.subscribe()
        self.poll_answers(BUSY)
        made = self.start(retry={**STEADY, "timeout": 0.35})
        troubles = self.troubles(self.events_to(client, "failed"))
        self.assertEqual(len(troubles), self.fails(made, kind="retry_exhausted")["attempts"] - 1)

    def test_the_newest_is_in_the_log_across_a_crash(self):
        self.poll_answers({"json": {"state": "working", "done": 5}}, BUSY)
        working = {"when": {"body": {"/state": "working"}}, "then": "pending", "progress": "/done"}
        made = self.start({"rules": [*ENDS, working]}, retry=STEADY)
        wait_until(lambda: self.snapshot(made)["attempts"] > 2, "some failures")
        self.rpc.call("future.pause", {"id": made})
        wait_until(lambda: self.service.stats()["concurrent"] == 0 and self.rpc.call("server.stats")["in_flight"] == 0,
                   "the last answer")
        attempts = self.snapshot(made)["attempts"]
        self.restart()
        client = self.subscribe(ids=[made], since=0)
        replayed = [client.next_notification()[1][0] for _ in range(3)]
        self.assertEqual([event["event"] for event in replayed], ["created", "changed", "trouble"])
        last = replayed[-1]
        self.assertEqual((last["attempts"], last["progress"]), (attempts, "5"))
        self.assertIn("503", last["message"])
        self.poll_answers(BUSY, DONE)
        self.rpc.call("future.resume", {"id": made})
        after = self.events_to(client, "succeeded")
        self.assertEqual([event["event"] for event in after], ["trouble", "changed"])
        self.assertGreater(after[0]["seq"], last["seq"])


if __name__ == "__main__":
    harness.main()
