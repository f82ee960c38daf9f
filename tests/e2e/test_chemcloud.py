"""test_chemcloud.py - tasks of ChemCloud: tokens that expire and rotate, outputs that are deleted once they are stored."""
import json
import os
import uuid

import harness
from chemcloud import ChemCloud
from harness import wait_until
from services import ServiceTest

CONFIG = """[credential chemcloud]
type = oauth2
token_url = {url}/api/v2/oauth/token
refresh_token = chemcloud-refresh
"""


class ChemCloudTest(ServiceTest):
    service_class = ChemCloud
    profile = "chemcloud"
    path = "/api/v2/"
    token = "refresh-0"
    id_param = "task_id"

    def configure(self):
        self.refresh_file = self.credential("chemcloud-refresh", self.token)
        self.config(CONFIG.format(url=self.service.url))

    def task(self, **simulate):
        """A task and a future for it; both ids."""
        name = self.service.prepare(**simulate)
        return name, self.create(name)

    def submit(self, inputs, **more):
        """A creation as the profile's help describes it."""
        request = {"url": "compute", "query": {"program": "psi4", "collect_stdout": True}, "json": inputs,
                   "capture": {"task_id": {"body": ""}}, "rules": "poll"}
        return self.create(spec={"submit": request}, **more)

    def history(self, name):
        """What was asked about a task, in order, and what was answered."""
        return [(entry["kind"], entry["status"]) for entry in self.requests() if entry["name"] == name]


class Tasks(ChemCloudTest):
    def test_bare_string_id(self):
        output = {"success": True, "data": {"energy": -76.02}}
        made = self.submit({"model": "hf", "simulate": {"polls": 2, "output": output}})
        self.assertEqual(self.json_result(made), output)
        submit = self.requests("submit")[0]
        path, _, query = submit["target"].partition("?")
        self.assertEqual((path, sorted(query.split("&"))), ("/api/v2/compute", ["collect_stdout=true", "program=psi4"]))
        self.assertEqual(uuid.UUID(submit["name"]).version, 4)
        self.seen(1, "delete", submit["name"])
        self.assertEqual(self.history(submit["name"]), [("submit", 200), ("poll", 200), ("poll", 200), ("delete", 202)])

    def test_410_within_100_ms_of_submit_then_200(self):
        made = self.submit({"simulate": {"polls": 1, "late": 0.1}},
                           retry={"initial": 0.1, "maximum": 0.1, "jitter": "none"})
        self.result(made)
        statuses = [entry["status"] for entry in self.requests("poll")]
        self.assertEqual((statuses[0], statuses[-1]), (410, 200))

    def test_410_for_good(self):
        made = self.create(str(uuid.uuid4()))
        self.fails(made, kind="lost", http_status=410)
        self.assertEqual(self.count("poll"), 4)

    def test_pending_then_success_lost_response_then_get_again(self):
        self.service.fault({"kind": "poll", "skip": 2, "effect": True, "reset": True})
        name, made = self.task(polls=3, output={"data": "kept"})
        self.assertEqual(self.json_result(made), {"data": "kept"})
        self.seen(1, "delete", name)
        self.assertEqual(self.history(name), [("poll", 200), ("poll", 200), ("poll", None), ("poll", 200), ("delete", 202)])

    def test_read_timeout_on_a_large_body(self):
        self.service.fault({"kind": "poll", "stall": 4096})
        name = self.service.prepare(polls=0, output={"wavefunction": "x" * (1 << 20)})
        made = self.create(name, spec={"poll": {**self.from_profile("poll"), "timeout": 0.5}})
        self.assertEqual(wait_until(lambda: self.snapshot(made).get("result_size"), "the result"), (1 << 20) + 20)
        self.seen(1, "delete", name)
        self.assertEqual([kind for kind, _ in self.history(name)], ["poll", "poll", "delete"])

    def test_a_failed_task_keeps_its_output(self):
        name, made = self.task(polls=1, status="FAILURE", output={"success": False, "traceback": "SCF did not converge"})
        data = self.fails(made, kind="remote", code="FAILURE", message="SCF did not converge")
        self.assertFalse(json.loads(data["details"])["success"])
        self.nothing_was_deleted(name)

    def nothing_was_deleted(self, name):
        other, made = self.task(polls=0)
        self.result(made)
        self.seen(1, "delete", other)
        self.assertEqual(self.count("delete", name), 0)

    def test_batch_group_mixing_success_and_failure(self):
        both = [{"success": True, "data": 1}, {"success": False, "traceback": "no"}]
        made = self.submit([{"simulate": {"polls": 1, "status": "FAILURE", "output": both}}, {"model": "b3lyp"}])
        data = self.fails(made, kind="remote", code="FAILURE", message="the task failed")
        self.assertEqual(json.loads(data["details"]), both)
        self.nothing_was_deleted(self.requests("submit")[0]["name"])

    def test_batch_group_that_the_service_calls_a_success(self):
        both = [{"success": True, "data": 1}, {"success": False, "traceback": "no"}]
        made = self.submit([{"simulate": {"polls": 1, "output": both}}, {"model": "b3lyp"}])
        self.assertEqual(self.json_result(made), both)

    def test_a_group_that_is_too_large(self):
        self.fails(self.submit([{}] * 101), kind="remote", http_status=413)

    def test_revoked(self):
        _, made = self.task(polls=1, status="REVOKED", output=None)
        self.assert_rpc_error("Cancelled", self.result, made)


