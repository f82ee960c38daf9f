"""test_session_trace_export.py - after Tinker's tests/test_session_trace_export.py: a plain GET that is asked until it is ready."""
from conformance import harness, libfutured
from sampling import SamplingTest

POLL = {
    "url": "api/v1/sessions/{session}/trace_export",
    "rules": [{"when": {"status": 200, "body": {"/status": "ready"}}, "then": "success", "result": "/url"},
              {"when": {"status": 200, "body": {"/status": "failed"}}, "then": "failure", "error": {"message": "/error"}},
              {"when": {"status": 200}, "then": "pending"}],
}


class TraceExport(SamplingTest):
    def export(self, session):
        """Another request to the same service, with the same credential: the profile's poll is not the one."""
        spec = {"base": self.service.url + self.path, "credential": "tinker", "headers": {"X-API-Key": "{credential}"},
                "params": {"session": session}, "poll": POLL, "polling": harness.QUICK}
        return self.c.create(spec=spec)

    def test_export_session_trace_polls_until_ready(self):
        session = self.service.session()
        self.assertEqual(self.export(session).json(harness.PATIENCE), f"{self.service.url}/archive/{session}")
        requests = self.requests("trace")
        self.assertEqual([entry["method"] for entry in requests], ["GET"] * 3)
        self.assertTrue(requests[0]["target"].endswith(f"/api/v1/sessions/{session}/trace_export"))

    def test_export_session_trace_raises_on_failure(self):
        self.ended(libfutured.Failed, self.export("session-none"), kind="remote", message="Session not found")
        self.assertEqual(self.count("trace"), 1)


if __name__ == "__main__":
    harness.main()
