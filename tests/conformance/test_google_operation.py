"""test_google_operation.py - what google.api_core's tests/unit/test_operation.py and test_extended_operation.py ask of one.

Where ours differs on purpose: the bytes of the response are the result, unpacked by whoever reads it; refresh, cancel and the
rest are requests of a profile and not functions; and asking again about what is over costs the service nothing.
"""
import json

from conformance import ENDS, ID, QUICK, SELDOM, GoogleTest, ScriptTest, harness, libfutured

LONG_NAME = "projects/test/operations/operation"


class Operation(GoogleTest):
    def submit(self, simulate, **more):
        """A future that starts its operation, as the profile's help describes it."""
        request = {"url": "/v1/things:train", "json": {"simulate": simulate}, "capture": {"name": {"body": "/name"}},
                   "rules": "poll"}
        return self.make(spec={"submit": request, **more})

    def progress(self, future, expected):
        """It tells that metadata, as the service sent it."""
        harness.wait_until(lambda: json.loads(self.snapshot(future.id).get("progress", "null")) == expected, "metadata")

    def test_constructor(self):
        self.service.add(ID)
        future = self.make(ID)
        self.asked(future, 2)
        snapshot = self.running(future)
        self.assertEqual(snapshot["profile"], "google-lro")
        self.assertNotIn("progress", snapshot)
        self.assertFalse(future.done())

    def test_metadata(self):
        self.service.add(ID, metadata={"@type": "x/Progress", "percent": 10})
        future = self.make(ID)
        self.asked(future)
        self.progress(future, {"@type": "x/Progress", "percent": 10})

    def test_cancellation(self):
        self.service.add(ID)
        future = self.make(ID)
        self.asked(future)
        self.assertTrue(future.cancel()["cancelled"])
        self.assertIsInstance(future.exception(harness.PATIENCE), libfutured.Cancelled)
        self.assertEqual((future.state, self.snapshot(future.id)["state"]), ("cancelled", "cancelled"))
        # Cancelling twice has no effect.
        self.assertEqual(future.cancel(), {"cancelled": False, "state": "cancelled"})
        self.assertEqual(self.service.cancels(ID), 1)

    def test_result(self):
        self.service.add(ID, polls=1, response=b'{"@type":"google.protobuf.Struct",  "value": {}}')
        future = self.make(ID)
        self.assertEqual(future.result(harness.PATIENCE), b'{"@type":"google.protobuf.Struct",  "value": {}}')
        self.assertTrue(future.done())
        self.assertEqual(self.polls(), 2)

    def test_done_w_retry(self):
        """The policy goes with the future; a poll made by hand follows it, too."""
        self.service.add(ID, polls=1, response=b"{}")
        future = self.make(ID, polling=SELDOM, retry={**QUICK, "on": [418]})
        self.asked(future)
        self.service.stumble(ID, [418, 418])
        future.refresh()
        self.assertEqual(future.result(harness.PATIENCE), b"{}")
        self.assertEqual([entry["status"] for entry in self.requests("get")], [200, 418, 418, 200])

    def test_exception(self):
        self.service.add(ID, polls=1, error={"message": "meep"})
        error = self.make(ID).exception(harness.PATIENCE)
        self.assertEqual((error.kind, error.message, error.remote_code), ("remote", "meep", None))

    def test_exception_with_error_code(self):
        """The code is the service's own, google.rpc's: 5 is NOT_FOUND. It is no HTTP status, and an HTTP status is no code."""
        self.service.add(ID, polls=1, error={"message": "meep", "code": 5})
        error = self.make(ID).exception(harness.PATIENCE)
        self.assertEqual((error.kind, error.message, error.remote_code, error.grpc_code), ("remote", "meep", "5", 5))
        self.assertNotEqual(error.http_status, 404)
        error = self.make("operations/unknown").exception(harness.PATIENCE)
        self.assertEqual((error.kind, error.http_status), ("lost", 404))
        self.assertNotEqual(error.grpc_code, 404)

    def test_unexpected_result(self):
        self.service.add(ID, polls=1, neither=True)
        self.ended(libfutured.Failed, self.make(ID), kind="remote", message="neither response nor error")

    def test__refresh_http(self):
        self.service.add("projects/p/operations/x", polls=0)
        self.make("projects/p/operations/x").result(harness.PATIENCE)
        entry, = self.requests()
        self.assertEqual((entry["method"], entry["target"], entry["body"]), ("GET", "/v1/projects/p/operations/x", ""))

    def test__refresh_http_w_retry(self):
        self.service.add(ID, polls=0)
        self.service.stumble(ID, [503])
        self.make(ID).result(harness.PATIENCE)
        self.assertEqual([(entry["target"], entry["status"]) for entry in self.requests()],
                         [("/v1/" + ID, 503), ("/v1/" + ID, 200)])

    def cancel_request(self, *statuses):
        self.service.fault(*({"kind": "cancel", "status": status} for status in statuses))
        self.service.add(ID)
        future = self.make(ID)
        self.asked(future)
        future.cancel()
        self.ended(libfutured.Cancelled, future)
        self.assertEqual([(entry["method"], entry["target"], entry["body"], entry["status"])
                          for entry in self.requests("cancel")],
                         [("POST", f"/v1/{ID}:cancel", "{}", status) for status in (*statuses, 200)])

    def test__cancel_http(self):
        self.cancel_request()

    def test__cancel_http_w_retry(self):
        self.cancel_request(503)

    def test_from_http_json(self):
        """An Operation that is there already is the answer to the submit; done in it, it is never asked about."""
        future = self.submit({"polls": 0, "response": {"v": 1}})
        self.assertEqual(future.json(harness.PATIENCE), {"v": 1})
        self.assertEqual((self.count("submit"), self.polls()), (1, 0))

    def test__refresh_grpc(self):
        """GetOperation(name), for which this service has a GET: the name is a path of its own, whatever it begins with."""
        self.service.add(LONG_NAME, polls=1, response=b"1")
        self.assertEqual(self.make(LONG_NAME).result(harness.PATIENCE), b"1")
        self.assertEqual([(entry["method"], entry["target"]) for entry in self.requests()], [("GET", "/v1/" + LONG_NAME)] * 2)

    def test__cancel_grpc(self):
        """CancelOperation(name), likewise."""
        self.service.add(LONG_NAME)
        future = self.make(LONG_NAME)
        self.asked(future)
        future.cancel()
        self.ended(libfutured.Cancelled, future)
        self.assertEqual([(entry["method"], entry["target"]) for entry in self.requests("cancel")],
                         [("POST", f"/v1/{LONG_NAME}:cancel")])

    def test_from_grpc(self):
        """An operation that another client has started, over whatever it speaks: its name is all that is needed of it."""
        self.service.add(LONG_NAME, polls=0, metadata={"percent": 100}, response=b'{"v": 1}')
        future = self.make(LONG_NAME)
        self.assertEqual((future.json(harness.PATIENCE), self.count("submit"), self.polls(LONG_NAME)), ({"v": 1}, 0, 1))

    def test_from_gapic(self):
        """What a generated client sends along with each call is a header of the spec."""
        future = self.submit({"polls": 2, "name": ID}, headers={"X-Goog-Request-Params": "name={+name}"},
                             params={"name": ID})
        future.result(harness.PATIENCE)
        self.assertEqual({entry["headers"].get("x-goog-request-params") for entry in self.requests("get")}, {"name=" + ID})

    def test_deserialize(self):
        """What is written down of a future is its id; any process takes it up with that, and it is the same one."""
        self.service.add(ID)
        future_id = self.make(ID).created().id
        self.c.close()
        again = self.connect().attach(future_id)
        self.assertFalse(again.wait(0))
        self.service.end(ID, response=b"[]")
        self.assertEqual((again.result(harness.PATIENCE), again.id, again.is_new()), (b"[]", future_id, 0))


