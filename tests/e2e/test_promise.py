"""test_promise.py - promises: futures that local processes complete, and what becomes of them when those die."""
import os
import subprocess
import sys
import unittest

import harness
import activation
from rpc import Closed, RpcError
from test_access import ALICE, BOB, CAROL, acting_as

NEVER = 3600    # seconds: longer than any test

# A producer in a process of its own: claims, says so, and hangs in a call until it is killed.
PRODUCER = """
import sys
from rpc import Client
client = Client(sys.argv[1])
print(client.call("future.claim", {"id": sys.argv[2]})["claim"], flush=True)
client.call("future.wait", {"ids": [sys.argv[2]]}, timeout=3600)
"""


class PromiseTest(harness.DaemonTest):
    def setUp(self):
        super().setUp()
        self.rpc = self.client(errors="map")

    def promise(self, client=None, creation=None, **spec):
        reply = (client or self.rpc).call("future.create", {"spec": {"kind": "promise", **spec}, **(creation or {})})
        self.assertEqual((reply["state"], reply["created"]), ("pending", True))
        return reply["id"]

    def get(self, some_id, client=None):
        return (client or self.rpc).call("future.get", {"id": some_id})

    def end(self, some_id):
        """Wait until it is over: its snapshot."""
        self.rpc.call("future.wait", {"ids": [some_id]})
        return self.get(some_id)

    def until(self, some_id, state):
        return harness.wait_until(lambda: self.get(some_id)["state"] == state and self.get(some_id), state)

    def refused(self, name, method, says=(), client=None, **params):
        return self.assert_rpc_error(name, (client or self.rpc).call, f"future.{method}", params, says=says)

    def restart(self):
        """The power cord; the daemon is back at once."""
        self.daemon.kill()
        self.daemon.start()
        self.rpc = self.client(errors="map")


