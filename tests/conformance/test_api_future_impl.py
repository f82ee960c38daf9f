"""test_api_future_impl.py - after Tinker's tests/test_api_future_impl.py, and what its poll loop does with each answer."""
import base64
import json
import struct

from conformance import harness, libfutured
from liborders import on_progress, progress
from sampling import SamplingTest

POLL_SECONDS = 0.5


class Polls(SamplingTest):
    def impatient(self, name):
        """A handle on a future whose polls are given up after a moment."""
        poll = {**self.from_profile("poll"), "timeout": POLL_SECONDS}
        return self.make(name, spec={"poll": poll}).created(harness.PATIENCE)

    def bodies(self):
        return [json.loads(entry["body"]) for entry in self.requests("poll")]

    def test_stalled_pyqwest_body_repolls_same_future_without_rerunning_operation(self):
        """An answer that stops in its middle: its request is closed and repeated, the operation is not."""
        name = self.service.prepare(polls=1, result={"ok": True})
        self.service.fault({"kind": "poll", "stall": 6})
        future = self.impatient(name)
        self.assertEqual(future.json(harness.PATIENCE), {"ok": True})
        self.assertEqual(([body["request_id"] for body in self.bodies()], self.count("submit")), ([name, name], 0))
        self.assertEqual({entry["target"] for entry in self.requests("poll")}, {"/services/tinker-prod/api/v1/retrieve_future"})

    def test_a_poll_that_is_held_too_long_is_repeated(self):
        name = self.service.prepare()
        self.service.hold = 3600
        future = self.impatient(name)
        self.seen(2, "poll", name)
        self.assertFalse(future.done())
        self.service.complete(name, result=[1])
        self.assertEqual(future.json(harness.PATIENCE), [1])

    def test_pending_answers_are_no_failures(self):
        """408 and try_again: asked again at once, with neither a delay nor a retry."""
        for how in ({}, {"try_again": True}):
            future, name = self.promise(polls=4, result=[2], **how)
            self.assertEqual(future.json(harness.PATIENCE), [2])
            self.assertLess(max(self.gaps("poll", name)), 1)
        self.assertEqual(self.rpc.call("server.stats")["retries"], 0)

    def test_complete_metadata_only_once(self):
        future, name = self.promise(polls=1, large=True, result={"big": "x" * 1000})
        self.assertEqual(len(future.json(harness.PATIENCE)["big"]), 1000)
        self.assertEqual([body["allow_metadata_only"] for body in self.bodies()], [True, False])

    def test_error_and_category(self):
        for category in ("user", "server", "unknown"):
            future, _ = self.promise(polls=1, error="the model is gone", category=category)
            self.ended(libfutured.Failed, future, kind="remote", message="the model is gone", remote_code=category)

    def test_protobuf_is_handed_out_as_it_came(self):
        data = struct.pack("<4sI", b"\x00\xff\x08\x01", 7)
        future, _ = self.promise(polls=1, result_base64=base64.b64encode(data).decode())
        self.assertEqual((future.result(harness.PATIENCE), future.content_type), (data, "application/x-protobuf"))

    def test_transient_answers(self):
        """429, 5xx, 402 and a bare 400 now and then are not the end of anything."""
        for status in (429, 500, 503, 400):
            name = self.service.prepare(polls=1, result=[status])
            self.service.fault({"kind": "poll", "name": name, "status": status, "body": {"detail": "later"}})
            self.assertEqual(self.make(name).json(harness.PATIENCE), [status])
            self.assertEqual(self.history(name), [("poll", status), ("poll", 200)])

    def test_410_is_lost_and_everything_else_fatal(self):
        future, _ = self.promise(polls=1, broken=True)
        self.ended(libfutured.Failed, future, kind="lost", http_status=410)
        for status in (403, 422):
            name = self.service.prepare(polls=1)
            self.service.fault({"kind": "poll", "name": name, "status": status})
            self.ended(libfutured.Failed, self.make(name), kind="remote", http_status=status)

    def test_result_timeout_leaves_the_polling_alone(self):
        """Of one waiter, as of all the others."""
        future, name = self.promise()
        others = [self.connect().attach(future.id) for _ in range(3)]
        self.assertRaises(TimeoutError, future.result, 0.05)
        self.assertFalse(others[0].wait(0.01))
        self.service.complete(name, result="there")
        self.assertEqual([f.json(harness.PATIENCE) for f in (future, *others)], ["there"] * 4)
        self.assertEqual(self.count("poll", name), 1)

    def test_queue_state_observer(self):
        """Called when the service says something else of its queue, with the reason; not for each poll."""
        self.service.fault({"kind": "poll", "hold": True, "times": None})
        states = [{"queue_state": "active"}, {"queue_state": "active"},
                  {"queue_state": "paused_capacity", "queue_state_reason": "short on capacity"}]
        future, name = self.promise(polls=4, queue=states)
        heard = []
        on_progress(future, lambda f: heard.append(progress(f)))
        for i in range(4):
            self.seen(i + 1, "poll", name)
            self.service.release()
            self.c.process_until(lambda i=i: i == 3 or states[i] in heard)
        self.assertIsNone(future.exception(harness.PATIENCE))
        self.assertEqual([state for state in heard if state], [states[0], states[2]])

    def test_result_is_cached(self):
        future, name = self.promise(polls=1, result={"path": "tinker://a"})
        self.assertEqual([future.json(harness.PATIENCE) for _ in range(3)], [{"path": "tinker://a"}] * 3)
        self.assertEqual(self.count("poll", name), 1)

    def test_combined_future(self):
        """Of several chunks in the order in which they were sent, however they end."""
        chunks = [self.promise() for _ in range(4)]
        for future, name in reversed(chunks):
            self.service.complete(name, result={"chunk": name})
        futures = [future for future, _ in chunks]
        self.assertTrue(self.c.wait(futures, timeout=harness.PATIENCE))
        self.assertEqual([f.json() for f in futures], [{"chunk": name} for _, name in chunks])

    def test_combined_future_first_exception(self):
        """The first that fails is known before the others end; they go on."""
        chunks = [self.promise() for _ in range(3)]
        futures = [future for future, _ in chunks]
        self.service.complete(chunks[2][1], error="out of memory")
        self.assertTrue(self.c.wait(futures, libfutured.FIRST_EXCEPTION, harness.PATIENCE))
        self.assertEqual([f.done() for f in futures], [False, False, True])
        for _, name in chunks[:2]:
            self.service.complete(name)
        self.assertTrue(self.c.wait(futures, timeout=harness.PATIENCE))
        self.assertEqual([f.state for f in futures], ["succeeded", "succeeded", "failed"])


if __name__ == "__main__":
    harness.main()
