"""canned.py - an HTTP server that sends exactly the bytes a test wrote down, for answers no library would send."""
import socket
import threading


class Canned:
    """answers: a function from the request's path to the bytes to send; then the connection is closed."""

    def __init__(self, answers):
        self.answers = answers
        self.requests = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.base = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            data = b""
            while b"\r\n\r\n" not in data:
                more = connection.recv(4096)
                if not more:
                    return
                data += more
            path = data.split(b" ", 2)[1].decode()
            self.requests.append(path)
            connection.sendall(self.answers(path))

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def response(body, status="200 OK", headers=()):
    """A whole response with that body."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}",
             "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body
