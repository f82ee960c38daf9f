"""test_api_client_rust_backend.py - after Tensorlake's tests/applications/test_api_client_rust_backend.py: what an answer means."""
import errno
import json

from conformance import LibraryTest, harness, libfutured
from tensorlake import Tensorlake


class TestAPIClientRustBackend(LibraryTest):
    service_class = Tensorlake
    profile = "tensorlake"
    token = "key"
    id_param = "request_id"

    def creation(self, name=None, params=None, **more):
        return super().creation(name, {"application": "app", **(params or {})}, **more)

    def test_run_request_uses_rust_backend(self):
        """The submit has the id that was chosen, and the input as it is."""
        submit = {"url": "/v1/namespaces/{namespace}/applications/{application}",
                  "headers": {"Accept": "application/json", "Idempotency-Key": "{request_id}",
                              "X-Simulate": json.dumps({"polls": 1, "output": 7}).replace("{", "{{").replace("}", "}}")},
                  "json": {"data": "abc"}}
        future = self.make("0f8fad5b-d9cb-469f-a165-70867728950e", spec={"submit": submit, "resubmit": True})
        self.assertEqual(future.json(harness.PATIENCE), 7)
        entry, = self.requests("submit")
        self.assertEqual((entry["target"], json.loads(entry["body"]), entry["headers"]["idempotency-key"]),
                         ("/v1/namespaces/default/applications/app", {"data": "abc"}, "0f8fad5b-d9cb-469f-a165-70867728950e"))

    def test_application_manifest_comes_from_rust_json(self):
        """What is to be known of a service before it is used is in its profile."""
        profile = json.loads(self.c.call("profile.get", {"name": "tensorlake"})["text"])
        self.assertEqual(set(profile["parameters"]), {"application", "request_id", "namespace", "base"})

    def test_request_output_not_finished_from_rust(self):
        """outcome is null: neither a result nor a failure, which is known without waiting."""
        future = self.make(self.service.prepare()).created(harness.PATIENCE)
        self.seen(1, "poll")
        self.assertEqual(future.look(), (-errno.EINPROGRESS, None))
        self.assertRaises(TimeoutError, future.result, 0)

    def test_request_output_failed_from_rust(self):
        future = self.make(self.service.prepare(polls=1, failure="FunctionError"))
        self.ended(libfutured.Failed, future, kind="remote", remote_code="FunctionError")

    def test_request_output_success_from_rust(self):
        name = self.service.prepare(polls=1, output_base64="cGF5bG9hZA==", content_type="application/octet-stream")
        future = self.make(name)
        self.assertEqual((future.result(harness.PATIENCE), future.content_type), (b"payload", "application/octet-stream"))

    def test_rust_error_auth_mapping(self):
        """401 is no failure of the request, which goes on without us: it is told until there is a key that is good."""
        self.new_token("wrong")
        name = self.service.prepare(polls=1, output=1)
        future = self.make(name).created(harness.PATIENCE)
        said = harness.wait_until(lambda: self.snapshot(future.id).get("last_error"), "what is wrong")
        self.assertIn("credential tensorlake", said)
        self.assertFalse(future.done())
        self.new_token(self.token)
        self.assertEqual(future.json(harness.PATIENCE), 1)


if __name__ == "__main__":
    harness.main()
