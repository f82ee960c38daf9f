"""test_futures_wait.py - after Tensorlake's tests/applications/test_futures_wait.py: Future.wait() over requests to applications."""
import json
import threading

from conformance import LibraryTest, harness, libfutured
from libfutured import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION
from tensorlake import Tensorlake


class TestFuturesWait(LibraryTest):
    service_class = Tensorlake
    profile = "tensorlake"
    token = "key"
    id_param = "request_id"

    def creation(self, name=None, params=None, **more):
        return super().creation(name, {"application": "app", **(params or {})}, **more)

    def request(self, output=None, polls=None, **simulate):
        """A request to the application, and a handle on a future for it."""
        name = self.service.prepare(polls=polls, output=output, **simulate)
        return name, self.make(name).created(harness.PATIENCE)

    def three(self):
        """Requests that go on until they are told to end: their names, and handles."""
        return zip(*(self.request() for _ in range(3)))

    def later(self, function, *arguments, **more):
        thread = threading.Thread(target=function, args=arguments, kwargs=more)
        thread.start()
        self.addCleanup(thread.join)

    def wait(self, futures, mode=ALL_COMPLETED, timeout=harness.PATIENCE):
        """(done, not_done), in the order of futures."""
        self.c.wait(futures, mode, timeout)
        return [f for f in futures if f.done()], [f for f in futures if not f.done()]

    def test_wait_all_completed(self):
        names, futures = self.three()

        def end():
            for name, output in zip(names, ("foo", "bar", "buzz")):
                self.service.complete(name, output=output)
        self.later(end)
        self.assertEqual(self.wait(futures), ([*futures], []))
        self.assertEqual([f.json(0) for f in futures], ["foo", "bar", "buzz"])

    def test_async_wait_all_completed(self):
        """Without blocking in the library: the loop is the program's own."""
        names, futures = self.three()
        ended = []
        for future in futures:
            future.on_done(lambda f: ended.append(f.json()))
        for name, output in zip(reversed(names), ("buzz", "bar", "foo")):
            self.service.complete(name, output=output)
        self.c.process_until(lambda: len(ended) == 3)
        self.assertEqual((sorted(ended), [f.json() for f in futures]), (["bar", "buzz", "foo"], ["foo", "bar", "buzz"]))

    def test_wait_first_completed(self):
        """Whichever it is, and wherever it is in the list."""
        for winner in range(3):
            names, futures = self.three()
            self.later(self.service.complete, names[winner], output="bar")
            done, not_done = self.wait(futures, FIRST_COMPLETED)
            self.assertEqual((done, not_done), ([futures[winner]], [f for f in futures if f is not futures[winner]]))
            self.assertEqual(done[0].json(0), "bar")

    def test_wait_timeout(self):
        """It ends the wait; what was waited for goes on, and is told to the next who waits."""
        names, futures = self.three()
        self.assertEqual(self.wait(futures, timeout=0.05), ([], [*futures]))
        self.assertEqual({self.snapshot(f.id)["state"] for f in futures} - {"pending", "running"}, set())
        for name in names:
            self.service.complete(name, output=1)
        self.assertEqual(self.wait(futures), ([*futures], []))
        self.assertEqual([f.json() for f in futures], [1, 1, 1])

    def test_wait_timeout_does_not_harm_the_losers_of_a_first_completed(self):
        names, futures = self.three()
        self.later(self.service.complete, names[1], output="won")
        self.assertEqual(self.wait(futures, FIRST_COMPLETED)[0], [futures[1]])
        self.service.complete(names[0], output="second")
        self.assertEqual(futures[0].json(harness.PATIENCE), "second")

    def test_result_timeout(self):
        name, future = self.request()
        self.assertRaises(TimeoutError, future.result, 0.05)
        self.assertFalse(future.done())
        self.service.complete(name, output="foo")
        self.assertEqual(future.json(harness.PATIENCE), "foo")

    def test_wait_first_failure(self):
        names, futures = self.three()
        self.later(self.service.complete, names[1], failure="request_error",
                   request_error={"function_name": "main", "message": "bar"})
        self.assertEqual(self.wait(futures, FIRST_EXCEPTION), ([futures[1]], [futures[0], futures[2]]))
        self.ended(libfutured.Failed, futures[1], kind="remote", remote_code="request_error", message="bar")

    def test_async_wait_first_failure(self):
        """One that fails does not take the others along."""
        names, futures = self.three()
        failed = []
        futures[1].on_done(failed.append)
        self.service.complete(names[1], failure="function_error")
        self.c.process_until(lambda: failed)
        self.service.complete(names[0], output="foo")
        self.service.complete(names[2], output="buzz")
        self.assertEqual(self.wait(futures), ([*futures], []))
        self.assertEqual([f.exception() is None for f in futures], [True, False, True])

    def test_wait_first_failure_without_a_failure(self):
        names, futures = self.three()
        for name in names:
            self.service.complete(name, output=0)
        self.assertEqual(self.wait(futures, FIRST_EXCEPTION), ([*futures], []))

    def test_both_names_of_a_first_failure(self):
        name, future = self.request()
        _, other = self.request()
        self.service.complete(name, failure="function_error")
        for mode in ("first_failure", "first_exception"):
            reply = self.c.call("future.wait", {"ids": [other.id, future.id], "return_when": mode})
            self.assertEqual((reply["done"], reply["not_done"]), ([future.id], [other.id]))

    def test_async_future_result_caching(self):
        name, future = self.request(output="foo", polls=1)
        self.assertEqual([future.json(harness.PATIENCE) for _ in range(3)], ["foo"] * 3)
        self.assertEqual([self.c.attach(future.id).json(harness.PATIENCE) for _ in range(3)], ["foo"] * 3)
        self.assertEqual((self.count("poll", name), self.count("output", name)), (1, 1))

    def test_wait_starts_unstarted(self):
        """There is nothing to start: what was created runs, whether anybody waits or not."""
        name = self.service.prepare(polls=1, output="ran")
        future = self.make(name, flags=libfutured.NO_RESULT).created(harness.PATIENCE)
        some_id = future.id
        future.close()
        self.seen(1, "output", name)
        self.assertEqual(json.loads(self.result(some_id)), "ran")

    def test_already_done(self):
        ended = [self.request(output=i, polls=1)[1] for i in range(2)]
        self.wait(ended)
        _, running = self.request()
        futures = [ended[1], running, ended[0]]
        for mode in (FIRST_COMPLETED, FIRST_EXCEPTION, ALL_COMPLETED):
            self.assertEqual(self.wait(futures, mode, timeout=0), ([ended[1], ended[0]], [running]))

    def test_duplicates_in_list(self):
        name, future = self.request()
        _, other = self.request()
        self.later(self.service.complete, name, output=1)
        self.assertEqual(self.wait([future, other, future], FIRST_COMPLETED), ([future, future], [other]))
        reply = self.c.call("future.wait", {"ids": [future.id, other.id, future.id], "timeout": 0})
        self.assertEqual((reply["done"], reply["not_done"]), ([future.id] * 2, [other.id]))

    def test_nothing_to_wait_for(self):
        for mode in (FIRST_COMPLETED, FIRST_EXCEPTION, ALL_COMPLETED):
            self.assertTrue(self.c.wait([], mode, 0))
        self.assertEqual(self.c.call("future.wait", {"ids": []})["timed_out"], False)


if __name__ == "__main__":
    harness.main()
