"""test_azure.py - operations of Azure: monitors, Locations and resources, and what is read from their answers."""
import json

import harness
from azure import VERSION, Azure
from harness import wait_until
from services import ONCE, SLOW, ServiceTest

HEADERS = ("Operation-Location", "Azure-AsyncOperation", "Location")


class AzureTest(ServiceTest):
    service_class = Azure
    profile = "azure-async"
    secret = "azure"
    token = "eyJ0"
    id_param = "operation"

    def operation(self, place="monitors", more=None, **simulate):
        """An operation and a future for it; both names."""
        name = self.service.prepare(**simulate)
        last = "/1" if place == "locations" else ""
        return name, self.create(f"/{place}/{name}{last}?{VERSION}", **(more or {}))

    def submit(self, simulate, request=None, capture=None, **more):
        """A creation as the profile's help describes it."""
        capture = {"operation": [{"header": name} for name in HEADERS], **(capture or {})}
        spec = {"url": "/things:run", "query": {"api-version": "2024-01-01"}, "json": {"simulate": simulate},
                "rules": "poll", "capture": capture, **(request or {})}
        return self.create(spec={"submit": spec}, **more)

    def statuses(self, kind):
        return [entry["status"] for entry in self.requests(kind)]


class Monitors(AzureTest):
    def test_unknown_statuses_are_still_running(self):
        states = ["NotStarted", "Running", "Validating", "ResolvingConflicts"]
        name, made = self.operation(states=states, polls=6, result={"n": 1})
        self.assertEqual(self.json_result(made), {"n": 1})
        self.assertEqual(self.history(name), [("monitor", 200)] * 6)
        self.assertEqual({entry["target"] for entry in self.requests()}, {f"/monitors/{name}?{VERSION}"})

    def test_statuses_in_any_case(self):
        for end in ("SUCCEEDED", "succeeded"):
            _, made = self.operation(end=end, polls=1, result=end)
            self.assertEqual(self.json_result(made), end)
        _, made = self.operation(end="CANCELED", polls=1)
        self.assert_rpc_error("Cancelled", self.result, made)
        _, made = self.operation(end="fAILED", polls=1, error={"code": "c", "message": "m"})
        self.fails(made, kind="remote", code="c", message="m")

    def test_failed(self):
        error = {"code": "QuotaExceeded", "message": "no more cores", "details": [{"code": "x"}]}
        name, made = self.operation(end="Failed", polls=2, error=error)
        data = self.fails(made, kind="remote", code="QuotaExceeded", message="no more cores")
        self.assertEqual(json.loads(data["details"]), error)
        self.assertEqual(self.count("monitor", name), 2)

    def test_percent_complete_is_progress(self):
        name, made = self.operation(percents=[10, 70])
        self.assert_progress(made, [10, 70])
        self.service.complete(name)
        self.result(made)

    def test_without_a_result_the_whole_answer_is_it(self):
        name, made = self.operation(polls=1)
        self.assertEqual(self.json_result(made), {"id": name, "status": "Succeeded"})

    def test_resource_location_is_fetched(self):
        name, made = self.operation(polls=1, result="not this", resource_location=True, resource={"vm": 1})
        self.assertEqual(self.json_result(made), {"vm": 1})
        self.assertEqual(self.history(name), [("monitor", 200), ("thing", 200)])

    def test_resource_location_elsewhere_does_not_get_the_token(self):
        other = Azure()
        other.start()
        self.addCleanup(other.stop)
        other.prepare(name="far", style="plain", resource={"from": "afar"})
        _, made = self.operation(polls=1, resource_location=f"{other.url}/things/far?{VERSION}")
        self.assertEqual(self.json_result(made), {"from": "afar"})
        fetch, = other.requests()
        self.assertNotIn("authorization", fetch["headers"])
        self.assertEqual(self.requests("monitor")[0]["headers"]["authorization"], "Bearer eyJ0")

    def test_retry_after_is_obeyed(self):
        name, made = self.operation(polls=3, retry_after=1)
        self.result(made)
        gaps = self.gaps("monitor", name)
        self.assertEqual(len(gaps), 2)
        self.assertGreaterEqual(min(gaps), 0.99)

    def test_retry_after_is_shorter_than_the_ladder(self):
        name, made = self.operation(more={"polling": ONCE}, polls=2, retry_after=0)
        self.result(made)
        self.assertEqual(self.count("monitor", name), 2)

    def test_without_retry_after_it_is_thirty_seconds(self):
        _, made = self.operation(more={"polling": {}})
        snapshot = wait_until(lambda: [s for s in [self.snapshot(made)] if s.get("requests") == 1], "the first poll")[0]
        delay = (snapshot["next_poll_at_ms"] - snapshot["created_at_ms"]) / 1000
        self.assertTrue(26 < delay < 40, delay)


