"""test_subscribe.py - events: in order, each once, from the log if need be, under the name that was asked for."""
import harness
from operations import OperationsTest


class Subscribe(OperationsTest):
    def events_until(self, client, some_id, state):
        """The events that come, up to the one that says that some_id is in that state."""
        events = []
        while True:
            method, params = client.next_notification()
            self.assertEqual(method, "future.changed")
            events.append(params[0])
            if (params[0]["id"], params[0]["state"]) == (some_id, state):
                return events

    def test_a_whole_life(self):
        client = self.client()
        subscribed = client.call("future.subscribe")
        self.google.add("operations/one", polls=2, response=b"{}")
        made = self.create("operations/one")
        events = self.events_until(client, made, "succeeded")
        self.assertEqual(events[0]["event"], "created")
        self.assertEqual([e["state"] for e in events if e["event"] == "changed"], ["running", "succeeded"])
        numbers = [e["seq"] for e in events]
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertGreater(numbers[0], subscribed["seq"])
        self.assertEqual({e["subscription"] for e in events}, {subscribed["subscription"]})

    def test_a_failure_says_why(self):
        client = self.client()
        client.call("future.subscribe")
        self.google.add("operations/bad", polls=0, error={"code": 3, "message": "no such thing"})
        made = self.create("operations/bad")
        self.assertEqual(self.events_until(client, made, "failed")[-1]["error"]["message"], "no such thing")

    def test_by_ids_and_by_labels(self):
        for i in range(3):
            self.google.add(f"operations/{i}", polls=None)
        made = [self.create(f"operations/{i}", labels={"run": "ab"[i % 2]}) for i in range(3)]
        by_id, by_label = self.client(), self.client()
        by_id.call("future.subscribe", {"ids": [made[1]]})
        by_label.call("future.subscribe", {"labels": {"run": "a"}})
        for i in range(3):
            self.google.end(f"operations/{i}", response=b"{}")
        for some_id in made:
            self.result(some_id)
        self.assertEqual({e["id"] for e in self.events_until(by_id, made[1], "succeeded")}, {made[1]})
        ended, method = set(), None
        while ended != {made[0], made[2]}:
            method, (event,) = by_label.next_notification()
            self.assertIn(event["id"], (made[0], made[2]))
            if event["state"] == "succeeded":
                ended.add(event["id"])
        self.assertEqual(method, "future.changed")

    def test_since_replays_the_log_across_a_crash(self):
        self.google.add("operations/one", polls=1, response=b"{}")
        self.google.add("operations/two", polls=1, response=b"{}")
        client = self.client()
        start = client.call("future.subscribe")["seq"]
        first = self.create("operations/one")
        seen = self.events_until(client, first, "succeeded")
        self.daemon.kill()
        self.daemon.start()
        self.rpc = self.client(errors="map")
        second = self.create("operations/two")
        self.result(second)
        again = self.client()
        self.assertFalse(again.call("future.subscribe", {"since": seen[-1]["seq"]}).get("truncated", False))
        events = self.events_until(again, second, "succeeded")
        self.assertEqual({e["id"] for e in events}, {second})
        self.assertEqual(events[0]["event"], "created")
        whole = self.client()
        whole.call("future.subscribe", {"since": start})
        replayed = self.events_until(whole, second, "succeeded")
        numbers = [e["seq"] for e in replayed]
        self.assertEqual(numbers, sorted(set(numbers)))

        def moves(events):
            return [(e["seq"], e["event"], e["state"]) for e in events
                    if e["id"] == first and e["event"] != "progress"]
        self.assertEqual(moves(replayed), moves(seen))

    def test_method_and_prefix_are_the_subscribers(self):
        self.google.add("operations/one", polls=0, response=b"{}")
        client = self.client()
        client.call("future.subscribe", {"method": "my.event", "prefix": ["the code", 7]})
        made = self.create("operations/one")
        method, params = client.next_notification()
        self.assertEqual(method, "my.event")
        self.assertEqual(params[:2], ["the code", 7])
        self.assertEqual(params[2]["id"], made)

    def test_an_event_in_an_array_of_its_own(self):
        self.google.add("operations/one", polls=0, response=b"{}")
        client = self.client()
        client.call("future.subscribe", {"method": "my.event", "prefix": ["the code"], "wrap": True})
        client.call("future.subscribe", {"method": "nvim_exec_lua", "prefix": ["the code"]})
        made = self.create("operations/one")
        came = {}
        for _ in range(2):
            method, (code, (event,)) = client.next_notification()
            came[method] = (code, event["id"])
        self.assertEqual(came, {"my.event": ("the code", made), "nvim_exec_lua": ("the code", made)})

    def test_unsubscribe(self):
        client = self.client()
        subscription = client.call("future.subscribe")["subscription"]
        self.assertEqual(client.call("future.unsubscribe", {"subscription": subscription}), {})
        self.google.add("operations/one", polls=0, response=b"{}")
        self.result(self.create("operations/one"))
        client.call("server.hello")
        self.assertEqual(client.notifications, [])
        self.assert_rpc_error("NotFound", client.call, "future.unsubscribe", {"subscription": subscription})

    def test_several_subscriptions_of_one_connection(self):
        client = self.client()
        first = client.call("future.subscribe")["subscription"]
        second = client.call("future.subscribe", {"method": "mine"})["subscription"]
        self.google.add("operations/one", polls=None)
        self.create("operations/one")
        got = sorted((method, params[0]["subscription"]) for method, params in
                     (client.next_notification(), client.next_notification()))
        self.assertEqual(got, [("future.changed", first), ("mine", second)])

    def test_a_reader_that_does_not_read_misses_no_end(self):
        slow = self.client()
        slow.call("future.subscribe")
        ids = []
        for i in range(300):
            self.google.add(f"operations/{i}", polls=0, response=b"{}")
            ids.append(self.create(f"operations/{i}", labels={"filler": "x" * 200}))
        self.assertEqual(self.rpc.call("future.wait", {"ids": ids})["not_done"], [])
        ended = set()
        while len(ended) < len(ids):
            event = slow.next_notification()[1][0]
            if event["event"] == "changed" and event["state"] == "succeeded":
                self.assertNotIn(event["id"], ended)
                ended.add(event["id"])

    def test_a_reader_slower_than_the_log_is_not_left_in_the_dark(self):
        self.daemon.stop()
        self.config("[store]\nevents = 1000\n")
        self.daemon.start()
        slow, busy = self.client(), self.client()
        # large events: what lies in the buffers between is few
        slow.call("future.subscribe", {"since": 0, "prefix": ["x" * 8000]})
        spec = {"kind": "promise"}
        for number in [busy.send("future.create", {"spec": spec}) for _ in range(3000)]:
            busy.reply(number)
        slow.expect_closed()
        numbers = [params[1]["seq"] for _, params in slow.notifications]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
        again = self.client()
        self.assertTrue(again.call("future.subscribe", {"since": numbers[-1]})["truncated"])
        self.assertGreater(again.next_notification()[1][0]["seq"], numbers[-1] + 1)


if __name__ == "__main__":
    harness.main()