class Promises(PromiseTest):
    def test_from_creation_to_result(self):
        made = self.promise()
        shot = self.get(made)
        self.assertEqual((shot["kind"], shot["state"]), ("promise", "pending"))
        for key in ("claimed", "lease_until_ms", "next_poll_at_ms", "started_at_ms"):
            self.assertNotIn(key, shot)
        waiter = self.client()
        waiting = waiter.send("future.result", {"id": made})

        reply = self.rpc.call("future.claim", {"id": made})
        self.assertEqual(list(reply), ["claim"])
        self.assertRegex(reply["claim"], r"\A[0-9a-f]{32}\Z")
        shot = self.get(made)
        self.assertEqual((shot["state"], shot["claimed"]), ("running", True))
        self.assertNotIn("lease_until_ms", shot)
        claim = {"id": made, "claim": reply["claim"]}
        self.assertEqual(self.rpc.call("future.progress", {**claim, "progress": {"done": 3, "of": 7}}), {})
        self.assertEqual(self.get(made)["progress"], '{"done":3,"of":7}')
        reply = self.rpc.call("future.resolve", {**claim, "result": b"\0\xff\r\n", "content_type": "text/x-odd"})
        self.assertEqual(reply, {"state": "succeeded"})

        result = waiter.reply(waiting)
        self.assertEqual((result["result"], result["content_type"], result["size"]), (b"\0\xff\r\n", "text/x-odd", 4))
        shot = self.get(made)
        self.assertEqual((shot["state"], shot["requests"]), ("succeeded", 0))
        self.assertNotIn("claimed", shot)

    def test_what_subscribers_hear(self):
        listener = self.client()
        listener.call("future.subscribe", {})
        made = self.promise(on_abandon="release")
        producer = self.client()
        claim = producer.call("future.claim", {"id": made})["claim"]
        for progress in ("[1]", "[1]", "[2]"):
            producer.call("future.progress", {"id": made, "claim": claim, "progress": progress})
        producer.close()
        self.until(made, "pending")
        self.rpc.call("future.resolve", {"id": made})
        events = [listener.next_notification()[1][0] for _ in range(6)]
        self.assertEqual([(event["event"], event["state"], event.get("progress")) for event in events], [
            ("created", "pending", None), ("changed", "running", None), ("progress", "running", "[1]"),
            ("progress", "running", "[2]"), ("changed", "pending", None), ("changed", "succeeded", None)])

    def test_rejected_as_the_producer_says(self):
        made = self.promise()
        claim = self.rpc.call("future.claim", {"id": made})["claim"]
        reply = self.rpc.call("future.reject", {
            "id": made, "claim": claim, "kind": "out_of_tune", "message": "no \u266b", "code": "5", "details": b"\1\2"})
        self.assertEqual(reply, {"state": "failed"})
        failed = self.refused("Failed", "result", id=made)
        self.assertEqual(failed.data, {"kind": "out_of_tune", "message": "no \u266b", "code": "5", "details": b"\1\2"})
        made = self.promise()
        self.rpc.call("future.reject", {"id": made})
        self.assertEqual(self.get(made)["error"], {"kind": "rejected"})

    def test_unclaimed_it_is_completed_by_anyone_who_may(self):
        made = self.promise()
        self.rpc.call("future.progress", {"id": made, "progress": 0.5})
        self.assertEqual((self.get(made)["state"], self.get(made)["progress"]), ("pending", "0.5"))
        self.assertEqual(self.client().call("future.resolve", {"id": made, "result": "text"}), {"state": "succeeded"})
        result = self.rpc.call("future.result", {"id": made})
        self.assertEqual(result["result"], b"text")
        self.assertNotIn("content_type", result)

    def test_no_result_is_an_empty_one(self):
        made = self.promise()
        self.rpc.call("future.resolve", {"id": made})
        self.assertEqual(self.rpc.call("future.result", {"id": made})["result"], b"")
        self.assertEqual(self.get(made)["result_size"], 0)

    def test_a_claimed_one_takes_its_claim_only(self):
        made = self.promise()
        claim = self.rpc.call("future.claim", {"id": made, "lease": NEVER})["claim"]
        self.refused("InvalidState", "claim", "claimed already", id=made)
        wrong = f"{int(claim, 16) ^ 1:032x}"
        for method, more in (("progress", {"progress": 1}), ("resolve", {}), ("reject", {})):
            for other in ({}, {"claim": wrong}, {"claim": ""}, {"claim": claim[:-1]}, {"claim": claim + "0"}):
                self.refused("PermissionDenied", method, "claim", id=made, **other, **more)
        self.refused("PermissionDenied", "renew", id=made, claim=wrong, lease=1)
        self.assertEqual(self.get(made)["state"], "running")
        # The claim is all that it takes: another connection may have it.
        self.assertEqual(self.client().call("future.resolve", {"id": made, "claim": claim}), {"state": "succeeded"})

    def test_over_is_over(self):
        made = self.promise()
        claim = self.rpc.call("future.claim", {"id": made})["claim"]
        self.rpc.call("future.resolve", {"id": made, "claim": claim, "result": b"first"})
        for method, more in (("claim", {}), ("renew", {"claim": claim, "lease": 1}), ("progress", {"progress": 1}),
                             ("resolve", {"claim": claim}), ("reject", {})):
            self.refused("InvalidState", method, "succeeded", id=made, **more)
        self.assertEqual(self.rpc.call("future.result", {"id": made})["result"], b"first")

    def test_cancelled_at_once_and_the_producer_hears_of_it(self):
        for claimed in (False, True):
            made = self.promise()
            claim = self.rpc.call("future.claim", {"id": made}) if claimed else {}
            reply = self.client().call("future.cancel", {"id": made})
            self.assertEqual(reply, {"cancelled": True, "state": "cancelled"})
            self.refused("InvalidState", "resolve", "cancelled", id=made, **claim)
            self.assertEqual(self.get(made)["state"], "cancelled")

    def test_deadline(self):
        made = self.promise(creation={"timeout": 0.2})
        claimed = self.promise(creation={"timeout": 0.2})
        self.rpc.call("future.claim", {"id": claimed})
        for each in (made, claimed):
            self.assertEqual(self.end(each)["error"]["kind"], "deadline")
        made = self.promise(creation={"timeout": 0.2})
        self.rpc.call("future.extend", {"id": made, "timeout": None})
        clock = self.promise(creation={"timeout": 0.5})
        self.end(clock)
        self.assertEqual(self.get(made)["state"], "pending")

    def test_nothing_of_http_applies(self):
        made = self.promise()
        self.assertEqual(self.rpc.call("future.refresh", {"id": made}), {"state": "pending"})
        self.assertEqual(self.rpc.call("server.stats")["next_due"], None)
        self.assertEqual(self.get(made)["requests"], 0)
        for spec, says in (({"kind": "promise", "poll": {"url": "http://127.0.0.1:1/"}}, "poll"),
                           ({"kind": "promise", "on_abandn": "fail"}, "on_abandon"),
                           ({"kind": "promise", "on_abandon": "drop"}, ["on_abandon", "fail", "release"]),
                           ({"kind": "promize"}, "promise")):
            self.refused("InvalidSpec", "create", says, spec=spec)
        self.refused("InvalidSpec", "create", "polling", spec={"kind": "promise"}, polling={"initial": 1})
        http = self.rpc.call("future.create", {"spec": {"poll": {"url": "http://127.0.0.1:1/"}}})["id"]
        for method, more in (("claim", {}), ("progress", {"progress": 1}), ("resolve", {}), ("resolve", {"more": True}),
                             ("resolve", {"offset": 1}), ("reject", {})):
            self.refused("InvalidArgument", method, "no promise", id=http, **more)

    def test_bad_arguments(self):
        made = self.promise()
        for method, params, says in (
                ("claim", {"lease": 0}, "lease"), ("claim", {"lease": -1}, "lease"), ("claim", {"lease": "x"}, "lease"),
                ("renew", {"claim": "x"}, "lease"), ("renew", {"lease": 1}, "claim"),
                ("progress", {}, "progress"), ("progress", {"progress": "half"}, ["progress", "JSON"]),
                ("progress", {"progress": float("inf")}, "progress"), ("progress", {"progress": "[1] 2"}, "JSON"),
                ("resolve", {"result": 5}, "result"), ("resolve", {"result": b"", "offset": 3}, "offset"),
                ("reject", {"kind": ""}, "kind"), ("reject", {"kind": "No!"}, "kind"),
                ("reject", {"kind": "x" * 65}, "kind"), ("reject", {"message": 1}, "message")):
            with self.subTest(method=method, params=params):
                self.refused("InvalidArgument", method, says, id=made, **params)
        for method, params in (("progress", {"progress": [["x" * 70000]]}), ("resolve", {"content_type": "x" * 256}),
                               ("reject", {"message": "x" * 4097}), ("reject", {"code": "x" * 257}),
                               ("reject", {"details": bytes(256 * 1024 + 1)})):
            self.refused("TooLarge", method, list(params)[0], id=made, **params)
        self.assertEqual(self.get(made)["state"], "pending")

    def test_progress_is_any_value(self):
        made = self.promise()
        for value, text in ((True, "true"), (-7, "-7"), (1.5, "1.5"), ([1, "a"], '[1,"a"]'),
                            ({"a": {"b": None}}, '{"a":{"b":null}}'), ('"text"', '"text"'), (" null", " null")):
            self.rpc.call("future.progress", {"id": made, "progress": value})
            self.assertEqual(self.get(made)["progress"], text)

    def test_retry_makes_a_new_one(self):
        made = self.promise()
        self.rpc.call("future.reject", {"id": made})
        again = self.rpc.call("future.retry", {"id": made})
        self.assertEqual(again["state"], "pending")
        self.assertEqual(self.get(again["id"])["kind"], "promise")
        self.rpc.call("future.claim", {"id": again["id"]})


