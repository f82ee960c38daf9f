"""test_kubernetes.py - Jobs of Kubernetes: conditions in an array, and a namespace in one list."""
import json

import harness
from kubernetes import Kubernetes
from services import ONCE, ServiceTest

JOBS = "/apis/batch/v1/namespaces/default/jobs"


class KubernetesTest(ServiceTest):
    service_class = Kubernetes
    profile = "kubernetes-job"

    def job(self, more=None, **simulate):
        """A Job and a future for it that is asked about alone; both names."""
        name = self.service.prepare(**simulate)
        return name, self.create(name, **{"spec": self.alone(), **(more or {})})


class Conditions(KubernetesTest):
    def test_complete(self):
        name, made = self.job(polls=3)
        status = self.json_result(made)
        self.assertEqual((status["succeeded"], status["completionTime"]), (1, "2024-01-01T00:00:00Z"))
        self.assertEqual(self.history(name), [("poll", 200)] * 3)
        self.assertEqual(self.requests()[0]["target"], f"{JOBS}/{name}")

    def test_failed_has_the_reason_of_its_condition(self):
        for reason in ("BackoffLimitExceeded", "DeadlineExceeded", "PodFailurePolicy", "OfTheFuture"):
            _, made = self.job(polls=1, end="Failed", reason=reason, message=f"because of {reason}")
            data = self.fails(made, kind="remote", code=reason, message=f"because of {reason}")
            self.assertEqual(json.loads(data["details"])["failed"], 1)

    def test_conditions_that_are_no_end(self):
        steps = [["Suspended"], ["SuccessCriteriaMet"], ["FailureTarget"]]
        name, made = self.job(conditions=steps, polls=4)
        self.result(made)
        self.assertEqual(self.count("poll", name), 4)

    def test_no_conditions_at_all(self):
        name, made = self.job()
        self.assertEqual(self.progress_of(made)(), {"ready": 0, "active": 1})
        self.service.complete(name)
        self.result(made)

    def test_ttl_seconds_after_finished(self):
        name, made = self.job({"polling": ONCE}, ttl=0)
        self.seen(1, "poll", name)
        self.service.complete(name)
        self.rpc.call("future.refresh", {"id": made})
        self.fails(made, kind="lost", code="NotFound", http_status=404)

    def test_403(self):
        _, made = self.job(faults=[{"status": 403, "body": {"kind": "Status", "reason": "Forbidden", "message": "no"}}])
        self.fails(made, kind="remote", code="Forbidden", message="no", http_status=403)

    def test_429_with_retry_after(self):
        name, made = self.job(polls=1, faults=[{"status": 429, "headers": {"Retry-After": "1"}}])
        self.result(made)
        self.assertGreaterEqual(self.gaps("poll", name)[0], 0.99)


class Changes(KubernetesTest):
    def submit(self, name, **simulate):
        job = {"metadata": {"name": name}, "spec": {"template": {}}, "simulate": simulate}
        request = {"url": JOBS, "json": job, "capture": {"name": {"body": "/metadata/name"}}}
        return self.create(spec={"submit": request, **self.alone()})

    def test_submit(self):
        made = self.submit("pi", polls=2)
        self.assertEqual(self.json_result(made)["succeeded"], 1)
        self.assertEqual(self.history("pi"), [("submit", 201), ("poll", 200), ("poll", 200)])

    def test_submit_of_a_name_that_is_taken(self):
        self.service.prepare(name="pi")
        self.fails(self.submit("pi"), kind="remote", http_status=409)

    def test_cancel_deletes(self):
        name, made = self.job({"polling": ONCE})
        self.seen(1, "poll", name)
        self.rpc.call("future.cancel", {"id": made})
        self.assert_rpc_error("Cancelled", self.result, made)
        delete = self.requests("delete")[0]
        self.assertEqual((delete["method"], delete["target"]), ("DELETE", f"{JOBS}/{name}?propagationPolicy=Background"))

    def test_a_job_that_somebody_else_deletes(self):
        name, made = self.job()
        self.seen(1, "poll", name)
        self.service.lost(name)
        self.fails(made, kind="lost", http_status=404)

    def test_a_token_of_a_helper_command(self):
        self.service.call(setattr, self.service, "token", "k8s")
        self.credential("cluster", "k8s")
        name = self.service.prepare(polls=1)
        made = self.create(name, spec={"credential": "cluster", "headers": {"Authorization": "Bearer {credential}"}})
        self.result(made)
        self.assertEqual({entry["status"] for entry in self.requests()}, {200})


class Lists(KubernetesTest):
    def test_a_namespace_in_one_list(self):
        names = [self.service.prepare(polls=4) for _ in range(20)]
        made = [self.create(name) for name in names]
        for some_id in made:
            self.assertEqual(self.json_result(some_id)["succeeded"], 1)
        self.assertLessEqual(self.count("poll"), 20)
        self.assertLess(self.count("list"), 20)

    def test_namespaces_are_listed_each(self):
        jobs = [(color, i) for color in ("red", "blue") for i in (1, 2)]
        for color, i in jobs:
            self.service.prepare(name=f"job-{color}-{i}", namespace=color, polls=4)
        made = [self.create(f"job-{color}-{i}", params={"namespace": color}) for color, i in jobs]
        for some_id in made:
            self.result(some_id)
        self.assertEqual({entry["target"].split("/")[5] for entry in self.requests("list")}, {"red", "blue"})

    def test_failed_in_a_list(self):
        self.companion()
        name = self.service.prepare(polls=3, end="Failed", reason="BackoffLimitExceeded", message="too often")
        self.fails(self.create(name), kind="remote", code="BackoffLimitExceeded", message="too often")
        self.assertGreaterEqual(self.count("list"), 1)

    def on_the_second_page(self, **simulate):
        self.companion()
        for _ in range(510):
            self.service.prepare()
        name = self.service.prepare(**simulate)
        return name, self.create(name)

    def test_pages(self):
        name, made = self.on_the_second_page(polls=3)
        self.result(made)
        first, second = self.requests("list")[:2]
        self.assertEqual(first["target"], JOBS + "?limit=500")
        self.assertIn("continue=", second["target"])
        self.assertLessEqual(self.count("poll", name), 1)

    def test_a_continue_token_that_has_expired(self):
        self.service.list_seconds = 0
        name, made = self.on_the_second_page(polls=3)
        self.seen(2, "list")
        self.service.list_seconds = 300.0
        self.result(made)
        self.assertEqual([entry["status"] for entry in self.requests("list")][:2], [200, 410])
        self.assertLessEqual(self.count("poll", name), 1)

    def test_a_job_that_is_gone_from_the_list(self):
        self.companion()
        name = self.service.prepare()
        made = self.create(name)
        self.seen(1, "list")
        self.service.lost(name)
        self.fails(made, kind="lost", http_status=404)
        self.asked_alone_after_a_list(name)


if __name__ == "__main__":
    harness.main()