class StatusReads(AzureTest):
    """A failure of the status read is not one of the operation."""

    def test_a_4xx_is_not_the_operations_failure(self):
        faults = [{"status": 403, "times": 2}, {"status": 400, "body": {"error": {"code": "x"}}}]
        name = self.service.prepare(polls=1, faults=faults)
        made = self.create(f"/monitors/{name}?{VERSION}")
        self.result(made)
        self.assertEqual(self.statuses("monitor"), [403, 403, 400, 200])

    def test_a_4xx_that_stays_is_believed_in_the_end(self):
        name = self.service.prepare(faults=[{"status": 403, "times": None, "body": {"error": {
            "code": "AuthorizationFailed", "message": "no right to read"}}}])
        made = self.create(f"/monitors/{name}?{VERSION}")
        self.fails(made, kind="remote", code="AuthorizationFailed", http_status=403)
        self.assertEqual(self.statuses("monitor"), [403] * 5)

    def test_5xx_and_429(self):
        faults = [{"status": status} for status in (500, 502, 503, 504, 429, 408)]
        name = self.service.prepare(polls=1, faults=faults)
        self.result(self.create(f"/monitors/{name}?{VERSION}"))
        self.assertEqual(self.statuses("monitor"), [500, 502, 503, 504, 429, 408, 200])

    def test_404_is_lost(self):
        self.fails(self.create(f"/monitors/none?{VERSION}"), kind="lost", http_status=404, code="NotFound")

    def test_401_has_the_token_read_again(self):
        name, made = self.operation()
        self.seen(1, "monitor", name)
        self.new_token("eyJ1")
        self.service.call(setattr, self.service, "token", "eyJ1")
        self.service.complete(name)
        self.result(made)
        tokens = [entry["headers"]["authorization"] for entry in self.requests("monitor")]
        self.assertEqual((tokens[0], tokens[-1]), ("Bearer eyJ0", "Bearer eyJ1"))


