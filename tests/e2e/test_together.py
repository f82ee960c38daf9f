"""test_together.py - holds, promises, pauses, pins and limits where they meet."""
import os

import harness
from harness import wait_until
from operations import OperationsTest


class Together(OperationsTest):
    def new(self, name, **creation):
        self.google.add(name, polls=0, response=b"1")
        return self.rpc.call("future.create", {
            "profile": "google-lro", "params": {"name": name, "base": self.google.url},
            "polling": {"initial": 0.05, "maximum": 0.05, "jitter": "none"}, **creation})["id"]

    def promise(self, **creation):
        return self.rpc.call("future.create", {"spec": {"kind": "promise"}, **creation})["id"]

    def get(self, made):
        return self.rpc.call("future.get", {"id": made})

    def wait(self, *ids, timeout=None):
        return self.rpc.call("future.wait", {"ids": list(ids), "timeout": timeout})["states"]

    def test_a_pause_outlasts_a_hold(self):
        first = self.promise()
        held = self.new("operations/1", after=[first])
        self.rpc.call("future.pause", {"id": held})
        self.assertEqual(self.get(held)["condition"], "waiting")
        self.rpc.call("future.resolve", {"id": first, "result": b"1"})
        wait_until(lambda: self.get(held)["condition"] == "paused", "the end of the hold")
        self.assertEqual(self.wait(held, timeout=0.3), ["pending"])
        self.assertEqual(self.google.polled("operations/1"), 0)
        self.rpc.call("future.resume", {"id": held})
        self.assertEqual(self.wait(held), ["succeeded"])

    def test_resumed_while_it_is_held(self):
        first = self.promise()
        held = self.new("operations/1", after=[first])
        self.rpc.call("future.pause", {"id": held})
        self.rpc.call("future.resume", {"id": held})
        self.assertEqual(self.wait(held, timeout=0.3), ["pending"])
        self.assertEqual(self.google.polled("operations/1"), 0)
        self.rpc.call("future.resolve", {"id": first, "result": b"1"})
        self.assertEqual(self.wait(held), ["succeeded"])

    def test_a_paused_one_hears_that_what_it_waits_for_failed(self):
        first = self.promise()
        held = self.new("operations/1", after=[first])
        self.rpc.call("future.pause", {"id": held})
        self.rpc.call("future.reject", {"id": first})
        self.assertEqual(self.wait(held), ["failed"])

    def test_a_pause_is_for_requests(self):
        """What sends none goes on: a timer rings, and the lease of a claim ends."""
        timer = self.rpc.call("future.create", {"spec": {"kind": "timer", "delay": 0.5}})["id"]
        promise = self.promise()
        self.rpc.call("future.claim", {"id": promise, "lease": 0.5})
        self.rpc.call("future.pause", {"ids": [timer, promise]})
        self.assertEqual(self.wait(timer, promise), ["succeeded", "failed"])

    def test_a_held_one_after_a_restart(self):
        first = self.promise()
        held = self.new("operations/1", after=[first])
        self.rpc.call("future.pause", {"id": held})
        self.rpc.call("future.resolve", {"id": first, "result": b"1"})
        self.daemon.kill()
        self.daemon.start()
        self.rpc = self.client(errors="map")
        self.assertEqual(self.wait(held, timeout=0.3), ["pending"])
        self.rpc.call("future.resume", {"id": held})
        self.assertEqual(self.wait(held), ["succeeded"])


class Limits(harness.DaemonTest):
    def start_daemon(self):
        path = os.path.join(self.home.path, "config", "futured")
        os.mkdir(path)
        with open(os.path.join(path, "futured.conf"), "w") as file:
            file.write("[limits]\nfinished_per_uid = 2\n")
        super().start_daemon()

    def test_what_is_waited_for_stays(self):
        rpc = self.client(errors="map")
        needed = rpc.call("future.create", {"spec": {"kind": "promise"}})["id"]
        other = rpc.call("future.create", {"spec": {"kind": "promise"}})["id"]
        held = rpc.call("future.create", {"spec": {"kind": "promise"}, "after": [needed, other]})["id"]
        rpc.call("future.resolve", {"id": needed, "result": b"1"})
        for _ in range(4):
            rpc.call("future.create", {"spec": {"kind": "timer", "delay": 0.001}})
        late = rpc.call("future.create", {"spec": {"kind": "promise"}, "after": [needed, other]})["id"]

        def succeeded():
            return [f["id"] for f in rpc.call("future.list", {"state": "succeeded"})["futures"]]

        def timers_left():
            return [f["state"] for f in rpc.call("future.list")["futures"] if f["kind"] == "timer"]

        wait_until(lambda: timers_left() == ["succeeded"] * 2, "the oldest to go")
        self.assertIn(needed, succeeded())
        rpc.call("future.resolve", {"id": other, "result": b"1"})
        wait_until(lambda: not rpc.call("future.get", {"id": held}).get("held"), "the end of the hold")
        self.assertEqual(rpc.call("future.get", {"id": late})["state"], "pending")
        wait_until(lambda: len(succeeded()) == 2, "the limit")


if __name__ == "__main__":
    harness.main()
