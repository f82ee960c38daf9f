#!/usr/bin/python3 -B
"""test_lists.py - the simulations of services with lists do what their tests rely on: OpenAI, Replicate, Kubernetes, GitHub."""
import re
import sys
import time
import unittest
import urllib.parse

sys.dont_write_bytecode = True     # the source tree may not be ours to write to
from client import ServiceTest
from github import GitHub
from kubernetes import Kubernetes
from openai_batch import OpenAiBatch
from replicate import Replicate


class OpenAiTest(ServiceTest):
    service_class = OpenAiBatch
    token = "sk"
    headers = {"Authorization": "Bearer sk"}
    body = {"input_file_id": "file-1", "endpoint": "/v1/responses", "completion_window": "24h"}

    def batch(self, name):
        return self.client("GET", "/v1/batches/" + name)[1]

    def test_a_batch(self):
        created = self.client("POST", "/v1/batches", {**self.body, "simulate": {"polls": 4, "output": "line\n"}})[1]
        self.assertEqual(created["status"], "validating")
        states = [self.batch(created["id"])["status"] for _ in range(4)]
        self.assertEqual(states, ["validating", "in_progress", "finalizing", "completed"])
        output = self.batch(created["id"])["output_file_id"]
        self.assertEqual(self.client.raw("GET", f"/v1/files/{output}/content")[1], b"line\n")
        self.assertEqual(self.client("POST", "/v1/batches", {"endpoint": "x"})[0], 400)
        self.assertEqual(self.client("GET", "/v1/files/file-err-x/content")[0], 404)

    def test_ends(self):
        expired = self.batch(self.service.prepare(polls=0, end="expired", total=4, made=1, error_lines="e\n"))
        self.assertEqual((expired["status"], expired["request_counts"]["completed"]), ("expired", 1))
        self.assertTrue(expired["output_file_id"] and expired["error_file_id"])
        self.assertIsNone(self.batch(self.service.prepare(polls=0, end="expired", output=None))["output_file_id"])
        failed = self.batch(self.service.prepare(polls=0, end="failed", errors=[{"code": "c"}]))
        self.assertEqual((failed["errors"]["data"], failed["output_file_id"]), ([{"code": "c"}], None))
        self.assertEqual(self.client("GET", "/v1/batches/none")[0], 404)
        self.assertEqual(self.connect(self.service)("GET", "/v1/batches/none")[0], 401)

    def test_cancel(self):
        name = self.service.prepare()
        path = f"/v1/batches/{name}/cancel"
        self.assertEqual(self.client("POST", path)[1]["status"], "cancelling")
        self.assertEqual([self.batch(name)["status"] for _ in range(2)], ["cancelling", "cancelled"])
        self.assertEqual(self.client("POST", path)[0], 409)

    def test_list(self):
        names = [self.service.prepare(polls=1) for _ in range(5)]
        page = self.client("GET", "/v1/batches?limit=2")[1]
        self.assertEqual([batch["id"] for batch in page["data"]], [names[4], names[3]])
        self.assertEqual((page["last_id"], page["has_more"], page["data"][0]["status"]), (names[3], True, "completed"))
        page = self.client("GET", "/v1/batches?limit=100&after=" + page["last_id"])[1]
        self.assertEqual((len(page["data"]), page["has_more"]), (3, False))
        self.assertEqual(self.client("GET", "/v1/batches?limit=101")[0], 400)
        self.assertEqual(self.service.stats()["requests"]["list"], 3)


