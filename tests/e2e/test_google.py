"""test_google.py - google.longrunning, and each way in which its operations go wrong. More of it is in test_lifecycle.py."""
import json

import harness
from harness import QUICK
from operations import OperationsTest
from services import SLOW

OPERATION = "operations/1"


class Google(OperationsTest):
    def submit(self, simulate, **more):
        """A creation as the profile's help describes it."""
        request = {"url": "/v1/things:train", "json": {"displayName": "x", "simulate": simulate},
                   "capture": {"name": {"body": "/name"}}, "rules": "poll", **more}
        return self.create(spec={"submit": request})

    def statuses(self):
        return [entry["status"] for entry in self.requests("get")]


class Submits(Google):
    def test_done_in_the_submit_response(self):
        made = self.submit({"polls": 0, "response": {"v": 1}})
        self.assertEqual(self.json_result(made), {"v": 1})
        self.assertEqual([entry["kind"] for entry in self.requests()], ["submit"])

    def test_done_in_the_submit_response_without_a_name(self):
        self.google.fault({"kind": "submit", "body": {"name": "", "done": True, "response": {"valid": True}}})
        self.assertEqual(self.json_result(self.submit({})), {"valid": True})
        self.assertEqual(self.google.polled(), 0)

    def test_failed_in_the_submit_response(self):
        made = self.submit({"polls": 0, "error": {"code": 3, "message": "no such thing"}})
        self.assertEqual(str(self.fails(made, kind="remote", message="no such thing")["code"]), "3")
        self.assertEqual(self.google.polled(), 0)

    def test_refused_in_the_submit_response(self):
        envelope = {"error": {"code": 400, "message": "displayName is required", "status": "INVALID_ARGUMENT"}}
        self.google.fault({"kind": "submit", "status": 400, "body": envelope})
        data = self.fails(self.submit({}), kind="remote", http_status=400)
        self.assertIn("displayName is required", data["message"])
        self.assertEqual(self.count("submit"), 1)

    def test_request_id_makes_a_submit_repeatable(self):
        self.google.fault({"kind": "submit", "effect": True, "reset": True}, {"kind": "submit", "effect": True, "status": 503})
        made = self.submit({"polls": 2, "response": {"v": 2}}, idempotency="X-Request-Id")
        self.assertEqual(self.json_result(made), {"v": 2})
        submits = self.requests("submit")
        self.assertEqual([entry["status"] for entry in submits], [None, 503, 200])
        self.assertEqual(len({entry["headers"]["x-request-id"] for entry in submits}), 1)
        self.assertLessEqual(len(submits[0]["headers"]["x-request-id"]), 36)
        self.assertEqual({entry["name"] for entry in self.requests("get")}, {OPERATION})


class Operations(Google):
    def test_done_absent(self):
        self.google.add(OPERATION, polls=3, response=b'{"v": 1}')
        self.assertEqual(self.json_result(self.create(OPERATION)), {"v": 1})
        self.assertEqual(self.google.polled(OPERATION), 4)

    def test_done_false(self):
        self.google.add(OPERATION, polls=3, response=b'{"v": 1}', say_done=True)
        self.assertEqual(self.json_result(self.create(OPERATION)), {"v": 1})
        self.assertEqual(self.google.polled(OPERATION), 4)

    def test_done_with_neither(self):
        self.google.add(OPERATION, polls=1, neither=True)
        self.fails(self.create(OPERATION), kind="remote", message="neither response nor error")
        self.assertEqual(self.google.polled(OPERATION), 2)

    def test_metadata_changes(self):
        steps = [{"percent": 10}, {"percent": 10}, {"percent": 60, "stage": "copy"}]
        self.google.add(OPERATION, metadata=steps)
        made = self.create(OPERATION)
        self.assert_progress(made, [steps[0], steps[2]])
        self.google.end(OPERATION, response=b"{}")
        self.result(made)
        self.assertEqual(json.loads(self.snapshot(made)["progress"])["percent"], 60)

    def test_error_with_details_only_where_they_are(self):
        self.google.add(OPERATION, polls=0, error={"code": 5})
        data = self.fails(self.create(OPERATION), kind="remote")
        self.assertEqual(str(data["code"]), "5")

    def test_503_k_times_then_ok(self):
        self.google.add(OPERATION, polls=1, response=b'{"n": 7}')
        self.google.stumble(OPERATION, [503, 500, 429])
        made = self.create(OPERATION)
        self.assertEqual(self.result(made), b'{"n": 7}')
        self.assertEqual(self.statuses(), [503, 500, 429, 200, 200])
        self.assertEqual(self.snapshot(made)["requests"], 5)
        self.assertEqual(self.rpc.call("server.stats")["retries"], 3)

    def test_404_after_expiry(self):
        self.google.add(OPERATION, polls=0, response=b'{"n": 8}', expire=1)
        made = self.create(OPERATION)
        self.assertEqual(self.result(made), b'{"n": 8}')
        self.fails(self.create(OPERATION), kind="lost", http_status=404)
        self.assertEqual(self.result(made), b'{"n": 8}')
        self.assertEqual(self.statuses(), [200, 404])

    def test_404_after_expiry_when_the_answer_was_lost(self):
        self.google.add(OPERATION, polls=0, response=b"{}", expire=1)
        self.google.fault({"kind": "get", "effect": True, "reset": True})
        self.fails(self.create(OPERATION), kind="lost", http_status=404)
        self.assertEqual(self.statuses(), [None, 404])


