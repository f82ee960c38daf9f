"""test_google_async.py - what google.api_core's tests/asyncio/future/test_async_future.py and test_operation_async.py ask.

The library in asyncio's event loop: its fd, events and deadline, and a callback for each future that is awaited. Where ours differs
on purpose: the errors are the same as without asyncio, and polls are the daemon's.
"""
import asyncio
import functools
import json
import select
import sys

from conformance import ID, QUICK, SELDOM, GoogleTest, harness, libfutured


class Loop:
    """Drives a connection from the running event loop, as futured.h describes it."""

    def __init__(self, connection):
        self.connection = connection
        self.loop = asyncio.get_running_loop()
        self.fd = self.timer = None
        self.turn()

    def stop(self):
        if self.timer:
            self.timer.cancel()
        if self.fd is not None:
            self.loop.remove_reader(self.fd)
            self.loop.remove_writer(self.fd)
        self.fd = self.timer = None

    def turn(self):
        """Do what there is to do, then ask for all three anew."""
        self.stop()
        while self.connection.process():
            pass
        fd, events, timeout = self.connection.fileno(), self.connection.events(), self.connection.timeout()
        if fd >= 0:
            self.fd = fd
            if events & select.POLLIN:
                self.loop.add_reader(fd, self.turn)
            if events & select.POLLOUT:
                self.loop.add_writer(fd, self.turn)
        if timeout is not None:
            self.timer = self.loop.call_later(timeout, self.turn)

    async def until_done(self, future, timeout=None):
        """Until its callback is called."""
        waiter = self.loop.create_future()
        future.on_done(lambda _: waiter.done() or waiter.set_result(None))
        self.turn()
        await asyncio.wait_for(waiter, timeout)

    async def result(self, future, timeout=None):
        await self.until_done(future, timeout)
        return future.result(0)

    async def exception(self, future, timeout=None):
        await self.until_done(future, timeout)
        return future.exception(0)

    async def call(self, method, params):
        """Its answer."""
        waiter = self.loop.create_future()
        with self.connection.ask(method, params, waiter.set_result) as reply:
            self.turn()
            await waiter
            return reply.value(0)


def asynchronous(test):
    """A test that is a coroutine, with self.loop driving self.c."""
    @functools.wraps(test)
    def run(self):
        async def inside():
            self.loop = Loop(self.c)
            try:
                await asyncio.wait_for(test(self), harness.PATIENCE)
            finally:
                self.loop.stop()
        asyncio.run(inside())
    return run


class AsyncTest(GoogleTest):
    async def until(self, condition):
        """For what the service sees: it has a thread of its own."""
        while not condition():
            await asyncio.sleep(0.01)

    async def finished(self, **simulate):
        self.service.add(ID, polls=0, **simulate)
        future = self.make(ID)
        await self.loop.until_done(future)
        return future

    async def called_later(self, future):
        called = []
        future.on_done(called.append)
        self.assertEqual(called, [])
        await self.loop.until_done(future)
        self.assertEqual(called, [future])