class ReplicateTest(ServiceTest):
    service_class = Replicate
    token = "r8"
    headers = {"Authorization": "Bearer r8"}

    def submit(self, headers=None, **simulate):
        response, _ = self.client.raw("POST", "/v1/predictions", {"input": {}, "simulate": simulate}, headers)
        self.assertEqual(response.status, 201)

    def get(self, name):
        return self.client("GET", "/v1/predictions/" + name)[1]

    def test_a_prediction(self):
        self.submit(name="p", polls=3, output=[1], logs=["1%\n", "2%\n"])
        values = [self.get("p") for _ in range(3)]
        self.assertEqual([value["status"] for value in values], ["starting", "processing", "succeeded"])
        self.assertEqual((values[0]["output"], values[2]["output"], values[2]["logs"]), (None, [1], "1%\n2%\n"))
        self.assertEqual(values[0]["urls"]["get"], self.service.url + "/v1/predictions/p")

    def test_other_ends(self):
        value = self.get(self.service.prepare(polls=0, data_removed=True))
        self.assertEqual((value["status"], value["output"], value["data_removed"]), ("succeeded", None, True))
        value = self.get(self.service.prepare(polls=0, end="failed", error="no memory"))
        self.assertEqual((value["status"], value["error"]), ("failed", "no memory"))
        self.assertEqual(self.client("GET", "/v1/predictions/none")[0], 404)
        self.assertEqual(self.connect(self.service)("GET", "/v1/predictions/none")[0], 401)

    def test_prefer_wait(self):
        _, body = self.client("POST", "/v1/predictions", {"input": {}, "simulate": {"seconds": 0}}, {"Prefer": "wait=5"})
        self.assertEqual(body["status"], "succeeded")
        _, body = self.client("POST", "/v1/predictions", {"input": {}}, {"Prefer": "wait=0"})
        self.assertEqual(body["status"], "starting")

    def test_cancel(self):
        name = self.service.prepare(cancel_polls=1)
        self.assertEqual(self.client("POST", f"/v1/predictions/{name}/cancel")[1]["status"], "starting")
        self.assertEqual(self.get(name)["status"], "canceled")
        self.submit({"Cancel-After": "0s"}, name="a")
        self.submit({"Cancel-After": "0s"}, name="b", states=["processing"])
        self.assertEqual([self.get("a")["status"], self.get("b")["status"]], ["aborted", "canceled"])

    def test_list(self):
        names = [self.service.prepare() for _ in range(101)]
        page = self.client("GET", "/v1/predictions")[1]
        self.assertEqual((len(page["results"]), page["results"][0]["id"]), (100, names[-1]))
        page = self.client("GET", page["next"].removeprefix(self.service.url))[1]
        self.assertEqual((len(page["results"]), page["next"]), (1, None))


class KubernetesTest(ServiceTest):
    service_class = Kubernetes
    jobs = "/apis/batch/v1/namespaces/default/jobs"

    def get(self, name):
        return self.client("GET", f"{self.jobs}/{name}")

    def test_a_job(self):
        job = {"metadata": {"name": "pi"}, "spec": {}, "simulate": {"polls": 2, "conditions": [["Suspended"]]}}
        self.assertEqual(self.client("POST", self.jobs, job)[0], 201)
        self.assertEqual(self.client("POST", self.jobs, job)[0], 409)
        self.assertEqual(self.get("pi")[1]["status"]["conditions"], [{"type": "Suspended", "status": "True"}])
        status = self.get("pi")[1]["status"]
        self.assertEqual([each["type"] for each in status["conditions"] if each["status"] == "True"],
                         ["SuccessCriteriaMet", "Complete"])
        self.assertIn("completionTime", status)

    def test_failures(self):
        name = self.service.prepare(polls=0, end="Failed", reason="BackoffLimitExceeded", ttl=2)
        status = self.get(name)[1]["status"]
        self.assertEqual(status["conditions"][-1]["reason"], "BackoffLimitExceeded")
        self.assertNotIn("completionTime", status)
        self.assertEqual([self.get(name)[0] for _ in range(2)], [200, 404])
        self.assertNotIn("conditions", self.get(self.service.prepare())[1]["status"])
        status, value = self.get("none")
        self.assertEqual((status, value["kind"], value["reason"]), (404, "Status", "NotFound"))

    def test_delete(self):
        name = self.service.prepare()
        path = f"{self.jobs}/{name}"
        self.assertEqual(self.client("DELETE", path + "?propagationPolicy=Foreground")[0], 200)
        self.assertIn("deletionTimestamp", self.get(name)[1]["metadata"])
        self.assertEqual(self.client("DELETE", path)[1]["status"], "Success")
        self.assertEqual(self.client("DELETE", path)[0], 404)

    def test_list(self):
        names = [self.service.prepare() for _ in range(3)]
        self.service.prepare(namespace="other")
        page = self.client("GET", self.jobs + "?limit=2")[1]
        self.assertEqual(([job["metadata"]["name"] for job in page["items"]], page["metadata"]["remainingItemCount"]),
                         (names[:2], 1))
        rest = self.jobs + "?limit=2&continue=" + urllib.parse.quote(page["metadata"]["continue"])
        page = self.client("GET", rest)[1]
        self.assertEqual((len(page["items"]), "continue" in page["metadata"]), (1, False))
        self.service.list_seconds = 0
        status, value = self.client("GET", rest)
        self.assertEqual((status, value["reason"]), (410, "Expired"))


