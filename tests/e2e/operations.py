"""operations.py - tests with a daemon and the simulated google-style service that it polls."""
import base64

from services import ServiceTest

from google_lro import GoogleLro


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


class OperationsTest(ServiceTest):
    """self.google is the service, self.rpc a connection to the daemon."""

    service_class = Google
    profile = "google-lro"

    @property
    def google(self):
        return self.service
