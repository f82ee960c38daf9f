#!/usr/bin/python3 -B
"""test_services.py - the simulated services do what their tests rely on."""
import http.client
import os
import subprocess
import sys
import threading
import unittest

sys.dont_write_bytecode = True     # the source tree may not be ours to write to
from client import Client, ServiceTest
from google_lro import GoogleLro

HERE = os.path.dirname(os.path.abspath(__file__))


class GoogleTest(ServiceTest):
    service_class = GoogleLro

    def submit(self, **simulate):
        status, operation = self.client("POST", "/v1/things:train", {"displayName": "x", "simulate": simulate})
        self.assertEqual(status, 200)
        return operation

    def get(self, name):
        return self.client("GET", "/v1/" + name)

    def test_polls_and_metadata(self):
        operation = self.submit(polls=2, metadata=[{"p": 1}, {"p": 2}], response={"v": 1})
        self.assertEqual(operation, {"name": "operations/1", "metadata": {"p": 1}})
        self.assertEqual(self.get("operations/1"), (200, {"name": "operations/1", "metadata": {"p": 1}}))
        done = {"name": "operations/1", "metadata": {"p": 2}, "done": True, "response": {"v": 1}}
        self.assertEqual(self.get("operations/1"), (200, done))
        self.assertEqual(self.get("operations/1"), (200, done))

    def test_outcomes(self):
        self.assertIn("response", self.submit(polls=0))
        error = {"code": 9, "message": "m", "details": [{"@type": "t"}]}
        self.assertEqual(self.submit(polls=0, error=error)["error"], error)
        self.assertEqual(self.submit(polls=0, neither=True), {"name": "operations/3", "done": True})
        self.assertEqual(self.submit(say_done=True), {"name": "operations/4", "done": False})
        self.assertTrue(self.submit(seconds=0)["done"])

    def test_exact_bytes(self):
        text = '{ "n": 9007199254740993, "x":1.0e0 , "u":"\\u00e9" }'
        name = self.service.prepare(polls=1, response_text=text)
        _, body = self.client.raw("GET", "/v1/" + name)
        self.assertTrue(body.endswith(b',"response":' + text.encode() + b"}"))
        name = self.service.prepare(polls=1, response_base64="Iv8i")
        self.assertIn(b'"response":"\xff"}', self.client.raw("GET", "/v1/" + name)[1])

    def test_complete(self):
        name = self.submit(response={"v": 1})["name"]
        self.assertNotIn("done", self.get(name)[1])
        self.service.complete(name)
        self.assertEqual(self.get(name)[1]["response"], {"v": 1})
        other = self.submit()["name"]
        self.assertEqual(self.client("POST", "/_control/complete", {"name": other, "error": {"code": 3}}), (200, {}))
        self.assertEqual(self.get(other)[1]["error"], {"code": 3})
        self.assertEqual(self.client("POST", "/_control/complete", {"name": "operations/99"})[0], 400)

    def test_cancel(self):
        name = self.submit()["name"]
        self.assertEqual(self.client("POST", f"/v1/{name}:cancel", {}), (200, {}))
        self.assertEqual(self.get(name)[1]["error"]["code"], 1)
        name = self.submit(cancel="unsupported")["name"]
        self.assertEqual(self.client("POST", f"/v1/{name}:cancel", {})[0], 501)
        name = self.submit(cancel="ignored")["name"]
        self.assertEqual(self.client("POST", f"/v1/{name}:cancel", {}), (200, {}))
        self.assertNotIn("done", self.get(name)[1])

    def test_lost(self):
        status, body = self.get("operations/7")
        self.assertEqual((status, body["error"]["code"], body["error"]["status"]), (404, 404, "NOT_FOUND"))
        name = self.submit(polls=0, expire=1)["name"]
        self.assertEqual([self.get(name)[0] for _ in range(3)], [200, 404, 404])
        name = self.submit()["name"]
        self.assertEqual(self.client("DELETE", "/v1/" + name), (200, {}))
        self.assertEqual(self.get(name)[0], 404)

    def test_list(self):
        for name in ("operations/a", "projects/p/operations/b", "operations/c"):
            self.service.prepare(name=name)
        self.assertEqual(self.get("projects/p/operations/b")[0], 200)
        page = self.client("GET", "/v1/operations?pageSize=2")[1]
        self.assertEqual([item["name"] for item in page["operations"]], ["operations/a", "projects/p/operations/b"])
        page = self.client("GET", "/v1/operations?pageSize=2&pageToken=" + page["nextPageToken"])[1]
        self.assertEqual(([item["name"] for item in page["operations"]], page["nextPageToken"]), (["operations/c"], ""))

    def test_request_id(self):
        first = self.client("POST", "/v1/x", {"requestId": "r"})[1]
        again = self.client("POST", "/v1/x", {}, {"X-Request-Id": "r"})[1]
        other = self.client("POST", "/v1/x", {"requestId": "s"})[1]
        self.assertEqual(first["name"], again["name"])
        self.assertNotEqual(first["name"], other["name"])

    def test_token(self):
        name = self.submit(token="t")["name"]
        self.assertEqual(self.get(name)[0], 401)
        self.assertEqual(self.client("GET", "/v1/" + name, headers={"Authorization": "Bearer t"})[0], 200)
        with GoogleLro(token="u") as service:
            self.assertEqual(self.connect(service)("POST", "/v1/x", {})[0], 401)
            self.assertEqual(self.connect(service, {"Authorization": "Bearer u"})("POST", "/v1/x", {})[0], 200)

    def test_misuse(self):
        self.assertEqual(self.client("POST", "/v1/x", {"simulate": {"pols": 1}})[0], 400)
        self.assertEqual(self.client.raw("POST", "/_control/faults", {"stat": 1})[0].status, 400)

    def test_faults_replace(self):
        name = self.submit(polls=1, faults=[{"kind": "get", "skip": 1, "times": 2, "status": 503}])["name"]
        other = self.submit(polls=1)["name"]
        self.service.fault({"kind": "get", "name": other, "status": 429, "headers": {"Retry-After": "7"}, "body": {"e": 1}})
        self.assertEqual([self.client.raw("GET", "/v1/" + name)[0].status for _ in range(4)], [200, 503, 503, 200])
        response, body = self.client.raw("GET", "/v1/" + other)
        self.assertEqual((response.status, response.getheader("Retry-After"), body), (429, "7", b'{"e": 1}'))
        self.service.fault({"body": "not json {"})
        self.assertEqual(self.client.raw("GET", "/v1/" + other)[1], b"not json {")
        self.assertEqual(self.service.stats()["faults_left"], 0)

    def broken(self, fault, exception):
        self.service.fault({"kind": "submit", **fault})
        with self.assertRaises(exception):
            self.connect(self.service)("POST", "/v1/x", {})

    def test_faults_break(self):
        self.broken({"reset": True}, ConnectionResetError)
        self.broken({"close": True}, http.client.RemoteDisconnected)
        self.broken({"half": 5, "body": {"long": "enough"}}, http.client.IncompleteRead)
        self.broken({"content_length": 9999, "body": "x"}, http.client.IncompleteRead)
        self.assertEqual(self.client("GET", "/_control/operations")[1]["names"], [])
        self.broken({"reset": True, "effect": True}, ConnectionResetError)
        self.broken({"half": 5}, http.client.IncompleteRead)
        self.assertEqual(self.client("GET", "/_control/operations")[1]["names"], ["operations/1", "operations/2"])
        self.service.fault({"drip": 0.0001, "delay": 0.0001})
        self.assertEqual(self.submit()["name"], "operations/3")

    def test_hold(self):
        name = self.submit()["name"]
        self.service.fault({"kind": "get", "hold": True})
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.get(name)))
        thread.start()
        self.assertTrue(self.service.wait(1, "get", name))
        self.assertEqual(self.service.stats()["concurrent"], 1)
        self.service.complete(name)
        self.service.release()
        thread.join(10)
        self.assertTrue(answers[0][1]["done"])
        # the connection goes on after it
        self.assertEqual(self.get(name)[0], 200)

    def test_hold_given_up(self):
        self.service.fault({"hold": True})
        client = self.connect(self.service)
        client.http.request("GET", "/v1/operations/1")
        self.assertTrue(self.service.wait(1))
        client.http.close()
        self.assertEqual(self.get("operations/1")[0], 404)
        self.assertTrue(self.service.call(self.service.until, lambda: self.service.concurrent == 0))

    def test_stats(self):
        name = self.submit()["name"]
        self.get(name)
        self.get(name)
        stats = self.client("GET", "/_control/wait?kind=get&count=2&timeout=0")[1]
        self.assertEqual(stats["requests"], {"total": 3, "submit": 1, "get": 2})
        self.assertEqual((stats["connections"], stats["max_concurrent"], stats["concurrent"]), (1, 1, 0))
        self.assertEqual({kind: len(times) for kind, times in stats["objects"][name].items()}, {"submit": 1, "get": 2})
        self.assertLess(*stats["objects"][name]["get"])
        self.assertEqual(self.client("GET", "/_control/wait?kind=get&count=3&timeout=0")[0], 408)
        last = self.client("GET", "/_control/requests")[1][-1]
        self.assertEqual((last["kind"], last["name"], last["status"]), ("get", name, 200))
        self.service.reset()
        self.assertEqual(self.service.stats()["requests"], {"total": 0})
        self.assertEqual(self.get(name)[0], 404)


class ProgramTest(unittest.TestCase):
    def test_run(self):
        program = subprocess.Popen([sys.executable, "-B", os.path.join(HERE, "google_lro.py"), "--until-eof"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        with program:
            words = program.stdout.readline().split()
            self.assertEqual(words[0], "listening")
            client = Client(int(words[1].rpartition(":")[2]))
            self.assertEqual(client("POST", "/v1/x", {})[0], 200)
            client.http.close()
            program.stdin.close()
            self.assertEqual(program.wait(10), 0)


if __name__ == "__main__":
    unittest.main()