class Starts(AzureTest):
    def test_operation_location(self):
        made = self.submit({"name": "o", "polls": 2, "result": 7, "retry_after": 1})
        self.assertEqual(self.json_result(made), 7)
        self.assertEqual(self.history("o"), [("submit", 202), ("monitor", 200), ("monitor", 200)])
        submit, first, second = self.requests()
        self.assertGreaterEqual(first["at"] - submit["at"], 0.99)
        self.assertGreaterEqual(second["at"] - first["at"], 0.99)

    def test_azure_async_operation(self):
        made = self.submit({"style": "async-operation", "polls": 2, "relative": True},
                           {"method": "PUT", "url": "/things/disk"})
        self.assertEqual(self.json_result(made)["status"], "Succeeded")
        self.assertEqual(self.history("disk"), [("submit", 201), ("monitor", 200), ("monitor", 200)])

    def test_location(self):
        made = self.submit({"name": "o", "style": "location", "polls": 3, "resource": {"status": "Online", "v": 1}})
        self.assertEqual(self.json_result(made), {"status": "Online", "v": 1})
        self.assertEqual(self.history("o"), [("submit", 202)] + [("location", 202)] * 2 + [("location", 200)])

    def test_a_location_that_moves(self):
        made = self.submit({"name": "o", "style": "location", "polls": 4, "moves": True, "relative": True})
        self.result(made)
        self.assertEqual([entry["target"] for entry in self.requests("location")],
                         [f"/locations/o/{i}?{VERSION}" for i in (1, 2, 3, 4)])

    def test_a_location_that_has_moved_is_kept_across_the_power_cord(self):
        made = self.submit({"name": "o", "style": "location", "moves": True})
        self.seen(3, "location")
        self.service.fault({"kind": "location", "hold": True})
        self.seen(4, "location")
        self.restart()
        self.service.complete("o")
        self.result(made)
        self.assertNotIn(404, self.statuses("location"))

    def test_a_location_that_ends_with_nothing(self):
        made = self.submit({"style": "location", "polls": 2, "empty": True})
        self.assertEqual(self.result(made), b"")

    def test_a_location_that_ends_badly(self):
        made = self.submit({"style": "location", "polls": 2, "end": "Failed", "error": {"code": "x", "message": "y"}})
        self.fails(made, kind="remote", code="x", message="y", http_status=409)

    def test_provisioning_state(self):
        made = self.submit({"style": "plain", "polls": 3}, {"method": "PUT", "url": "/things/disk"},
                           params={"operation": f"/things/disk?{VERSION}"})
        self.assertEqual(self.json_result(made)["properties"]["provisioningState"], "Succeeded")
        self.assertEqual(self.history("disk"), [("submit", 201)] + [("thing", 200)] * 3)

    def test_provisioning_state_failed(self):
        made = self.submit({"style": "plain", "polls": 1, "end": "Failed"}, {"method": "PUT", "url": "/things/disk"},
                           params={"operation": f"/things/disk?{VERSION}"})
        self.fails(made, kind="remote")

    def test_done_at_once(self):
        made = self.submit({"name": "o", "style": "done"}, {"method": "PUT", "url": "/things/o"})
        self.assertEqual(self.json_result(made)["id"], "/things/o")
        self.assertEqual(self.history("o"), [("submit", 200)])

    def test_after_a_post_location_has_the_result(self):
        made = self.submit({"name": "o", "polls": 2, "start_location": True, "resource": {"v": 2}},
                           capture={"resource": {"header": "Location"}})
        self.assertEqual(self.json_result(made), {"v": 2})
        self.assertEqual(self.history("o"), [("submit", 202), ("monitor", 200), ("monitor", 200), ("thing", 200)])

    def test_operation_id_makes_a_submit_repeatable(self):
        self.service.fault({"kind": "submit", "effect": True, "reset": True}, {"kind": "submit", "status": 503})
        made = self.submit({"polls": 1, "result": 3}, {"idempotency": "Operation-Id"})
        self.assertEqual(self.json_result(made), 3)
        self.assertEqual(self.statuses("submit"), [None, 503, 202])
        self.assertEqual(len({entry["headers"]["operation-id"] for entry in self.requests("submit")}), 1)

    def test_operation_id_of_another_request(self):
        self.service.prepare(name="taken")
        made = self.submit({}, {"headers": {"Operation-Id": "taken"}})
        self.fails(made, kind="remote", code="InvalidOperationId", http_status=400)
        self.assertEqual(self.statuses("submit"), [400])


class Cancels(AzureTest):
    def test_cancel_at_the_monitor(self):
        name, made = self.operation()
        self.seen(1, "monitor", name)
        self.assertTrue(self.rpc.call("future.cancel", {"id": made})["cancelled"])
        self.assert_rpc_error("Cancelled", self.result, made)
        cancel, = self.requests("cancel")
        self.assertEqual((cancel["method"], cancel["target"]), ("POST", f"/monitors/{name}:cancel?{VERSION}"))

    def test_cancel_that_comes_too_late(self):
        name, made = self.operation(more={"polling": SLOW}, result=5)
        self.seen(1, "monitor", name)
        self.service.complete(name)
        self.rpc.call("future.cancel", {"id": made})
        self.assertEqual(self.json_result(made), 5)
        self.assertEqual(self.count("cancel"), 1)


if __name__ == "__main__":
    harness.main()
