"""operations.py - tests with a daemon and the simulated google-style service that it polls."""
import base64

import harness
from google_lro import GoogleLro
from harness import QUICK


def encoded(response):
    """The service takes bytes as base64, so that they can be answered as they are."""
    return {} if response is None else {"response_base64": base64.b64encode(response).decode()}


class Google(GoogleLro):
    """The service, in the words of these tests."""

    def add(self, name, polls=None, response=None, **more):
        """An operation that is pending for so many polls, or (None) until end() is called."""
        self.prepare(name=name, polls=None if polls is None else polls + 1, **encoded(response), **more)

    def end(self, name, response=None, **more):
        """The operation is over now."""
        self.complete(name, **encoded(response), **more)

    def polled(self, name=None):
        """How often it was asked, about one operation or about all."""
        return self.call(self.count, "get", name)

    def cancels(self, name):
        return self.call(self.count, "cancel", name)

    def stumble(self, name, statuses):
        """The next polls of the operation are answered with these statuses."""
        self.fault(*({"kind": "get", "name": name, "status": status} for status in statuses))


class OperationsTest(harness.DaemonTest):
    """self.google is the service, self.rpc a connection to the daemon."""

    def setUp(self):
        self.google = Google()
        self.google.start()
        self.addCleanup(self.google.stop)
        super().setUp()
        self.rpc = self.client(errors="map")

    def creation(self, name, **more):
        """The params of future.create for an operation."""
        return dict({"profile": "google-lro", "params": {"base": self.google.url, "name": name}, "polling": QUICK,
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
