"""test_batch.py - a thousand futures of one bucket cost the list requests of one."""
import harness
from harness import wait_until
from openai_batch import OpenAiBatch
from operations import OperationsTest
from services import ServiceTest

MANY = 1000
STEADY = {"initial": 0.5, "maximum": 0.5, "multiplier": 1, "jitter": "none"}
ROUNDS = 4


class OpenAi(ServiceTest):
    service_class = OpenAiBatch
    profile = "openai-batch"
    secret = "openai"
    token = "sk-1"
    id_param = "batch_id"

    def start(self, count):
        """So many batches with futures; a map from a batch's name to its future."""
        names = [self.service.prepare(output=f"{i}\n") for i in range(count)]
        numbers = {name: self.rpc.send("future.create", self.creation(name, polling=STEADY)) for name in names}
        return {name: self.rpc.reply(number)["id"] for name, number in numbers.items()}

    def rounds(self):
        """When the first page was asked for, each time, and how many pages followed."""
        rounds = []
        for entry in self.requests("list"):
            if "after=" in entry["target"]:
                rounds[-1][1] += 1
            else:
                rounds.append([entry["at"], 1])
        return rounds

    def some_rounds(self):
        """Wait until a few more rounds have been asked for; the last of them. An unfinished one is left out."""
        before = len(self.rounds())
        wait_until(lambda: len(self.rounds()) > before + ROUNDS, "some rounds")
        return self.rounds()[before:before + ROUNDS]

    def test_a_thousand_cost_the_rounds_of_two(self):
        self.start(2)
        two = self.some_rounds()
        self.assertEqual([pages for _, pages in two], [1] * ROUNDS)
        made = self.start(MANY - 2)
        self.some_rounds()
        polls = self.count("poll")
        all_of_them = self.some_rounds()
        self.assertEqual([pages for _, pages in all_of_them], [MANY // 100] * ROUNDS)
        for rounds in (two, all_of_them):
            gaps = [b[0] - a[0] for a, b in zip(rounds, rounds[1:])]
            self.assertGreaterEqual(min(gaps), 0.45, gaps)
        self.assertEqual(self.count("poll"), polls, "asked about one by one besides")
        for name in made:
            self.service.complete(name)
        for i, some_id in enumerate(made.values()):
            self.assertEqual(self.result(some_id), b"%d\n" % i)
        self.assertEqual(self.count("poll"), polls)
        self.assertEqual(self.count("file"), MANY - 2)

    def test_a_thousand_new_futures_are_not_asked_about_one_by_one(self):
        made = self.start(MANY)
        self.some_rounds()
        self.assertLessEqual(self.count("poll"), 2)
        for name in made:
            self.service.complete(name)
        for some_id in made.values():
            self.result(some_id)

    def test_a_thousand_after_the_power_cord(self):
        made = self.start(MANY)
        self.seen(1, "list")
        self.restart()
        polls = self.count("poll")
        for name in made:
            self.service.complete(name)
        for i, some_id in enumerate(made.values()):
            self.assertEqual(self.result(some_id), b"%d\n" % i)
        self.assertLessEqual(self.count("poll"), max(polls, MANY))


class Google(OperationsTest):
    """A service whose profile has no list, described by a creation."""

    def batch(self):
        polling = {**STEADY, "batch": {"url": "/v1/operations", "query": {"pageSize": MANY, "pageToken": "{page}"},
                                       "items": "/operations", "id": "/name", "is": "{name}",
                                       "next": {"page": {"body": "/nextPageToken"}}, "missing": "lost"}}
        return {"spec": {"polling": polling}, "polling": STEADY}

    def test_the_same_requests_for_two_and_for_many(self):
        for first, count in ((0, 2), (2, 500)):
            names = [f"operations/{i}" for i in range(first, first + count)]
            for name in names:
                self.google.add(name)
            made = [self.create(name, **self.batch()) for name in names]
            before = self.count("list")
            self.seen(before + ROUNDS, "list")
            gaps = self.gaps("list")[before:]
            self.assertGreaterEqual(min(gaps), 0.45, gaps)
            for name in names:
                self.google.end(name, response=b'"%s"' % name.encode())
            for name, some_id in zip(names, made):
                self.assertEqual(self.json_result(some_id), name)
        self.assertEqual({entry["target"] for entry in self.requests("list")}, {f"/v1/operations?pageSize={MANY}"})

    def test_missing_is_lost(self):
        for name in ("operations/a", "operations/b"):
            self.google.add(name)
        kept, lost = self.create("operations/a", **self.batch()), self.create("operations/b", **self.batch())
        self.seen(1, "list")
        self.google.call(self.google.operations.pop, "operations/b")
        self.fails(lost, kind="lost")
        self.google.end("operations/a", response=b"1")
        self.assertEqual(self.json_result(kept), 1)


if __name__ == "__main__":
    harness.main()