class GitHubTest(ServiceTest):
    service_class = GitHub
    actions = "/repos/o/r/actions"

    def get(self, name):
        return self.client("GET", f"{self.actions}/runs/{name}")[1]

    def test_a_run(self):
        body = {"ref": "main", "inputs": {"simulate": {"polls": 3}}}
        response, text = self.client.raw("POST", self.actions + "/workflows/ci.yml/dispatches", body)
        self.assertEqual((response.status, text), (204, b""))
        name = self.client("GET", self.actions + "/runs?per_page=1")[1]["workflow_runs"][0]["id"]
        values = [self.get(name) for _ in range(2)]
        self.assertEqual([(value["status"], value["conclusion"]) for value in values],
                         [("in_progress", None), ("completed", "success")])

    def test_cancel(self):
        name = self.service.prepare()
        path = f"{self.actions}/runs/{name}/cancel"
        self.assertEqual(self.client("POST", path)[0], 202)
        self.assertEqual(self.get(name)["conclusion"], "cancelled")
        self.assertEqual(self.client("POST", path)[0], 409)
        self.assertEqual(self.client("POST", f"{self.actions}/runs/{self.service.prepare(cancel='refused')}/cancel")[0], 409)
        self.assertEqual(self.client("GET", f"{self.actions}/runs/1")[0], 404)

    def test_list(self):
        names = [self.service.prepare() for _ in range(5)]
        seen, path = [], self.actions + "/runs?per_page=2"
        while path:
            response, _ = self.client.raw("GET", path)
            links = dict((name, url) for url, name in
                         re.findall(r'<([^>]+)>; rel="(\w+)"', response.getheader("Link")))
            seen.append(sorted(links))
            path = links.get("next", "").removeprefix(self.service.url)
        self.assertEqual(seen, [["last", "next"], ["first", "last", "next", "prev"], ["first", "prev"]])
        value = self.client("GET", self.actions + "/runs?page=2&per_page=2")[1]
        self.assertEqual((value["total_count"], [run["id"] for run in value["workflow_runs"]]),
                         (5, [int(names[2]), int(names[1])]))

    def test_the_limit(self):
        name = self.service.prepare()
        response, _ = self.client.raw("GET", f"{self.actions}/runs/{name}")
        self.assertEqual((response.status, response.getheader("x-ratelimit-remaining")), (200, "4999"))
        self.service.remaining = 0
        response, _ = self.client.raw("GET", f"{self.actions}/runs/{name}")
        self.assertEqual((response.status, response.getheader("x-ratelimit-remaining")), (403, "0"))
        reset = int(response.getheader("x-ratelimit-reset"))
        self.assertGreaterEqual(reset, time.time())
        self.service.reset_at = time.time()
        self.assertEqual(self.get(name)["status"], "in_progress")


if __name__ == "__main__":
    unittest.main()