class Envelopes(Google):
    """/error/code is google.rpc's in an Operation, and HTTP's in the envelope of an answer that is no Operation."""

    def envelope(self, status, name, **more):
        body = {"error": {"code": status, "message": f"it is {name}", "status": name, "details": []}}
        self.google.fault({"kind": "get", "status": status, "body": body, **more})

    def test_an_operation_error(self):
        self.google.add(OPERATION, polls=1, error={"code": 14, "message": "inside", "details": [{"@type": "t"}]})
        data = self.fails(self.create(OPERATION), kind="remote", message="inside")
        self.assertEqual((str(data["code"]), json.loads(data["details"])), ("14", [{"@type": "t"}]))

    def test_an_http_error(self):
        self.google.add(OPERATION)
        self.envelope(403, "PERMISSION_DENIED")
        data = self.fails(self.create(OPERATION), kind="remote", http_status=403)
        self.assertIn("it is PERMISSION_DENIED", data["message"])

    def test_an_http_error_that_passes(self):
        self.google.add(OPERATION, polls=0, response=b'{"v": 1}')
        self.envelope(503, "UNAVAILABLE")
        self.envelope(429, "RESOURCE_EXHAUSTED")
        self.assertEqual(self.json_result(self.create(OPERATION)), {"v": 1})
        self.assertEqual(self.statuses(), [503, 429, 200])

    def test_code_1_in_an_envelope_is_no_cancellation(self):
        self.google.add(OPERATION)
        self.google.fault({"kind": "get", "status": 400, "body": {"error": {"code": 1}, "done": True}})
        self.fails(self.create(OPERATION), kind="remote", http_status=400)


class Cancels(Google):
    def test_error_code_1_after_cancel(self):
        self.google.add(OPERATION)
        made = self.create(OPERATION)
        reply = self.rpc.call("future.cancel", {"id": made})
        self.assertTrue(reply["cancelled"])
        self.assert_rpc_error("Cancelled", self.result, made)
        cancel, = self.requests("cancel")
        self.assertEqual((cancel["target"], cancel["body"]), (f"/v1/{OPERATION}:cancel", "{}"))
        again = self.rpc.call("future.cancel", {"id": made})
        self.assertEqual((again["cancelled"], again["state"]), (False, "cancelled"))
        self.assertEqual(self.google.cancels(OPERATION), 1)

    def test_error_code_1_some_time_after_cancel(self):
        self.google.add(OPERATION, cancel_polls=4)
        made = self.create(OPERATION)
        self.seen(1, "get")
        self.rpc.call("future.cancel", {"id": made})
        self.assert_rpc_error("Cancelled", self.result, made)
        kinds = [entry["kind"] for entry in self.requests()]
        self.assertEqual(kinds[kinds.index("cancel") + 1:], ["get"] * 4)

    def test_cancel_501(self):
        self.google.add(OPERATION, cancel="unsupported", response=b'{"n": 9}')
        made = self.create(OPERATION)
        self.seen(1, "get")
        self.assertTrue(self.rpc.call("future.cancel", {"id": made})["cancelled"])
        self.seen(1, "cancel")
        before = self.google.polled()
        self.seen(before + 2, "get")
        self.assertEqual(self.snapshot(made)["state"], "running")
        self.google.end(OPERATION, response=b'{"n": 9}')
        self.assertEqual(self.result(made), b'{"n": 9}')
        self.assertEqual(self.google.cancels(OPERATION), 1)

    def test_cancel_that_is_ignored(self):
        self.google.add(OPERATION, polls=4, cancel="ignored", response=b'{"n": 9}')
        made = self.create(OPERATION)
        self.rpc.call("future.cancel", {"id": made})
        self.assertEqual(self.result(made), b'{"n": 9}')

    def test_cancel_survives_the_power_cord(self):
        self.google.fault({"kind": "cancel", "hold": True})
        self.google.add(OPERATION)
        made = self.create(OPERATION, polling=SLOW)
        self.seen(1, "get")
        self.rpc.call("future.cancel", {"id": made})
        self.seen(1, "cancel")
        self.restart()
        self.assert_rpc_error("Cancelled", self.result, made)
        self.assertEqual(self.google.cancels(OPERATION), 2)

    def test_cancel_503_is_sent_again(self):
        self.google.fault({"kind": "cancel", "status": 503, "times": 2})
        self.google.add(OPERATION)
        made = self.create(OPERATION, retry=QUICK)
        self.rpc.call("future.cancel", {"id": made})
        self.assert_rpc_error("Cancelled", self.result, made)
        self.assertEqual([entry["status"] for entry in self.requests("cancel")], [503, 503, 200])


if __name__ == "__main__":
    harness.main()
