"""test_lifecycle.py - one future from its creation to its end, in all the ways there are."""
import harness
from harness import QUICK, wait_until
from operations import OperationsTest

# Bytes that no re-serialisation would give back: spaces, escapes, big and precise numbers, the order of keys.
ODD = b'{ "z":1,\n\t"a" : "\\u00e9\\/", "n":9007199254740993, "f":1.10, "e":[ ] , "big":123456789012345678901234567890}'


class Lifecycle(OperationsTest):
    def test_a_result_is_the_exact_bytes(self):
        self.google.add("operations/odd", polls=3, response=ODD)
        made = self.rpc.call("future.create", self.creation("operations/odd"))
        self.assertTrue(made["created"])
        self.assertIn(made["state"], ("pending", "running"))
        reply = self.rpc.call("future.result", {"id": made["id"]})
        self.assertEqual(reply["result"], ODD)
        self.assertEqual((reply["state"], reply["offset"], reply["size"]), ("succeeded", 0, len(ODD)))
        self.assertTrue(reply["content_type"].startswith("application/json"))
        snapshot = self.snapshot(made["id"])
        self.assertEqual((snapshot["state"], snapshot["profile"], snapshot["result_size"]),
                         ("succeeded", "google-lro", len(ODD)))
        self.assertGreaterEqual(snapshot["finished_at_ms"], snapshot["created_at_ms"])
        self.assertEqual(snapshot["requests"], 4)

    def test_a_result_survives_the_power_cord(self):
        self.google.add("operations/odd", polls=1, response=ODD)
        made = self.create("operations/odd")
        self.assertEqual(self.result(made), ODD)
        self.daemon.kill()
        self.daemon.start()
        requests = self.google.polled()
        self.rpc = self.client(errors="map")
        self.assertEqual(self.result(made, 0), ODD)
        self.assertEqual(self.google.polled(), requests, "asked the service again for what was over")

    def test_a_large_result_in_pieces(self):
        large = b'{"blob": "' + b"0123456789abcdef" * 90000 + b'"}'
        self.google.add("operations/large", polls=0, response=large)
        made = self.create("operations/large")
        pieces, offset = [], 0
        while True:
            reply = self.rpc.call("future.result", {"id": made, "offset": offset})
            pieces.append(reply["result"])
            offset += len(reply["result"])
            if offset == reply["size"]:
                break
            self.assertGreater(len(reply["result"]), 0)
        self.assertEqual(b"".join(pieces), large)
        part = self.rpc.call("future.result", {"id": made, "offset": 5, "length": 7})
        self.assertEqual((part["result"], part["size"]), (large[5:12], len(large)))
        self.assertEqual(self.rpc.call("future.result", {"id": made, "length": 0}).get("result", b""), b"")

    def test_a_failed_operation(self):
        self.google.add("operations/bad", polls=1, error={"code": 8, "message": "no more quota", "details": [{"a": 1}]})
        made = self.create("operations/bad")
        data = self.fails(made, kind="remote", message="no more quota")
        self.assertEqual(str(data["code"]), "8")
        self.assertIn(b'"a"', data["details"])
        self.assertEqual(self.snapshot(made)["error"]["message"], "no more quota")
        plain = self.client()
        self.assert_rpc_error("Failed", plain.call, "future.result", {"id": made}, says="no more quota")

    def test_an_operation_that_the_service_does_not_know(self):
        made = self.create("operations/nowhere")
        self.fails(made, kind="lost", http_status=404)

    def test_an_operation_cancelled_at_the_service(self):
        self.google.add("operations/stopped", polls=1, error={"code": 1, "message": "stopped by an operator"})
        made = self.create("operations/stopped")
        self.assert_rpc_error("Cancelled", self.result, made)
        self.assertEqual(self.snapshot(made)["state"], "cancelled")

    def test_progress_is_shown(self):
        self.google.add("operations/slow", polls=None, metadata={"percent": 40})
        made = self.create("operations/slow")
        snapshot = wait_until(lambda: [s for s in [self.snapshot(made)] if "progress" in s], "progress")[0]
        self.assertIn('"percent"', snapshot["progress"])
        wait_until(lambda: self.snapshot(made)["state"] == "running", "running")

    def test_a_key_stands_for_one_future(self):
        self.google.add("operations/once", polls=2, response=b'{"n": 1}')
        self.google.add("operations/other", polls=2, response=b'{"n": 2}')
        first = self.rpc.call("future.create", self.creation("operations/once", key="nightly"))
        second = self.client().call("future.create", self.creation("operations/once", key="nightly"))
        self.assertEqual((second["id"], first["created"], second["created"]), (first["id"], True, False))
        self.assert_rpc_error("KeyConflict", self.rpc.call, "future.create",
                              self.creation("operations/other", key="nightly"),
                              says=("nightly", first["id"], "differ in params.name"))
        self.result(first["id"])
        third = self.rpc.call("future.create", self.creation("operations/once", key="nightly"))
        self.assertEqual((third["id"], third["state"], third["created"]), (first["id"], "succeeded", False))
        self.rpc.call("future.forget", {"id": first["id"]})
        fourth = self.rpc.call("future.create", self.creation("operations/other", key="nightly"))
        self.assertTrue(fourth["created"])

    def test_a_request_is_the_same_however_it_is_written(self):
        spec = {"kind": "promise", "ttl": 60, "on_abandon": "fail"}
        made = self.rpc.call("future.create", {"spec": spec, "key": "k"})["id"]
        for same in ({"spec": dict(reversed(spec.items()))}, {"spec": '{"on_abandon": "fail", "ttl": 60,  "kind":"promise"}'},
                     {"spec": spec, "params": {}}, {"spec": spec, "params": "{}", "after": []},
                     {"spec": spec, "mode": 0o666, "labels": {"a": "b"}, "ttl": None, "timeout": 5}):
            reply = self.rpc.call("future.create", {**same, "key": "k"})
            self.assertEqual(reply, {"id": made, "state": "pending", "created": False})
        shot = self.snapshot(made)
        self.assertEqual((shot["mode"], "labels" in shot, "deadline_at_ms" in shot), (0o600, False, False))
        for other, where in (({"spec": {**spec, "ttl": 61}}, "spec.ttl"), ({"spec": spec, "delay": 0}, "delay"),
                             ({"spec": spec, "start_at": 1}, "start_at"), ({"spec": spec, "after": [made]}, "after"),
                             ({"spec": {"kind": "promise", "x": 1}}, "")):
            self.assert_rpc_error("KeyConflict" if where else "InvalidSpec", self.rpc.call, "future.create",
                                  {**other, "key": "k"}, says=where)

    def test_a_key_holds_across_the_power_cord(self):
        self.google.add("operations/once", polls=None)
        made = self.create("operations/once", key="nightly")
        self.daemon.kill()
        self.daemon.start()
        again = self.client().call("future.create", self.creation("operations/once", key="nightly"))
        self.assertEqual((again["id"], again["created"]), (made, False))

    def test_labels_and_list(self):
        made = []
        for i in range(7):
            self.google.add(f"operations/{i}", polls=None if i % 2 else 0, response=b"{}")
            made.append(self.create(f"operations/{i}", labels={"run": "a" if i < 4 else "b", "n": str(i)}))
        for some_id in made[::2]:
            self.result(some_id)

        def listed(**filters):
            return [future["id"] for future in self.rpc.call("future.list", filters)["futures"]]
        self.assertEqual(listed(), made)
        self.assertEqual(listed(labels={"run": "b"}), made[4:])
        self.assertEqual(listed(labels={"run": "b", "n": "5"}), [made[5]])
        self.assertEqual(listed(state="succeeded"), made[::2])
        self.assertEqual(listed(state="running"), made[1::2])
        self.assertEqual(listed(profile="google-lro", limit=2), made[:2])
        self.assertEqual(listed(profile="none"), [])
        self.assertEqual(listed(prefix=made[3]), [made[3]])
        pages, cursor = [], None
        while True:
            page = self.rpc.call("future.list", {"limit": 3, **({"cursor": cursor} if cursor else {})})
            pages.append([future["id"] for future in page["futures"]])
            cursor = page.get("cursor")
            if not cursor:
                break
        self.assertEqual(pages, [made[0:3], made[3:6], made[6:]])
        self.assertEqual(self.snapshot(made[5])["labels"], {"run": "b", "n": "5"})

    def test_a_deadline(self):
        self.google.add("operations/never", polls=None)
        self.fails(self.create("operations/never", timeout=0.3), kind="deadline")

    def test_extend_moves_the_deadline(self):
        self.google.add("operations/late", polls=None)
        made = self.create("operations/late", timeout=3600)
        before = self.snapshot(made)["deadline_at_ms"]
        reply = self.rpc.call("future.extend", {"id": made, "timeout": 7200})
        self.assertGreater(reply["deadline_at_ms"], before)
        self.assertEqual(self.rpc.call("future.extend", {"id": made, "timeout": None}), {})
        self.assertNotIn("deadline_at_ms", self.snapshot(made))
        self.rpc.call("future.extend", {"id": made, "timeout": 0.1})
        self.fails(made, kind="deadline")
        self.assert_rpc_error("InvalidState", self.rpc.call, "future.extend", {"id": made, "timeout": 5})

    def test_retry_takes_the_operation_up_again(self):
        self.google.add("operations/late", polls=None)
        made = self.create("operations/late", timeout=0.2, labels={"run": "a"})
        self.fails(made, kind="deadline")
        self.google.end("operations/late", response=b'{"n": 5}')
        again = self.rpc.call("future.retry", {"id": made})
        self.assertNotEqual(again["id"], made)
        self.assertEqual(self.result(again["id"]), b'{"n": 5}')
        self.assertEqual(self.snapshot(made)["state"], "failed")
        self.assertEqual(self.snapshot(again["id"])["labels"], {"run": "a"})
        self.assert_rpc_error("InvalidState", self.rpc.call, "future.retry", {"id": again["id"]})

    def test_refresh_polls_now(self):
        self.google.add("operations/idle", polls=None)
        made = self.create("operations/idle", polling={"initial": 3600, "maximum": 3600, "jitter": "none"})
        wait_until(lambda: self.snapshot(made).get("requests") == 1, "the answer to the first poll")
        self.google.end("operations/idle", response=b'{"n": 6}')
        self.rpc.call("future.refresh", {"id": made})
        self.assertEqual(self.result(made), b'{"n": 6}')
        self.assertEqual(self.google.polled("operations/idle"), 2)

    def test_forget(self):
        self.google.add("operations/done", polls=0, response=b"{}")
        self.google.add("operations/live", polls=None)
        done, live = self.create("operations/done"), self.create("operations/live")
        self.result(done)
        self.assertEqual(self.rpc.call("future.forget", {"id": done}), {})
        self.assert_rpc_error("NotFound", self.rpc.call, "future.get", {"id": done})
        self.assert_rpc_error("InvalidState", self.rpc.call, "future.forget", {"id": live})
        self.daemon.kill()
        self.daemon.start()
        self.rpc = self.client(errors="map")
        self.assert_rpc_error("NotFound", self.rpc.call, "future.get", {"id": done})
        self.assertEqual(self.snapshot(live)["id"], live)

    def test_ttl(self):
        self.google.add("operations/brief", polls=0, response=b"{}")
        made = self.create("operations/brief", ttl=0.3)
        events = self.client()
        events.call("future.subscribe", {"ids": [made], "since": 0})
        while events.next_notification()[1][0]["event"] != "forgotten":
            pass
        self.assert_rpc_error("NotFound", self.rpc.call, "future.get", {"id": made})

    def test_a_retry_policy_that_gives_up(self):
        self.google.add("operations/down", polls=1, response=b"{}")
        self.google.stumble("operations/down", [503] * 1000)
        made = self.create("operations/down", retry=dict(QUICK, timeout=0.4))
        self.assertIn("503", self.fails(made, kind="retry_exhausted")["message"])

    def test_stats(self):
        self.google.add("operations/one", polls=0, response=b"{}")
        self.result(self.create("operations/one"))
        stats = self.rpc.call("server.stats")
        self.assertEqual(stats["futures"]["succeeded"], 1)
        self.assertEqual((stats["created"], stats["completed"]), (1, 1))
        self.assertEqual(stats["requests"], self.google.polled())
        self.assertFalse(stats["disk_full"])

    def test_profiles(self):
        names = [profile["name"] for profile in self.rpc.call("profile.list")["profiles"]]
        self.assertIn("google-lro", names)
        self.assertIn('"poll"', self.rpc.call("profile.get", {"name": "google-lro"})["text"])


if __name__ == "__main__":
    harness.main()
