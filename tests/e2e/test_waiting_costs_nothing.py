"""test_waiting_costs_nothing.py - no request is sent because somebody waits: 1, 8 and 64 processes cost what none costs.

Each operation is over at its third poll, so the number of requests says whether any was sent that need not have been.
"""
import json
import os
import subprocess
import sys

import harness
from harness import QUICK, wait_until
from operations import OperationsTest

WAITER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "waiter.py")
CROWDS = (1, 8, 64)
OPERATIONS = 100
POLLS = 3
REQUESTS = OPERATIONS * POLLS


class WaitingCostsNothing(OperationsTest):
    def operations(self, crowd):
        """New operations, and the creations of their futures; the service lets them wait until go()."""
        self.google.reset()
        self.google.fault({"kind": "get", "hold": True, "times": None})
        poll = {**self.from_profile("poll"), "timeout": 10 * harness.PATIENCE}
        creations = []
        for i in range(OPERATIONS):
            name = f"operations/{crowd}-{i}"
            self.google.add(name, polls=POLLS - 1, response=json.dumps(name).encode())
            creations.append(self.creation(name, key=name, spec={"poll": poll}, polling=QUICK))
        return creations

    def go(self, waits):
        """Once so many wait, the service answers."""
        wait_until(lambda: self.rpc.call("server.stats")["waits"] >= waits, f"{waits} wait")
        self.google.call(self.google.faults.clear)
        self.google.release()

    def cost(self, crowd):
        """What the service saw of it."""
        requests = self.google.stats()["requests"]
        print(f"{crowd} processes wait for {OPERATIONS} operations: {requests['get']} requests", file=sys.stderr)
        return requests["total"]

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
        self.go(0)
        wait_until(lambda: self.rpc.call("server.stats")["futures"]["succeeded"] == OPERATIONS, "all are over")
        self.assertEqual(self.cost(0), REQUESTS)
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
            self.go(crowd)
            told = [json.loads(self.output(process)) for process in processes]
            self.assertEqual(sum(one["created"] for one in told), OPERATIONS)
            names = [creation["params"]["name"] for creation in order["creations"]]
            for one in told:
                self.assertEqual([json.loads(result) for result in one["results"]], names)
                self.assertEqual((one["ids"], set(one["states"])), (told[0]["ids"], {"succeeded"}))
            self.assertEqual(self.cost(crowd), REQUESTS)

    def test_processes_that_attach_to_their_ids(self):
        for crowd in CROWDS:
            ids = self.create_all(self.operations(crowd))
            processes = [self.start([harness.FUTURECTL, "wait", *ids], stdin=subprocess.DEVNULL) for _ in range(crowd)]
            # the library waits for each of so few by itself
            self.go(crowd * OPERATIONS)
            for process in processes:
                self.output(process)
            self.assertEqual(self.cost(crowd), REQUESTS)


if __name__ == "__main__":
    harness.main()
