#!/usr/bin/python3 -B
"""test_later.py - the simulations of Azure, respond-async, and of a script do what their tests rely on."""
import email.utils
import sys
import threading
import time
import unittest
import urllib.parse

sys.dont_write_bytecode = True     # the source tree may not be ours to write to
from azure import VERSION, Azure
from client import ServiceTest
from respond_async import RespondAsync
from scripted import Scripted


class AzureTest(ServiceTest):
    service_class = Azure
    token = "t"
    headers = {"Authorization": "Bearer t"}

    def start(self, method="POST", path="/things:run", headers=None, **simulate):
        response, _ = self.client.raw(method, f"{path}?{VERSION}", {"simulate": simulate}, headers)
        return response

    def ask(self, url, method="GET"):
        """Where a header leads: the response and its body."""
        parts = urllib.parse.urlsplit(url)
        return self.client.raw(method, f"{parts.path}?{parts.query}")

    def states(self, url, count):
        return [self.client("GET", url.removeprefix(self.service.url))[1]["status"] for _ in range(count)]

    def test_operation_location(self):
        response = self.start(polls=3, retry_after=7, percents=[0, 50], result={"n": 1}, resource_location=True, name="o")
        self.assertEqual((response.status, response.getheader("Retry-After")), (202, "7"))
        url = response.getheader("Operation-Location")
        self.assertEqual(url, f"{self.service.url}/monitors/o?{VERSION}")
        self.assertEqual(self.states(url, 2), ["NotStarted", "Running"])
        response, _ = self.ask(url)
        self.assertEqual((response.status, response.getheader("Retry-After")), (200, None))
        self.assertEqual(self.client("GET", f"/monitors/o?{VERSION}")[1], {
            "id": "o", "status": "Succeeded", "percentComplete": 50, "result": {"n": 1},
            "resourceLocation": f"{self.service.url}/things/o?{VERSION}"})
        self.assertEqual(self.client("GET", f"/things/o?{VERSION}")[0], 200)
        self.assertEqual(self.client("GET", "/monitors/o")[0], 400)

    def test_a_put(self):
        response = self.start("PUT", "/things/disk", style="async-operation", relative=True, polls=1)
        self.assertEqual((response.status, response.getheader("Azure-AsyncOperation")), (201, f"/monitors/disk?{VERSION}"))
        self.assertEqual(self.client("GET", f"/things/disk?{VERSION}")[0], 404)
        self.assertEqual(self.states(f"/monitors/disk?{VERSION}", 1), ["Succeeded"])
        self.assertEqual(self.client("GET", f"/things/disk?{VERSION}")[0], 200)
        self.assertEqual(self.start("PUT", "/things/quick", style="done").status, 200)
        self.start("PUT", "/things/plain", style="plain", polls=2)
        states = [self.client("GET", f"/things/plain?{VERSION}")[1]["properties"]["provisioningState"] for _ in range(2)]
        self.assertEqual(states, ["NotStarted", "Succeeded"])

    def test_a_location_that_moves(self):
        first = self.start(style="location", moves=True, polls=3, resource={"v": 1}).getheader("Location")
        second = self.ask(first)[0].getheader("Location")
        self.assertNotEqual(first, second)
        self.assertEqual(self.ask(first)[0].status, 404)
        self.assertEqual(self.ask(second)[0].status, 202)
        place = self.start(style="location", polls=1, empty=True).getheader("Location")
        self.assertEqual(self.ask(place)[0].status, 204)
        place = self.start(style="location", polls=1, end="Failed", error={"code": "x"}).getheader("Location")
        self.assertEqual(self.ask(place)[0].status, 409)

    def test_bad_ends_and_cancel(self):
        self.service.prepare(name="bad", polls=0, end="failed", error={"code": "Quota", "message": "no more"})
        self.assertEqual(self.client("GET", f"/monitors/bad?{VERSION}")[1]["error"]["code"], "Quota")
        self.service.prepare(name="long")
        self.assertEqual(self.client("POST", f"/monitors/long:cancel?{VERSION}")[0], 200)
        self.assertEqual(self.states(f"/monitors/long?{VERSION}", 1), ["Canceled"])
        self.assertEqual(self.client("POST", f"/monitors/none:cancel?{VERSION}")[0], 404)

    def test_operation_id(self):
        mine = {"Operation-Id": "mine"}
        first, again = self.start(headers=mine), self.start(headers=mine)
        self.assertEqual(first.getheader("Operation-Location"), again.getheader("Operation-Location"))
        self.assertIn("/monitors/mine?", first.getheader("Operation-Location"))
        self.assertEqual(self.start(headers=mine, polls=1).status, 400)
        self.assertEqual(len(self.service.jobs), 1)
        self.assertEqual(self.connect(self.service).raw("GET", "/monitors/mine")[0].status, 401)


