"""test_sidecar_worker.py - after the rest of Tinker's tests/test_sidecar.py: the worker process itself, and who collects its answers.

The worker is a process that claims promises: what is to be done is in their labels, and its answer is their result. The sidecar
that stands between it and those who wait is the daemon.
"""
import errno
import json
import os

from conformance import LibraryTest, harness, libfutured
from liborders import claim, promise, resolve, set_exception, set_progress, set_result
from sampling import SamplingTest

# Does what the labels of promises say, in turn; "later" is done when "now" is. Its sys.argv[2] is the socket.
WORKER = """
import json, sys
sys.path.insert(0, sys.argv[1])
import libfutured, liborders
LATER, STOPPED = [], []
def do(c, id, call):
    future = c.attach(id).created()
    liborders.claim(future)
    try:
        name, *numbers = json.loads(call)
        if name == "later":
            LATER.append((future, numbers))
            return
        if name == "stop":
            STOPPED.append(1)
        if name == "now":
            for waiting, numbers in LATER:
                finish(waiting, *numbers)
            numbers = []
        finish(future, *numbers)
    except Exception as error:
        liborders.set_exception(future, str(error), kind="raised", code=type(error).__name__)
def finish(future, *numbers):
    if any(number < 0 for number in numbers):
        liborders.set_exception(future, "Simulated failure", kind="raised")
    else:
        liborders.set_result(future, sum(numbers))
with libfutured.Connection(sys.argv[2]) as c:
    created = []
    note = lambda event: event.type == "created" and created.append(event.id)
    subscription = c.subscribe(note, labels={"for": "worker"}, since=0)
    while not STOPPED:
        c.process_until(lambda: created)
        id = created.pop(0)
        do(c, id, c.call("future.get", {"id": id})["labels"]["call"])
"""


class Worker(LibraryTest):
    service_class = SamplingTest.service_class

    def setUp(self):
        super().setUp()
        self.worker = self.elsewhere(WORKER, self.home.socket)
        self.addCleanup(self.worker.stdout.close)
        self.addCleanup(self.worker.kill)

    def call(self, *call, text=None, connection=None):
        labels = {"for": "worker", "call": text or json.dumps(call)}
        return (connection or self.c).create(spec={"kind": "promise"}, labels=labels).created(harness.PATIENCE)

    def stopped(self):
        self.call("stop").result(harness.PATIENCE)
        self.assertEqual(self.worker.wait(harness.PATIENCE), 0)


class TestSubprocessWorker(Worker):
    def test_processes_direct_return(self):
        self.assertEqual(self.call("add", 3, 4).json(harness.PATIENCE), 7)

    def test_processes_future_return(self):
        """What the worker has begun is running, claimed, and over when the worker says so."""
        future = self.call("later", 10, 20)
        snapshot = harness.wait_until(lambda: (found := self.snapshot(future.id)).get("claimed") and found, "the worker")
        self.assertEqual((snapshot["state"], future.done()), ("running", False))
        self.call("now")
        self.assertEqual(future.json(harness.PATIENCE), 30)

    def test_handles_method_exception(self):
        self.ended(libfutured.Failed, self.call("add", -1), kind="raised", message="Simulated failure")

    def test_shutdown_on_sentinel(self):
        self.stopped()
        future = self.call("add", 1, 2)
        self.assertEqual(self.snapshot(future.id)["state"], "pending", "it is there for the next worker")

    def test_register_target_unpickle_error(self):
        """What the worker cannot read is refused by it, and the next call is done."""
        error = self.ended(libfutured.Failed, self.call(text="not valid data"), kind="raised")
        self.assertEqual(error.remote_code, "JSONDecodeError")
        self.assertEqual(self.call("add", 1, 2).json(harness.PATIENCE), 3)

    def test_unregistered_target_id_gives_clear_error(self):
        unknown = "01900000-0000-7000-8000-000000000000"
        with self.assertRaises(libfutured.Error) as caught:
            self.c.call("future.claim", {"id": unknown})
        self.assertEqual((caught.exception.name, unknown in caught.exception.message), ("NotFound", True))

    def test_worker_that_dies(self):
        """Not asked there: what it had begun is abandoned, what it had not is still there."""
        begun = self.call("later", 1)
        harness.wait_until(lambda: self.snapshot(begun.id).get("claimed"), "the worker")
        self.worker.kill()
        self.ended(libfutured.Failed, begun, kind="abandoned")


class TestPutResponse(Worker):
    def test_wraps_unpicklable_exception(self):
        """What is no text is refused to be a message, and goes along as details, whatever its bytes are."""
        future = promise(self.c)
        unreadable = {"id": future.id, "message": b"\xff\xfe"}
        self.assert_rpc_error("InvalidArgument", self.client(errors="map").call, "future.reject", unreadable, says="UTF-8")
        self.client().call("future.reject", {"id": future.id, "message": "UnpicklableError", "details": b"\xff\xfe\0"})
        self.assertEqual(self.ended(libfutured.Failed, future, message="UnpicklableError").details, b"\xff\xfe\0")