class AsyncFuture(AsyncTest):
    @asynchronous
    async def test_polling_future_constructor(self):
        self.service.add(ID)
        future = self.make(ID)
        self.loop.turn()
        await self.until(self.polls)
        self.assertFalse(future.done())
        reply = await self.loop.call("future.cancel", {"id": future.id})
        self.assertTrue(reply["cancelled"])

    @asynchronous
    async def test_set_result(self):
        future = await self.finished(response=b"1")
        self.assertEqual(await self.loop.result(future), b"1")
        await self.called_later(future)

    @asynchronous
    async def test_set_exception(self):
        future = await self.finished(error={"code": 3, "message": "meep"})
        self.assertEqual((await self.loop.exception(future)).message, "meep")
        with self.assertRaises(libfutured.Failed):
            await self.loop.result(future)
        await self.called_later(future)

    @asynchronous
    async def test_invoke_callback_exception(self):
        future = await self.finished(response=b"42")
        ignored = []
        before, sys.unraisablehook = sys.unraisablehook, ignored.append
        self.addCleanup(setattr, sys, "unraisablehook", before)
        future.on_done(lambda _: 1 // 0)
        await self.called_later(future)
        self.assertEqual([entry.exc_type for entry in ignored], [ZeroDivisionError])

    async def polled(self, times):
        future = self.make(ID)
        self.assertEqual(await self.loop.result(future), b"42")
        self.assertEqual((await self.loop.result(future), self.polls()), (b"42", times))

    @asynchronous
    async def test_result_with_polling(self):
        self.service.add(ID, polls=0, response=b"42")
        await self.polled(1)

    async def timed_out(self, wait):
        self.service.fault({"kind": "get", "hold": True})
        self.service.add(ID, polls=0, response=b"42")
        future = self.make(ID)
        for _ in range(2):
            with self.assertRaises(asyncio.TimeoutError):
                await wait(future, 0.05)
        self.assertFalse(future.done())
        await self.until(self.polls)
        self.service.release()
        self.assertEqual(await self.loop.result(future), b"42")

    @asynchronous
    async def test_result_timeout(self):
        await self.timed_out(self.loop.result)

    @asynchronous
    async def test_exception_timeout(self):
        await self.timed_out(self.loop.exception)

    @asynchronous
    async def test_result_timeout_with_retry(self):
        """The wait's timeout and the policy have nothing to do with each other."""
        self.service.add(ID)
        self.service.fault({"kind": "get", "status": 429, "times": None})
        future = self.make(ID, retry=SELDOM)
        with self.assertRaises(asyncio.TimeoutError):
            await self.loop.result(future, 0.1)
        self.assertFalse(future.done())
        await self.until(self.polls)

    @asynchronous
    async def test_result_transient_error(self):
        self.service.add(ID, polls=0, response=b"42")
        self.service.stumble(ID, [429, 500, 502])
        await self.polled(4)

    async def concurrent(self, callbacks):
        self.service.add(ID)
        future = self.make(ID, polling=SELDOM)
        called = []
        for i in range(callbacks):
            future.on_done(lambda _, i=i: called.append(i))
        self.loop.turn()
        await self.until(self.polls)
        self.assertEqual((called, self.polls()), ([], 1))
        self.service.end(ID, response=b"42")
        self.c.ask("future.refresh", {"id": future.id})
        await self.loop.until_done(future)
        self.assertEqual((called, self.polls()), (list(range(callbacks)), 2))

    @asynchronous
    async def test_callback_concurrency(self):
        await self.concurrent(1)

    @asynchronous
    async def test_double_callback_concurrency(self):
        await self.concurrent(2)


class AsyncOperation(AsyncTest):
    async def look(self, future):
        return await self.loop.call("future.get", {"id": future.id})

    async def created(self, future):
        """Its id is known, and the service was asked."""
        self.loop.turn()
        await self.until(lambda: (self.loop.turn(), future.id)[1])
        await self.until(self.polls)
        return future

    @asynchronous
    async def test_constructor(self):
        self.service.add(ID)
        future = await self.created(self.make(ID))
        await self.until(lambda: self.polls() >= 2)
        await self.until(lambda: self.snapshot(future.id)["state"] == "running")
        self.assertIsNone((await self.look(future)).get("progress"))

    @asynchronous
    async def test_metadata(self):
        self.service.add(ID, metadata={"percent": 10})
        future = await self.created(self.make(ID))
        await self.until(lambda: "progress" in self.snapshot(future.id))
        self.assertEqual(json.loads((await self.look(future))["progress"]), {"percent": 10})

    @asynchronous
    async def test_cancellation(self):
        self.service.add(ID)
        future = await self.created(self.make(ID))
        first = await self.loop.call("future.cancel", {"id": future.id})
        self.assertTrue(first["cancelled"])
        self.assertIsInstance(await self.loop.exception(future), libfutured.Cancelled)
        second = await self.loop.call("future.cancel", {"id": future.id})
        self.assertEqual((second, self.service.cancels(ID)), ({"cancelled": False, "state": "cancelled"}, 1))

    @asynchronous
    async def test_result(self):
        self.service.add(ID, polls=1, response=b'{"v": 1}')
        future = self.make(ID)
        self.assertEqual(await self.loop.result(future), b'{"v": 1}')
        self.assertTrue(future.done())

    @asynchronous
    async def test_done_w_retry(self):
        self.service.add(ID, polls=1, response=b"{}")
        future = await self.created(self.make(ID, polling=SELDOM, retry={**QUICK, "on": [418]}))
        self.service.stumble(ID, [418])
        await self.loop.call("future.refresh", {"id": future.id})
        self.assertEqual(await self.loop.result(future), b"{}")
        self.assertEqual([entry["status"] for entry in self.requests("get")], [200, 418, 200])

    @asynchronous
    async def test_exception(self):
        """Its code is known as well: the same error as without asyncio."""
        self.service.add(ID, polls=1, error={"message": "meep", "code": 5})
        error = await self.loop.exception(self.make(ID))
        self.assertEqual((error.message, error.remote_code), ("meep", "5"))

    @asynchronous
    async def test_unexpected_result(self):
        self.service.add(ID, polls=1, neither=True)
        self.assertEqual((await self.loop.exception(self.make(ID))).message, "neither response nor error")

    @asynchronous
    async def test_from_gapic(self):
        self.service.add(ID, polls=1)
        future = self.make(ID, spec={"headers": {"X-Goog-Request-Params": "foo"}})
        await self.loop.result(future)
        self.assertEqual([entry["headers"]["x-goog-request-params"] for entry in self.requests()], ["foo", "foo"])

    @asynchronous
    async def test_deserialize(self):
        self.service.add(ID)
        future = await self.created(self.make(ID))
        again = self.c.attach(future.id)
        future.close()
        self.service.end(ID, response=b"[]")
        self.assertEqual(await self.loop.result(again), b"[]")


if __name__ == "__main__":
    harness.main()
