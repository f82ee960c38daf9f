"""line.py - what the processes of the soak share: a raw connection that comes back, and the number of the daemon's life."""
import os
import time

from rpc import Client, Closed, RpcError

GONE = (Closed, ConnectionError, FileNotFoundError, TimeoutError)
# So long a daemon may be away, or an answer take, on a machine that is busy with all of this.
PATIENCE = 120
OVER = ("succeeded", "failed", "cancelled")


class Line:
    """A connection to a daemon that is killed now and then."""

    def __init__(self, path):
        self.path = path
        self.client = None

    def drop(self):
        if self.client:
            self.client.close()
            self.client = None

    def open(self):
        """The connection, opened anew if it was lost."""
        deadline = time.monotonic() + PATIENCE
        while not self.client:
            try:
                self.client = Client(self.path, timeout=PATIENCE)
                self.client.call("server.hello", {"errors": "map", "client": "soak"})
            except (*GONE, RpcError):
                self.drop()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        return self.client

    def once(self, method, params=None):
        """One attempt: one of GONE when the daemon went while it was under way."""
        client = self.open()
        try:
            return client.call(method, params)
        except GONE:
            self.drop()
            raise
        except RpcError as error:
            if error.name != "ShuttingDown":
                raise
            self.drop()
            raise ConnectionResetError("the daemon is stopping") from None

    def call(self, method, params=None, repeated=()):
        """Again and again until there is an answer. An error of repeated is none of one that was asked before: None."""
        deadline = time.monotonic() + PATIENCE
        attempts = 0
        while True:
            attempts += 1
            try:
                return self.once(method, params)
            except GONE:
                if time.monotonic() > deadline:
                    raise
            except RpcError as error:
                if attempts == 1 or error.name not in repeated:
                    raise
                return None


def life(home):
    """How often the daemon was killed so far."""
    try:
        return os.path.getsize(os.path.join(home, "kills"))
    except FileNotFoundError:
        return 0
