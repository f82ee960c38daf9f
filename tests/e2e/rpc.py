"""rpc.py - a small MessagePack-RPC client: what any language could write in an hour against PROTOCOL.md."""
import itertools
import socket
import time

import msgpack


class RpcError(Exception):
    """An error response: name ("NotFound"), message, and data where the connection asked for maps."""

    def __init__(self, error):
        if isinstance(error, dict):
            self.name, self.message, self.data = error["name"], error["message"], error.get("data")
        else:
            self.name, _, self.message = error.partition(": ")
            self.data = None
        super().__init__(f"{self.name}: {self.message}")


class Closed(Exception):
    """The daemon closed the connection."""


class Client:
    """One connection. Calls may be pipelined: send() now, reply() later, in any order."""

    def __init__(self, path, timeout=30):
        self.timeout = timeout
        self.ids = itertools.count(1)
        self.replies = {}
        self.notifications = []
        self.unpacker = msgpack.Unpacker(raw=False, strict_map_key=False)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(path)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def send_bytes(self, data):
        self.socket.sendall(data)

    def send(self, method, params=None):
        """Send a request, return its id."""
        number = next(self.ids)
        arguments = [] if params is None else [params]
        self.send_bytes(msgpack.packb([0, number, method, arguments]))
        return number

    def notify(self, method, params=None):
        self.send_bytes(msgpack.packb([2, method, [] if params is None else [params]]))

    def _read(self, deadline):
        """Read once, and sort what came into replies and notifications."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no answer from the daemon")
        self.socket.settimeout(left)
        data = self.socket.recv(1 << 16)
        if not data:
            raise Closed("the daemon closed the connection")
        self.unpacker.feed(data)
        for message in self.unpacker:
            if message[0] == 1:
                self.replies[message[1]] = message
            else:
                self.notifications.append((message[1], message[2]))

    def reply(self, number, timeout=None):
        """The result of the request with that id; RpcError when it was refused."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while number not in self.replies:
            self._read(deadline)
        _, _, error, result = self.replies.pop(number)
        if error is not None:
            raise RpcError(error)
        return result

    def next_reply(self, timeout=None):
        """The oldest response that was not taken yet, whole: [1, id, error, result]."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while not self.replies:
            self._read(deadline)
        return self.replies.pop(next(iter(self.replies)))

    def call(self, method, params=None, timeout=None):
        return self.reply(self.send(method, params), timeout)

    def next_notification(self, timeout=None):
        """(method, params) of the oldest notification that was not taken yet."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while not self.notifications:
            self._read(deadline)
        return self.notifications.pop(0)

    def expect_closed(self, timeout=None):
        """Read until the daemon closes the connection; returns what it still said."""
        deadline = time.monotonic() + (timeout or self.timeout)
        try:
            while True:
                self._read(deadline)
        except (Closed, ConnectionResetError, BrokenPipeError):
            return list(self.replies.values())