class Producers(PromiseTest):
    """They die, hang and come back."""

    def test_kill_9(self):
        made = self.promise()
        claim = self.start_producer(made)
        self.assertEqual(self.get(made)["state"], "running")
        self.producer.kill()
        shot = self.end(made)
        self.assertEqual((shot["state"], shot["error"]["kind"]), ("failed", "abandoned"))
        self.assertIn("connection", shot["error"]["message"])
        self.refused("InvalidState", "resolve", "failed", id=made, claim=claim)

    def start_producer(self, some_id):
        path = os.pathsep.join([os.path.dirname(os.path.abspath(__file__)), os.environ.get("PYTHONPATH", "")])
        self.producer = subprocess.Popen([sys.executable, "-c", PRODUCER, self.home.socket, some_id],
                                         env=dict(os.environ, PYTHONPATH=path), stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.producer.stdout.close)
        self.addCleanup(self.producer.wait)
        self.addCleanup(self.producer.kill)
        return self.producer.stdout.readline().strip()

    def test_released_and_claimed_again(self):
        made = self.promise(on_abandon="release")
        old = self.start_producer(made)
        self.client().call("future.progress", {"id": made, "claim": old, "progress": {"step": 4}})
        self.producer.kill()
        shot = self.until(made, "pending")
        self.assertEqual(shot["progress"], '{"step":4}')
        self.assertNotIn("claimed", shot)
        self.assertNotIn("started_at_ms", shot)
        self.refused("InvalidState", "resolve", "over", id=made, claim=old)
        reply = self.rpc.call("future.claim", {"id": made, "lease": NEVER})
        self.assertEqual(reply["progress"], '{"step":4}')
        self.assertNotEqual(reply["claim"], old)
        self.refused("PermissionDenied", "resolve", id=made, claim=old)
        self.rpc.call("future.resolve", {"id": made, "claim": reply["claim"], "result": b"second"})
        self.assertEqual(self.rpc.call("future.result", {"id": made})["result"], b"second")

    def test_many_of_one_connection(self):
        producer = self.client()
        made = [self.promise(on_abandon="release" if i % 2 else "fail") for i in range(40)]
        claims = [producer.call("future.claim", {"id": each}) for each in made]
        kept = self.promise()
        claim = producer.call("future.claim", {"id": kept, "lease": NEVER})
        producer.call("future.resolve", {"id": made[0], **claims[0]})
        producer.close()
        self.rpc.call("future.wait", {"ids": made[::2]})
        self.assertEqual(self.get(made[0])["state"], "succeeded")
        for i, each in enumerate(made[1:], 1):
            self.until(each, "pending" if i % 2 else "failed")
        # What has a lease does not depend on the connection.
        self.assertEqual(self.get(kept)["state"], "running")
        self.rpc.call("future.resolve", {"id": kept, "claim": claim["claim"]})

    def test_lease_over(self):
        made = self.promise()
        free = self.promise(on_abandon="release")
        reply = self.rpc.call("future.claim", {"id": made, "lease": 0.3})
        self.assertEqual(self.get(made)["lease_until_ms"], reply["lease_until_ms"])
        self.rpc.call("future.claim", {"id": free, "lease": 0.3})
        shot = self.end(made)
        self.assertEqual((shot["state"], shot["error"]["kind"]), ("failed", "abandoned"))
        self.assertIn("renew", shot["error"]["message"])
        self.assertGreaterEqual(shot["finished_at_ms"], reply["lease_until_ms"] - 1)
        self.until(free, "pending")
        self.rpc.call("future.claim", {"id": free})

    def test_renewed_it_holds(self):
        made, clock = self.promise(), self.promise()
        claim = self.rpc.call("future.claim", {"id": made, "lease": 0.5})
        renewed = self.rpc.call("future.renew", {"id": made, "claim": claim["claim"], "lease": NEVER})
        self.assertEqual(list(renewed), ["lease_until_ms"])
        self.assertGreater(renewed["lease_until_ms"], claim["lease_until_ms"] + 1000 * (NEVER - 10))
        self.rpc.call("future.claim", {"id": clock, "lease": 0.6})
        self.end(clock)
        self.assertEqual(self.get(made)["lease_until_ms"], renewed["lease_until_ms"])
        # Another lease is another end: shorter, or that of a connection.
        holder = self.client()
        self.assertEqual(holder.call("future.renew", {"id": made, "claim": claim["claim"], "lease": None}), {})
        self.assertNotIn("lease_until_ms", self.get(made))
        holder.close()
        self.assertEqual(self.end(made)["error"]["kind"], "abandoned")

    def test_a_lease_frees_it_from_the_connection(self):
        made = self.promise()
        producer = self.client()
        claim = producer.call("future.claim", {"id": made})["claim"]
        producer.call("future.renew", {"id": made, "claim": claim, "lease": NEVER})
        producer.close()
        clock = self.promise()
        self.rpc.call("future.claim", {"id": clock, "lease": 0.2})
        self.end(clock)
        self.assertEqual(self.get(made)["state"], "running")

    def test_the_last_words_of_a_producer_count(self):
        made = self.promise()
        producer = self.client()
        claim = producer.call("future.claim", {"id": made})["claim"]
        producer.send("future.resolve", {"id": made, "claim": claim, "result": b"done"})
        producer.close()
        self.assertEqual(self.end(made)["state"], "succeeded")

    def test_stopped_sending_is_not_gone_until_it_has_its_answers(self):
        made, other = self.promise(), self.promise()
        producer = self.client()
        producer.call("future.claim", {"id": made})
        waiting = producer.send("future.wait", {"ids": [other]})
        producer.socket.shutdown(1)
        self.rpc.call("future.resolve", {"id": other})
        self.assertEqual(producer.reply(waiting)["done"], [other])
        with self.assertRaises(Closed):
            producer.next_reply()
        self.assertEqual(self.end(made)["error"]["kind"], "abandoned")


