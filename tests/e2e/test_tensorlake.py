"""test_tensorlake.py - requests to applications on Tensorlake: streams that tell, close and lie, and outputs to fetch."""
import base64
import json
import uuid

import harness
from harness import wait_until
from services import ONCE, ServiceTest
from tensorlake import Tensorlake

ODD = b"\x00\xff not text, and not JSON {"


class TensorlakeTest(ServiceTest):
    service_class = Tensorlake
    profile = "tensorlake"
    token = "key"
    id_param = "request_id"

    def creation(self, name=None, params=None, **more):
        return super().creation(name, {"application": "app", **(params or {})}, **more)

    def request(self, polling=None, **simulate):
        """A request to the application, and a future for it; both ids."""
        name = self.service.prepare(**simulate)
        return name, self.create(name, **({"polling": polling} if polling else {}))


class Streams(TensorlakeTest):
    def listening(self, name):
        """The daemon has looked once, and listens now."""
        self.seen(1, "poll", name)
        self.seen(1, "progress", name)

    def test_sse_full_sequence(self):
        name, made = self.request(ONCE)
        progress = self.progress_of(made)
        self.assertEqual(progress()["message"], "half way")
        self.listening(name)
        self.service.tell(name, {"RequestProgressUpdated": {"function_name": "main", "message": "nearly", "step": 2}})
        self.assertEqual(progress()["message"], "nearly")
        self.service.complete(name, output={"n": 1})
        self.assertEqual(self.json_result(made), {"n": 1})
        self.assertEqual((self.count("poll", name), self.count("output", name), self.count("progress", name)), (2, 1, 1))
        self.assertEqual(self.requests("progress")[0]["headers"]["accept"], "text/event-stream")

    def finished(self, **outcome):
        name, made = self.request(ONCE)
        self.listening(name)
        self.service.complete(name, **outcome)
        return self.json_result(made)

    def test_request_finished_with_inlined_json(self):
        self.assertEqual(self.finished(inline=True, output={"n": 2}), {"n": 2})

    def test_request_finished_without_inlined_json(self):
        self.assertEqual(self.finished(inline=False, output={"n": 2}), {"n": 2})

    def polled_to_its_end(self, **simulate):
        """Without a stream that says so, the end is found by polling."""
        name, made = self.request(polls=4, output=[3], **simulate)
        self.assertEqual(self.json_result(made), [3])
        self.assertGreaterEqual(self.count("progress", name), 1)
        self.assertEqual(self.count("poll", name), 4)
        self.assertEqual(self.rpc.call("server.stats")["retries"], 0)

    def test_sse_closed_early(self):
        self.polled_to_its_end(stream="early")

    def test_sse_cut_off(self):
        self.polled_to_its_end(stream="cut")

    def test_sse_missing(self):
        self.polled_to_its_end(stream="missing")

    def test_keep_alive_comments_only(self):
        self.service.pause = 0.01
        self.polled_to_its_end(stream="silent")

    def test_a_stream_that_lies(self):
        name, made = self.request(stream="lie")
        self.seen(3, "poll", name)
        self.assertEqual((self.snapshot(made)["state"], self.count("output", name)), ("running", 0))
        self.service.complete(name, output=4)
        self.assertEqual(self.json_result(made), 4)

    def test_a_stream_is_closed_with_its_future(self):
        name, made = self.request(ONCE)
        self.listening(name)
        self.rpc.call("future.cancel", {"id": made})
        self.assert_rpc_error("Cancelled", self.result, made)
        wait_until(lambda: self.service.stats()["concurrent"] == 0, "the end of the stream")

    def test_listening_goes_on_after_the_power_cord(self):
        name, made = self.request(ONCE)
        self.listening(name)
        self.restart()
        self.service.wait(2, "progress", name)
        self.service.complete(name, output=5)
        self.rpc.call("future.refresh", {"id": made})
        self.assertEqual(self.json_result(made), 5)


