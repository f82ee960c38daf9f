"""test_sidecar.py - after Tinker's tests/test_sidecar.py and tests/test_subprocess_sampling_client.py: work that another process
does for this one. There it is a child that takes all pending futures with it; here it is the daemon, and they outlive it."""
import base64
import errno
import select
import threading

from conformance import harness, libfutured
from sampling import SamplingTest

UNKNOWN = "01900000-0000-7000-8000-000000000000"
# Takes a future up by its id, in a process of its own.
ELSEWHERE = """
import sys
sys.path.insert(0, sys.argv[1])
import libfutured
with libfutured.Connection(sys.argv[2]) as c:
    print(c.attach(sys.argv[3]).json(60))
"""


class TestRPCExecution(SamplingTest):
    def test_direct_return(self):
        self.assertEqual(self.request(result=7).json(harness.PATIENCE), 7)

    def test_future_return(self):
        self.assertEqual(self.request(polls=3, result=30).json(harness.PATIENCE), 30)

    def test_multiple_rpc_types(self):
        made = [self.request(operation, result=operation) for operation in ("asample", "optim_step", "save_weights")]
        self.assertEqual([f.json(harness.PATIENCE) for f in made], ["asample", "optim_step", "save_weights"])

    def test_none_result(self):
        name = self.service.prepare(polls=1, result_base64="")
        self.assertEqual(self.make(name).result(harness.PATIENCE), b"")

    def test_async_submit(self):
        """In a loop of the program's own: poll(2) and what the library says of its fd and its time."""
        results = []
        for i in range(10):
            self.request(result=i + i).on_done(lambda f: results.append(f.json()))
        poll = select.poll()
        while True:
            while self.c.process():
                pass
            if len(results) == 10:
                break
            poll.register(self.c.fileno(), self.c.events())
            timeout = self.c.timeout()
            poll.poll(1000 * (harness.PATIENCE if timeout is None else timeout))
            poll.unregister(self.c.fileno())
        self.assertEqual(sorted(results), [i + i for i in range(10)])

    def test_mixed_sample_and_logprobs(self):
        samples = [self.request("asample", result={"tokens": [1, 2, 3]}) for _ in range(10)]
        logprobs = [self.request("forward_backward", result=[0.1, 0.2, None]) for _ in range(10)]
        self.assertTrue(self.c.wait(samples + logprobs, timeout=harness.PATIENCE))
        self.assertEqual({str(f.json()) for f in samples}, {"{'tokens': [1, 2, 3]}"})
        self.assertEqual({str(f.json()) for f in logprobs}, {"[0.1, 0.2, None]"})


class TestErrorHandling(SamplingTest):
    def test_target_exception(self):
        self.ended(libfutured.Failed, self.request(error="Simulated failure", category="server"),
                   message="Simulated failure", remote_code="server", kind="remote")

    def test_sidecar_continues_after_rpc_error(self):
        self.assertIsInstance(self.request(error="Simulated failure").exception(harness.PATIENCE), libfutured.Failed)
        self.assertEqual(self.request(result=30).json(harness.PATIENCE), 30)

    def test_unpicklable_result(self):
        """There is no such thing: a result is bytes."""
        data = bytes(range(256))
        name = self.service.prepare(polls=1, result_base64=base64.b64encode(data).decode())
        self.assertEqual(self.make(name).result(harness.PATIENCE), data)

    def test_unpicklable_rpc(self):
        """What cannot be sent is refused at once, by the function that is to send it."""
        for params in ('{"a": ', "[]", '{"a": 1} 2', "nothing"):
            with self.assertRaises(libfutured.Error) as caught:
                libfutured._check(libfutured._lib.futured_call(self.c.handle, b"future.get", params.encode(),
                                                               libfutured._NO_CB, None, None))
            self.assertEqual(caught.exception.code, -errno.EINVAL)

    def test_unregistered_target_id(self):
        error = self.ended(libfutured.Error, self.c.attach(UNKNOWN), code=-errno.ENOENT, name="NotFound")
        self.assertIn(UNKNOWN, error.message)

    def test_wrong_rpc_for_target_type(self):
        future = self.request()
        future.created(harness.PATIENCE)
        with self.assertRaises(libfutured.Error) as caught:
            self.c.call("future.multiply", {"id": future.id})
        self.assertEqual((caught.exception.code, caught.exception.name), (-errno.ENOSYS, "MethodNotFound"))
        self.assertIsNone(future.exception(harness.PATIENCE))


