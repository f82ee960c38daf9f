#!/usr/bin/python3 -B
"""test_jobs.py - the simulations of Tinker, Tensorlake and ChemCloud do what their tests rely on."""
import base64
import http.client
import json
import sys
import threading
import unittest
import urllib.parse
import uuid

sys.dont_write_bytecode = True     # the source tree may not be ours to write to
from chemcloud import ChemCloud
from client import ServiceTest
from tensorlake import Tensorlake
from tinker import Tinker


class TinkerTest(ServiceTest):
    service_class = Tinker
    token = "tml-key"
    headers = {"X-API-Key": "tml-key"}

    def post(self, path, **body):
        return self.client("POST", "/services/tinker-prod/api/v1/" + path, body)

    def poll(self, promise, **body):
        return self.post("retrieve_future", request_id=promise, **body)

    def test_a_training_step(self):
        session = self.post("create_session")[1]["session_id"]
        created = self.post("create_model", session_id=session, model_seq_id=1, simulate={"polls": 1})[1]
        self.assertEqual(self.poll(created["request_id"]),
                         (200, {"model_id": created["model_id"], "type": "create_model"}))
        step = {"model_id": created["model_id"], "seq_id": 1, "simulate": {"polls": 2, "result": {"metrics": {"a": 1}}}}
        first, again = self.post("optim_step", **step), self.post("optim_step", **step)
        self.assertEqual(first, again)
        self.assertNotEqual(self.post("optim_step", **{**step, "seq_id": 2}), first)
        self.assertEqual([self.poll(first[1]["request_id"]) for _ in range(2)], [(408, {}), (200, {"metrics": {"a": 1}})])
        sampling = self.post("create_sampling_session", session_id=session)[1]["sampling_session_id"]
        self.assertEqual(self.post("asample", sampling_session_id=sampling, seq_id=1)[0], 200)
        self.assertEqual(self.post("asample", sampling_session_id="none", seq_id=1)[0], 404)

    def test_protobuf_goes_both_ways(self):
        how = json.dumps({"polls": 1, "result_base64": base64.b64encode(b"\x0a\x01\xff").decode()})
        self.client.http.request("POST", "/api/v1/forward_backward", b"\xff\x00", {
            **self.headers, "Content-Type": "application/x-protobuf", "X-Simulate": how})
        promise = json.loads(self.client.http.getresponse().read())["request_id"]
        response, body = self.client.raw("POST", "/api/v1/retrieve_future", {"request_id": promise})
        self.assertEqual((response.getheader("Content-Type"), body), ("application/x-protobuf", b"\x0a\x01\xff"))

    def test_queue_states(self):
        promise = self.service.prepare(polls=4, queue=["active", {"queue_state": "paused_capacity",
                                                                  "queue_state_reason": "short"}, None])
        self.assertEqual([self.poll(promise) for _ in range(3)], [
            (408, {"queue_state": "active"}),
            (408, {"queue_state": "paused_capacity", "queue_state_reason": "short"}), (408, {})])
        promise = self.service.prepare(polls=2, try_again=True, retry_after_ms=5)
        self.assertEqual(self.poll(promise), (200, {"type": "try_again", "request_id": promise, "retry_after_ms": 5}))

    def test_a_large_result(self):
        promise = self.service.prepare(polls=0, large=True, result={"path": "tinker://x"})
        self.assertEqual(self.poll(promise, allow_metadata_only=True),
                         (200, {"status": "complete_metadata", "response_payload_size": 22}))
        self.assertEqual(self.poll(promise, allow_metadata_only=False), (200, {"path": "tinker://x"}))

    def test_bad_ends(self):
        self.assertEqual(self.poll(self.service.prepare(polls=0, error="no", category="user")),
                         (200, {"error": "no", "category": "user"}))
        self.assertEqual(self.poll(self.service.prepare(polls=0, broken=True))[0], 410)
        self.assertEqual(self.poll("never")[0], 404)

    def test_a_poll_is_held(self):
        self.service.hold = 0.01
        promise = self.service.prepare()
        self.assertEqual(self.poll(promise)[0], 408)
        self.service.hold = 60
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.poll(promise)))
        thread.start()
        self.assertTrue(self.service.wait(2, "poll", promise))
        self.service.complete(promise, result={"late": 1})
        thread.join(10)
        self.assertEqual(answers, [(200, {"late": 1})])

    def test_an_answer_to_a_dead_socket_evicts(self):
        promise = self.service.prepare(evict=0)
        dead = self.connect(self.service)
        dead.http.request("POST", "/api/v1/retrieve_future", json.dumps({"request_id": promise}), self.headers)
        self.assertTrue(self.service.wait(1, "poll", promise))
        dead.http.close()
        self.service.complete(promise)
        self.assertTrue(self.service.call(self.service.until, lambda: self.service.concurrent == 0))
        self.assertEqual(self.poll(promise)[0], 404)

    def test_sessions_live_by_heartbeats(self):
        session = self.service.session()
        promise = self.service.prepare(polls=9, session=session)
        self.assertEqual(self.post("session_heartbeat", session_id=session), (200, {"type": "session_heartbeat"}))
        self.assertEqual(self.poll(promise)[0], 408)
        self.service.end_session(session)
        self.assertEqual(self.poll(promise)[0], 404)
        self.assertEqual(self.post("session_heartbeat", session_id=session)[0], 404)
        self.assertEqual(self.service.call(self.service.count, "heartbeat", session), 2)
        self.service.session_seconds = 0
        self.assertEqual(self.poll(self.service.prepare(polls=1, session=self.service.session()))[0], 404)

    def test_keys_and_jwts(self):
        stranger = self.connect(self.service)
        self.assertEqual(stranger("POST", "/api/v1/create_session", {})[0], 401)
        self.assertTrue(self.post("client/config")[1]["pjwt_auth_enabled"])
        self.assertIn("refresh_interval_sec", self.post("client/dynamic_config")[1])
        jwt = self.post("auth/token")[1]["jwt"]
        self.assertTrue(jwt.startswith("eyJ"))
        self.assertIn("exp", json.loads(base64.urlsafe_b64decode(jwt.split(".")[1] + "==")))
        headers = {"X-API-Key": jwt}
        self.assertEqual(stranger("POST", "/api/v1/create_session", {}, headers)[0], 200)
        self.service.expire_jwts()
        self.assertEqual(stranger("POST", "/api/v1/create_session", {}, headers)[0], 401)

    def test_trace_export(self):
        session = self.service.session()
        path = f"/api/v1/sessions/{session}/trace_export"
        answers = [self.client("GET", path)[1] for _ in range(3)]
        self.assertEqual([answer["status"] for answer in answers], ["pending", "pending", "ready"])
        archive = urllib.parse.urlsplit(answers[2]["url"]).path
        self.assertEqual(self.connect(self.service)("GET", archive)[0], 200)


