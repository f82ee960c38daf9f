"""test_as_completed.py - after CPython's test_concurrent_futures/test_as_completed.py: handles in the order of completion."""
import gc
import threading
import weakref

from conformance import harness
from kinds import KindsTest
from liborders import as_completed


class AsCompletedTests(KindsTest):
    def over(self, future=None):
        """The three ends, or one of them waited for."""
        return super().over(future) if future else [self.cancelled(), self.failed(), self.succeeded()]

    def later(self, *functions):
        thread = threading.Thread(target=lambda: [function() for function in functions])
        thread.start()
        self.addCleanup(thread.join)

    def test_no_timeout(self):
        futures = [*self.over(), self.running(), self.running()]
        self.later(lambda: self.succeed(*futures[3:]))
        self.assertEqual(set(as_completed(self.c, futures)), set(futures))

    def test_in_order_of_completion(self):
        futures = [self.running() for _ in range(4)]
        order = [futures[i] for i in (2, 0, 3, 1)]
        completed = as_completed(self.c, futures, harness.PATIENCE)
        for future in order:
            self.succeed(future)
            self.assertIs(next(completed), future)
        self.assertRaises(StopIteration, next, completed)

    def test_future_times_out(self):
        """Those that are over are given first, then it says that its time is; and later the rest."""
        for timeout in (0, 0.1):
            over, running = self.over(), self.running()
            completed, given = as_completed(self.c, [*over, running], timeout), []
            with self.assertRaises(TimeoutError):
                for future in completed:
                    given.append(future)
            self.assertEqual(given, over)
            self.succeed(running)
            self.assertTrue(running.wait(harness.PATIENCE))
            self.assertEqual(list(completed), [running])

    def test_duplicate_futures(self):
        future = self.running()
        self.later(lambda: self.succeed(future))
        self.assertEqual(list(as_completed(self.c, [future] * 3)), [future])

    def test_free_reference_yielded_future(self):
        """What was given out is not held any longer; what was not, is: its handle may be released meanwhile."""
        futures = [self.running() for _ in range(4)]
        self.named = {future.id: self.named[future] for future in futures}
        completed = as_completed(self.c, futures, harness.PATIENCE)
        futures[3].on_done(lambda f: None)
        for i in range(4):
            self.service.end(self.named[futures[i].id], response=b"1")
            given = next(completed)
            self.assertIs(given, futures[i])
            self.assertEqual(completed.left(), 3 - i)
            self.assertEqual(given.json(), 1)
        completed.close()
        gone = [weakref.ref(future) for future in futures]
        del futures, given, completed
        gc.collect()
        self.assertEqual([reference() for reference in gone], [None] * 4)

    def test_correct_timeout_exception_msg(self):
        futures = [self.cancelled(), self.running(), self.running(), self.succeeded()]
        with self.assertRaises(TimeoutError) as caught:
            list(as_completed(self.c, futures, 0))
        self.assertEqual(str(caught.exception), "2 (of 4) futures unfinished")

    def test_of_several_iterators_each_gives_all(self):
        futures = [self.running() for _ in range(3)]
        both = [as_completed(self.c, futures, harness.PATIENCE) for _ in range(2)]
        self.succeed(*futures)
        self.assertEqual([set(completed) for completed in both], [set(futures)] * 2)


if __name__ == "__main__":
    harness.main()
