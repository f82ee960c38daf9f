"""test_wait.py - after CPython's test_concurrent_futures/test_wait.py: when a wait for several futures is over."""
import threading

from conformance import harness
from kinds import KindsTest
from libfutured import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION


class WaitTests(KindsTest):
    def background(self, *functions):
        """Do something to the service, step by step, while this thread waits."""
        thread = threading.Thread(target=lambda: [function() for function in functions])
        thread.start()
        self.addCleanup(thread.join)

    def test_20369(self):
        future = self.running()
        self.background(lambda: self.succeed(future))
        self.assertEqual(self.wait([future, future], ALL_COMPLETED), (True, [future, future], []))

    def test_first_completed(self):
        asked, first, second = self.to_be_cancelled(), self.running(), self.running()
        self.background(lambda: self.succeed(first))
        self.assertEqual(self.wait([asked, first, second], FIRST_COMPLETED), (True, [first], [asked, second]))

    def test_first_completed_some_already_completed(self):
        cancelled, succeeded, running = self.cancelled(), self.succeeded(), self.running()
        self.assertEqual(self.wait([cancelled, succeeded, running], FIRST_COMPLETED, timeout=0),
                         (True, [cancelled, succeeded], [running]))

    def test_first_exception(self):
        first, second, third = (self.running() for _ in range(3))
        other = self.connect().attach(first.id)
        self.background(lambda: self.succeed(first), lambda: other.wait(harness.PATIENCE), lambda: self.end_badly(second))
        self.assertEqual(self.wait([first, second, third], FIRST_EXCEPTION), (True, [first, second], [third]))

    def test_first_exception_some_already_complete(self):
        succeeded, asked, cancelled = self.succeeded(), self.to_be_cancelled(), self.cancelled()
        failing, running = self.running(), self.running()
        self.assertFalse(self.c.wait([succeeded, asked, cancelled, failing, running], FIRST_EXCEPTION, 0))
        self.background(lambda: self.end_badly(failing))
        self.assertEqual(self.wait([succeeded, asked, cancelled, failing, running], FIRST_EXCEPTION),
                         (True, [succeeded, cancelled, failing], [asked, running]))

    def test_first_exception_one_already_failed(self):
        failed, running = self.failed(), self.running()
        self.assertEqual(self.wait([failed, running], FIRST_EXCEPTION, timeout=0), (True, [failed], [running]))

    def test_first_exception_none_fails(self):
        cancelled, running = self.cancelled(), self.running()
        self.background(lambda: self.succeed(running))
        self.assertEqual(self.wait([cancelled, running], FIRST_EXCEPTION), (True, [cancelled, running], []))

    def test_all_completed(self):
        over = [self.succeeded(), self.cancelled(), self.failed()]
        failing, running = self.running(), self.running()
        self.background(lambda: self.end_badly(failing), lambda: self.succeed(running))
        futures = [*over, failing, running]
        self.assertEqual(self.wait(futures, ALL_COMPLETED), (True, futures, []))

    def test_timeout(self):
        over, running = [self.cancelled(), self.failed(), self.succeeded()], self.running()
        self.assertEqual(self.wait([*over, running], ALL_COMPLETED, timeout=0.05), (False, over, [running]))
        self.succeed(running)
        self.assertEqual(self.wait([*over, running], ALL_COMPLETED), (True, [*over, running], []))

    def test_pending_calls_race(self):
        futures = [self.running() for _ in range(100)]
        self.background(*(lambda f=f: self.succeed(f) for f in futures))
        self.assertEqual(self.wait(futures, ALL_COMPLETED), (True, futures, []))
        self.assertEqual({f.json() for f in futures}, {42})


if __name__ == "__main__":
    harness.main()