class Restarts(PromiseTest):
    """The daemon is killed after each step."""

    def test_unclaimed(self):
        made = self.promise(creation={"key": "k"})
        self.rpc.call("future.progress", {"id": made, "progress": [1]})
        self.restart()
        shot = self.get(made)
        self.assertEqual((shot["state"], shot["kind"], shot["progress"]), ("pending", "promise", "[1]"))
        again = self.rpc.call("future.create", {"spec": {"kind": "promise"}, "key": "k"})
        self.assertEqual((again["id"], again["created"]), (made, False))
        self.refused("KeyConflict", "create", spec={"kind": "promise", "on_abandon": "release"}, key="k")
        self.rpc.call("future.resolve", {"id": made, "result": b"x"})
        self.restart()
        self.assertEqual(self.rpc.call("future.result", {"id": made})["result"], b"x")

    def test_a_claim_with_a_lease(self):
        made = self.promise()
        claim = self.rpc.call("future.claim", {"id": made, "lease": NEVER})
        self.restart()
        shot = self.get(made)
        self.assertEqual((shot["state"], shot["lease_until_ms"]), ("running", claim["lease_until_ms"]))
        self.refused("InvalidState", "claim", id=made)
        self.refused("PermissionDenied", "resolve", id=made)
        self.rpc.call("future.progress", {"id": made, "claim": claim["claim"], "progress": 9})
        self.restart()
        renewed = self.rpc.call("future.renew", {"id": made, "claim": claim["claim"], "lease": 2 * NEVER})
        self.restart()
        self.assertEqual(self.get(made)["lease_until_ms"], renewed["lease_until_ms"])
        self.rpc.call("future.reject", {"id": made, "claim": claim["claim"], "code": "7"})
        self.restart()
        self.assertEqual(self.get(made)["error"], {"kind": "rejected", "code": "7"})

    def test_a_lease_that_ends_while_the_daemon_is_down_or_after(self):
        made, later = self.promise(), self.promise(on_abandon="release")
        lease = self.rpc.call("future.claim", {"id": made, "lease": 0.05})["lease_until_ms"]
        self.rpc.call("future.claim", {"id": later, "lease": 1.5})
        self.restart()
        shot = self.end(made)
        self.assertEqual(shot["error"]["kind"], "abandoned")
        self.assertGreaterEqual(shot["finished_at_ms"], lease - 1)
        self.until(later, "pending")

    def test_a_claim_of_a_connection(self):
        made, free = self.promise(), self.promise(on_abandon="release")
        claims = {each: self.rpc.call("future.claim", {"id": each})["claim"] for each in (made, free)}
        self.restart()
        self.assertEqual(self.end(made)["error"]["kind"], "abandoned")
        self.until(free, "pending")
        for each in (made, free):
            self.refused("InvalidState", "resolve", id=each, claim=claims[each])
        self.rpc.call("future.claim", {"id": free})

    def test_a_clean_stop_is_no_different(self):
        made, leased = self.promise(), self.promise()
        self.rpc.call("future.claim", {"id": made})
        claim = self.rpc.call("future.claim", {"id": leased, "lease": NEVER})["claim"]
        self.assertEqual(self.daemon.stop(), 0)
        self.daemon.start()
        self.rpc = self.client(errors="map")
        self.assertEqual(self.end(made)["error"]["kind"], "abandoned")
        self.rpc.call("future.resolve", {"id": leased, "claim": claim})

    def test_deadline_and_cancellation(self):
        made, cancelled = self.promise(creation={"timeout": 1}), self.promise()
        self.rpc.call("future.claim", {"id": made, "lease": NEVER})
        self.rpc.call("future.cancel", {"id": cancelled})
        self.restart()
        self.assertEqual(self.get(cancelled)["state"], "cancelled")
        self.assertEqual(self.end(made)["error"]["kind"], "deadline")

    def test_what_was_answered_is_there(self):
        """Killed right behind the answer to each of many pipelined calls."""
        made = [self.promise() for _ in range(60)]
        claims = [self.rpc.call("future.claim", {"id": each, "lease": NEVER})["claim"] for each in made]
        for start in range(0, 60, 20):
            calls = {self.rpc.send("future.resolve", {"id": made[i], "claim": claims[i], "result": b"%d" % i}): i
                     for i in range(start, start + 20)}
            _, first, error, _ = self.rpc.next_reply()
            self.assertIsNone(error)
            self.daemon.kill()
            answered = [calls[first]]
            try:
                while True:
                    answered.append(calls[self.rpc.next_reply()[1]])
            except (Closed, ConnectionError):
                pass
            self.daemon.start()
            self.rpc = self.client(errors="map")
            for i in answered:
                self.assertEqual(self.rpc.call("future.result", {"id": made[i], "timeout": 0})["result"], b"%d" % i)
            for i in range(start, start + 20):
                try:
                    self.rpc.call("future.resolve", {"id": made[i], "claim": claims[i], "result": b"%d" % i})
                except RpcError as refused:
                    self.assertEqual(refused.name, "InvalidState")
                self.assertEqual(self.rpc.call("future.result", {"id": made[i]})["result"], b"%d" % i)