class TensorlakeTest(ServiceTest):
    service_class = Tensorlake
    token = "key"
    headers = {"Authorization": "Bearer key"}
    app = "/v1/namespaces/default/applications/app"

    def prepare(self, **simulate):
        return f"{self.app}/requests/" + self.service.prepare(**simulate)

    def submit(self, headers=None, **simulate):
        return self.client.raw("POST", self.app, {"n": 1}, {"X-Simulate": json.dumps(simulate), **(headers or {})})

    def stream(self, path, headers=None):
        """The names of its events, and what was wrong with its end."""
        (response, _), error = self.open(path, headers), None
        try:
            body = response.read()
        except http.client.IncompleteRead as cut:
            body, error = cut.partial, cut
        return [line for line in body.decode().split("\n\n") if line], error

    def open(self, path, headers=None):
        client = self.connect(self.service, self.headers)
        client.http.request("GET", path, headers={**self.headers, **(headers or {})})
        response = client.http.getresponse()
        self.assertEqual(response.getheader("Content-Type"), "text/event-stream")
        return response, client.http

    @staticmethod
    def names(lines):
        return [next(iter(json.loads(line.removeprefix("data: ")))) for line in lines if not line.startswith(":")]

    def test_submit_poll_output(self):
        body = json.loads(self.submit(polls=2, output=[1])[1])
        path = f"{self.app}/requests/{body['request_id']}"
        self.assertIsNone(self.client("GET", path)[1]["outcome"])
        self.assertEqual(self.client.raw("GET", path + "/output")[0].status, 204)
        self.assertEqual(self.client("GET", path)[1]["outcome"], "success")
        self.assertEqual(self.client("GET", path + "/output"), (200, [1]))
        response, body = self.client.raw("HEAD", path + "/output")
        self.assertEqual((response.getheader("Content-Length"), body), ("3", b""))
        self.assertEqual(self.client.raw("DELETE", path)[0].status, 200)
        self.assertEqual(self.client.raw("GET", path)[0].status, 404)

    def test_output_of_its_own_type_and_late(self):
        path = self.prepare(polls=0, late_output=1, output_base64="/wA=", content_type="application/octet-stream")
        self.assertEqual(self.client.raw("GET", path + "/output")[0].status, 204)
        response, body = self.client.raw("GET", path + "/output")
        self.assertEqual((response.getheader("Content-Type"), body), ("application/octet-stream", b"\xff\x00"))

    def test_failures(self):
        wrong = {"function_name": "main", "message": "bad input"}
        value = self.client("GET", self.prepare(polls=0, failure="request_error", request_error=wrong))[1]
        self.assertEqual((value["outcome"], value["request_error"]), ({"failure": "request_error"}, wrong))
        value = self.client("GET", self.prepare(polls=0, failure="out_of_memory"))[1]
        self.assertEqual((value["failure_reason"], value["request_error"]), ("out_of_memory", None))

    def test_errors_are_plain_text(self):
        for path, status in (("/requests/none", 404), ("/requests/none/output", 404), ("/requests/none/progress", 404)):
            response, body = self.client.raw("GET", self.app + path)
            self.assertEqual((response.status, response.getheader("Content-Type"), body),
                             (status, "text/plain; charset=utf-8", b"request not found"))
        self.assertEqual(self.connect(self.service).raw("GET", self.app + "/requests")[0].status, 401)

    def test_idempotency_key(self):
        key = {"Idempotency-Key": "mine"}
        self.assertEqual(json.loads(self.submit(key)[1]), {"request_id": "mine"})
        response, body = self.submit(key)
        self.assertEqual((response.status, body), (409, b"request mine already exists"))
        self.assertEqual(self.submit({"Idempotency-Key": "x" * 37})[0].status, 400)

    def test_stream_of_a_whole_life(self):
        path = self.prepare()
        response, _ = self.open(path + "/progress")
        self.service.tell(path.rpartition("/")[2], {"RequestProgressUpdated": {"step": 2}})
        while b'"step": 2' not in response.readline():
            pass
        self.service.complete(path.rpartition("/")[2], output=7, inline=True)
        lines = response.read().decode().strip().split("\n\n")
        self.assertEqual(self.names(lines)[-1], "RequestFinished")
        self.assertEqual(json.loads(lines[-1].removeprefix("data: "))["RequestFinished"]["output"]["body"], 7)
        lines, error = self.stream(path + "/progress")
        self.assertEqual((self.names(lines), error), (["RequestFinished"], None))

    def test_streams_that_go_wrong(self):
        lines, error = self.stream(self.prepare(stream="early") + "/progress")
        self.assertEqual((self.names(lines)[0], self.names(lines)[-1], error),
                         ("RequestStarted", "FunctionRunCompleted", None))
        lines, error = self.stream(self.prepare(stream="cut") + "/progress")
        self.assertEqual(self.names(lines)[-1], "FunctionRunCompleted")
        self.assertIsNotNone(error)
        path = self.prepare(stream="lie")
        self.assertEqual(self.names(self.stream(path + "/progress")[0])[-1], "RequestFinished")
        self.assertIsNone(self.client("GET", path)[1]["outcome"])
        self.service.pause = 0.001
        response, connection = self.open(self.prepare(stream="silent", polls=0) + "/progress")
        self.assertEqual(response.readline(), b": keep-alive\n")
        connection.close()
        self.assertEqual(self.client.raw("GET", self.prepare(stream="missing") + "/progress")[0].status, 404)
        self.assertEqual(self.client.raw("POST", "/_control/jobs", {"stream": "x"})[0].status, 400)

    def test_a_listener_that_leaves_ends_the_stream(self):
        self.service.pause = 3600
        response, connection = self.open(self.prepare() + "/progress")
        response.readline()
        response.close()
        connection.close()
        self.assertTrue(self.service.call(self.service.until, lambda: self.service.concurrent == 0))

    def test_submit_and_listen_in_one(self):
        client = self.connect(self.service, {**self.headers, "Accept": "text/event-stream"})
        _, body = client.raw("POST", self.app, {}, {"X-Simulate": '{"polls": 0, "name": "one"}'})
        self.assertEqual(json.loads(body.removeprefix(b"data: "))["RequestFinished"]["request_id"], "one")

    def test_list(self):
        for name in "abc":
            self.service.prepare(name=name)
        page = self.client("GET", self.app + "/requests?limit=2")[1]
        self.assertEqual([request["id"] for request in page["requests"]], ["a", "b"])
        page = self.client("GET", self.app + "/requests?limit=2&cursor=" + page["next_cursor"])[1]
        self.assertEqual(([request["id"] for request in page["requests"]], "next_cursor" in page), (["c"], False))


