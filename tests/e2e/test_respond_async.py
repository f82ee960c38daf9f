"""test_respond_async.py - what is answered later (RFC 7240) and exported in bulk (FHIR)."""
import json

import harness
from respond_async import RespondAsync
from services import ONCE, ServiceTest


class RespondAsyncTest(ServiceTest):
    service_class = RespondAsync
    profile = "respond-async"
    id_param = "location"

    def export(self, more=None, **simulate):
        """An export and a future for its monitor; both names."""
        name = self.service.prepare(**simulate)
        return name, self.create(f"/fhir/status/{name}", **(more or {}))

    def submit(self, prefer="respond-async", spec=None, **simulate):
        """A creation as the profile's help describes it."""
        request = {"method": "POST", "url": "/fhir/$export", "json": {"simulate": simulate}, "headers": {"Prefer": prefer},
                   "rules": "poll", "capture": {"location": [{"header": "Content-Location"}, {"header": "Location"}]}}
        return self.create(spec={"submit": request, **(spec or {})})

    def statuses(self, kind="poll"):
        return [entry["status"] for entry in self.requests(kind)]


class Monitors(RespondAsyncTest):
    def test_202_then_the_manifest(self):
        name, made = self.export(polls=3, result={"output": [{"url": "x"}]})
        self.assertEqual(self.json_result(made), {"output": [{"url": "x"}]})
        self.assertEqual(self.history(name), [("poll", 202), ("poll", 202), ("poll", 200)])
        self.assertEqual({entry["headers"]["accept"] for entry in self.requests()}, {"application/json"})

    def test_x_progress(self):
        steps = ["10 % done", "almost \"there\""]
        name, made = self.export(progress=steps)
        self.assert_progress(made, steps)
        self.service.complete(name)
        self.result(made)

    def test_retry_after_in_seconds(self):
        name, made = self.export(polls=2, retry_after=1)
        self.result(made)
        self.assertGreaterEqual(self.gaps("poll", name)[0], 0.99)

    def test_retry_after_as_a_date(self):
        name, made = self.export(polls=2, retry_after={"date": 2})
        self.result(made)
        self.assertGreaterEqual(self.gaps("poll", name)[0], 0.99)     # a date is in whole seconds

    def test_303_leads_to_the_result(self):
        name, made = self.export(style="see-other", polls=2, result={"n": 3})
        self.assertEqual(self.json_result(made), {"n": 3})
        self.assertEqual([entry["target"] for entry in self.requests()],
                         [f"/fhir/status/{name}"] * 2 + [f"/fhir/results/{name}"])

    def test_polling_too_fast_is_429_and_then_slower(self):
        name, made = self.export(more={"polling": {"initial": 0.3, "maximum": 0.3, "jitter": "none"}}, pace=0.5)
        self.seen(2, "poll", name)
        self.service.complete(name)
        self.result(made)
        self.assertEqual(self.statuses()[:2], [202, 429])
        self.assertGreaterEqual(self.gaps("poll", name)[1], 0.99)
        self.assertNotIn(404, self.statuses())


class Failures(RespondAsyncTest):
    def test_operation_outcome_is_a_failure(self):
        name, made = self.export(polls=1, issue="processing")
        data = self.fails(made, kind="remote", code="processing", message="the export went wrong", http_status=422)
        self.assertEqual(json.loads(data["details"])[0]["severity"], "error")
        self.assertEqual(self.statuses(), [422])

    def test_transient_operation_outcome_is_a_failed_read(self):
        name, made = self.export(polls=4, transient=2)
        self.result(made)
        self.assertEqual(self.statuses(), [500, 500, 202, 200])
        self.assertEqual(self.rpc.call("server.stats")["retries"], 2)

    def test_transient_operation_outcome_with_a_4xx(self):
        issue = {"resourceType": "OperationOutcome", "issue": [{"code": "informational"}, {"code": "throttled"}]}
        name, made = self.export(polls=1, faults=[{"status": 422, "body": issue}])
        self.result(made)
        self.assertEqual(self.statuses(), [422, 200])

    def test_an_export_that_was_deleted(self):
        name, made = self.export()
        self.seen(1, "poll", name)
        self.service.lost(name)
        self.fails(made, kind="lost", http_status=404, code="not-found")


class StatusHeader(RespondAsyncTest):
    """A service that keeps the status of its answer apart from the export's."""

    def test_success(self):
        name, made = self.export(style="status-header", polls=3, progress=["1/2"], result={"n": 1})
        self.assertEqual(self.json_result(made), {"n": 1})
        self.assertEqual(self.statuses(), [200] * 3)

    def test_failure(self):
        _, made = self.export(style="status-header", polls=2, issue="processing")
        self.fails(made, kind="remote", code="422", message="the export went wrong")

    def test_progress(self):
        name, made = self.export(style="status-header", progress=["half"])
        self.assertEqual(self.progress_of(made)(), "half")
        self.service.complete(name)
        self.result(made)


class Submits(RespondAsyncTest):
    def test_content_location(self):
        made = self.submit(name="e", polls=2, result={"n": 1})
        self.assertEqual(self.json_result(made), {"n": 1})
        self.assertEqual(self.history("e"), [("submit", 202), ("poll", 202), ("poll", 200)])
        self.assertEqual(self.requests("submit")[0]["headers"]["prefer"], "respond-async")

    def test_location(self):
        made = self.submit(name="e", style="plain", polls=1, result={"n": 2})
        self.assertEqual(self.json_result(made), {"n": 2})

    def test_a_service_that_ignores_the_preference(self):
        made = self.submit(name="e", style="ignored", result={"n": 3})
        self.assertEqual(self.json_result(made), {"n": 3})
        self.assertEqual(self.history("e"), [("submit", 200)])

    def test_wait_in_the_preference(self):
        made = self.submit("respond-async, wait=10", name="e", seconds=0, result={"n": 4})
        self.assertEqual(self.json_result(made), {"n": 4})
        self.assertEqual(self.history("e"), [("submit", 200)])

    def test_an_export_of_which_the_monitor_is_not_told(self):
        self.service.fault({"kind": "submit", "status": 202})
        self.fails(self.submit(), kind="invalid_response")

    def test_ack_after_the_result_is_stored(self):
        made = self.submit(spec={"ack": {"method": "DELETE", "url": "{+location}"}}, name="e", polls=1, result={"n": 5})
        self.seen(1, "delete", "e")
        self.assertEqual(self.json_result(made), {"n": 5})
        self.assertEqual(self.history("e"), [("submit", 202), ("poll", 200), ("delete", 202)])


class Cancels(RespondAsyncTest):
    def test_delete(self):
        name, made = self.export(more={"polling": ONCE})
        self.seen(1, "poll", name)
        self.rpc.call("future.cancel", {"id": made})
        self.assert_rpc_error("Cancelled", self.result, made)
        self.assertEqual(self.history(name), [("poll", 202), ("delete", 202)])

    def test_delete_of_what_is_gone_already(self):
        self.service.fault({"kind": "delete", "status": 404})
        name, made = self.export()
        self.seen(1, "poll", name)
        self.rpc.call("future.cancel", {"id": made})
        self.seen(1, "delete", name)
        self.assertEqual(self.snapshot(made)["state"], "running")
        self.service.lost(name)
        self.fails(made, kind="lost")


if __name__ == "__main__":
    harness.main()