class LargeResults(PromiseTest):
    PART = 512 * 1024

    def start_daemon(self):
        path = os.path.join(self.home.env["XDG_CONFIG_HOME"], "futured")
        os.mkdir(path)
        with open(os.path.join(path, "futured.conf"), "w") as file:
            file.write("[limits]\nresult_max = 4M\n")
        super().start_daemon()

    def resolve_in_parts(self, some_id, data, client=None, **more):
        for offset in range(0, len(data), self.PART):
            part = data[offset:offset + self.PART]
            last = offset + len(part) == len(data)
            reply = (client or self.rpc).call("future.resolve", {
                "id": some_id, "result": part, "offset": offset, **({} if last else {"more": True}), **more})
            if not last:
                self.assertEqual(reply["offset"], offset + len(part))
        return reply

    def read(self, some_id):
        data = b""
        while True:
            reply = self.rpc.call("future.result", {"id": some_id, "offset": len(data)})
            data += reply["result"]
            if len(data) == reply["size"]:
                return data

    def test_in_parts(self):
        data = os.urandom(4 * 1024 * 1024)
        made = self.promise()
        claim = self.rpc.call("future.claim", {"id": made})["claim"]
        self.assertEqual(self.resolve_in_parts(made, data, claim=claim, content_type="x/y"), {"state": "succeeded"})
        self.assertEqual(self.get(made)["content_type"], "x/y")
        self.restart()
        self.assertEqual(self.read(made), data)

    def test_begun_anew(self):
        made, other = self.promise(), self.promise()
        self.rpc.call("future.resolve", {"id": made, "result": b"lost", "more": True})
        self.rpc.call("future.resolve", {"id": other, "result": b"a", "more": True})
        self.refused("InvalidArgument", "resolve", ["offset", "0 bytes"], id=made, result=b"x", offset=4)
        self.rpc.call("future.resolve", {"id": made, "result": b"kept ", "more": True})
        self.refused("InvalidArgument", "resolve", ["offset", "5 bytes"], id=made, result=b"x", offset=4)
        self.rpc.call("future.resolve", {"id": made, "result": b"kept ", "more": True})
        self.rpc.call("future.resolve", {"id": made, "result": b"all", "offset": 5})
        self.assertEqual(self.read(made), b"kept all")
        self.assertEqual(self.get(other)["state"], "pending")

    def test_parts_are_of_their_connection(self):
        made = self.promise()
        self.rpc.call("future.resolve", {"id": made, "result": b"12", "more": True})
        other = self.client()
        self.refused("InvalidArgument", "resolve", client=other, id=made, result=b"3", offset=2)
        self.rpc.call("future.resolve", {"id": made, "result": b"3", "offset": 2})
        self.assertEqual(self.read(made), b"123")

    def test_limits(self):
        made = self.promise()
        self.assert_rpc_error("TooLarge", self.resolve_in_parts, made, bytes(4 * 1024 * 1024 + 1),
                              says=["result", "4194304"])
        others = [self.client() for _ in range(4)]
        for client in others:
            client.call("future.resolve", {"id": made, "result": bytes(1000), "more": True})
        self.refused("LimitExceeded", "resolve", "result_max", id=made, result=b"x", more=True)
        others[0].close()
        self.rpc.call("server.stats")

        def has_room():
            try:
                return self.rpc.call("future.resolve", {"id": made, "result": b"x", "more": True})
            except RpcError as refused:
                self.assertEqual(refused.name, "LimitExceeded")
        harness.wait_until(has_room, "room")
        self.assertEqual(self.get(made)["state"], "pending")

    def test_what_is_over_keeps_no_parts(self):
        """They would be in the way of the other results of their user for as long as the connection is there."""
        made, busy = self.promise(), self.client(errors="map")
        for offset in range(0, 3 * self.PART, self.PART):
            busy.call("future.resolve", {"id": made, "result": bytes(self.PART), "offset": offset, "more": True})
        self.rpc.call("future.cancel", {"id": made})
        self.refused("InvalidState", "resolve", "cancelled", client=busy, id=made, result=b"x", offset=3 * self.PART, more=True)
        other = self.promise()
        data = os.urandom(7 * self.PART)
        self.resolve_in_parts(other, data)
        self.assertEqual(self.read(other), data)
        # Nor are parts taken for what cannot be completed at all.
        self.refused("InvalidState", "resolve", "succeeded", id=other, result=b"x", more=True)
        timer = self.rpc.call("future.create", {"spec": {"kind": "timer"}, "delay": NEVER})["id"]
        self.refused("InvalidArgument", "resolve", "timer", id=timer, result=b"x", more=True)

    def test_the_last_part_of_what_is_over(self):
        made = self.promise()
        self.rpc.call("future.resolve", {"id": made, "result": b"12", "more": True})
        self.client().call("future.reject", {"id": made})
        self.refused("InvalidState", "resolve", "failed", id=made, result=b"3", offset=2)

    def test_what_one_may_not_complete(self):
        made = self.promise()
        self.rpc.call("future.claim", {"id": made, "lease": NEVER})
        self.assert_rpc_error("PermissionDenied", self.resolve_in_parts, made, bytes(self.PART + 1))
        self.refused("NotFound", "resolve", id="01900000-0000-7000-8000-000000000001", result=b"x", more=True)


