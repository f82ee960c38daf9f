"""h2_server.py - a server of HTTP/2 over TLS whose connections end in bad ways.

The argument says what happens on each connection, in the order in which they come; the last word is for all
that follow. ok: every request is answered with 200 and "ok". The others wait for N requests:
  drop:N     the connection is closed without an answer
  half:N     all have a 200 and a part of the body, then the connection is closed
  goaway:N   GOAWAY with 0 as the last stream: nothing of it was looked at; then the connection is closed
  refuse:N   these N get RST_STREAM with REFUSED_STREAM, those that follow are answered
Prints its port and the file with the certificate to trust; answers each line on standard input with the numbers
of requests and of connections so far, and ends when standard input does.
"""
import socketserver
import ssl
import struct
import sys
import threading

import tls_server

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, ACK, END_HEADERS = 1, 1, 4
REFUSED_STREAM = 7
STATUS_200 = b"\x88"                    # as the static table of HPACK has it


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 256
    requests = connections = 0
    lock = threading.Lock()

    def next_word(self):
        with self.lock:
            word = self.words[min(self.connections, len(self.words) - 1)]
            self.connections += 1
        kind, _, count = word.partition(":")
        return kind, int(count or 0)


class Handler(socketserver.BaseRequestHandler):
    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.tls.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def send(self, kind, flags, stream, payload=b""):
        self.tls.sendall(struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload)

    def requests(self):
        """The stream of each request that is complete, as they come."""
        while True:
            head = self.read(9)
            length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            stream = int.from_bytes(head[5:], "big") & 0x7FFFFFFF
            payload = self.read(length)
            if kind == SETTINGS and not flags & ACK:
                self.send(SETTINGS, ACK, 0)
            elif kind == PING and not flags & ACK:
                self.send(PING, ACK, 0, payload)
            elif kind in (HEADERS, DATA) and flags & END_STREAM:
                with self.server.lock:
                    self.server.requests += 1
                yield stream

    def answer(self, stream, whole=True):
        self.send(HEADERS, END_HEADERS, stream, STATUS_200)
        self.send(DATA, END_STREAM if whole else 0, stream, b"ok" if whole else b"o")

    def serve(self):
        kind, count = self.server.next_word()
        self.read(24)
        self.send(SETTINGS, 0, 0)
        waiting = []
        for stream in self.requests():
            if kind == "refuse" and count > 0:
                count -= 1
                self.send(RST_STREAM, 0, stream, struct.pack(">I", REFUSED_STREAM))
            elif kind in ("ok", "refuse"):
                self.answer(stream)
            else:
                waiting.append(stream)
                if len(waiting) == count:
                    break
        if kind == "half":
            for stream in waiting:
                self.answer(stream, whole=False)
        if kind == "goaway":
            self.send(GOAWAY, 0, 0, struct.pack(">II", 0, 0))

    def handle(self):
        try:
            with self.server.context.wrap_socket(self.request, server_side=True) as self.tls:
                self.serve()
        except (EOFError, OSError):
            pass


def main(words):
    with tls_server.certificate() as path, Server(("127.0.0.1", 0), Handler) as server:
        server.words = words.split(",")
        server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.context.set_alpn_protocols(["h2"])
        server.context.load_cert_chain(path)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], path, flush=True)
        for _ in sys.stdin:
            with server.lock:
                print(server.requests, server.connections, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
