"""test_http2.py - many operations over a few HTTP/2 connections, each of which nginx closes after a hundred requests."""
import os
import shutil
import sys
import tempfile
import unittest

import harness
from harness import QUICK
from operations import OperationsTest

sys.path.insert(0, os.path.join(harness.SOURCE, "tests", "daemon", "remote"))
import nginx_server

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
PER_CONNECTION = 100
OPERATIONS = 200
POLLS = 10


@unittest.skipUnless(NGINX and shutil.which("openssl"), "nginx or openssl is not installed")
class Rotation(OperationsTest):
    def configure(self):
        directory = tempfile.mkdtemp(prefix="futured-nginx-")
        self.addCleanup(shutil.rmtree, directory)
        nginx_server.make_certificate(directory)
        os.chmod(directory, 0o711)      # the worker runs as another user where this one is root
        self.directory = directory
        process, self.port = nginx_server.start_nginx(NGINX, directory, self.service.port, PER_CONNECTION)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        self.config(f"[remote]\nca_file = {directory}/cert.pem\n")

    def created(self, name, **more):
        params = {"base": f"https://127.0.0.1:{self.port}", "name": name}
        return self.create(name, params=params, polling=QUICK, **more)

    def connections(self):
        return nginx_server.count_connections(self.directory)

    def test_a_rotated_connection_costs_no_future_and_no_counted_failure(self):
        names = [f"operations/{i}" for i in range(OPERATIONS)]
        for name in names:
            self.google.add(name, polls=POLLS, response=b'"%s"' % name.encode())
        made = [self.created(name, spec={"http2": True}) for name in names]
        for name, some_id in zip(names, made):
            self.assertEqual(self.json_result(some_id), name)
        stats = self.rpc.call("server.stats")
        self.assertEqual((stats["retries"], stats["throttled"]), (0, 0))
        self.assertEqual({self.snapshot(some_id).get("attempts", 0) for some_id in made}, {0})
        polls = self.google.polled()
        self.assertGreaterEqual(polls, OPERATIONS * (POLLS + 1))
        connections = self.connections()
        self.assertGreaterEqual(connections, polls // PER_CONNECTION)
        self.assertLessEqual(connections, polls // PER_CONNECTION * 2)

    def test_without_it_each_request_in_flight_has_a_connection(self):
        self.google.add("operations/a", polls=1, response=b"1")
        self.assertEqual(self.json_result(self.created("operations/a")), 1)
        self.assertEqual(self.connections(), 1)


if __name__ == "__main__":
    harness.main()
