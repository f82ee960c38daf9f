"""test_map.py - after Tensorlake's tests/applications/test_map.py: a function for each of several values, in order."""
import json

from conformance import harness, libfutured
from functions import FunctionsTest
from liborders import Group

NUMBERS = [1, 2, 3, 4, 5]


class TestRecursiveMaps(FunctionsTest):
    def ended_in_the_loop(self, futures):
        """Their values in order, with callbacks and the program's own loop."""
        left = set(futures)
        for future in futures:
            future.on_done(left.discard)
        self.c.process_until(lambda: not left)
        return [future.json() for future in futures]

    def test_blocking(self):
        """Each is waited for by the program, in one group after the other."""
        strings = Group.new(self.c, self.map("to_string", NUMBERS)).get(harness.PATIENCE)
        self.assertEqual(strings, ["1", "2", "3", "4", "5"])
        self.assertEqual(Group.new(self.c, self.map("to_int", strings)).get(harness.PATIENCE), NUMBERS)

    def test_async_blocking(self):
        strings = self.ended_in_the_loop(self.map("to_string", NUMBERS))
        self.assertEqual(strings, ["1", "2", "3", "4", "5"])
        self.assertEqual(self.ended_in_the_loop(self.map("to_int", strings)), NUMBERS)

    def test_async_non_blocking(self):
        self.assertEqual(self.ended_in_the_loop(self.map("to_int", self.map("to_string", NUMBERS))), NUMBERS)

    def test_non_blocking(self):
        """The second are created before the first have ended, and the list before both."""
        numbers = self.list_of(self.map("to_int", self.map("to_string", NUMBERS)))
        self.assertEqual(self.values(numbers), NUMBERS)

    def test_non_blocking_with_future(self):
        """Nobody is there in between, nor the daemon."""
        self.service.call(setattr, self.service, "held", True)
        some_id = self.list_of(self.map("to_int", self.map("to_string", NUMBERS))).id
        self.c.close()
        self.are_submitted(len(NUMBERS))
        self.restart()
        self.service.call(setattr, self.service, "held", False)
        self.assertEqual([member["result"] for member in self.json_result(some_id)], NUMBERS)

    def test_non_blocking_with_future_and_tail_call(self):
        futures = [self.tail_call("to_string", [number], self.spec("to_int", str(number))) for number in NUMBERS]
        self.assertEqual(self.values(self.list_of(futures)), NUMBERS)

    def test_tail_call(self):
        """A list is a value like any other: a function may take it, here by one of its members."""
        strings = self.list_of(self.map("to_string", NUMBERS))
        future = self.c.create(spec=self.spec("to_int", "{result:%s/4/result}" % strings.id))
        self.assertEqual(future.json(harness.PATIENCE), 5)

    def test_async_tail_call(self):
        """But it is nothing that a function could go on with: that is an operation."""
        members = self.map("to_string", NUMBERS)
        future = self.tail_call("to_string", [0], {"kind": "group", "of": [member.id for member in members]})
        error = self.ended(libfutured.Failed, future, kind="invalid_spec")
        self.assertIn("kind", error.message)

    def test_map_reduce_futures(self):
        reduced = [self.reduce("concat_strings", list("12345")) for _ in range(3)]
        self.assertEqual(self.values(self.list_of(self.map("to_int", reduced))), [12345] * 3)

    def test_nothing(self):
        self.assertEqual(self.values(self.list_of(self.map("to_int", []))), [])
        self.assertEqual(Group.new(self.c).get(0), [])

    def test_one_that_fails(self):
        """The list fails as its first failed member did; the others have their values all the same."""
        futures = self.map("to_int", ["1", "two", "3"])
        error = self.ended(libfutured.Failed, self.list_of(futures), kind="dependency")
        self.assertIn(futures[1].id, error.message)
        self.assertEqual([futures[i].json(harness.PATIENCE) for i in (0, 2)], [1, 3])

    def test_one_that_fails_among_all(self):
        futures = self.map("to_int", ["1", "two", "1"])
        spec = {"kind": "group", "of": [futures[i].id for i in (0, 1, 2, 0)]}
        members = json.loads(self.c.create(spec=spec).result(harness.PATIENCE))
        self.assertEqual([member["id"] for member in members], spec["of"])
        self.assertEqual([member["state"] for member in members], ["succeeded", "failed", "succeeded", "succeeded"])
        self.assertIn("invalid literal", members[1]["error"]["message"])


if __name__ == "__main__":
    harness.main()