class ChemCloudTest(ServiceTest):
    service_class = ChemCloud
    token = "refresh-0"

    def setUp(self):
        super().setUp()
        self.log_in("refresh-0")

    def token_from(self, **form):
        client = self.connect(self.service)
        client.http.request("POST", "/api/v2/oauth/token", urllib.parse.urlencode(form),
                            {"Content-Type": "application/x-www-form-urlencoded"})
        response = client.http.getresponse()
        return response.status, json.loads(response.read())

    def log_in(self, refresh):
        status, value = self.token_from(grant_type="refresh_token", refresh_token=refresh)
        self.assertEqual(status, 200)
        self.client.headers = {"Authorization": "Bearer " + value["access_token"]}
        return value

    def submit(self, inputs):
        return self.client("POST", "/api/v2/compute?program=psi4", inputs)

    def output(self, task):
        return self.client("GET", "/api/v2/compute/output/" + task)

    def test_a_task(self):
        status, task = self.submit({"model": "hf", "simulate": {"polls": 2, "output": {"success": True}}})
        self.assertEqual((status, uuid.UUID(task).version), (200, 4))
        self.assertEqual([self.output(task)[1] for _ in range(2)], [
            {"status": "PENDING", "program_output": None}, {"status": "SUCCESS", "program_output": {"success": True}}])
        path = "/api/v2/compute/output/" + task
        self.assertEqual(self.client("DELETE", path), (202, None))
        self.assertEqual(self.client("DELETE", path)[0], 410)
        self.assertEqual(self.output(task), (410, {"detail": "Result has already been deleted from server"}))

    def test_groups(self):
        both = [{"success": True}, {"success": False}]
        task = self.submit([{"simulate": {"polls": 1, "status": "FAILURE", "output": both}}, {}])[1]
        self.assertEqual(self.output(task)[1], {"status": "FAILURE", "program_output": both})
        self.assertEqual(self.submit([{}] * 101)[0], 413)

    def test_ids_and_mistakes(self):
        self.assertEqual(self.output("x")[0], 422)
        self.assertEqual(self.output(str(uuid.uuid1()))[0], 422)
        self.assertEqual(self.output(str(uuid.uuid4()))[0], 410)
        self.assertEqual(self.client("POST", "/api/v2/compute", {"a": 1})[0], 422)

    def test_late(self):
        task = self.service.prepare(polls=0, late=3600)
        self.assertEqual(self.output(task)[0], 410)
        self.service.complete(task, late=0)
        self.assertEqual(self.output(task)[0], 200)

    def test_tokens(self):
        task = self.service.prepare(polls=0)
        self.assertEqual(self.output(task)[0], 200)
        self.service.expire_tokens()
        response, _ = self.client.raw("GET", "/api/v2/compute/output/" + task)
        self.assertEqual(response.status, 401)
        self.assertTrue(response.getheader("WWW-Authenticate").startswith("Bearer scope="))
        self.assertEqual(self.token_from(grant_type="refresh_token", refresh_token="refresh-0")[0], 403)
        value = self.token_from(grant_type="password", username="u", password="refresh-0")[1]
        self.log_in(value["refresh_token"])
        self.assertEqual(self.output(task)[0], 200)
        self.assertEqual(self.token_from(grant_type="password", username="u", password="x")[0], 403)
        self.service.rotate = False
        value = self.token_from(grant_type="password", username="u", password="refresh-0")[1]
        self.assertNotIn("refresh_token", self.log_in(value["refresh_token"]))
        self.log_in(value["refresh_token"])

    def test_a_body_that_stalls(self):
        task = self.service.prepare(polls=0)
        self.service.fault({"kind": "poll", "stall": 4})
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.output(task)))
        thread.start()
        self.assertTrue(self.service.wait(1, "poll"))
        self.assertEqual(answers, [])
        self.service.release()
        thread.join(10)
        self.assertEqual(answers[0][1]["status"], "SUCCESS")

    def test_faults_for_some_time(self):
        task = self.service.prepare(polls=0)
        self.service.fault({"kind": "poll", "status": 402, "seconds": 3600}, {"kind": "poll", "status": 403})
        self.assertEqual([self.output_status(task) for _ in range(3)], [402] * 3)
        self.service.faults[0].ends = 0
        self.assertEqual([self.output_status(task) for _ in range(2)], [403, 200])
        self.assertEqual(self.service.stats()["faults_left"], 0)

    def output_status(self, task):
        return self.client.raw("GET", "/api/v2/compute/output/" + task)[0].status


if __name__ == "__main__":
    unittest.main()
