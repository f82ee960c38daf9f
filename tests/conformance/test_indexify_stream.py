"""test_indexify_stream.py - what Indexify's routes/invoke_test.rs asks of a stream of progress: that its end is always told.

There the server's stream is tested; here both ends of it are: the service streams to the daemon, and the daemon to subscribers, each of
whom hears of the end exactly once, whenever he came and however slow he reads. Where ours differs on purpose: what the service's
stream says is a reason to ask, never the answer, so an end that only the stream tells is none.
"""
import base64
import json
import uuid

from conformance import QUICK, SELDOM, LibraryTest, harness, libfutured
from tensorlake import EVENTS, Tensorlake

ENDS = ("succeeded", "failed", "cancelled")
NOBODY = "01900000-0000-7000-8000-000000000000"
LAST = 300                         # steps of progress, each of 10 kB: more than is kept for anybody
LARGE = b"\0" * (2 << 20)


def progress(step):
    return {"RequestProgressUpdated": {"function_name": "main", "message": f"step {step}", "step": step, "total": 9}}


class Stream(LibraryTest):
    service_class = Tensorlake
    profile = "tensorlake"
    token = "key"
    id_param = "request_id"

    def creation(self, name=None, params=None, **more):
        return super().creation(name, {"application": "app", **(params or {})}, **more)

    def request(self, polling=SELDOM, **simulate):
        """A request that the service has, and a future for it that listens to its stream."""
        name = self.service.prepare(**{"events": [], **simulate})
        future = self.make(name, polling=polling)
        future.created(harness.PATIENCE)
        self.seen(1, "progress", name)
        return name, future

    def over(self, **simulate):
        """A future that is over before anybody listens."""
        future = self.make(self.service.prepare(polls=0, events=[], **simulate))
        self.assertTrue(future.wait(harness.PATIENCE))
        return future

    def listen(self, some_id, since=0):
        """A connection of its own that hears of it, and the list of what it hears."""
        connection, events = self.connect(), []
        connection.listening = connection.subscribe(events.append, ids=[some_id], since=since)
        return connection, events

    def hear(self, listener, condition):
        """Read on until the events fulfil this."""
        connection, events = listener
        connection.process_until(lambda: condition(events), harness.PATIENCE)
        return events

    def end(self, listener):
        """Read on to the end, and as far as there is something after it; the end, which is told once."""
        events = self.hear(listener, lambda events: any(event.state in ENDS for event in events if event.id))
        while listener[0].process():
            pass
        last, = [event for event in events if event.type == "changed" and event.state in ENDS]
        self.assertIs(last, events[-1])
        self.assertEqual(len({event.seq for event in events if event.id}), sum(event.id is not None for event in events))
        return last

    def is_ready(self, listener):
        self.hear(listener, lambda events: any(event.type == "ready" for event in events))
        return listener

    def steps(self, listener):
        return [event.progress["step"] for event in listener[1] if event.type == "progress"]


class InitialCheck(Stream):
    def test_initial_check_finished_success(self):
        last = self.end(self.listen(self.over(output=1).id))
        self.assertEqual((last.state, last.error), ("succeeded", None))

    def test_initial_check_finished_failure(self):
        last = self.end(self.listen(self.over(failure="function_error").id))
        self.assertEqual((last.state, last.error.kind, last.error.remote_code), ("failed", "remote", "function_error"))

    def test_initial_check_finished_unknown(self):
        last = self.end(self.listen(self.over(failure="unknown").id))
        self.assertEqual((last.state, last.error.remote_code), ("failed", "unknown"))

    def test_initial_check_not_found(self):
        """Of what is not there, nothing is heard; of what the service does not have, that it is lost."""
        listener = self.is_ready(self.listen(NOBODY))
        future = self.make(str(uuid.uuid4()))
        self.ended(libfutured.Failed, future, kind="lost", http_status=404)
        self.assertEqual(self.end(self.listen(future.id)).error.kind, "lost")
        self.assertEqual([event.type for event in listener[1]], ["ready"])

    def test_initial_check_no_outcome(self):
        name, future = self.request()
        listener = self.is_ready(self.listen(future.id))
        self.assertFalse([event for event in listener[1] if event.state in ENDS and event.id])
        self.service.complete(name, output=1)
        self.assertEqual(self.end(listener).state, "succeeded")

    def test_stream_starts_finished(self):
        """A request that was over when the future was made: it takes one look, and no stream."""
        future = self.over(output=[1])
        self.assertEqual((future.json(), self.count("poll"), self.count("progress")), ([1], 1, 0))
        self.assertEqual(self.end(self.listen(future.id)).state, "succeeded")


