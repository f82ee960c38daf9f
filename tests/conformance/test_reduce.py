"""test_reduce.py - after Tensorlake's tests/applications/test_reduce.py: a function from one value to the next."""
import errno

from conformance import harness, libfutured
from functions import FunctionsTest
from liborders import promise, set_result


class TestReduce(FunctionsTest):
    def test_success_function_call_collection(self):
        """The items are futures, too."""
        items = self.map("transform_int_to_accumulated_state", range(6))
        self.assertEqual(self.reduce("accumulate", items, {"sum": 0}).json(harness.PATIENCE), {"sum": 15})

    def test_success_value_collection(self):
        items = [{"sum": i} for i in range(6)]
        self.assertEqual(self.reduce("accumulate", items, {"sum": 0}).json(harness.PATIENCE), {"sum": 15})
        self.assertEqual(len(self.functions_called()), 6)

    def test_failure(self):
        """The step that fails is the last that is made; the end says where it comes from."""
        future = self.reduce("accumulate_fail_at_3", [{"sum": i} for i in range(6)], {"sum": 0})
        error = self.ended(libfutured.Failed, future, kind="dependency")
        self.assertIn("division", error.message)
        self.assertEqual(len(self.functions_called()), 4)

    def test_reduce_nothing(self):
        """There is no future to be had for nothing: neither one without a spec, nor one that takes a value from nobody."""
        for creation in ({}, {"spec": self.spec("accumulate", "{result:}", {"sum": 0})}):
            with self.assertRaises(libfutured.Error) as caught:
                self.c.create(**creation).created(harness.PATIENCE)
            self.assertIn((caught.exception.code, caught.exception.name), ((-errno.EINVAL, None), (-errno.ENOEXEC, "InvalidSpec")))
        self.assertEqual(self.functions_called(), [])

    def test_reduce_initial(self):
        """It is a future like the items, here one that is given its value last; without items its value is the end."""
        initial = promise(self.c)
        ends = [self.reduce("accumulate", items, initial) for items in ([], [{"sum": 5}])]
        self.assertEqual([self.snapshot(end.id)["state"] for end in ends], ["pending", "pending"])
        set_result(initial, {"sum": 10})
        self.assertEqual([end.json(harness.PATIENCE) for end in ends], [{"sum": 10}, {"sum": 15}])

    def test_reduce_one_value_item(self):
        """Two of them, that is, as one alone needs no function; neither is a future."""
        self.assertEqual(self.reduce("accumulate", [{"sum": 10}], {"sum": 0}).json(harness.PATIENCE), {"sum": 10})
        self.assertEqual(self.functions_called(), ["accumulate"])

    def test_reduce_one_function_call_item(self):
        only = self.call("transform_int_to_accumulated_state", 7)
        self.assertEqual(self.reduce("accumulate", [only]).json(harness.PATIENCE), {"sum": 7})


if __name__ == "__main__":
    harness.main()