class RespondAsyncTest(ServiceTest):
    service_class = RespondAsync

    def export(self, prefer="respond-async", **simulate):
        return self.client.raw("POST", "/fhir/$export", {"simulate": simulate}, {"Prefer": prefer})

    def test_an_export(self):
        response, body = self.export(polls=3, progress=["10 %", "half"], retry_after=2, name="e")
        self.assertEqual((response.status, body, response.getheader("Preference-Applied")), (202, b"", "respond-async"))
        self.assertEqual(response.getheader("Content-Location"), self.service.url + "/fhir/status/e")
        for progress in ("10 %", "half"):
            response, _ = self.client.raw("GET", "/fhir/status/e")
            self.assertEqual((response.status, response.getheader("X-Progress"), response.getheader("Retry-After")),
                             (202, progress, "2"))
        response, body = self.client.raw("GET", "/fhir/status/e")
        self.assertEqual(response.status, 200)
        self.assertGreater(email.utils.parsedate_to_datetime(response.getheader("Expires")).timestamp(), time.time())
        self.assertEqual(self.client.raw("DELETE", "/fhir/status/e")[0].status, 202)
        self.assertEqual(self.client("GET", "/fhir/status/e")[0], 404)
        self.assertEqual(self.client("DELETE", "/fhir/status/e")[0], 404)

    def test_preferences(self):
        self.assertEqual(self.export("return=minimal")[0].status, 200)
        self.assertEqual(self.export(style="ignored")[0].status, 200)
        self.assertEqual(self.export("respond-async, wait=5", polls=0)[0].status, 200)
        self.assertEqual(self.export("respond-async, wait=0")[0].status, 202)
        response, _ = self.export(style="plain", name="p")
        self.assertEqual(response.getheader("Location"), self.service.url + "/fhir/status/p")

    def test_see_other(self):
        self.service.prepare(name="s", style="see-other", polls=1, result={"n": 1})
        response, _ = self.client.raw("GET", "/fhir/status/s")
        self.assertEqual((response.status, response.getheader("Location")), (303, "/fhir/results/s"))
        self.assertEqual(self.client("GET", "/fhir/results/s"), (200, {"n": 1}))

    def test_failures(self):
        self.service.prepare(name="f", polls=1, issue="processing", transient=1)
        status, value = self.client("GET", "/fhir/status/f")
        self.assertEqual((status, value["issue"][0]["code"]), (500, "transient"))
        status, value = self.client("GET", "/fhir/status/f")
        self.assertEqual((status, value["resourceType"], value["issue"][0]["code"]), (422, "OperationOutcome", "processing"))

    def test_status_in_a_header(self):
        self.service.prepare(name="h", style="status-header", polls=2, issue="processing")
        seen = []
        for _ in range(2):
            response, _ = self.client.raw("GET", "/fhir/status/h")
            seen.append((response.status, response.getheader("X-Export-Status")))
        self.assertEqual(seen, [(200, "202"), (200, "422")])

    def test_who_polls_too_fast_is_sent_away(self):
        self.service.prepare(name="q", pace=3600, retry_after={"date": -60})
        response, _ = self.client.raw("GET", "/fhir/status/q")
        self.assertTrue(response.getheader("Retry-After").endswith("GMT"))
        statuses = [self.client.raw("GET", "/fhir/status/q")[0].status for _ in range(4)]
        self.assertEqual(statuses, [429, 429, 429, 404])


class ScriptedTest(ServiceTest):
    service_class = Scripted

    def test_answers_in_turn(self):
        self.service.answer("poll", {"status": 202, "headers": {"X-A": "1"}}, {"json": {"n": 1}})
        self.service.answer("poll/two", {"text": "plain"})
        response, body = self.client.raw("GET", "/poll/one")
        self.assertEqual((response.status, response.getheader("X-A"), body), (202, "1", b""))
        self.assertEqual([self.client("GET", "/poll/one") for _ in range(2)], [(200, {"n": 1})] * 2)
        self.assertEqual(self.client.raw("PATCH", "/poll/two/three?a=b")[1], b"plain")
        self.assertEqual(self.client.raw("GET", "/other")[0].status, 404)
        requests = self.service.stats()["requests"]
        self.assertEqual((requests["poll"], requests["other"]), (4, 1))

    def test_answers_over_http(self):
        self.assertEqual(self.client("POST", "/_control/answers", {"get": [{"json": [1]}]})[0], 200)
        self.assertEqual(self.client("GET", "/get"), (200, [1]))
        self.assertEqual(self.client.raw("POST", "/_control/answers", {"get": [{"body": 1}]})[0].status, 400)

    def test_faults(self):
        self.service.answer("poll", {"json": 1})
        self.service.fault({"kind": "poll", "name": "x", "hold": True})
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.client("GET", "/poll/x")))
        thread.start()
        self.assertTrue(self.service.wait(1, "poll", "x"))
        self.assertEqual(answers, [])
        self.service.release()
        thread.join(10)
        self.assertEqual(answers, [(200, 1)])


if __name__ == "__main__":
    unittest.main()