class TestResponseCollector(Worker):
    def test_resolves_futures(self):
        """Each answer finds the handle that it is for, in whatever order they come."""
        first, second = promise(self.c), promise(self.c)
        for future, text in ((second, "result_2"), (first, "result_1")):
            set_result(self.connect().attach(future.id).created(harness.PATIENCE), text)
        self.assertEqual([future.json(harness.PATIENCE) for future in (first, second)], ["result_1", "result_2"])

    def test_resolves_exception(self):
        first, second = promise(self.c), promise(self.c)
        set_exception(first, "test error")
        set_result(second, 2)
        self.ended(libfutured.Failed, first, kind="rejected", message="test error")
        self.assertEqual(second.json(harness.PATIENCE), 2)


class TestRPCExecution(Worker):
    def test_multi_step_rpc(self):
        """The second step with what the first one gave; told in between."""
        future = promise(self.c)
        claim(future)
        first = self.call("add", 3, 4).json(harness.PATIENCE)
        set_progress(future, {"first": first})
        set_result(future, self.call("add", first, 4).json(harness.PATIENCE))
        self.assertEqual((future.json(harness.PATIENCE), json.loads(self.snapshot(future.id)["progress"])), (11, {"first": 7}))


class TestErrorHandling(Worker):
    def test_future_exception(self):
        future = self.call("later", -1)
        harness.wait_until(lambda: self.snapshot(future.id).get("claimed"), "the worker")
        self.call("now")
        self.ended(libfutured.Failed, future, kind="raised", message="Simulated failure")
        self.assertEqual(self.call("add", 10, 20).json(harness.PATIENCE), 30)

    def test_bad_pickle_registration(self):
        for spec in ({"kind": "promise", "on_abandon": "explode"}, {"kind": "promise", "url": "/x"}, {"kind": "promised"}):
            with self.assertRaises(libfutured.Error) as caught:
                self.c.create(spec=spec).created(harness.PATIENCE)
            self.assertEqual(caught.exception.name, "InvalidSpec")


class TestLifecycle(Worker):
    def test_sidecar_not_picklable(self):
        """Nor can it be taken along into a child by fork(): every call there says so, and this process keeps it."""
        future = promise(self.c)
        child = os.fork()
        if child == 0:
            try:
                self.c.call("future.get", {"id": future.id})
            except libfutured.Error as error:
                os._exit(7 if error.code == -errno.ECHILD else 1)
            os._exit(2)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 7)
        resolve(future, b"here")
        self.assertEqual(future.result(harness.PATIENCE), b"here")

    def test_singleton_recreates_after_death(self):
        """Another daemon, as its boot_id says, and the same futures."""
        future, before = promise(self.c), self.rpc.call("server.hello")["boot_id"]
        self.restart()
        self.assertNotEqual(self.rpc.call("server.hello")["boot_id"], before)
        set_result(self.connect().attach(future.id).created(harness.PATIENCE), 5)
        self.assertEqual(future.json(harness.PATIENCE), 5)

    def test_create_sidecar_handle_public_api(self):
        made = self.daemon.ctl("promise", "--label", "for=worker", "--label", 'call=["add", 5, 6]')
        self.assertEqual(self.daemon.ctl("result", made.stdout.strip()).stdout, "11")


class TestConcurrency(SamplingTest):
    def test_concurrent_registration_with_rpcs(self):
        """Others come and go while this one works."""
        def work(i, connection):
            for k in range(10):
                if i % 2:
                    connection = self.connect()
                future = promise(connection)
                set_result(future, i + k)
                self.assertEqual(future.json(harness.PATIENCE), i + k)
        self.threads(4, work)

    def test_mixed_targets_under_load(self):
        """Futures of every kind, each kind by three threads."""
        kinds = ("promise", "timer", "group")

        def work(i, connection):
            for k in range(20):
                kind = kinds[i % 3]
                spec = {"promise": {"kind": kind}, "timer": {"kind": kind, "delay": 0.001}, "group": {"kind": kind, "of": []}}[kind]
                future = connection.create(spec=spec).created(harness.PATIENCE)
                if kind == "promise":
                    set_result(future, k)
                self.assertEqual(future.json(harness.PATIENCE), {"promise": k, "timer": None, "group": []}[kind])
        self.threads(9, work)

    def test_multi_target_concurrent_from_threads(self):
        """Two targets of the same service, from many threads: each gets its own."""
        def work(i, connection):
            operation = ("asample", "optim_step")[i % 2]
            name = self.service.prepare(polls=1, result=[operation, i])
            self.assertEqual(self.make(name, connection=connection).json(harness.PATIENCE), [operation, i])
        self.threads(20, work)


if __name__ == "__main__":
    harness.main()
