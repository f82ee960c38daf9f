"""demo.py - the main job, watched: 8 processes wait for the same 20 operations, and the daemon crashes halfway.

A simulated google-style service on loopback runs 20 operations that take a few seconds each. Eight separate
processes (shell scripts around futurectl) wait for all of them. When half of the operations are over the daemon is
killed with SIGKILL and started again. In the end each process has the bytes of every result, and the requests that
the service has seen are compared with those that eight pollers of their own would have made.
"""
import json
import os
import subprocess
import sys
import threading
import time

from harness import FUTURECTL, Daemon, Home, json_lines, wait_until
from operations import Google

PROCESSES = 8
OPERATIONS = 20
POLLING = {"initial": 0.5, "multiplier": 1.5, "maximum": 2.0, "jitter": "none"}

# One process. Creating with a key gives the future that the first one made: they all share it.
SCRIPT = """
set -e
ids=
for name in $OPERATIONS; do
	id=$("$FUTURECTL" create google-lro -p "base=$BASE" -p "name=$name" --polling "$POLLING" --key "demo/$name")
	ids="$ids $id"
done
"$FUTURECTL" wait $ids >"$OUTPUT/.ended"
for id in $ids; do
	"$FUTURECTL" result "$id" -o "$OUTPUT/$id"
done
"""

started = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - started:5.1f} s] {text}", flush=True)


def result_of(i):
    """The bytes of one result, with a layout that only an exact copy has."""
    return b'{ "operation" : %d,\n  "energy": -76.0%02d600,\t"blob": "%s" }' % (i, i, b"x" * (i * 100))


def separate_polls(seconds):
    """How often one poller of its own asks about an operation that takes so long, by the policy above."""
    polls, now, delay = 1, 0.0, POLLING["initial"]
    while now < seconds:
        now += delay
        polls += 1
        delay = min(delay * POLLING["multiplier"], POLLING["maximum"])
    return polls


class Demo:
    def __init__(self):
        self.home = Home()
        self.google = Google()
        self.daemon = Daemon(self.home)
        self.names = [f"operations/{i}" for i in range(OPERATIONS)]
        self.completed = {}
        self.workers = []

    def stats(self):
        done = self.daemon.ctl("stats", "--json")
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def start(self):
        self.google.start()
        for name in self.names:
            self.google.add(name, polls=None)
        say(f"a google-style service runs {OPERATIONS} operations on {self.google.url}")
        self.daemon.start()
        say(f"futured runs as process {self.daemon.process.pid}")
        for i in range(PROCESSES):
            output = os.path.join(self.home.path, f"results-{i}")
            os.mkdir(output)
            env = dict(self.home.env, FUTURED_SOCKET=self.home.socket, FUTURECTL=FUTURECTL, BASE=self.google.url,
                       POLLING=json.dumps(POLLING), OUTPUT=output, OPERATIONS=" ".join(self.names))
            self.workers.append(subprocess.Popen(["/bin/sh", "-c", SCRIPT], env=env, stdin=subprocess.DEVNULL))
        say(f"{PROCESSES} processes create the same {OPERATIONS} futures and wait for them")
        wait_until(lambda: self.stats().get("waits", 0) == PROCESSES * OPERATIONS, "all processes wait for all")
        stats = self.stats()
        say(f"they wait: {PROCESSES} x {OPERATIONS} waits for {stats['created']} futures, "
            f"{self.google.polled()} requests to the service so far")

    def complete(self, first, last):
        """The service finishes these operations, one every third of a second."""
        pause = threading.Event()
        for i in range(first, last):
            pause.wait(0.3)
            self.google.end(self.names[i], response=result_of(i))
            self.completed[self.names[i]] = time.time()

    def crash(self):
        pid = self.daemon.process.pid
        self.daemon.kill()
        say(f"half of the operations are over: futured ({pid}) is killed with SIGKILL")
        self.daemon.start()
        say(f"futured runs again as process {self.daemon.process.pid}; the waiting processes noticed nothing")

    def finish(self):
        """Collect what the processes got; the number of faults."""
        faults = 0
        for i, worker in enumerate(self.workers):
            status = worker.wait(60)
            if status != 0:
                say(f"process {i} ended with {status}")
                faults += 1
        futures = {f["key"]: f for f in json_lines(self.daemon.ctl("list", "--json").stdout)}
        if len(futures) != OPERATIONS:
            say(f"{len(futures)} futures where there should be {OPERATIONS}")
            faults += 1
        for i in range(PROCESSES):
            for k, name in enumerate(self.names):
                path = os.path.join(self.home.path, f"results-{i}", futures[f"demo/{name}"]["id"])
                with open(path, "rb") as file:
                    if file.read() != result_of(k):
                        say(f"process {i} has other bytes for {name}")
                        faults += 1
        say(f"{PROCESSES} processes x {OPERATIONS} results, compared byte for byte: {faults} faults")
        self.count(futures)
        return faults

    def count(self, futures):
        alone = 0
        for name in self.names:
            alone += separate_polls(self.completed[name] - futures[f"demo/{name}"]["created_at_ms"] / 1000)
        shared = self.google.polled()
        say(f"requests that the service has seen: {shared}")
        say(f"requests of {PROCESSES} separate pollers: {PROCESSES * alone} (computed: for each operation the polls that "
            f"the same intervals give from its creation to its end, {alone} in all, times {PROCESSES})")
        say(f"one shared poller made {PROCESSES * alone / shared:.1f} times fewer")

    def close(self):
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
                worker.wait()
        self.daemon.stop()
        self.google.stop()
        self.home.remove()


def main():
    demo = Demo()
    try:
        demo.start()
        demo.complete(0, OPERATIONS // 2)
        demo.crash()
        demo.complete(OPERATIONS // 2, OPERATIONS)
        faults = demo.finish()
    except Exception:
        print(demo.daemon.log(), file=sys.stderr)
        raise
    finally:
        demo.close()
    say("all is well" if faults == 0 else "something is wrong")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
