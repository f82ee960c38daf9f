"""test_waits.py - future.wait in its three modes, and that a wait never changes a future."""
import time

import harness
from operations import OperationsTest


class Waits(OperationsTest):
    def setUp(self):
        super().setUp()
        self.names = [f"operations/{i}" for i in range(3)]
        for name in self.names:
            self.google.add(name, polls=None)
        self.ids = [self.create(name) for name in self.names]

    def wait(self, **more):
        """Send the wait on a connection of its own; a function that gives its reply."""
        client = self.client()
        number = client.send("future.wait", {"ids": self.ids, "timeout": harness.PATIENCE, **more})
        self.assertGreaterEqual(client.call("server.stats")["waits"], 1)
        return lambda: client.reply(number)

    def test_all_completed(self):
        reply = self.wait()
        self.google.end(self.names[1], response=b"{}")
        self.google.end(self.names[0], error={"code": 3, "message": "bad"})
        self.result(self.ids[1])
        self.google.end(self.names[2], response=b"{}")
        self.assertEqual(reply(), {"done": self.ids, "not_done": [], "states": ["failed", "succeeded", "succeeded"],
                                   "timed_out": False})

    def test_first_completed(self):
        reply = self.wait(return_when="first_completed")
        self.google.end(self.names[1], response=b"{}")
        reply = reply()
        self.assertEqual((reply["done"], reply["not_done"]), ([self.ids[1]], [self.ids[0], self.ids[2]]))
        self.assertEqual(reply["states"][1], "succeeded")

    def test_first_exception_waits_for_all_when_none_failed(self):
        reply = self.wait(return_when="first_exception")
        self.google.end(self.names[0], response=b"{}")
        self.result(self.ids[0])
        self.google.end(self.names[1], error={"code": 1, "message": "a cancelled one does not end it"})
        self.assert_rpc_error("Cancelled", self.result, self.ids[1])
        self.google.end(self.names[2], response=b"{}")
        reply = reply()
        self.assertEqual((reply["states"], reply["not_done"]), (["succeeded", "cancelled", "succeeded"], []))

    def test_first_exception_ends_at_the_first_that_failed(self):
        replies = [self.wait(return_when=mode) for mode in ("first_exception", "first_failure")]
        self.google.end(self.names[2], error={"code": 3, "message": "bad"})
        for reply in replies:
            reply = reply()
            self.assertEqual((reply["done"], reply["not_done"]), ([self.ids[2]], self.ids[:2]))

    def test_a_timeout_ends_the_wait_and_nothing_else(self):
        start = time.monotonic()
        reply = self.rpc.call("future.wait", {"ids": self.ids, "timeout": 0.2})
        self.assertGreaterEqual(time.monotonic() - start, 0.2)
        self.assertEqual((reply["timed_out"], reply["not_done"]), (True, self.ids))
        self.assert_rpc_error("Timeout", self.result, self.ids[0], 0.1)
        self.assert_rpc_error("Timeout", self.result, self.ids[0], 0)
        self.google.end(self.names[0], response=b'{"n": 1}')
        self.assertEqual(self.result(self.ids[0]), b'{"n": 1}')

    def test_looking_once(self):
        reply = self.rpc.call("future.wait", {"ids": self.ids, "timeout": 0})
        self.assertEqual((reply["done"], reply["not_done"]), ([], self.ids))

    def test_duplicates_are_kept_and_order_is_the_callers(self):
        for name in self.names:
            self.google.end(name, response=b"{}")
        ids = [self.ids[2], self.ids[0], self.ids[2]]
        reply = self.rpc.call("future.wait", {"ids": ids})
        self.assertEqual(reply["done"], ids)
        self.assertEqual(len(reply["states"]), 3)

    def test_an_id_that_is_not_there(self):
        self.assert_rpc_error("NotFound", self.rpc.call, "future.wait",
                              {"ids": [self.ids[0], "01900000-0000-7000-8000-000000000000"]}, says="01900000")

    def test_no_ids_are_done_at_once(self):
        self.assertEqual(self.rpc.call("future.wait", {"ids": []})["done"], [])

    def test_a_client_that_goes_takes_only_its_wait_along(self):
        client = self.client()
        client.send("future.wait", {"ids": self.ids})
        client.call("server.hello")
        client.close()
        harness.wait_until(lambda: self.rpc.call("server.stats")["waits"] == 0, "the wait is gone")
        self.google.end(self.names[0], response=b'{"n": 1}')
        self.assertEqual(self.result(self.ids[0]), b'{"n": 1}')

    def test_requests_are_pipelined_and_answered_out_of_order(self):
        first = self.rpc.send("future.result", {"id": self.ids[0]})
        second = self.rpc.send("future.result", {"id": self.ids[1]})
        self.google.end(self.names[1], response=b'{"n": 2}')
        self.assertEqual(self.rpc.reply(second)["result"], b'{"n": 2}')
        self.google.end(self.names[0], response=b'{"n": 1}')
        self.assertEqual(self.rpc.reply(first)["result"], b'{"n": 1}')

    def test_a_thousand_waiters_on_one_future(self):
        numbers = [self.rpc.send("future.result", {"id": self.ids[0]}) for _ in range(1000)]
        before = self.google.polled(self.names[0])
        self.google.end(self.names[0], response=b'{"n": 1}')
        for number in numbers:
            self.assertEqual(self.rpc.reply(number)["result"], b'{"n": 1}')
        self.assertLess(self.google.polled(self.names[0]) - before, 100)

    def test_who_waits_hears_of_the_end_however_short_its_time(self):
        for i, end in enumerate(({"response": b'{"n": 1}'}, {"error": {"code": 3, "message": "bad", "details": [1]}})):
            name = f"operations/short-{i}"
            self.google.add(name)
            made = self.create(name, ttl=0)
            client = self.client(errors="map")
            number = client.send("future.result", {"id": made, "timeout": harness.PATIENCE})
            self.assertEqual(client.call("server.stats")["waits"], 1)
            self.google.end(name, **end)
            if "response" in end:
                self.assertEqual(client.reply(number)["result"], end["response"])
            else:
                error = self.assert_rpc_error("Failed", client.reply, number, says="bad")
                self.assertEqual(error.data["details"], b"[1]")
            harness.wait_until(lambda made=made: made not in str(self.rpc.call("future.list")), "forgotten")

    def test_a_forgotten_one_counts_as_done(self):
        self.google.end(self.names[0], response=b"{}")
        self.result(self.ids[0])
        reply = self.wait()
        self.rpc.call("future.forget", {"id": self.ids[0]})
        for name in self.names[1:]:
            self.google.end(name, response=b"{}")
        self.assertEqual(reply()["states"], ["forgotten", "succeeded", "succeeded"])


if __name__ == "__main__":
    harness.main()
