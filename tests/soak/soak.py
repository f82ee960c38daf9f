#!/usr/bin/python3 -B
"""soak.py - for minutes, many processes do all that can be done, while the daemon is killed; then while it is not, and is measured.

    srcdir=.. python3 ../tests/soak/soak.py --minutes 10 [--seed N] [--processes N]        in the build directory

In the first 60 % of the time the daemon is killed at random moments; all the time it is told to read its configuration again. What
the scenes (scenes.py) demand, and what the readers of events (reader.py) are told, is checked as it comes; in the rest
of the time memory, database and descriptors must level off. In the end nothing may be left: no wait, no subscription, no request,
no live future, and when the times of all are over no future at all. Not a part of `make check`: it is for a machine that has time.
"""
import argparse
import collections
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
os.environ.setdefault("srcdir", os.path.dirname(TESTS))
for folder in ("conformance", "services", "e2e"):
    sys.path.insert(0, os.path.join(TESTS, folder))

import harness
from google_lro import GoogleLro
from line import OVER, Line
from openai_batch import OpenAiBatch
from replicate import Replicate
from stage import Stage

SECRETS = {"openai": "sk-1", "replicate": "r8_1"}
# The event log is full, and the database so large as it gets, early in the time that is measured.
CONFIG = "[store]\nevents = 10000\n"
CHAOS = 0.6          # of the time, with kills
SETTLES = 0.3        # of the rest, until it is measured
EVERY = 2.0          # seconds between two samples
# What may grow between the first and the last third of the samples: a part, and an amount.
BOUNDS = {"rss": (0.10, 8 << 20), "database": (0.25, 4 << 20), "fds": (0.25, 24), "clients": (0.15, 32 << 20)}


def sanitized():
    """Whether the build has sanitizers."""
    with open(harness.FUTURED, "rb") as file:
        return b"__asan_init" in file.read()