class OperationsV1(GoogleTest):
    """tests/unit/operations_v1/: how get, list, cancel and delete are requests."""

    def targets(self, kind):
        return [(entry["method"], entry["target"]) for entry in self.requests(kind)]

    def test_get_operation_rest(self):
        self.service.add("operations/sample 1", polls=0)
        self.make("operations/sample 1").result(harness.PATIENCE)
        self.assertEqual(self.targets("get"), [("GET", "/v1/operations/sample%201")])

    def test_list_operations_rest(self):
        """One list, page by page, instead of a request for each."""
        batch = {"url": "/v1/operations", "query": {"pageSize": 2, "pageToken": "{page}"}, "items": "/operations",
                 "id": "/name", "is": "{name}", "next": {"page": {"body": "/nextPageToken"}}}
        names = [f"operations/{i}" for i in range(3)]
        for name in names:
            self.service.add(name)
        futures = [self.make(name, spec={"polling": {**QUICK, "batch": batch}}) for name in names]
        for future in futures:
            future.created()
        self.seen(2, "list")
        for i, name in enumerate(names):
            self.service.end(name, response=b"%d" % i)
        self.assertEqual([future.json(harness.PATIENCE) for future in futures], [0, 1, 2])
        targets = [target for _, target in self.targets("list")]
        self.assertEqual(targets[0], "/v1/operations?pageSize=2")
        self.assertTrue(any("pageToken=2" in target for target in targets), targets)

    def test_cancel_operation_rest(self):
        self.service.add(ID)
        future = self.make(ID)
        self.asked(future)
        future.cancel()
        self.ended(libfutured.Cancelled, future)
        self.assertEqual(self.targets("cancel"), [("POST", f"/v1/{ID}:cancel")])

    def test_delete_operation_rest(self):
        """Only when the result is ours for good, and as something to do for the spec that says so."""
        self.service.add(ID, polls=0, response=b"1")
        self.assertEqual(self.make(ID).result(harness.PATIENCE), b"1")
        self.assertEqual(self.count("delete"), 0)
        future = self.make(ID, spec={"ack": {"url": "/v1/{+name}"}})
        self.assertEqual(future.result(harness.PATIENCE), b"1")
        self.seen(1, "delete")
        self.assertEqual(self.targets("delete"), [("DELETE", "/v1/" + ID)])
        self.assertEqual(self.c.attach(future.id).result(harness.PATIENCE), b"1")


