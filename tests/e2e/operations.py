"""operations.py - tests with a daemon and the simulated google-style service it polls."""
import harness
from harness import QUICK
from google_lro import GoogleLro


class OperationsTest(harness.DaemonTest):
    """self.google is the service, self.rpc a connection to the daemon."""

    def setUp(self):
        self.google = GoogleLro()
        self.google.start()
        self.addCleanup(self.google.stop)
        super().setUp()
        self.rpc = self.client(errors="map")

    def creation(self, name, **more):
        """The params of future.create for an operation."""
        return dict({"profile": "google-lro", "params": {"base": self.google.base, "name": name}, "polling": QUICK,
                     "retry": QUICK}, **more)

    def create(self, name, **more):
        """Create a future for an operation; its id."""
        return self.rpc.call("future.create", self.creation(name, **more))["id"]

    def result(self, some_id, timeout=harness.PATIENCE):
        return self.rpc.call("future.result", {"id": some_id, "timeout": timeout})["result"]

    def snapshot(self, some_id):
        return self.rpc.call("future.get", {"id": some_id})

    def fails(self, some_id, **expected):
        """The future fails, with these keys in its data; returns the data."""
        error = self.assert_rpc_error("Failed", self.result, some_id)
        for key, value in expected.items():
            self.assertEqual(error.data.get(key), value, error.data)
        return error.data