class Deletes(ChemCloudTest):
    def test_delete_410(self):
        self.service.fault({"kind": "delete", "status": 410, "body": {"detail": "gone"}})
        name, made = self.task(polls=0)
        self.result(made)
        self.seen(1, "delete", name)
        other, made = self.task(polls=0)
        self.result(made)
        self.seen(1, "delete", other)
        self.assertEqual(self.history(name), [("poll", 200), ("delete", 410)])

    def test_delete_503_is_sent_again(self):
        self.service.fault({"kind": "delete", "status": 503, "times": 2})
        name, made = self.task(polls=0)
        self.seen(3, "delete", name)
        self.assertEqual(self.history(name)[1:3], [("delete", 503)] * 2)
        self.assertEqual(self.snapshot(made)["state"], "succeeded")

    def test_the_power_cord_before_the_delete_was_answered(self):
        self.service.fault({"kind": "delete", "hold": True})
        name, made = self.task(polls=0, output={"n": 1})
        self.seen(1, "delete", name)
        self.restart()
        self.seen(2, "delete", name)
        self.assertEqual(self.json_result(made), {"n": 1})
        self.assertEqual(self.count("poll", name), 1)

    def test_nothing_is_deleted_for_a_future_that_gave_up(self):
        name = self.service.prepare(output={"n": 1})
        self.fails(self.create(name, timeout=0.2), kind="deadline")
        other = self.service.prepare()
        made = self.create(other)
        self.rpc.call("future.cancel", {"id": made})
        self.assert_rpc_error("Cancelled", self.result, made)
        last, made = self.task(polls=0)
        self.result(made)
        self.seen(1, "delete", last)
        self.assertEqual((self.count("delete", name), self.count("delete", other)), (0, 0))


class Tokens(ChemCloudTest):
    def test_401_expired_token_then_ok(self):
        name, made = self.task()
        self.seen(2, "poll", name)
        self.service.expire_tokens()
        self.seen(2, "token")
        self.service.complete(name)
        self.result(made)
        self.seen(1, "delete", name)
        self.assertEqual((self.count("token"), self.history(name).count(("poll", 401))), (2, 1))
        self.assertEqual(self.rpc.call("server.stats")["retries"], 0)

    def test_one_refresh_for_many_tasks(self):
        both = [self.task() for _ in range(8)]
        for name, _ in both:
            self.seen(1, "poll", name)
        self.service.expire_tokens()
        self.seen(2, "token")
        for name, made in both:
            self.service.complete(name)
            self.result(made)
        self.assertEqual(self.count("token"), 2)

    def test_refresh_endpoint_403(self):
        self.service.fault({"kind": "token", "status": 403, "body": {"detail": "Unknown or invalid refresh token."}})
        name, made = self.task(polls=1)
        wait_until(lambda: "403" in self.snapshot(made).get("last_error", ""), "the reason in last_error")
        self.result(made)
        self.assertEqual(([entry["status"] for entry in self.requests("token")], self.count("poll", name)), ([403, 200], 1))

    def test_refresh_endpoint_403_mid_poll(self):
        name, made = self.task()
        self.seen(1, "poll", name)
        self.service.fault({"kind": "token", "status": 403})
        self.service.expire_tokens()
        self.seen(3, "token")
        self.service.complete(name)
        self.result(made)
        self.assertEqual([entry["status"] for entry in self.requests("token")], [200, 403, 200])

    def test_a_rotated_refresh_token_survives_the_power_cord(self):
        _, made = self.task(polls=0)
        self.result(made)
        with open(self.refresh_file, encoding="ascii") as file:
            self.assertNotEqual(file.read().strip(), self.token)
        self.assertEqual(os.stat(self.refresh_file).st_mode & 0o777, 0o600)
        self.restart()
        _, made = self.task(polls=0)
        self.result(made)
        self.assertEqual([entry["status"] for entry in self.requests("token")], [200, 200])

    def test_no_token_is_shown_or_stored(self):
        name, made = self.task(polls=1)
        self.result(made)
        self.seen(1, "delete", name)
        secrets = {entry["headers"]["authorization"].removeprefix("Bearer ") for entry in self.requests("poll")}
        shown = json.dumps(self.snapshot(made)) + self.daemon.log()
        self.daemon.stop()
        for directory, _, names in os.walk(self.home.state):
            for name in names:
                with open(os.path.join(directory, name), "rb") as file:
                    shown += file.read().decode("latin-1")
        for secret in secrets | {self.token}:
            self.assertNotIn(secret, shown)


if __name__ == "__main__":
    harness.main()