@unittest.skipUnless(os.geteuid() == 0, "only root can act for several users")
class Access(PromiseTest):
    def start_daemon(self):
        activation.listen(self)
        os.chmod(self.home.path, 0o711)
        os.chmod(self.home.socket, 0o666)
        self.alice, self.bob, self.carol = (self.client_of(who) for who in (ALICE, BOB, CAROL))

    def client_of(self, who):
        with acting_as(who):
            return self.client()

    def all_calls(self, some_id):
        return (("claim", {"id": some_id}), ("renew", {"id": some_id, "claim": "0" * 32, "lease": 1}),
                ("progress", {"id": some_id, "progress": 1}), ("resolve", {"id": some_id}), ("reject", {"id": some_id}))

    def test_what_each_may(self):
        for mode, bobs, carols in ((0o600, "NotFound", "NotFound"), (0o640, "PermissionDenied", "NotFound"),
                                   (0o644, "PermissionDenied", "PermissionDenied"), (0o660, None, "NotFound"),
                                   (0o666, None, None)):
            for who, name in ((self.bob, bobs), (self.carol, carols)):
                made = self.promise(self.alice, {"mode": mode})
                if name:
                    for method, params in self.all_calls(made):
                        self.refused(name, method, client=who, **params)
                else:
                    claim = who.call("future.claim", {"id": made})["claim"]
                    self.refused("PermissionDenied", "resolve", client=self.alice, id=made)
                    # root, too, needs the claim
                    self.refused("PermissionDenied", "resolve", id=made)
                    who.call("future.resolve", {"id": made, "claim": claim, "result": b"by another"})
                    result = self.alice.call("future.result", {"id": made})
                    self.assertEqual(result["result"], b"by another")

    def test_a_claim_is_of_no_use_to_those_who_may_not(self):
        made = self.promise(self.alice, {"mode": 0o644})
        claim = self.alice.call("future.claim", {"id": made})["claim"]
        self.refused("PermissionDenied", "resolve", client=self.carol, id=made, claim=claim)

    def test_nobody_is_shown_a_claim(self):
        made = self.promise(self.alice, {"mode": 0o666})
        claim = self.alice.call("future.claim", {"id": made})["claim"]
        shown = [self.get(made), self.carol.call("future.list")]
        self.assertNotIn(claim, str(shown))


if __name__ == "__main__":
    harness.main()
