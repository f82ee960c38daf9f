"""test_sigkill.py - the daemon is killed at random points, fifty times: what it acknowledged is never lost."""
import os
import random
import threading
import time

import harness
from operations import OperationsTest
from rpc import Client, Closed, RpcError

ROUNDS = int(os.environ.get("FUTURED_SIGKILL_ROUNDS", "50"))
CLIENTS = 4
CREATIONS_PER_ROUND = 8      # of one client, so that the end does not take long
SEED = int(os.environ.get("FUTURED_SEED", "0")) or random.SystemRandom().randrange(1 << 32)

GONE = (Closed, ConnectionError, FileNotFoundError, TimeoutError)


class Ledger:
    """What the daemon has acknowledged, written down by its clients."""

    def __init__(self):
        self.lock = threading.Lock()
        self.created = {}       # id -> name of the operation
        self.results = {}       # id -> bytes, as first read
        self.forgotten = set()

    def ids(self):
        with self.lock:
            return [some_id for some_id in self.created if some_id not in self.forgotten]


class Worker(threading.Thread):
    """One client: creates, reads, forgets; connects again when the daemon is back."""

    def __init__(self, test, number):
        super().__init__(daemon=True)
        self.test, self.number = test, number
        self.random = random.Random(SEED + number)
        self.allowance = threading.Semaphore(0)
        self.ended = False
        self.error = None
        self.count = 0
        self.unsure = None

    def run(self):
        try:
            while not self.ended:
                self.allowance.acquire()
                self.work()
        except Exception as error:      # an answer that should not be: the test's to judge
            self.error = error

    def work(self):
        """Until this life of the daemon is over, or the allowance of creations."""
        try:
            with Client(self.test.home.socket, timeout=5) as client:
                for _ in range(CREATIONS_PER_ROUND):
                    self.create(client)
                    self.look(client)
        except GONE:
            pass
        except RpcError as error:
            if error.name != "ShuttingDown":
                raise

    def create(self, client):
        # A creation that was not acknowledged is repeated with its key, as a careful client does.
        if self.unsure is None:
            self.count += 1
            self.unsure = f"operations/{self.number}-{self.count}"
            self.test.google.add(self.unsure, polls=self.random.randrange(3), response=self.test.bytes_of(self.unsure))
        reply = client.call("future.create", self.test.creation(self.unsure, key=self.unsure))
        with self.test.ledger.lock:
            self.test.ledger.created[reply["id"]] = self.unsure
        self.unsure = None

    def look(self, client):
        """Sometimes read a result, and sometimes forget it then."""
        ledger = self.test.ledger
        some_id = self.random.choice(ledger.ids())
        try:
            result = client.call("future.result", {"id": some_id, "timeout": 0})["result"]
        except RpcError as error:
            # NotFound: another worker may be forgetting it right now; the end of the round tells.
            if error.name not in ("Timeout", "NotFound"):
                raise
            return
        with ledger.lock:
            ledger.results[some_id] = result
        if self.number == 0 and self.random.random() < 0.1:
            self.test.forgetting.add(some_id)
            client.call("future.forget", {"id": some_id})
            with ledger.lock:
                ledger.forgotten.add(some_id)


class SigKill(OperationsTest):
    def bytes_of(self, name):
        return b'{ "name" : "%s" }' % name.encode()

    def test_nothing_acknowledged_is_lost(self):
        self.ledger = Ledger()
        self.forgetting = set()     # asked to be forgotten, perhaps not acknowledged
        chance = random.Random(SEED)
        workers = [Worker(self, i) for i in range(CLIENTS)]
        for worker in workers:
            worker.start()
        begin = time.monotonic()
        for number in range(ROUNDS):
            for worker in workers:
                worker.allowance.release()
            # The only pause in these tests: the moment of the crash is left to chance.
            time.sleep(chance.random() * chance.choice((0.02, 0.1, 0.2)))
            self.daemon.kill()
            self.daemon.start()
            self.all_are_there(number)
            for worker in workers:
                self.assertIsNone(worker.error, f"round {number}, seed {SEED}")
        for worker in workers:
            worker.ended = True
            worker.allowance.release()
            worker.join(harness.PATIENCE)
            self.assertIsNone(worker.error, f"seed {SEED}")
        crashed = time.monotonic() - begin
        self.all_end_well()
        print(f"seed {SEED}: {ROUNDS} kills in {crashed:.1f} s; {len(self.ledger.created)} futures acknowledged, "
              f"{len(self.ledger.results)} results read on the way, {len(self.ledger.forgotten)} forgotten, "
              f"{self.google.polled()} requests, {time.monotonic() - begin:.1f} s in all")
        self.assertGreater(len(self.ledger.created), ROUNDS)

    def certain(self):
        """Acknowledged, and never asked to be forgotten."""
        return [some_id for some_id in self.ledger.ids() if some_id not in self.forgetting]

    def all_are_there(self, number):
        with Client(self.home.socket) as client:
            try:
                client.call("future.wait", {"ids": self.certain(), "timeout": 0})
            except RpcError as error:
                self.fail(f"round {number}, seed {SEED}: {error}")
            with self.ledger.lock:
                known = [i for i in self.ledger.results if i not in self.forgetting][-50:]
            states = client.call("future.wait", {"ids": known, "timeout": 0})["states"]
            self.assertEqual(set(states) - {"succeeded"}, set(), f"round {number}, seed {SEED}")

    def all_end_well(self):
        self.rpc = self.client(errors="map")
        ids = self.certain()
        reply = self.rpc.call("future.wait", {"ids": ids, "timeout": harness.PATIENCE})
        self.assertEqual(reply["not_done"], [], f"seed {SEED}")
        for some_id in ids:
            expected = self.bytes_of(self.ledger.created[some_id])
            self.assertEqual(self.result(some_id, 0), expected, f"seed {SEED}")
            self.assertEqual(self.ledger.results.get(some_id, expected), expected, f"seed {SEED}")
        for some_id in self.ledger.forgotten:
            self.assert_rpc_error("NotFound", self.rpc.call, "future.get", {"id": some_id})
        names = [self.ledger.created[some_id] for some_id in ids]
        self.assertEqual(len(names), len(set(names)), "one key made two futures")


if __name__ == "__main__":
    harness.main()
