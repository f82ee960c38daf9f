"""test_google_polling.py - what google.api_core's tests/unit/future/test_polling.py and test__helpers.py ask of a future.

Where ours differs on purpose: polling begins at creation and not when somebody asks; a callback never runs inside the call that
registers it, but in the next futured_process(); and there is no thread anywhere.
"""
import errno
import os
import sys

from conformance import ID, SELDOM, GoogleTest, harness, libfutured


class PollingTest(GoogleTest):
    def spin(self, condition):
        return self.c.process_until(condition, harness.PATIENCE)

    def finished(self, **simulate):
        """A future that is over, and heard of."""
        self.service.add(ID, polls=0, **simulate)
        future = self.make(ID)
        self.assertTrue(future.wait(harness.PATIENCE))
        return future

    def called_once_later(self, future):
        """A callback added now is called with the future, once, and not before the library is driven."""
        called = []
        future.on_done(called.append)
        self.assertEqual(called, [])
        self.spin(lambda: called)
        while self.c.process():
            pass
        self.assertEqual(called, [future])


class Polling(PollingTest):
    def test_polling_future_constructor(self):
        self.service.add(ID, cancel="ignored")
        future = self.make(ID)
        self.assertFalse(future.done())
        self.asked(future)
        self.assertTrue(future.cancel()["cancelled"])
        self.assertNotEqual(self.snapshot(future.id)["state"], "cancelled")
        self.service.end(ID, response=b"1")
        self.assertEqual(future.result(harness.PATIENCE), b"1")

    def test_set_result(self):
        future = self.finished(response=b"1")
        self.assertEqual(future.result(), b"1")
        self.called_once_later(future)

    def test_set_exception(self):
        future = self.finished(error={"code": 3, "message": "meep"})
        self.assertEqual(future.exception().message, "meep")
        self.assertRaises(libfutured.Failed, future.result)
        self.called_once_later(future)

    def test_invoke_callback_exception(self):
        """An exception cannot leave a callback: the binding reports it, and those after it are called."""
        future = self.finished(response=b"42")
        ignored, called = [], []
        before, sys.unraisablehook = sys.unraisablehook, ignored.append
        self.addCleanup(setattr, sys, "unraisablehook", before)
        future.on_done(lambda _: 1 // 0)
        future.on_done(called.append)
        self.spin(lambda: called)
        self.assertEqual([entry.exc_type for entry in ignored], [ZeroDivisionError])
        self.assertEqual(future.result(), b"42")

    def polled(self, times, **more):
        self.service.add(ID, polls=times - 1, response=b"42")
        future = self.make(ID, **more)
        self.assertEqual(future.result(harness.PATIENCE), b"42")
        self.assertEqual(self.polls(), times)
        self.assertEqual((future.result(), self.c.attach(future.id).result()), (b"42", b"42"))
        self.assertEqual(self.polls(), times)

    def test_result_with_one_polling(self):
        self.polled(1)

    def test_result_with_two_pollings(self):
        self.polled(2)

    def test_result_with_two_pollings_custom_retry(self):
        """The policy for failures is the future's own, and does not change how often one asks what is well."""
        self.polled(2, retry={"on": [429], "timeout": 1})

    def timed_out(self, wait):
        """A wait is over and the future is not: it can be waited for again."""
        self.service.fault({"kind": "get", "hold": True})
        self.service.add(ID, polls=0, response=b"42")
        future = self.make(ID)
        self.asked(future)
        self.assertRaises(TimeoutError, wait, future)
        self.assertRaises(TimeoutError, wait, future)
        self.assertFalse(future.done())
        self.assertNotIn("finished_at_ms", self.snapshot(future.id))
        self.service.release()
        self.assertEqual(future.result(harness.PATIENCE), b"42")

    def test_result_timeout(self):
        self.timed_out(lambda future: future.result(0.05))

    def test_exception_timeout(self):
        self.timed_out(lambda future: future.exception(0.05))

    def test_result_transient_error(self):
        self.service.add(ID, polls=0, response=b"42")
        self.service.stumble(ID, [429, 500, 502])
        future = self.make(ID)
        self.assertEqual(future.result(harness.PATIENCE), b"42")
        self.assertEqual(self.polls(), 4)
        self.assertEqual((future.result(), self.polls()), (b"42", 4))

    def in_the_background(self, callbacks):
        """So many callbacks; the polls are the daemon's, and there is one until it is done."""
        self.service.add(ID)
        threads = len(os.listdir("/proc/self/task"))
        future = self.make(ID, polling=SELDOM)
        called = []
        for i in range(callbacks):
            future.on_done(lambda _, i=i: called.append(i))
        self.asked(future)
        self.assertFalse(future.wait(0.05))
        self.assertEqual((called, self.polls(), len(os.listdir("/proc/self/task"))), ([], 1, threads))
        self.service.end(ID, response=b"42")
        future.refresh()
        self.assertTrue(future.wait(harness.PATIENCE))
        self.assertEqual((called, self.polls()), (list(range(callbacks)), 2))

    def test_callback_background_thread(self):
        self.in_the_background(1)

    def test_double_callback_background_thread(self):
        self.in_the_background(2)

    def test_polling_future_without_retry(self):
        """Without a retry policy the usual statuses are tried again, with one those that it names."""
        self.service.add(ID, polls=0, response=b"42")
        self.service.stumble(ID, [503])
        creation = self.creation(ID, retry={"on": [429], "initial": 0.05})
        self.ended(libfutured.Failed, self.c.create(**creation), http_status=503)
        self.service.stumble(ID, [429])
        self.assertEqual(self.c.create(**creation).result(harness.PATIENCE), b"42")
        # the default's first step is up to a second
        self.service.stumble(ID, [503])
        del creation["retry"]
        self.assertEqual(self.c.create(**creation).result(harness.PATIENCE), b"42")
        # None is no policy that fails later: it is as if nothing was said
        self.service.stumble(ID, [503])
        made = self.rpc.call("future.create", {**creation, "retry": None, "polling": None})
        self.assertEqual(self.result(made["id"]), b"42")

    def test_polling_future_with__done_or_raise(self):
        """To look once is a wait of 0, and a handle with FUTURED_LOOK_ONCE."""
        self.service.add(ID)
        future = self.make(ID, polling=SELDOM)
        self.assertRaises(TimeoutError, future.created().result, 0)
        once = self.c.attach(future.id, libfutured.LOOK_ONCE)
        with self.assertRaises(libfutured.Error) as caught:
            once.result(harness.PATIENCE)
        self.assertEqual(caught.exception.name, "Timeout")
        self.service.end(ID, response=b"42")
        future.refresh()
        future.wait(harness.PATIENCE)
        self.assertEqual(self.c.attach(future.id, libfutured.LOOK_ONCE).result(harness.PATIENCE), b"42")


class Helpers(PollingTest):
    def test_start_deamon_thread(self):
        """Nothing is started: the library has no threads, so that a fork, a signal and an exit meet none."""
        threads = os.listdir("/proc/self/task")
        future = self.finished(response=b"42")
        self.called_once_later(future)
        self.c.shut()
        self.assertEqual(os.listdir("/proc/self/task"), threads)

    def test_safe_invoke_callback_no_exception(self):
        called = []
        self.service.add(ID, polls=0, response=b"42")
        future = self.make(ID, callback=lambda f: called.append(f.result()))
        self.spin(lambda: called)
        self.assertEqual((called, future.state), ([b"42"], "succeeded"))

    def test_safe_invoke_callback_exception(self):
        """A callback that calls back into what waits is refused; what it is called for goes on."""
        refused = []

        def callback(future):
            try:
                self.make(ID).wait(1)
            except libfutured.Error as error:
                refused.append(error.message)
        self.service.add(ID, polls=0, response=b"42")
        future = self.make(ID, callback=callback)
        self.assertEqual(future.result(harness.PATIENCE), b"42")
        self.assertEqual(refused, [os.strerror(errno.EBUSY)])


if __name__ == "__main__":
    harness.main()