class Outputs(TensorlakeTest):
    def test_204_on_output(self):
        name, made = self.request(polls=1, late_output=2, content_type="application/octet-stream",
                                  output_base64=base64.b64encode(ODD).decode())
        self.assertEqual(self.result(made), ODD)
        reply = self.rpc.call("future.result", {"id": made})
        self.assertEqual(reply["content_type"], "application/octet-stream")
        self.assertEqual((self.count("poll", name), self.count("output", name)), (1, 3))

    def test_the_fetch_goes_on_after_the_power_cord(self):
        self.service.fault({"kind": "output", "hold": True})
        name, made = self.request(polls=1, output=6)
        self.seen(1, "output", name)
        self.restart()
        self.assertEqual(self.json_result(made), 6)
        self.assertEqual(self.count("output", name), 2)

    def test_503_on_output(self):
        self.service.fault({"kind": "output", "status": 503, "times": 2})
        name, made = self.request(polls=1, output=7)
        self.assertEqual(self.json_result(made), 7)
        self.assertEqual((self.count("poll", name), self.count("output", name)), (1, 3))

    def test_an_output_that_was_deleted(self):
        self.service.fault({"kind": "output", "status": 404, "body": "request not found",
                            "headers": {"Content-Type": "text/plain"}})
        _, made = self.request(polls=1)
        self.fails(made, kind="lost", http_status=404)


class Outcomes(TensorlakeTest):
    def test_outcome_failure_with_request_error(self):
        _, made = self.request(polls=1, failure="request_error",
                               request_error={"function_name": "main", "message": "bad input"})
        data = self.fails(made, kind="remote", code="request_error", message="bad input")
        self.assertEqual(json.loads(data["details"])["function_name"], "main")

    def test_outcome_failure_without_request_error(self):
        name, made = self.request(polls=1, failure="out_of_memory")
        self.fails(made, kind="remote", code="out_of_memory", message="out_of_memory")
        self.assertEqual(self.count("output", name), 0)

    def test_outcome_cancelled(self):
        for word in ("cancelled", "Cancelled"):
            _, made = self.request(polls=1, failure=word)
            self.assert_rpc_error("Cancelled", self.result, made)

    def test_plain_text_404(self):
        made = self.create("never-was")
        self.assertIn("request not found", self.fails(made, kind="lost", http_status=404)["message"])


class Submits(TensorlakeTest):
    def submit(self, request_id, **more):
        """A creation as the profile's help describes it."""
        request = {"url": "/v1/namespaces/{namespace}/applications/{application}", "json": {"n": 1},
                   "headers": {"Accept": "application/json", "Idempotency-Key": "{request_id}",
                               "X-Simulate": "{{\"polls\": 2, \"output\": 8}}"},
                   "rules": [{"when": {"status": 409}, "then": "pending"}], **more}
        return self.create(request_id, spec={"submit": request, "resubmit": True})

    def setUp(self):
        super().setUp()
        self.name = str(uuid.uuid4())

    def test_a_request_with_an_id_of_our_own(self):
        self.assertEqual(self.json_result(self.submit(self.name)), 8)
        self.assertEqual([entry["status"] for entry in self.requests("submit")], [200])

    def test_duplicate_idempotency_key_409_is_already_submitted(self):
        self.service.prepare(name=self.name, polls=1, output="the first one's")
        self.assertEqual(self.json_result(self.submit(self.name)), "the first one's")
        self.assertEqual([entry["status"] for entry in self.requests("submit")], [409])

    def test_an_answer_to_a_submit_that_is_lost(self):
        self.service.fault({"kind": "submit", "effect": True, "reset": True})
        self.assertEqual(self.json_result(self.submit(self.name)), 8)
        self.assertEqual([entry["status"] for entry in self.requests("submit")], [None, 409])

    def test_the_power_cord_during_a_submit(self):
        self.service.fault({"kind": "submit", "effect": True, "hold": True})
        made = self.submit(self.name)
        self.seen(1, "submit")
        self.restart()
        self.assertEqual(self.json_result(made), 8)
        self.assertEqual([entry["status"] for entry in self.requests("submit")], [None, 409])

    def test_plain_text_409(self):
        self.service.prepare(name=self.name)
        made = self.submit(self.name, rules=[])
        self.assertIn("already exists", self.fails(made, kind="remote", http_status=409)["message"])

    def test_an_id_that_the_service_gives(self):
        made = self.submit(None, headers={"X-Simulate": "{{\"polls\": 1, \"output\": 9}}"},
                           capture={"request_id": {"body": "/request_id"}})
        self.assertEqual(self.json_result(made), 9)


if __name__ == "__main__":
    harness.main()