class TestLifecycle(SamplingTest):
    def test_shutdown_is_idempotent(self):
        self.c.shut()
        self.c.shut()

    def test_submit_after_shutdown_raises(self):
        self.c.shut()
        with self.assertRaises(libfutured.Error) as caught:
            self.request()
        self.assertEqual(caught.exception.code, -errno.ENOTCONN)

    def test_shutdown_tells_what_is_under_way(self):
        future, _ = self.promise()
        ended = []
        future.on_done(lambda f: ended.append(f.look()[0]))
        self.c.shut()
        self.assertEqual(ended, [-errno.ECONNABORTED])

    def test_parent_pipe_close_terminates_subprocess(self):
        """Not here: whoever goes takes along what it waits for, and nothing else."""
        connection = self.connect()
        future, name = self.promise(connection)
        some_id = future.id
        self.assertFalse(future.wait(0.01))
        harness.wait_until(lambda: self.rpc.call("server.stats")["waits"] == 1, "its wait")
        connection.close()
        harness.wait_until(lambda: self.rpc.call("server.stats")["waits"] == 0, "the end of its wait")
        self.service.complete(name, result="there")
        self.assertEqual(self.c.attach(some_id).json(harness.PATIENCE), "there")

    def test_subprocess_death_fails_pending_futures(self):
        """Not here: they go on when it is back, for those who wait already."""
        promises = [self.promise() for _ in range(5)]
        ended = []
        for future, _ in promises:
            future.on_done(lambda f: ended.append(f.json()))
        self.assertFalse(promises[0][0].wait(0))
        self.restart()
        for _, name in promises:
            self.service.complete(name, result=name)
        self.assertTrue(self.c.wait([future for future, _ in promises], timeout=harness.PATIENCE))
        self.assertEqual(sorted(ended), sorted(name for _, name in promises))

    def test_fails_all_pending_on_process_death(self):
        """For who wants it so: nothing is waited for beyond the connection, and the futures live on all the same."""
        connection = self.connect(flags=libfutured.NO_RECONNECT)
        promises = [self.promise(connection) for _ in range(5)]
        ids = [future.id for future, _ in promises]
        self.assertFalse(promises[0][0].wait(0))
        self.restart()
        for future, _ in promises:
            self.ended(libfutured.Error, future, code=-errno.ECONNRESET)
        for _, name in promises:
            self.service.complete(name, result=1)
        self.assertEqual([self.c.attach(i).json(harness.PATIENCE) for i in ids], [1] * 5)

    def test_submit_after_subprocess_death_raises(self):
        """It waits for the daemon's return, and then it is created; once."""
        self.assertIsNotNone(self.request(result=1).json(harness.PATIENCE))
        self.daemon.kill()
        future = self.request(result=2)
        self.assertFalse(future.wait(0.05))
        self.daemon.start()
        self.assertEqual(future.json(harness.PATIENCE), 2)
        self.assertEqual((len(self.client().call("future.list", {})["futures"]), self.count("submit")), (2, 2))

    def test_handle_not_picklable(self):
        """But its id is text, and good in any other process."""
        future, name = self.promise()
        other = self.elsewhere(ELSEWHERE, self.home.socket, future.id)
        self.service.complete(name, result=11)
        self.assertEqual(other.communicate(timeout=harness.PATIENCE), ("11\n", None))

    def test_singleton_returns_same_instance(self):
        """The same key is the same future, whoever asks, and however often."""
        name = self.service.prepare(polls=1, result=5)
        made = [self.make(name, connection=c, key="one").created(harness.PATIENCE) for c in (self.c, self.connect())]
        self.assertEqual(([f.is_new() for f in made], made[0].id), ([1, 0], made[1].id))
        self.assertEqual([f.json(harness.PATIENCE) for f in made], [5, 5])
        self.assertEqual(self.count("poll", name), 1)


