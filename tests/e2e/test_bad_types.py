"""test_bad_types.py - every key of every method, with values of every wrong kind: each is refused by its name."""
import os
import re

import harness
from rpc import RpcError

NO_FUTURE = "01900000-0000-7000-8000-000000000001"
PROMISE = {"kind": "promise"}
CLAIM = "0" * 32
NESTED = {"a": [{}]}
NAN, INFINITE = float("nan"), float("inf")

# What is wrong wherever such a value is expected.
NO_NUMBER = ("1", b"1", [], NESTED, True)
WRONG = {
    "id": (7, 1.5, True, [], NESTED, "", "x", "0" * 36, NO_FUTURE + "0", NO_FUTURE[:-1] + "g", bytes(15), bytes(17)),
    "ids": (7, True, NO_FUTURE, NESTED, [7], [NO_FUTURE, "x"], [[NO_FUTURE]], [None], [NO_FUTURE] * 16385),
    "integer": (-1, 1.5, *NO_NUMBER),
    "seconds": (-1, -0.001, 3153600001, NAN, INFINITE, -INFINITE, *NO_NUMBER),
    "text": (7, 1.5, True, [], NESTED, b"\xff", b"\xed\xa0\x80", b"\xc0\x80", "a\0b", "a\0"),
    "bytes": (7, 1.5, True, [], NESTED),
    "document": (7, 1.5, True, [], "", "[1]", "{", "{}x", '{"a":1,"a":2}', b"\xff", {1: 2}, {"a": b"\xff"}, {"a": NAN}),
    "labels": (7, 1.5, True, "x", [], {1: "a"}, {"a": 1}, {"a": None}, {"a": []}, {"": "a"}, {"a": "x" * 257},
               {"x" * 257: "a"}, {"a": b"\xff"}, {"a\0": "b"}, {str(i): "x" for i in range(33)}),
    "boolean": (0, 1, 1.5, "true", [], NESTED),
    "array": (7, True, "x", NESTED, list(range(17)), ["x" * 16384]),
    "word": (7, True, [], "", "nonsense", b"\xff"),
    "json": ("", "{", "[1", "nope", b"\xff", '"' + "x" * 65536 + '"', "x" * 65537, NAN, INFINITE, [b"\xff"], {1: 2}),
}
# Of each method: the keys that it has beside others that it needs. What is in capitals is required.
METHODS = {
    "server.hello": {"client": "text", "errors": "word"},
    "server.stats": {},
    "future.create": {"profile": "text", "params": "document", "spec": "document", "polling": "document",
                      "retry": "document", "key": "text", "labels": "labels", "mode": "integer", "ttl": "seconds",
                      "timeout": "seconds", "after": "ids", "start_at": "integer", "delay": "seconds"},
    "future.get": {"ID": "id"},
    "future.result": {"ID": "id", "timeout": "seconds", "offset": "integer", "length": "integer"},
    "future.wait": {"IDS": "ids", "timeout": "seconds", "return_when": "word"},
    "future.subscribe": {"ids": "ids", "labels": "labels", "since": "integer", "method": "text", "prefix": "array",
                         "wrap": "boolean"},
    "call.cancel": {"CALL": "integer"},
    "future.unsubscribe": {"SUBSCRIPTION": "integer"},
    "future.list": {"state": "word", "profile": "text", "prefix": "text", "labels": "labels", "limit": "integer",
                    "cursor": "word"},
    "future.cancel": {"ID": "id"},
    "future.refresh": {"ID": "id"},
    "future.extend": {"ID": "id", "TIMEOUT": "seconds"},
    "future.pause": {"id": "id", "ids": "ids", "labels": "labels", "origin": "word"},
    "future.resume": {"id": "id", "ids": "ids", "labels": "labels", "origin": "word"},
    "future.pin": {"ID": "id"},
    "future.unpin": {"ID": "id"},
    "future.retry": {"ID": "id"},
    "future.forget": {"ID": "id"},
    "future.claim": {"ID": "id", "lease": "seconds"},
    "future.renew": {"ID": "id", "CLAIM": "text", "LEASE": "seconds"},
    "future.progress": {"ID": "id", "claim": "text", "PROGRESS": "json"},
    "future.resolve": {"ID": "id", "claim": "text", "result": "bytes", "content_type": "text", "offset": "integer",
                       "more": "boolean"},
    "future.reject": {"ID": "id", "claim": "text", "kind": "text", "message": "text", "code": "text",
                      "details": "bytes"},
    "profile.list": {},
    "profile.get": {"NAME": "text"},
    "profile.check": {"profile": "text", "text": "text", "params": "document"},
    "profile.try": {"profile": "text", "text": "text", "params": "document"},
}
# Where a word is over its limit, or a number out of its range.
MORE = {
    ("future.create", "key"): ("", "k" * 257),
    ("future.create", "mode"): (0, 0o777, 0o601, 1 << 32 | 0o600, (1 << 64) - 1),
    ("future.create", "start_at"): ((1 << 63), (1 << 64) - 1),
    ("future.subscribe", "since"): (1 << 63, (1 << 64) - 1),
    ("future.subscribe", "method"): ("", "m" * 257),
    ("future.list", "limit"): (0, 1001, 1 << 32, (1 << 64) - 1),
    ("future.claim", "lease"): (0,),
    ("future.resolve", "content_type"): ("x" * 256,),
    ("future.reject", "kind"): ("", "K", "a b", "x" * 65),
    ("future.reject", "message"): ("x" * 4097,),
    ("future.reject", "code"): ("x" * 257,),
    ("future.reject", "details"): (b"x" * 262145,),
}


