"""test_access_matrix.py - every method, for every mode, by the owner, his group, others and root: who may do what."""
import os
import re
import unittest

import harness
import activation
import rpc   # now: later, as another user, its file may be out of reach
from test_access import ALICE, BOB, CAROL, acting_as

MODES = (0o600, 0o640, 0o644, 0o660, 0o666)
# uid, gid, supplementary groups. The owner of all futures is ALICE.
ACTORS = {
    "owner": (*ALICE, ()),
    "group": (*BOB, ()),
    "another group too": (40004, CAROL[1], (ALICE[1],)),
    "other": (*CAROL, ()),
    "root": (0, 0, ()),
}
READ, WRITE = 4, 2
PROMISE = {"kind": "promise"}
RULES = [{"when": {"status": 200}, "then": "success"}]


def permitted(mode, actor):
    """The bits that somebody has on a future of ALICE."""
    if actor in ("owner", "root"):
        return READ | WRITE
    return (mode if actor == "other" else mode >> 3) & (READ | WRITE)


@unittest.skipUnless(os.geteuid() == 0, "only root can act for several users")
class Matrix(harness.DaemonTest):
    """Of each method: what it takes, a future for which it succeeds, and its params."""

    def start_daemon(self):
        activation.listen(self)
        os.chmod(self.home.path, 0o711)
        os.chmod(self.home.socket, 0o666)
        self.clients = {name: self.client_of(*who) for name, who in ACTORS.items()}
        self.alice = self.clients["owner"]

    def client_of(self, uid, gid, groups):
        with acting_as((uid, gid), groups):
            return self.client()

    # --- futures to try it on ---

    def live(self, mode):
        return self.alice.call("future.create", {"spec": PROMISE, "mode": mode, "labels": {"mode": f"{mode:o}"}})["id"]

    def failed(self, mode):
        made = self.live(mode)
        self.alice.call("future.reject", {"id": made})
        return made

    def succeeded(self, mode):
        made = self.live(mode)
        self.alice.call("future.resolve", {"id": made, "result": b"42"})
        return made

    def claimed(self, mode):
        made = self.live(mode)
        self.claim = self.alice.call("future.claim", {"id": made, "lease": 3600})["claim"]
        return made

    # --- the table ---

    def cells(self):
        """method, the bit that it takes, a future, its params."""
        def with_id(**more):
            return lambda made: {"id": made, **more}

        def in_list(made):
            return {"ids": [made]}
        return [
            ("future.get", READ, self.live, with_id()),
            ("future.result", READ, self.succeeded, with_id(timeout=0)),
            ("future.wait", READ, self.succeeded, in_list),
            ("future.subscribe", READ, self.live, in_list),
            ("future.create", READ, self.live, lambda made: {"spec": PROMISE, "after": [made]}),
            ("future.create", READ, self.live, lambda made: {"spec": {"kind": "group", "of": [made]}}),
            ("future.create", READ, self.live, lambda made: {"spec": {
                "poll": {"url": "http://127.0.0.1:1/{result:%s}" % made, "rules": RULES}}}),
            ("future.refresh", WRITE, self.live, with_id()),
            ("future.cancel", WRITE, self.live, with_id()),
            ("future.extend", WRITE, self.live, with_id(timeout=5)),
            ("future.retry", WRITE, self.failed, with_id()),
            ("future.forget", WRITE, self.failed, with_id()),
            ("future.pause", WRITE, self.live, with_id()),
            ("future.pause", WRITE, self.live, in_list),
            ("future.resume", WRITE, self.live, with_id()),
            ("future.resume", WRITE, self.live, in_list),
            ("future.pin", WRITE, self.live, with_id()),
            ("future.unpin", WRITE, self.live, with_id()),
            ("future.claim", WRITE, self.live, with_id()),
            ("future.renew", WRITE, self.claimed, lambda made: {"id": made, "claim": self.claim, "lease": 60}),
            ("future.progress", WRITE, self.live, with_id(progress=1)),
            ("future.progress", WRITE, self.claimed, lambda made: {"id": made, "claim": self.claim, "progress": 1}),
            ("future.resolve", WRITE, self.live, with_id(result=b"1")),
            ("future.resolve", WRITE, self.live, with_id(result=b"1", more=True)),
            ("future.resolve", WRITE, self.claimed, lambda made: {"id": made, "claim": self.claim}),
            ("future.reject", WRITE, self.live, with_id()),
            ("future.reject", WRITE, self.claimed, lambda made: {"id": made, "claim": self.claim}),
        ]

    def outcome(self, client, method, params):
        try:
            client.call(method, params)
        except rpc.RpcError as error:
            return error.name
        return "done"

    def check_row(self, mode, actor):
        may, client = permitted(mode, actor), self.clients[actor]
        for method, bit, make, params in self.cells():
            made = make(mode)
            expected = "done" if may & bit else "PermissionDenied" if may else "NotFound"
            with self.subTest(mode=oct(mode), actor=actor, method=method, params=params(made)):
                self.assertEqual(self.outcome(client, method, params(made)), expected)
                if expected != "done":
                    self.untouched(make, made)

    def untouched(self, make, made):
        """Nothing became of a call that was refused."""
        state = {"live": "pending", "failed": "failed", "succeeded": "succeeded", "claimed": "running"}[make.__name__]
        shot = self.alice.call("future.get", {"id": made})
        self.assertEqual(shot["state"], state)
        self.assertEqual({"paused", "pinned", "progress", "deadline_at_ms"} & shot.keys(), set())

    def check_lists(self, mode, actor):
        """What names no future shows or touches those only that one may see or change."""
        may, client = permitted(mode, actor), self.clients[actor]
        made, labels = self.live(mode), {"mode": f"{mode:o}"}
        shown = [future["id"] for future in client.call("future.list", {"prefix": made})["futures"]]
        self.assertEqual(shown, [made] if may else [])
        since = client.call("server.stats")["seq"]
        watcher = self.client_of(*ACTORS[actor])
        watcher.call("future.subscribe", {"since": since})
        watcher.call("future.subscribe", {"labels": labels})
        self.alice.call("future.progress", {"id": made, "progress": mode})
        last = client.call("future.create", {"spec": PROMISE, "labels": labels})["id"]
        heard = []
        while heard.count(last) < 2:
            heard.append(watcher.next_notification()[1][0]["id"])
        self.assertEqual(heard.count(made), 2 if may else 0)
        client.call("future.cancel", {"id": last})
        client.call("future.pause", {"labels": labels})
        self.assertEqual(self.alice.call("future.get", {"id": made}).get("paused", False), bool(may & WRITE))

    def test_each_cell(self):
        for mode in MODES:
            for actor in ACTORS:
                self.check_row(mode, actor)

    def test_each_list(self):
        for mode in MODES:
            for actor in ACTORS:
                with self.subTest(mode=oct(mode), actor=actor):
                    self.check_lists(mode, actor)

    def test_the_table_has_every_method(self):
        with open(os.path.join(harness.SOURCE, "proto", "PROTOCOL.md"), encoding="utf-8") as file:
            headings = re.findall(r"^### (.*)$", file.read(), re.MULTILINE)
        methods = {name for heading in headings for name in heading.split(", ") if name.startswith("future.")}
        self.assertEqual(methods - {method for method, *_ in self.cells()}, {"future.list", "future.unsubscribe"})


if __name__ == "__main__":
    harness.main()
