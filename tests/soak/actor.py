#!/usr/bin/python3 -B
"""actor.py HOME SOCKET URLS SEED NAME - a process of the soak: threads that play scenes until standard input ends.

What it was told for sure goes to HOME/NAME.ends, "id state"; what should not be goes to standard error, and it ends with 1.
At its end it prints how often it played each scene, as JSON."""
import collections
import itertools
import json
import os
import random
import sys
import threading
import time
import traceback

import line
from libfutured import Connection, Error
from scenes import Scenes

THREADS = 6


class Actor(Scenes):
    """One thread, with a connection of the library and a raw one."""

    def __init__(self, home, socket, urls, seed, name):
        self.home, self.socket, self.urls = home, socket, urls
        self.draw = random.Random(f"{seed} {name}")
        self.names = (f"{name}-{n}" for n in itertools.count(1))
        self.line = line.Line(socket)
        self.played = collections.Counter()
        self.futures = 0
        self.ends = open(os.path.join(home, name + ".ends"), "w", encoding="ascii")
        self.lib = self.connect()

    def connect(self):
        deadline = time.monotonic() + line.PATIENCE
        while True:
            try:
                return Connection(self.socket, client="soak")
            except Error:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def play(self, stopping):
        scenes = [getattr(self, name) for name in dir(self) if name.startswith("scene_")]
        while not stopping.is_set():
            scene = self.draw.choice(scenes)
            scene()
            self.played[scene.__name__[6:]] += 1
        self.ends.close()
        self.lib.shut()


def run(actor, stopping, failed):
    try:
        actor.play(stopping)
    except BaseException:
        traceback.print_exc()
        failed.set()
        stopping.set()


def main():
    home, socket, urls, seed, name = sys.argv[1:]
    stopping, failed = threading.Event(), threading.Event()
    actors = [Actor(home, socket, json.loads(urls), seed, f"{name}.{i}") for i in range(THREADS)]
    threads = [threading.Thread(target=run, args=(actor, stopping, failed)) for actor in actors]
    for thread in threads:
        thread.start()
    threading.Thread(target=lambda: (sys.stdin.read(), stopping.set()), daemon=True).start()
    for thread in threads:
        thread.join()
    played = sum((actor.played for actor in actors), collections.Counter())
    print(json.dumps({**played, "futures": sum(actor.futures for actor in actors)}), flush=True)
    # without the interpreter's own end: the daemon thread may be in a read
    sys.stderr.flush()
    os._exit(failed.is_set())


if __name__ == "__main__":
    main()
