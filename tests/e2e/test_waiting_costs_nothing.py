"""test_waiting_costs_nothing.py - no request is sent because somebody waits: 1, 8 and 64 processes cost what none costs.

After its first poll an operation's next one is an hour away. All who wait do so when the service ends it, and then it is
polled once more, as it is told to: every other request was sent because of somebody who waits, or who begins to.
"""
import json
import os
import subprocess
import sys
import time

import harness
from harness import wait_until
from operations import OperationsTest
from services import ONCE

WAITER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "waiter.py")
CROWDS = (1, 8, 64)
OPERATIONS = 100
POLLS = 2                          # of each: one at its creation, one after its end


class WaitingCostsNothing(OperationsTest):
    def operations(self, crowd):
        """New operations, and the creations of their futures."""
        self.google.reset()
        self.names = [f"operations/{crowd}-{i}" for i in range(OPERATIONS)]
        for name in self.names:
            self.google.add(name)
        return [self.creation(name, key=name, polling=ONCE) for name in self.names]

    def at_rest(self, ids):
        """The answers to all polls are there, and the next ones are far away."""
        soon = (time.time() + 60) * 1000
        return all(self.snapshot(some_id).get("next_poll_at_ms", 0) > soon for some_id in ids)

    def go(self, ids, waits):
        """Once so many wait, the operations end."""
        wait_until(lambda: self.rpc.call("server.stats")["waits"] >= waits, f"{waits} wait")
        wait_until(lambda: self.at_rest(ids), "the answers to the first polls")
        self.assertEqual(self.requests_seen(), OPERATIONS, "somebody waits, and it is asked")
        for name in self.names:
            self.google.end(name, response=json.dumps(name).encode())
        for some_id in ids:
            self.rpc.call("future.refresh", {"id": some_id})

    def requests_seen(self):
        return self.google.stats()["requests"]["total"]

    def assert_costs_nothing(self, crowd):
        """What the service saw of it."""
        requests = self.requests_seen()
        print(f"{crowd} processes wait for {OPERATIONS} operations: {requests} requests", file=sys.stderr)
        self.assertEqual(requests, OPERATIONS * POLLS)
        self.assertEqual({name: self.google.polled(name) for name in self.names}, dict.fromkeys(self.names, POLLS))

    def start(self, command, **options):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                                   env=dict(self.home.env, FUTURED_SOCKET=self.home.socket), **options)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process

    def output(self, process):
        out, _ = process.communicate(timeout=harness.PATIENCE)
        self.assertEqual(process.returncode, 0)
        return out

    def create_all(self, creations):
        return [self.rpc.call("future.create", creation)["id"] for creation in creations]

    def test_nobody_waits(self):
        ids = self.create_all(self.operations(0))
        self.go(ids, 0)
        wait_until(lambda: self.rpc.call("server.stats")["futures"]["succeeded"] == OPERATIONS, "all are over")
        self.assert_costs_nothing(0)
        self.assertEqual(len(set(ids)), OPERATIONS)

    def test_processes_that_create_them_with_the_same_keys(self):
        for crowd in CROWDS:
            order = {"socket": self.home.socket, "creations": self.operations(crowd), "patience": harness.PATIENCE}
            with open(os.path.join(self.home.path, "order"), "w+", encoding="utf-8") as file:
                json.dump(order, file)
                file.flush()
                processes = []
                for _ in range(crowd):
                    with open(file.name, encoding="utf-8") as stdin:
                        processes.append(self.start([sys.executable, "-B", WAITER], stdin=stdin))
            wait_until(lambda: self.rpc.call("server.stats")["waits"] >= crowd, f"{crowd} wait")
            ids = self.create_all(order["creations"])   # they are there: this finds them
            self.go(ids, crowd)
            told = [json.loads(self.output(process)) for process in processes]
            self.assertEqual(sum(one["created"] for one in told), OPERATIONS)
            for one in told:
                self.assertEqual([json.loads(result) for result in one["results"]], self.names)
                self.assertEqual((one["ids"], set(one["states"])), (ids, {"succeeded"}))
            self.assert_costs_nothing(crowd)

    def test_processes_that_attach_to_their_ids(self):
        for crowd in CROWDS:
            ids = self.create_all(self.operations(crowd))
            processes = [self.start([harness.FUTURECTL, "wait", *ids], stdin=subprocess.DEVNULL) for _ in range(crowd)]
            # the library waits for each of so few by itself
            self.go(ids, crowd * OPERATIONS)
            for process in processes:
                self.output(process)
            self.assert_costs_nothing(crowd)


if __name__ == "__main__":
    harness.main()