# An operation in the manner of Compute: a status, and its errors in fields of its own. It has no result.
COMPUTE = [
    {"when": {"status": 200, "body": {"/status": "DONE", "/error/errors": {"type": "array"}}}, "then": "failure",
     "error": {"code": "/error/errors/0/code", "message": "/error/errors/0/message", "details": ""}},
    {"when": {"status": 200, "body": {"/status": "DONE", "/error_code": {"exists": True}}}, "then": "failure",
     "error": {"code": "/error_code", "message": "/error_message", "details": ""}},
    {"when": {"status": 200, "body": {"/status": "DONE"}}, "then": "success"},
    {"when": {"status": 200}, "then": "pending", "progress": ""},
]
PENDING = {"json": {"name": "op", "status": "PENDING", "armor_class": 10}}
DONE = {"json": {"name": "op", "status": "DONE", "armor_class": 20}}


class ExtendedOperation(ScriptTest):
    def operation(self, *answers, **more):
        self.answers(*answers)
        self.service.answer("cancel", {"json": {}})
        return self.start({"rules": COMPUTE}, cancel={"url": "/cancel/1", "json": {}}, **more)

    def test_constructor(self):
        future = self.operation(PENDING)
        future.created()
        self.seen(2, "poll")
        self.running(future)
        harness.wait_until(lambda: "progress" in self.snapshot(future.id), "progress")
        self.assertEqual(json.loads(self.snapshot(future.id)["progress"]), PENDING["json"])
        self.assertFalse(future.done())

    def test_done(self):
        too_far = {"json": {**DONE["json"], "error_code": 1, "error_message": "gone too far"}}
        future = self.operation(PENDING, DONE, too_far)
        self.assertEqual(future.json(harness.PATIENCE), DONE["json"])
        self.assertEqual(self.polls(), 2)
        # What is over is not asked about again, however often we are.
        self.assertTrue(future.done())
        self.assertIsNone(self.c.attach(future.id).exception(harness.PATIENCE))
        self.assertEqual(self.polls(), 2)

    def test_cancellation(self):
        """It is cancelled when the service says so: one that only says DONE has succeeded, whatever was asked for."""
        future = self.operation(PENDING)
        future.created()
        self.seen(1, "poll")
        self.assertTrue(future.cancel()["cancelled"])
        self.seen(1, "cancel")
        self.answers(DONE)
        self.assertEqual(future.json(harness.PATIENCE), DONE["json"])
        self.assertEqual(future.cancel(), {"cancelled": False, "state": "succeeded"})
        self.assertEqual(self.count("cancel"), 1)

    def test_cancellation_tracked_by_a_rule(self):
        """A service that has a word for it says it in a rule."""
        gone = {"when": {"status": 200, "body": {"/status": "DONE", "/operationType": "cancelled"}}, "then": "cancelled"}
        self.answers(PENDING)
        self.service.answer("cancel", {"json": {}})
        future = self.start({"rules": [gone, *ENDS]}, cancel={"url": "/cancel/1", "json": {}})
        future.created()
        future.cancel()
        self.seen(1, "cancel")
        self.answers({"json": {"status": "DONE", "operationType": "cancelled"}})
        self.ended(libfutured.Cancelled, future)

    def test_done_w_retry(self):
        future = self.operation(PENDING, {"status": 418}, DONE, retry={**QUICK, "on": [418]})
        self.assertEqual(future.json(harness.PATIENCE), DONE["json"])
        self.assertEqual(self.polls(), 3)

    def test_error(self):
        listed = {"errors": [{"code": "INCOMPATIBLE", "message": "Validation failed"}]}
        answer = {**DONE["json"], "error_code": 400, "error_message": "Bad request", "error": listed}
        error = self.ended(libfutured.Failed, self.operation({"json": answer}), kind="remote", http_status=200,
                           remote_code="INCOMPATIBLE", message="Validation failed")
        self.assertEqual(json.loads(error.details), answer)
        del answer["error"]
        self.ended(libfutured.Failed, self.operation({"json": answer}), remote_code="400", message="Bad request")
        # Only one of the two: it is still a failure, with a message of ours.
        del answer["error_message"]
        error = self.ended(libfutured.Failed, self.operation({"json": answer}), remote_code="400")
        self.assertTrue(error.message)

    def test_pass_through(self):
        future = self.operation(PENDING, PENDING, polling=SELDOM)
        future.created()
        harness.wait_until(lambda: "progress" in self.snapshot(future.id), "progress")
        self.assertEqual(json.loads(self.snapshot(future.id)["progress"])["armor_class"], 10)
        self.answers(DONE)
        future.refresh()
        self.assertEqual(future.json(harness.PATIENCE)["armor_class"], 20)


if __name__ == "__main__":
    harness.main()
