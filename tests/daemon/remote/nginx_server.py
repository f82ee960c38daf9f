"""nginx_server.py - nginx with TLS, HTTP/2 and connections that are soon used up, before a small service on loopback.

Makes its certificates and its configuration in a directory of its own. Prints the port and the file with the
certificate to trust, answers each line on standard input with the number of requests the service has seen and of
connections that brought them since the line before, and ends when standard input does.

GET and POST /SOMETHING?MS are answered after MS milliseconds with the path; /events is a stream of server-sent
events, MS apart, that ends after ten.
"""
import http.server
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

CONFIG = """\
daemon off;
master_process on;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    log_format connections '$connection';
    access_log {dir}/access.log connections;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {dir}/cert.pem;
        ssl_certificate_key {dir}/key.pem;
        keepalive_requests {requests};
        location / {{
            proxy_buffering off;
            proxy_pass http://127.0.0.1:{service};
        }}
    }}
}}
"""


class Service(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    lock = threading.Lock()
    seen = 0


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        path, _, pause = self.path.partition("?")
        with self.server.lock:
            self.server.seen += 1
        pause = int(pause or 0) / 1000
        self.send_response(200)
        if path == "/events":
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for number in range(10):
                time.sleep(pause)
                self.wfile.write(b"data: %d\n\n" % number)
            return
        time.sleep(pause)
        self.send_header("Content-Length", str(len(path)))
        self.end_headers()
        self.wfile.write(path.encode())

    do_GET = do_POST = answer


def make_certificate(directory):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", directory + "/key.pem", "-out", directory + "/cert.pem"],
                   check=True, capture_output=True)


def start_nginx(nginx, directory, service, requests):
    """nginx on a socket that is bound already, as it takes them over from itself at an upgrade."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1024)
        port = listening.getsockname()[1]
        with open(directory + "/nginx.conf", "w") as file:
            file.write(CONFIG.format(dir=directory, port=port, service=service, requests=requests))
        process = subprocess.Popen([nginx, "-p", directory, "-c", directory + "/nginx.conf", "-e", directory + "/error.log"],
                                   pass_fds=[listening.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   env=dict(os.environ, NGINX="%d;" % listening.fileno()))
    return process, port


def count_connections(directory):
    """Those in the log of requests since it was last asked."""
    with open(directory + "/access.log", "r+") as log:
        connections = set(log.read().split())
        log.truncate(0)
    return len(connections)


def main(requests):
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    nginx = shutil.which("nginx", path=path)
    with tempfile.TemporaryDirectory() as directory, Service(("127.0.0.1", 0), Handler) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        make_certificate(directory)
        # the worker runs as another user where this one is root
        os.chmod(directory, 0o711)
        process, port = start_nginx(nginx, directory, service.server_address[1], requests)
        try:
            print(port, directory + "/cert.pem", flush=True)
            for _ in sys.stdin:
                with service.lock:
                    seen, service.seen = service.seen, 0
                print(seen, count_connections(directory), flush=True)
        finally:
            process.terminate()
            process.wait()
            service.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]))
