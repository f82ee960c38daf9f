"""test_client.py - after chemcloud's tests/test_client.py: computing one thing or many, now or later."""
import json
import uuid

from computing import OUTPUT, ComputingTest
from conformance import harness, libfutured


class Client(ComputingTest):
    def targets(self):
        return [entry["target"].partition("?") for entry in self.requests("submit")]

    def test_version(self):
        version = libfutured._lib.futured_version().decode()
        self.assertRegex(version, r"^\d+\.\d+\.\d+$")
        self.assertEqual(self.client().call("server.hello")["version"], version)

    def test_compute(self):
        self.assertEqual(self.compute({"model": "hf", "simulate": {"polls": 2}}).json(harness.PATIENCE), OUTPUT)
        entry = self.requests("submit")[0]
        self.assertEqual((entry["method"], self.targets()[0][0], self.input_of(entry)["model"]),
                         ("POST", "/api/v2/compute", "hf"))

    def test_compute_return_future(self):
        """The id is there before the task is over; and the service's own id for it, too, once it has answered."""
        future = self.compute({"simulate": {}}).created(harness.PATIENCE)
        self.assertEqual((future.done(), uuid.UUID(future.id).version), (False, 7))
        self.assertFalse(future.wait(0))
        self.seen(1, "poll")
        task = self.requests("submit")[0]["name"]
        self.service.complete(task, output={"later": True})
        self.assertEqual(future.json(harness.PATIENCE), {"later": True})

    def test_compute_batch(self):
        """One request for each input, and their outputs in the order of the inputs."""
        futures = [self.compute({"simulate": {"polls": 3 - i, "output": i}}) for i in range(3)]
        self.assertTrue(self.c.wait(futures, timeout=harness.PATIENCE))
        self.assertEqual(([f.json() for f in futures], self.count("submit")), ([0, 1, 2], 3))

    def test_compute_list_in_one_request(self):
        future = self.compute([{"simulate": {"polls": 1, "output": [1, 2]}}, {}])
        self.assertEqual((future.json(harness.PATIENCE), self.count("submit")), ([1, 2], 1))

    def test_empty_input(self):
        future = self.compute([])
        self.ended(libfutured.Failed, future, kind="remote", http_status=422)
        self.assertEqual(self.count("poll"), 0)

    def test_group_limit(self):
        self.ended(libfutured.Failed, self.compute([{}] * 101), kind="remote", http_status=413)

    def test_json_content_type(self):
        self.compute({"simulate": {"polls": 0}}).json(harness.PATIENCE)
        self.assertEqual(self.requests("submit")[0]["headers"]["content-type"], "application/json")

    def test_queue_precedence(self):
        """What the creation says, else what its profile's parameter has as a default."""
        submit = {"url": "compute", "query": {"program": "psi4", "queue": "{queue}"}, "json": {"simulate": {"polls": 0}},
                  "capture": {"task_id": {"body": ""}}, "rules": "poll"}
        for given, queue in (({}, "of the spec"), ({"queue": "mine"}, "mine")):
            params = {"base": self.service.url + self.path, "queue": queue if given else "of the spec", **given}
            self.c.create(profile=self.profile, params=params, polling=harness.QUICK,
                          spec={"submit": submit}).json(harness.PATIENCE)
        self.assertEqual(["queue=mine" in query for _, _, query in self.targets()], [False, True])

    def test_omits_empty_queue(self):
        self.compute({"simulate": {"polls": 0}}, query={"collect_files": False}).json(harness.PATIENCE)
        self.assertEqual(sorted(self.targets()[0][2].split("&")), ["collect_files=false", "program=psi4"])

    def test_private_queue_refused(self):
        self.service.fault({"kind": "submit", "status": 403, "body": {"detail": "no such queue for you"}})
        error = self.ended(libfutured.Failed, self.compute({"simulate": {"polls": 0}}), kind="remote", http_status=403)
        self.assertIn(b"no such queue", error.details or error.message.encode())

    def test_failed_and_successful_mixed_group(self):
        """Each has its own end, and a failed one keeps its output."""
        failed = {"success": False, "traceback": "no basis set"}
        futures = [self.compute({"simulate": {"polls": 1, **how}})
                   for how in ({}, {"status": "FAILURE", "output": failed}, {"output": {"n": 3}})]
        self.assertTrue(self.c.wait(futures, timeout=harness.PATIENCE))
        self.assertEqual([f.state for f in futures], ["succeeded", "failed", "succeeded"])
        error = futures[1].exception()
        self.assertEqual((error.message, json.loads(error.details)), ("no basis set", failed))

    def test_fetch_output_keeps_it_until_it_is_stored(self):
        """The output is deleted at the service only after it is here to stay, and read here as often as one likes."""
        name, future = self.task(polls=1)
        self.assertEqual(future.json(harness.PATIENCE), OUTPUT)
        self.seen(1, "delete", name)
        self.restart()
        self.assertEqual([self.connect().attach(future.id).json(harness.PATIENCE) for _ in range(2)], [OUTPUT] * 2)
        self.assertEqual(self.history(name), [("poll", 200), ("delete", 202)])


if __name__ == "__main__":
    harness.main()