class Receive(Stream):
    def quiet(self, *values):
        """These events of the service are no reason to look; the progress that comes after them is told."""
        name, future = self.request()
        listener = self.listen(future.id)
        for value in (*values, progress(1)):
            self.service.tell(name, value)
        self.hear(listener, lambda _: self.steps(listener) == [1])
        self.running(future)
        self.assertEqual(self.count("poll", name), 1)
        return name, future, listener

    def test_receive_request_started_event(self):
        self.quiet(EVENTS[0])

    def test_receive_function_run_created_event(self):
        self.quiet(EVENTS[1])

    def test_receive_multiple_events(self):
        name, _, listener = self.quiet(*EVENTS[:3])
        self.service.tell(name, progress(2))
        self.hear(listener, lambda _: self.steps(listener) == [1, 2])

    def test_stream_progress_then_finished(self):
        name, future, listener = self.quiet(*EVENTS[:3])
        self.service.complete(name, output={"n": 1})
        self.assertEqual((self.end(listener).state, self.steps(listener)), ("succeeded", [1]))
        self.assertEqual(future.json(harness.PATIENCE), {"n": 1})

    def finished(self, **outcome):
        name, future = self.request()
        listener = self.listen(future.id)
        self.service.complete(name, **outcome)
        return name, future, self.end(listener)

    def test_receive_finished_event_with_finished_result(self):
        name, future, last = self.finished(output=2)
        self.assertEqual((last.state, future.json(harness.PATIENCE), self.count("poll", name)), ("succeeded", 2, 2))

    def lies(self):
        """The stream says that it is over, and it is not."""
        name, future = self.request(polling=QUICK, stream="lie")
        listener = self.listen(future.id)
        self.seen(3, "poll", name)
        self.running(future)
        return name, future, listener

    def test_receive_finished_event_with_no_outcome(self):
        name, future, listener = self.lies()
        self.service.complete(name, output=3)
        self.assertEqual((self.end(listener).state, future.json(harness.PATIENCE)), ("succeeded", 3))

    def test_finished_event_fallback_to_original(self):
        """There the event is believed when the store cannot confirm it; here the service is asked until it does."""
        name, future, listener = self.lies()
        self.assertEqual(self.count("output", name), 0)
        self.service.complete(name, failure="cancelled")
        self.assertEqual(self.end(listener).state, "cancelled")
        self.ended(libfutured.Cancelled, future)

    def test_receive_finished_event_with_not_found(self):
        name, future, listener = self.lies()
        self.service.lost(name)
        self.assertEqual(self.end(listener).error.kind, "lost")
        self.ended(libfutured.Failed, future, kind="lost")


class Outputs(Stream):
    def output(self, **simulate):
        """The result of a request that streamed its end, and the daemon's word for its type."""
        name, future = self.request()
        listener = self.listen(future.id)
        self.service.complete(name, **simulate)
        self.assertEqual(self.end(listener).state, "succeeded")
        return future.result(harness.PATIENCE), future.content_type

    def test_success_outcome_no_output(self):
        self.assertEqual(self.output(), (b"null", "application/json"))

    def test_success_outcome_with_json_output(self):
        self.assertEqual(self.output(output={"value": 42}, inline=True), (b'{"value": 42}', "application/json"))

    def test_success_outcome_with_non_json_output(self):
        data = base64.b64encode(b"binary\0data\xff").decode()
        self.assertEqual(self.output(output_base64=data, content_type="application/octet-stream"),
                         (b"binary\0data\xff", "application/octet-stream"))

    def test_success_outcome_with_large_output(self):
        """Over what fits in an event, and in a message of the daemon's."""
        self.assertEqual(self.output(output_base64=base64.b64encode(LARGE).decode())[0], LARGE)


