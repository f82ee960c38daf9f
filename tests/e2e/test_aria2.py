"""test_aria2.py - a real server that nobody here wrote, described by examples/aria2.json alone."""
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
import unittest
import urllib.request

import harness
from harness import QUICK, wait_until
from services import ServiceTest

ARIA2 = shutil.which("aria2c")
SECRET = "not for the log"
FILE = os.urandom(300000)


class Files(http.server.BaseHTTPRequestHandler):
    """What aria2 downloads from: /file at once, /slow not before it is let go."""

    go_on = threading.Event()

    def do_GET(self):
        if self.path not in ("/file", "/slow"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(FILE)))
        self.end_headers()
        self.wfile.write(FILE[:1000])
        if self.path == "/slow":
            self.go_on.wait(harness.PATIENCE)
        self.wfile.write(FILE[1000:])

    def log_message(self, *unused):
        pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@unittest.skipUnless(ARIA2, "aria2c is not installed")
class Aria2(harness.DaemonTest):
    daemon_arguments = ("--profile-dir", os.path.join(harness.SOURCE, "examples"))

    credential = ServiceTest.credential

    def start_daemon(self):
        Files.go_on.clear()
        self.addCleanup(Files.go_on.set)
        self.files = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
        self.files.daemon_threads = True
        threading.Thread(target=self.files.serve_forever, daemon=True).start()
        self.addCleanup(self.files.server_close)
        self.addCleanup(self.files.shutdown)
        self.port = free_port()
        self.aria2 = subprocess.Popen(
            [ARIA2, "--no-conf", "--enable-rpc", f"--rpc-listen-port={self.port}", f"--rpc-secret={SECRET}",
             "--quiet", f"--dir={self.home.path}/downloads", "--disable-ipv6", "--max-tries=1"],
            stdin=subprocess.DEVNULL, env=self.home.env)
        self.addCleanup(self.aria2.wait)
        self.addCleanup(self.aria2.terminate)
        wait_until(self.answers, "aria2 to listen")
        self.credential("aria2", SECRET)
        super().start_daemon()
        self.rpc = self.client(errors="map")

    def answers(self):
        try:
            return self.ask("aria2.getVersion")
        except OSError:
            return None

    def ask(self, method, *arguments):
        """What aria2 itself says."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": ["token:" + SECRET, *arguments]})
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/jsonrpc", body.encode()) as reply:
            return json.load(reply)["result"]

    def download(self, path):
        uri = f"http://127.0.0.1:{self.files.server_address[1]}{path}"
        return self.rpc.call("future.create", {"profile": "aria2", "polling": QUICK, "retry": QUICK, "params": {
            "uri": uri, "base": f"http://127.0.0.1:{self.port}"}})["id"]

    def result(self, made):
        return self.rpc.call("future.result", {"id": made, "timeout": harness.PATIENCE})["result"]

    def test_a_download_to_its_end(self):
        made = self.download("/file")
        files = json.loads(self.result(made))
        with open(files[0]["path"], "rb") as file:
            self.assertEqual(file.read(), FILE)
        wait_until(lambda: self.ask("aria2.tellStopped", 0, 10) == [], "aria2 to be told that it can forget it")
        self.assertNotIn(SECRET, self.daemon.log())

    def test_a_download_that_fails(self):
        error = self.assert_rpc_error("Failed", self.result, self.download("/nowhere"))
        self.assertEqual((error.data["kind"], error.data["code"]), ("remote", "3"))

    def test_cancel(self):
        made = self.download("/slow")
        wait_until(lambda: self.rpc.call("future.get", {"id": made}).get("progress"), "progress")
        self.rpc.call("future.cancel", {"id": made})
        self.assert_rpc_error("Cancelled", self.result, made)
        self.assertEqual(self.ask("aria2.tellActive"), [])

    def test_the_power_cord(self):
        made = self.download("/slow")
        wait_until(lambda: self.ask("aria2.tellActive"), "the download to begin")
        wait_until(lambda: self.rpc.call("future.get", {"id": made}).get("progress"), "progress")
        self.daemon.kill()
        self.daemon.start()
        self.rpc = self.client(errors="map")
        Files.go_on.set()
        files = json.loads(self.result(made))
        self.assertEqual(os.path.getsize(files[0]["path"]), len(FILE))
        self.assertEqual(len(os.listdir(f"{self.home.path}/downloads")), 1, "submitted twice")


if __name__ == "__main__":
    harness.main()
