"""test_future.py - after CPython's test_concurrent_futures/test_future.py: one future in each of its states."""
import errno
import threading

from conformance import harness, libfutured
from kinds import KindsTest
from libfutured import Cancelled, Failed
from liborders import (claim, is_cancelled, is_running, on_progress, progress, promise, set_exception, set_progress,
                       set_result)


class FutureTests(KindsTest):
    def called_with(self, future):
        """Register a callback, and have it called; the handle that it was given, and how that ended."""
        calls = []
        future.on_done(lambda f: calls.append((f, f.done(), f.state, *f.look())))
        self.assertEqual(calls, [], "called from inside the function that registers")
        self.c.process_until(lambda: calls)
        self.over(future)
        while self.c.process():
            pass
        self.assertEqual(len(calls), 1)
        return calls[0]

    def test_done_callback_with_result(self):
        future = self.running()
        self.succeed(future, value=5)
        self.assertEqual(self.called_with(future), (future, True, "succeeded", 0, b"5"))

    def test_done_callback_with_exception(self):
        future = self.running()
        self.end_badly(future, "test")
        self.assertEqual(self.called_with(future), (future, True, "failed", -errno.EREMOTEIO, None))
        self.assertEqual(future.exception().message, "test")

    def test_done_callback_with_cancel(self):
        future = self.running()
        self.assertEqual(future.cancel()["cancelled"], True)
        self.assertEqual(self.called_with(future), (future, True, "cancelled", -errno.ECANCELED, None))

    def test_done_callback_raises(self):
        """What goes wrong in one callback is not the next one's business: here, it releases the very handle."""
        future = self.running()
        other = self.c.attach(future.id)
        calls = []
        future.on_done(lambda f: (calls.append("first"), f.close()))
        other.on_done(lambda f: calls.append(f.json()))
        self.succeed(future, value=5)
        self.over(other)
        self.assertEqual(sorted(calls, key=str), [5, "first"])

    def test_done_callback_already_successful(self):
        future = self.succeeded(5)
        self.assertEqual(self.called_with(future), (future, True, "succeeded", 0, b"5"))

    def test_done_callback_already_failed(self):
        future = self.failed("test")
        self.assertEqual(self.called_with(future)[2:4], ("failed", -errno.EREMOTEIO))

    def test_done_callback_already_cancelled(self):
        future = self.cancelled()
        self.assertEqual(self.called_with(future)[2:4], ("cancelled", -errno.ECANCELED))

    def test_done_callback_raises_already_succeeded(self):
        """What a callback may not do is refused in it, and harms nobody."""
        future, running, calls = self.succeeded(), self.running(), []

        def waits(f):
            try:
                running.wait()
            except libfutured.Error as error:
                calls.append(error.code)
        future.on_done(waits)
        future.on_done(lambda f: calls.append(f.json()))
        self.c.process_until(lambda: len(calls) == 2)
        self.assertEqual(calls, [-errno.EBUSY, 42])
        self.succeed(running)
        self.assertTrue(running.wait(harness.PATIENCE))

    def test_done_callbacks_in_order_each_once(self):
        future, calls = self.running(), []
        for i in range(5):
            future.on_done(lambda f, i=i: calls.append(i))
        self.succeed(future)
        self.over(future)
        future.on_done(lambda f: calls.append("late"))
        self.c.process_until(lambda: "late" in calls)
        self.assertEqual(calls, [0, 1, 2, 3, 4, "late"])

    def test_repr(self):
        kinds = [self.running(), self.cancelled(), self.failed(), self.succeeded()]
        self.seen(1, "get", self.named[kinds[0]])
        harness.wait_until(lambda: self.snapshot(kinds[0].id)["state"] == "running", "a poll that was answered")
        self.assertEqual([self.snapshot(f.id)["state"] for f in kinds], ["running", "cancelled", "failed", "succeeded"])
        shown = self.daemon.ctl("get", kinds[2].id).stdout
        self.assertIn(kinds[2].id, shown)
        self.assertIn("failed", shown)

    def test_cancel(self):
        """A running one can be cancelled here; whether it is, the service says. One that is over cannot."""
        running, failed, succeeded, cancelled = self.running(), self.failed(), self.succeeded(), self.cancelled()
        self.assertTrue(running.cancel()["cancelled"])
        self.ended(Cancelled, running)
        for future in (failed, succeeded, cancelled):
            requests = self.count("cancel", self.named[future])
            state = future.state
            self.assertEqual(future.cancel(), {"cancelled": False, "state": state})
            self.assertEqual((self.snapshot(future.id)["state"], self.count("cancel", self.named[future])), (state, requests))

    def test_cancel_twice(self):
        future = self.to_be_cancelled()
        self.assertEqual(future.cancel()["cancelled"], True)
        self.assertFalse(future.done())
        self.assertTrue(self.snapshot(future.id)["cancel_requested"])
        self.succeed(future)
        self.assertEqual(future.json(harness.PATIENCE), 42)

    def test_cancelled(self):
        kinds = [self.running(), self.to_be_cancelled(), self.cancelled(), self.failed(), self.succeeded()]
        self.assertEqual([is_cancelled(f) for f in kinds], [False, False, True, False, False])

    def test_done(self):
        kinds = [self.running(), self.to_be_cancelled(), self.cancelled(), self.failed(), self.succeeded()]
        self.assertEqual([f.done() for f in kinds], [False, False, True, True, True])

    def test_result_with_timeout(self):
        self.assertRaises(TimeoutError, self.running().result, 0)
        self.assertRaises(TimeoutError, self.to_be_cancelled().result, 0.01)
        self.assertRaises(Cancelled, self.cancelled().result, 0)
        self.assertRaises(Failed, self.failed().result, 0)
        self.assertEqual(self.succeeded().result(0), b"42")

    def while_waiting(self, function):
        """Have it done by somebody else once this thread is in the library; the library does not tell when, so that the
        daemon is asked whether a wait stands."""
        def do():
            harness.wait_until(lambda: self.rpc.call("server.stats")["waits"] >= 1, "a wait")
            function()
        thread = threading.Thread(target=do)
        thread.start()
        self.addCleanup(thread.join)

    def test_result_with_success(self):
        future = self.running()
        self.while_waiting(lambda: self.succeed(future))
        self.assertEqual(future.json(harness.PATIENCE), 42)

    def test_result_with_cancel(self):
        future = self.running()
        some_id = future.id
        self.while_waiting(lambda: self.client().call("future.cancel", {"id": some_id}))
        self.assertRaises(Cancelled, future.result, harness.PATIENCE)

    def test_exception_with_timeout(self):
        self.assertRaises(TimeoutError, self.running().exception, 0)
        self.assertIsInstance(self.cancelled().exception(0), Cancelled)
        self.assertIsInstance(self.failed().exception(0), Failed)
        self.assertIsNone(self.succeeded().exception(0))

    def test_exception_with_success(self):
        future = self.running()
        self.while_waiting(lambda: self.end_badly(future))
        self.assertIsInstance(future.exception(harness.PATIENCE), Failed)

    def test_get_snapshot(self):
        """Everything about it at one moment, by one call, from many connections."""
        running, failed, cancelled, succeeded = self.running(), self.failed(), self.cancelled(), self.succeeded()
        snapshots = [self.snapshot(f.id) for f in (running, failed, cancelled, succeeded)]
        self.assertEqual([("finished_at_ms" in s, "error" in s, "result_size" in s) for s in snapshots],
                         [(False, False, False), (True, True, False), (True, "error" in snapshots[2], False),
                          (True, False, True)])
        seen = []

        def look():
            with self.client() as client:
                seen.extend(str(client.call("future.get", {"id": succeeded.id})) for _ in range(250))
        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((len(seen), len(set(seen))), (1000, 1))

    def test_running(self):
        """A promise runs when somebody has taken it on; one of a service, when that has been asked. A handle that follows
        its future knows it without asking."""
        unclaimed, claimed, asked = promise(self.c), promise(self.c), self.running()
        for future in (unclaimed, claimed, asked):
            on_progress(future, lambda f: None)
        claim(claimed)
        self.c.process_until(lambda: is_running(claimed) and is_running(asked))
        self.assertEqual([is_running(f) for f in (unclaimed, claimed, asked)], [False, True, True])
        over = [self.cancelled(), self.failed(), self.succeeded()]
        self.assertEqual([is_running(f) for f in over], [False, False, False])

    def test_progress(self):
        """Told of each change, to those who follow it and are in the loop."""
        future, heard = promise(self.c), []
        other = self.connect().attach(future.id)
        on_progress(other, lambda f: heard.append(progress(f)))
        for i in range(3):
            set_progress(future, {"step": i})
            other.connection.process_until(lambda i=i: {"step": i} in heard)
        set_result(future, "done")
        self.assertEqual(other.json(harness.PATIENCE), "done")
        self.assertEqual([value for value in heard if value], [{"step": i} for i in range(3)])

    def refused(self, function, *arguments):
        with self.assertRaises(libfutured.Error) as caught:
            function(*arguments)
        self.assertEqual((caught.exception.code, caught.exception.name), (-errno.EBUSY, "InvalidState"))
        return caught.exception.message

    def test_multiple_set_result(self):
        future = promise(self.c)
        self.assertEqual(set_result(future, 1), {"state": "succeeded"})
        self.assertIn("succeeded", self.refused(set_result, future, 2))
        self.refused(set_exception, future, "too late")
        self.assertEqual(future.json(harness.PATIENCE), 1)

    def test_multiple_set_exception(self):
        future = promise(self.c)
        self.assertEqual(set_exception(future, "first", code="E1"), {"state": "failed"})
        self.assertIn("failed", self.refused(set_exception, future, "second"))
        self.refused(set_result, future, 1)
        self.ended(Failed, future, kind="rejected", message="first", remote_code="E1")

    def test_set_result_of_a_cancelled_one(self):
        future = promise(self.c)
        claim(future)
        other = self.connect().attach(future.id)
        self.assertTrue(other.created(harness.PATIENCE).cancel()["cancelled"])
        self.assertIn("cancelled", self.refused(set_result, future, 1))
        self.refused(set_progress, future, 1)
        self.ended(Cancelled, future)

    def test_set_running_or_notify_cancel(self):
        """Only one takes it on, and not what has been cancelled."""
        future = promise(self.c)
        other = self.connect().attach(future.id).created(harness.PATIENCE)
        claim(future)
        self.refused(claim, other)
        cancelled = promise(self.c)
        cancelled.cancel()
        self.refused(claim, cancelled)


if __name__ == "__main__":
    harness.main()