class BadTypes(harness.DaemonTest):
    def setUp(self):
        super().setUp()
        self.rpc = self.client()
        self.promise = self.rpc.call("future.create", {"spec": PROMISE})["id"]
        claimed = self.rpc.call("future.create", {"spec": PROMISE})["id"]
        claim = self.rpc.call("future.claim", {"id": claimed})["claim"]
        self.good = {"id": self.promise, "ids": [self.promise], "timeout": 0, "call": 1, "subscription": 1, "name": "tinker",
                     "progress": 1, "lease": 60, "spec": PROMISE}
        self.of_claimed = {"id": claimed, "claim": claim, "lease": 60}

    def needs(self, method):
        """Valid values of what is required."""
        keys = [key.lower() for key in METHODS[method] if key.isupper()]
        if method == "future.create":
            keys = ["spec"]
        if method.startswith("profile.") and method != "profile.get":
            return {"text": '{"kind": "promise"}'} if METHODS[method] else {}
        if method == "future.renew":
            return self.of_claimed
        return {key: self.good[key] for key in keys}

    def refused(self, method, key, params):
        shown = str(params[key])[:40] if key in params else "missing"
        with self.subTest(method=method, key=key, value=shown):
            with self.assertRaises(RpcError) as caught:
                self.rpc.call(method, params)
            self.assertIn(caught.exception.name, ("InvalidArgument", "InvalidSpec", "TooLarge"), caught.exception)
            self.assertRegex(caught.exception.message, rf"\b{key}\b")
            self.assertNotIn("\n", caught.exception.message)

    def test_each_key(self):
        for method, keys in METHODS.items():
            for name, kind in keys.items():
                key = name.lower()
                for value in WRONG[kind] + MORE.get((method, key), ()):
                    self.refused(method, key, {**self.needs(method), key: value})
        # Nothing came of any of it, and the connection is as it was.
        shots = self.rpc.call("future.list")["futures"]
        self.assertEqual([shot["state"] for shot in shots], ["pending", "running"])
        self.assertEqual([shot["id"] for shot in shots], [self.promise, self.of_claimed["id"]])
        for shot in shots:
            self.assertEqual({"paused", "pinned", "progress", "deadline_at_ms", "lease_until_ms"} & shot.keys(), set())

    def test_each_missing_key(self):
        for method, keys in METHODS.items():
            for key in (name.lower() for name in keys if name.isupper()):
                params = self.needs(method)
                self.refused(method, key, {name: value for name, value in params.items() if name != key})
                if keys[key.upper()] != "seconds":
                    self.refused(method, key, {**params, key: None})

    def test_each_unknown_key(self):
        for method in METHODS:
            self.refused(method, "unheard_of", {**self.needs(method), "unheard_of": 1})

    def test_the_table_has_every_method_and_key(self):
        with open(os.path.join(harness.SOURCE, "proto", "message.c"), encoding="utf-8") as file:
            fields = re.findall(r"FIELD\((\w+)_params, (\w+),", file.read())
        known = {key.lower() for keys in METHODS.values() for key in keys}
        self.assertEqual({key for _, key in fields} - known, set())
        with open(os.path.join(harness.SOURCE, "daemon", "ipc", "dispatch.c"), encoding="utf-8") as file:
            methods = re.findall(r'\{ "([a-z]+\.[a-z]+)",', file.read())
        self.assertEqual(set(methods), set(METHODS))


if __name__ == "__main__":
    harness.main()
