#!/usr/bin/python3 -B
"""reader.py SOCKET FILE fast|slow - a process of the soak that follows all events, comes back after each crash of the daemon by
its last number, and writes down what it was told: "seq event id state". A slow one stops reading for seconds.
It ends when it has seen all up to the number that comes by standard input."""
import random
import select
import sys
import threading
import time

from line import GONE, Line


class Reader:
    def __init__(self, path, file, slow):
        self.line = Line(path)
        self.file = file
        self.slow = slow
        self.seq = 0
        self.until = None
        self.states = {}           # id -> the last state

    def take(self, event):
        seq, some_id, kind, state = event["seq"], event["id"], event["event"], event["state"]
        assert seq > self.seq, f"after {self.seq} came {event}"
        assert kind != "created" or some_id not in self.states, f"created twice: {event}"
        before = self.states.get(some_id)
        assert kind == "created" or before, f"never created: {event}"
        assert kind not in ("changed", "progress", "trouble") or before in ("pending", "running"), f"after {before}: {event}"
        assert kind != "changed" or state != before, f"no change: {event}"
        if kind == "forgotten":
            del self.states[some_id]
        else:
            self.states[some_id] = state
        self.seq = seq
        print(seq, kind, some_id, state, file=self.file)

    def follow(self):
        """One life of the daemon."""
        client = self.line.open()
        reply = client.call("future.subscribe", {"since": self.seq})
        assert not reply["truncated"], f"the log has nothing after {self.seq} any more"
        while self.until is None or self.seq < self.until:
            if not client.notifications:
                if not select.select([client.socket], [], [], 0.2)[0]:
                    continue
                if self.slow and self.until is None and random.random() < 0.3:
                    time.sleep(random.random() * 4)
            self.take(client.next_notification()[1][0])

    def run(self):
        while self.until is None or self.seq < self.until:
            try:
                self.follow()
            except GONE:
                pass
            self.line.drop()

    def listen(self):
        self.until = int(sys.stdin.readline() or 0)


def main():
    path, out, speed = sys.argv[1:]
    with open(out, "w", encoding="ascii") as file:
        reader = Reader(path, file, speed == "slow")
        threading.Thread(target=reader.listen, daemon=True).start()
        reader.run()


if __name__ == "__main__":
    main()