def rss(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Soak:
    def __init__(self, args):
        self.args = args
        self.draw = random.Random(args.seed)
        self.home = harness.Home()
        if sanitized():
            # freed memory is kept to find its uses: so much of it that it does not hide growth
            self.home.env["ASAN_OPTIONS"] = "quarantine_size_mb=8:malloc_context_size=8"
        self.daemon = harness.Daemon(self.home)
        self.services = {"stage": Stage(), "strict": Stage(), "google": GoogleLro(), "openai": OpenAiBatch(token="sk-1"),
                         "replicate": Replicate(token="r8_1")}
        self.line = Line(self.home.socket)
        self.kills = self.reloads = 0
        self.samples = collections.defaultdict(list)
        self.wrong = []
        self.processes = {}        # name -> (Popen, file of what it complains about)

    # The play.

    def configure(self):
        directory = os.path.join(self.home.env["XDG_CONFIG_HOME"], "futured", "credentials")
        os.makedirs(directory, mode=0o700)
        for name, secret in SECRETS.items():
            with open(os.open(os.path.join(directory, name), os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
                file.write(secret + "\n")
        with open(os.path.join(os.path.dirname(directory), "futured.conf"), "w", encoding="ascii") as file:
            file.write(CONFIG)

    def spawn(self, program, name, *arguments):
        env = dict(self.home.env, FUTURED_BUILDDIR=harness.BUILD, FUTURED_SANITIZED="yes" if sanitized() else "no",
                   PYTHONPATH=":".join(os.path.join(TESTS, folder) for folder in ("e2e", "services", "conformance", "soak")))
        env.pop("ASAN_OPTIONS", None)
        path = os.path.join(self.home.path, name + ".err")
        with open(path, "wb") as err:
            process = subprocess.Popen([sys.executable, "-B", os.path.join(HERE, program), *arguments], env=env, stderr=err,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.processes[name] = (process, path)

    def start(self):
        self.configure()
        urls = json.dumps({name: service.start().url for name, service in self.services.items()})
        self.daemon.start()
        for speed in ("fast", "slow"):
            self.spawn("reader.py", speed, self.home.socket, os.path.join(self.home.path, speed + ".events"), speed)
        for number in range(self.args.processes):
            self.spawn("actor.py", f"actor{number}", self.home.path, self.home.socket, urls, str(self.args.seed), f"a{number}")

    def alive(self):
        """None of them has ended, which they do when something is wrong."""
        return self.daemon.process.poll() is None and all(process.poll() is None for process, _ in self.processes.values())

    def kill(self):
        """Pull the power cord, or ask it to end; and start it again, perhaps not at once."""
        # counted before: what is under way then may be repeated
        with open(os.path.join(self.home.path, "kills"), "ab") as file:
            file.write(b".")
        self.kills += 1
        if self.draw.random() < 0.8:
            self.daemon.kill()
        elif (status := self.daemon.stop()) != 0:
            self.wrong.append(f"the daemon ended with {status}")
        time.sleep(self.draw.choice((0, 0, 0.5, 2)) * self.draw.random())
        self.daemon.start()
        self.line.drop()

    def reload(self):
        self.reloads += 1
        self.daemon.process.send_signal(signal.SIGHUP)

    def chaos(self, until):
        while time.monotonic() < until and self.alive():
            (self.kill if self.draw.random() < 0.7 else self.reload)()
            time.sleep(self.draw.choice((0.3, 3, 12)) * self.draw.random())

    def measure(self, until):
        settled = time.monotonic() + (until - time.monotonic()) * SETTLES
        while time.monotonic() < until and self.alive():
            time.sleep(EVERY)
            if self.draw.random() < 0.1:
                self.reload()
            if time.monotonic() < settled:
                continue
            stats = self.line.call("server.stats")
            pid = self.daemon.process.pid
            self.samples["rss"].append(rss(pid))
            self.samples["fds"].append(len(os.listdir(f"/proc/{pid}/fd")))
            self.samples["database"].append(stats["database_bytes"] + stats["wal_bytes"])
            self.samples["clients"].append(sum(rss(p.pid) for name, (p, _) in self.processes.items() if name[0] == "a"))

    # The judgement.

    def level(self):
        for name, values in self.samples.items():
            third = max(len(values) // 3, 1)
            first, last = (sum(part) / third for part in (values[:third], values[-third:]))
            part, amount = BOUNDS[name]
            print(f"{name}: {values[0]} first, {values[-1]} last, {max(values)} at most; thirds {first:.0f} and {last:.0f}")
            if last > first * (1 + part) + amount:
                self.wrong.append(f"{name} grows: {first:.0f} to {last:.0f}")

    def finish(self, name, farewell=""):
        """Let one of the processes end; what it prints."""
        process, path = self.processes.pop(name)
        try:
            out, _ = process.communicate(farewell, timeout=2 * harness.PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
            self.wrong.append(f"{name} does not end")
        with open(path, encoding="utf-8", errors="replace") as file:
            said = file.read()
        if process.returncode or said:
            self.wrong.append(f"{name} ended with {process.returncode}:\n{said}")
        return out

    def comes(self, condition, what):
        try:
            harness.wait_until(condition, what)
        except AssertionError as error:
            self.wrong.append(f"{error}: {self.line.call('server.stats')}")

    def all_is_over(self):
        """When all have left, nothing is left of them."""
        def live(stats):
            return {name: stats[name] for name in ("waits", "subscriptions", "in_flight", "queued", "paused") if stats[name]}

        self.comes(lambda: not live(self.line.call("server.stats")), "waits, subscriptions and requests")
        stats = self.line.call("server.stats")
        if stats["connections"] != 1:
            self.wrong.append(f"{stats['connections']} connections in the end")
        self.comes(lambda: not any(self.line.call("server.stats")["futures"].values()), "all are forgotten")

    def events(self, name, last):
        """What a reader was told up to that number: seq -> (event, id, state)."""
        with open(os.path.join(self.home.path, name + ".events"), encoding="ascii") as file:
            return {int(seq): tuple(rest) for seq, *rest in map(str.split, file) if int(seq) <= last}

    def told_is_true(self, last):
        """Both readers were told the same, and the end of each future that an actor knows for sure."""
        fast, slow = self.events("fast", last), self.events("slow", last)
        # only these may be left out
        states = [{seq: event for seq, event in events.items() if event[0] not in ("progress", "trouble")}
                  for events in (fast, slow)]
        difference = sorted(set(states[0].items()) ^ set(states[1].items()))
        if difference:
            self.wrong.append(f"the readers were told of {len(difference)} events differently, the first {difference[0]}")
        unlike = [seq for seq in fast.keys() & slow.keys() if fast[seq] != slow[seq]]
        if unlike:
            self.wrong.append(f"event {unlike[0]} is {fast[unlike[0]]} and {slow[unlike[0]]}")
        seen = set(fast) | set(slow)
        ends = collections.Counter((some_id, state) for kind, some_id, state in states[0].values()
                                   if kind == "changed" and state in OVER)
        known = set()
        for file in os.scandir(self.home.path):
            if file.name.endswith(".ends"):
                with open(file, encoding="ascii") as lines:
                    known |= {tuple(line.split()) for line in lines}
        lost = [end for end in known if ends[end] != 1]
        if lost:
            self.wrong.append(f"{len(lost)} ends were not told once, the first {lost[0]}: {ends[lost[0]]} times")
        print(f"events: {len(fast)} and {len(slow)} told, {max(seen) - len(seen)} of {max(seen)} left out; "
              f"{len(known)} ends compared")

    def database(self):
        path = next(os.path.join(self.home.state, name) for name in os.listdir(self.home.state) if name.endswith(".db"))
        with sqlite3.connect(path) as connection:
            verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
        if verdict != "ok":
            self.wrong.append(f"the database: {verdict}")

    def log(self):
        lines = self.daemon.log().splitlines()
        bad = [i for i, line in enumerate(lines) if "Sanitizer" in line or "runtime error" in line or "Assertion" in line]
        if bad:
            self.wrong.append("the daemon's log:\n" + "\n".join(lines[bad[0]:bad[0] + 40]))

    def judge(self):
        played = collections.Counter()
        ended = not self.alive()
        for name in [name for name in self.processes if name.startswith("actor")]:
            played.update(json.loads(self.finish(name) or "{}"))
        print(f"{played.pop('futures', 0)} futures in {sum(played.values())} scenes: {dict(sorted(played.items()))}")
        if not ended and not self.wrong:
            last = self.line.call("server.stats")["seq"]
            for name in ("fast", "slow"):
                self.finish(name, f"{last}\n")
            self.all_is_over()
            self.told_is_true(last)
        for name in list(self.processes):
            self.finish(name, "0\n")
        self.level()
        status = self.daemon.stop()
        if status != 0:
            self.wrong.append(f"the daemon ended with {status}")
        self.log()
        self.database()

    def run(self):
        begin = time.monotonic()
        seconds = self.args.minutes * 60
        try:
            self.start()
            self.chaos(begin + seconds * CHAOS)
            self.measure(begin + seconds)
            self.judge()
        finally:
            for process, _ in self.processes.values():
                process.kill()
            if self.daemon.process and self.daemon.process.poll() is None:
                self.daemon.kill()
        requests = {name: service.stats()["requests"]["total"] for name, service in self.services.items()}
        print(f"seed {self.args.seed}: {time.monotonic() - begin:.0f} s, {self.kills} kills, {self.reloads} reloads, "
              f"{sum(requests.values())} requests {requests}")
        if self.wrong:
            print("\n".join(self.wrong))
            print(f"FAILED; what is left is in {self.home.path}")
            return 1
        self.home.remove()
        print("PASSED")
        return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--processes", type=int, default=4)
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    sys.exit(Soak(args).run())


if __name__ == "__main__":
    main()
