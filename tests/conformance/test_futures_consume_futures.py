"""test_futures_consume_futures.py - after Tensorlake's tests/applications/test_futures_consume_futures.py: futures as arguments."""
from conformance import harness, libfutured
from functions import FunctionsTest


class TestFuturesConsumeFutures(FunctionsTest):
    def three_of_one(self):
        doubled = self.call("double", 5)
        return [self.call("add", doubled, i) for i in (1, 2, 3)]

    def test_sync(self):
        a, b, c = self.three_of_one()
        self.assertEqual(sum(future.json(harness.PATIENCE) for future in (a, b, c)), 36)
        self.assertEqual(self.functions_called().count("double"), 1)

    def test_sync_tail_call(self):
        """The last one is the value of a future that began with another function, and nobody waited in between."""
        a, b, c = self.three_of_one()
        both = self.call("add", a, b)
        future = self.tail_call("negate", [1], self.spec("add", both, c))
        self.assertEqual(future.json(harness.PATIENCE), 36)

    def test_async(self):
        """All of it is created before anything has an end; its client goes, and another one asks for the value."""
        self.service.call(setattr, self.service, "held", True)
        a, b, c = self.three_of_one()
        all_of_it = self.call("add", self.call("add", a, b), c)
        some_id = all_of_it.id
        self.c.close()
        self.assertEqual(self.snapshot(some_id)["condition"], "waiting")
        self.service.call(setattr, self.service, "held", False)
        self.assertEqual(self.json_result(some_id), 36)
        self.assertEqual(self.functions_called(), ["double", *["add"] * 5])

    def test_async_tail_call(self):
        self.service.call(setattr, self.service, "held", True)
        a, b, c = self.three_of_one()
        future = self.tail_call("double", [0], self.spec("add", self.call("add", a, b), c))
        some_id = future.id
        self.c.close()
        self.service.call(setattr, self.service, "held", False)
        self.assertEqual(self.json_result(some_id), 36)

    def test_across_the_power_cord(self):
        self.service.call(setattr, self.service, "held", True)
        ids = [future.id for future in self.three_of_one()]
        self.are_submitted(1)
        self.restart()
        self.service.call(setattr, self.service, "held", False)
        self.assertEqual(sum(self.json_result(some_id) for some_id in ids), 36)
        self.assertEqual(self.functions_called().count("add"), 3)

    def test_a_part_of_a_value(self):
        state = self.call("transform_int_to_accumulated_state", 20)
        future = self.c.create(spec=self.spec("add", "{result:%s/sum}" % state.id, 1))
        self.assertEqual(future.json(harness.PATIENCE), 21)

    def test_a_part_that_is_not_there(self):
        state = self.call("transform_int_to_accumulated_state", 20)
        future = self.c.create(spec=self.spec("add", "{result:%s/product}" % state.id, 1))
        self.ended(libfutured.Failed, future, kind="dependency")

    def test_a_failed_argument(self):
        """The call is not made, and its future says which argument it was, and why."""
        bad = self.call("to_int", "five")
        future = self.call("double", bad)
        error = self.ended(libfutured.Failed, future, kind="dependency")
        self.assertIn(bad.id, error.message)
        self.assertIn("invalid literal", error.message)
        self.assertEqual(self.functions_called(), ["to_int"])


if __name__ == "__main__":
    harness.main()
