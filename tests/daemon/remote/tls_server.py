"""tls_server.py - answers every HTTPS request with 200, under a certificate that nobody has signed but itself.

Prints its port and the file with the certificate, and ends when standard input does.
"""
import contextlib
import socketserver
import ssl
import sys
import tempfile
import threading

# Made for this file; it protects nothing.
PEM = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgHQKxymGlXjGNuF0B
4bFkQaAFoVsecNx+TW3zhWntzkOhRANCAAR/woIN+1pa4dIyCvFX593MacsyAYFA
JmlOBGVkWvcvg2UL7ft6KWRLFWyV69cLb9ki25fW8nYgU1Wyc2o2qUVF
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBlTCCATugAwIBAgIUA1OpRZ3DiOsFpp7C7E2DcHDwjMkwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTA4MzgxM1oYDzIxMjYxMDI4
MDgzODEzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAR/woIN+1pa4dIyCvFX593MacsyAYFAJmlOBGVkWvcvg2UL7ft6KWRL
FWyV69cLb9ki25fW8nYgU1Wyc2o2qUVFo2kwZzAdBgNVHQ4EFgQU9R+EF2siEInX
yZBdrzyA8AuurZ8wHwYDVR0jBBgwFoAU9R+EF2siEInXyZBdrzyA8AuurZ8wDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
SAAwRQIgO89aeFJeWHOohxe25sZ1zyi8mbBMUFNTUdqwIcCoBrYCIQDWR8BYXAxB
D/dPAN/LHVCz8VUytnS4UrqjnKH+rfyM9g==
-----END CERTIFICATE-----
"""


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            with self.server.context.wrap_socket(self.request, server_side=True) as connection:
                if connection.recv(65536):
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        except OSError:
            pass


@contextlib.contextmanager
def certificate():
    """The path of a file with the certificate and its key."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(PEM)
        file.flush()
        yield file.name


def main():
    with certificate() as path, socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.context.load_cert_chain(path)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], path, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
