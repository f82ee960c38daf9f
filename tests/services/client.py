"""client.py - a plain HTTP client, and tests of one simulated service."""
import http.client
import json
import unittest


class Client:
    """One keep-alive connection."""

    def __init__(self, port, headers=None):
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self.headers = headers or {}

    def raw(self, method, path, body=None, headers=None):
        text = None if body is None else json.dumps(body)
        self.http.request(method, path, text, {**self.headers, **(headers or {})})
        response = self.http.getresponse()
        return response, response.read()

    def __call__(self, *args, **kwargs):
        response, body = self.raw(*args, **kwargs)
        return response.status, json.loads(body)


class ServiceTest(unittest.TestCase):
    """self.service is the service, self.client a connection to it."""

    service_class = None
    token = None
    headers = None                 # of every request of self.client

    def setUp(self):
        self.service = self.service_class(token=self.token).start()
        self.addCleanup(self.service.stop)
        self.client = self.connect(self.service, self.headers)

    def connect(self, service, headers=None):
        client = Client(service.port, headers)
        self.addCleanup(client.http.close)
        return client