class Closed(Stream):
    def test_channel_closed(self):
        """Without its stream a future is polled as if there had never been one."""
        name, future = self.request(polling=QUICK, stream="early", polls=4, output=1)
        self.assertEqual(future.json(harness.PATIENCE), 1)
        self.assertEqual(self.count("poll", name), 4)

    def test_channel_closed_checks_for_finished(self):
        """Over before the stream was closed, without a word in it."""
        name, future = self.request(polling=QUICK, stream="cut")
        listener = self.is_ready(self.listen(future.id))
        self.service.complete(name, output=1)
        self.assertEqual(self.end(listener).state, "succeeded")

    def test_channel_closed_no_outcome(self):
        name, future = self.request(polling=QUICK, stream="early")
        listener = self.is_ready(self.listen(future.id))
        self.seen(3, "poll", name)
        while listener[0].process():
            pass
        self.assertFalse([event for event in listener[1] if event.id and event.state in ENDS])

    def test_always_send_final_message_when_finished(self):
        """Whoever subscribes hears of the end: before it, after it, and over a restart of the daemon in between."""
        name, future = self.request()
        early = self.is_ready(self.listen(future.id))
        self.service.complete(name, output=1)
        self.assertEqual(self.end(early).state, "succeeded")
        self.assertEqual(self.end(self.listen(future.id)).state, "succeeded")
        name, future = self.request()
        across = self.is_ready(self.listen(future.id))
        self.restart()
        # the ladder is durable, and the stream is opened beside the next poll
        self.rpc.call("future.refresh", {"id": future.id})
        self.seen(2, "progress", name)
        self.service.complete(name, output=1)
        self.assertEqual(self.end(across).state, "succeeded")


class Lag(Stream):
    """A subscriber that does not read while more happens than it is sent; progress is merged for it, ends are not."""

    def lagging(self):
        name, future = self.request()
        listener = self.is_ready(self.listen(future.id))
        told = self.listen(future.id)
        for step in range(1, LAST + 1):
            self.service.tell(name, {"RequestProgressUpdated": {"step": step, "message": "x" * 10000}})
        self.hear(told, lambda _: self.steps(told)[-1:] == [LAST])
        return name, future, listener

    def caught_up(self, listener, state):
        """Progress is stale once the end is there, and need not be told any more; the future has the last of it."""
        last = self.end(listener)
        self.assertEqual((last.state, json.loads(self.snapshot(last.id)["progress"])["step"]), (state, LAST))
        steps = self.steps(listener)
        self.assertEqual(steps, sorted(set(steps)))
        self.assertLess(len(steps), LAST, "nothing was merged: it never lagged")

    def test_lag_recovery_finished(self):
        name, _, listener = self.lagging()
        self.service.complete(name, output=1)
        self.caught_up(listener, "succeeded")

    def test_lag_recovery_no_outcome_continues_stream(self):
        name, _, listener = self.lagging()
        self.hear(listener, lambda _: self.steps(listener)[-1:] == [LAST])
        self.service.complete(name, output=1)
        self.caught_up(listener, "succeeded")

    def test_lag_then_finished_event_received(self):
        name, future, listener = self.lagging()
        self.service.complete(name, failure="function_error")
        self.ended(libfutured.Failed, future, remote_code="function_error")
        self.caught_up(listener, "failed")

    def test_lag_with_not_found_stops_stream(self):
        """Forgotten while somebody lags: that is told as well, after the end."""
        name, future, listener = self.lagging()
        self.service.complete(name, output=1)
        future.wait(harness.PATIENCE)
        future.forget()
        events = self.hear(listener, lambda events: events[-1].type == "forgotten")
        self.assertEqual([event.state for event in events if event.type == "changed"][-1], "succeeded")
        replay = self.is_ready(self.listen(future.id))
        self.assertFalse(self.hear(replay, bool)[-1].type == "end")


if __name__ == "__main__":
    harness.main()