class TestMultiTarget(SamplingTest):
    def test_two_targets_isolated(self):
        made = [self.promise(polls=1, result=value) for value in (7, 30)]
        self.assertEqual([future.json(harness.PATIENCE) for future, _ in made], [7, 30])

    def test_handle_gc_unregisters_target(self):
        """A handle that is released is not called any more; its future goes on without it."""
        future, name = self.promise()
        some_id, called = future.id, []
        future.on_done(called.append)
        future.close()
        self.service.complete(name, result=3)
        self.assertEqual(self.c.attach(some_id).json(harness.PATIENCE), 3)
        self.assertEqual(called, [])


class TestConcurrency(SamplingTest):
    def test_multithreaded_submits(self):
        ids = set()

        def submit(i, connection):
            future = self.make(connection=connection, spec=self.submit(i))
            self.assertEqual(future.json(harness.PATIENCE), i + i)
            ids.add(future.id)
        self.threads(20, submit)
        self.assertEqual((len(ids), self.count("submit")), (20, 20))

    def submit(self, i):
        return {"submit": {"url": "api/v1/asample", "json": {"seq_id": i, "simulate": {"polls": 1, "result": i + i}},
                           "capture": {"request_id": {"body": "/request_id"}}}}

    def test_concurrent_submit_and_shutdown(self):
        """While the daemon stops, each creation is either taken or refused, and none hangs."""
        begun = threading.Barrier(6)

        def submit(i, unused):
            with libfutured.Connection(self.home.socket, flags=libfutured.NO_RECONNECT) as connection:
                begun.wait(harness.PATIENCE)
                for k in range(10):
                    try:
                        self.make(connection=connection, spec=self.submit(100 * i + k)).created(harness.PATIENCE)
                    except libfutured.Error as error:
                        self.assertIn(error.code, (-errno.ESHUTDOWN, -errno.ECONNRESET, -errno.ENOTCONN))
                        break

        def stop():
            begun.wait(harness.PATIENCE)
            self.assertEqual(self.daemon.stop(), 0)
        thread = threading.Thread(target=stop)
        thread.start()
        self.threads(5, submit)
        thread.join()

    def test_cancelled_future_does_not_crash_collector(self):
        future, _ = self.promise()
        self.assertTrue(future.cancel()["cancelled"])
        self.assertEqual(self.request(result=7).json(harness.PATIENCE), 7)
        self.ended(libfutured.Cancelled, future)

    def test_many_targets_many_threads(self):
        def work(i, connection):
            for k in range(10):
                name = self.service.prepare(polls=1, result=i + k)
                self.assertEqual(self.make(name, connection=connection).json(harness.PATIENCE), i + k)
        self.threads(20, work)

    def test_rapid_register_unregister_cycles(self):
        for _ in range(50):
            with libfutured.Connection(self.home.socket) as connection:
                self.make(self.service.prepare(polls=1), connection=connection).created(harness.PATIENCE).close()
        self.assertEqual(self.request(result=30).json(harness.PATIENCE), 30)
        harness.wait_until(lambda: self.rpc.call("server.stats")["connections"] == 2, "the others' end")

    def test_multiple_clients_share_sidecar(self):
        """Their polls, too: what two ask for under one key is asked for once."""
        name = self.service.prepare()
        futures = [self.make(name, connection=self.connect(), key="shared").created(harness.PATIENCE) for _ in range(8)]
        self.service.complete(name, result="for all")
        self.assertEqual([f.json(harness.PATIENCE) for f in futures], ["for all"] * 8)
        self.assertEqual(self.count("poll", name), 1)


if __name__ == "__main__":
    harness.main()
