"""test_bad_input.py - what is wrong is refused with its name, its place and its cure, and nothing else notices."""
import msgpack

import harness
from canned import Canned, response
from harness import QUICK, wait_until
from rpc import Client, RpcError

DONE = response(b'{"done": true, "response": {"n": 1}}')
RULES = [{"when": {"status": 200, "body": {"/done": True}}, "then": "success", "result": "/response"}]
MEBI = 1 << 20


def spec(base, path="/done", **more):
    return dict({"poll": {"url": base + path, "rules": RULES}, "polling": QUICK, "retry": QUICK}, **more)


def nested(depth):
    return b"\x91" * depth + b"\xc0"


class BadInput(harness.DaemonTest):
    def setUp(self):
        super().setUp()
        self.service = Canned(self.answer)
        self.addCleanup(self.service.stop)
        self.half = response(b'{"done": true, "response": {"n": 1}}')[:-8]
        self.healed = False
        # The witness: a connection that waits for something all the while, and has to be undisturbed.
        self.witness = self.client()
        self.waiting_for = self.witness.call("future.create", {"spec": spec(self.service.base, "/witness")})["id"]
        self.wait = self.witness.send("future.result", {"id": self.waiting_for})

    def tearDown(self):
        self.release = True
        result = self.witness.reply(self.wait)
        self.assertEqual(result["result"], b'{"n": 1}')

    release = False

    def answer(self, path):
        if path == "/witness":
            return DONE if self.release else response(b'{"done": false}')
        if path == "/half":
            return DONE if self.healed else self.half
        return DONE

    # --- bytes ---

    def hostile(self, data, *names):
        """Send data on a connection of its own: the answer is one of these errors, with id 0, and the end."""
        with Client(self.home.socket) as client:
            client.send_bytes(data)
            messages = client.expect_closed()
        self.assertEqual(len(messages), 1, (data[:16], messages))
        kind, number, error, result = messages[0]
        self.assertEqual((kind, number, result), (1, 0, None))
        self.assertIn(error.partition(": ")[0], names, error)
        return error

    def test_not_msgpack(self):
        self.hostile(b"\xc1", "Malformed")
        self.hostile(b"\x94\x00\x01\xc1", "Malformed")

    def test_http_at_the_wrong_door(self):
        with Client(self.home.socket) as client:
            client.send_bytes(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            for _, _, error, _ in client.expect_closed():
                self.assertTrue(error.startswith("Malformed"), error)

    def test_five_bytes_that_claim_four_billion_elements(self):
        before = self.daemon.resident()
        for data in (b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff",
                     b"\xc9\xff\xff\xff\xff\x01", b"\x94\x00\x01\xa1x\xdd\xff\xff\xff\xff"):
            self.hostile(data, "TooLarge", "Malformed")
        self.assertLess(self.daemon.resident() - before, 2 * MEBI)

    def test_too_deep(self):
        error = self.hostile(b"\x94\x00\x01\xa1x" + nested(40), "TooLarge")
        self.assertIn("32", error)

    def test_too_long(self):
        self.hostile(b"\x94\x00\x01\xa1x\x91\xdb\x00\x20\x00\x00", "TooLarge")

    def test_too_many_objects(self):
        self.hostile(b"\x94\x00\x01\xa1x\x91\xdd\x00\x01\x86\xa0" + b"\xc0" * 100000, "TooLarge")

    def test_a_flood_of_it_leaves_the_memory_where_it_was(self):
        bad = (b"\xc1", b"\xdd\xff\xff\xff\xff", nested(64), b"\x94\x00\x01\xa1x\x91\xdb\x00\x20\x00\x00")

        def flood(rounds):
            for i in range(rounds):
                with Client(self.home.socket) as client:
                    client.send_bytes(bad[i % len(bad)])
                    client.expect_closed()
        flood(40)
        before = self.daemon.resident()
        flood(400)
        self.assertLess(self.daemon.resident() - before, (64 if harness.SANITIZED else 2) * MEBI)

    def test_half_a_message_and_gone(self):
        for _ in range(20):
            client = Client(self.home.socket)
            client.send_bytes(msgpack.packb([0, 1, "future.create", [{"spec": "x" * 1000}]])[:500])
            client.close()
        self.assertEqual(self.witness.call("server.stats")["created"], 1)

    def test_dribbled_bytes_are_one_message(self):
        with Client(self.home.socket) as client:
            for byte in msgpack.packb([0, 7, "server.hello", []]):
                client.send_bytes(bytes([byte]))
            self.assertEqual(client.reply(7)["server"], "futured")

    def test_a_gigantic_string_in_small_pieces_is_refused_early(self):
        with Client(self.home.socket) as client:
            client.send_bytes(b"\x94\x00\x01\xa1x\x91\xdb\x7f\xff\xff\xff")
            messages = client.expect_closed()
        self.assertTrue(messages[0][2].startswith("TooLarge"), messages)

    # --- messages ---

    def refused(self, message, name, words=()):
        """The message is answered with that error."""
        with Client(self.home.socket) as client:
            client.send_bytes(msgpack.packb(message))
            error = client.next_reply()[2]
        self.assertEqual(error.partition(": ")[0], name, (message, error))
        for word in words:
            self.assertIn(word, error)

    def test_not_rpc(self):
        for message in (42, "hello", {"method": "server.hello"}, [0], [], [0, 1, "server.hello"],
                        [9, 1, "server.hello", []], ["x", 1, "server.hello", []], [0, "x", "server.hello", []],
                        [0, 1, 2, []], [0, 1, "server.hello", 5], [0, 1, "server.hello", [{}], 5]):
            with self.subTest(message=message):
                self.refused(message, "Malformed")

    def test_params_that_are_not_one_map(self):
        self.refused([0, 1, "future.get", [5]], "InvalidArgument")
        self.refused([0, 1, "future.get", [{}, {}]], "InvalidArgument")

    def test_unknown_method(self):
        self.refused([0, 5, "future.craete", [{}]], "MethodNotFound", ("future.craete", "future.create"))
        self.refused([0, 6, "nvim_get_api_info", []], "MethodNotFound", ("nvim_get_api_info",))

    def test_unknown_notification_is_ignored(self):
        with Client(self.home.socket) as client:
            client.notify("nvim_error_event", {"a": 1})
            self.assertEqual(client.call("server.hello")["protocol"], 1)

    def test_arguments(self):
        some_id = self.waiting_for
        table = [
            ("future.get", {}, "InvalidArgument", ["id"]),
            ("future.get", {"id": 7}, "InvalidArgument", ["id"]),
            ("future.get", {"id": "not-an-id"}, "InvalidArgument", ["id"]),
            ("future.get", {"id": some_id, "ttimeout": 1}, "InvalidArgument", ["ttimeout"]),
            ("future.get", {"id": "01900000-0000-7000-8000-000000000000"}, "NotFound", ["01900000"]),
            ("future.wait", {"ids": [some_id], "timeuot": 1}, "InvalidArgument", ["timeuot", "timeout"]),
            ("future.wait", {"ids": [some_id], "timeout": -1}, "InvalidArgument", ["timeout"]),
            ("future.wait", {"ids": [some_id], "timeout": "soon"}, "InvalidArgument", ["timeout"]),
            ("future.wait", {"ids": [some_id], "return_when": "first"}, "InvalidArgument", ["return_when"]),
            ("future.wait", {"ids": some_id}, "InvalidArgument", ["ids"]),
            ("future.list", {"state": "done"}, "InvalidArgument", ["state"]),
            ("future.list", {"limit": 100000}, "InvalidArgument", ["limit"]),
            ("future.create", {}, "InvalidArgument", ["profile", "spec"]),
            ("future.create", {"spec": spec("http://127.0.0.1:1"), "mode": 0o777}, "InvalidArgument", ["mode"]),
            ("future.create", {"spec": spec("http://127.0.0.1:1"), "ttl": -5}, "InvalidArgument", ["ttl"]),
            ("future.create", {"spec": spec("http://127.0.0.1:1"), "key": "k" * 257}, "InvalidArgument", ["key"]),
            ("future.create", {"spec": spec("http://127.0.0.1:1"), "labels": {"a": 1}}, "InvalidArgument", ["labels"]),
            ("future.extend", {"id": some_id}, "InvalidArgument", ["timeout"]),
            ("future.unsubscribe", {"subscription": 99}, "NotFound", []),
            ("profile.get", {"name": "no-such"}, "NotFound", ["no-such"]),
            ("future.create", {"profile": "gogle-lro", "params": {}}, "NotFound|InvalidSpec", ["gogle-lro"]),
        ]
        client = self.client()
        for method, params, name, words in table:
            with self.subTest(method=method, params=params):
                with self.assertRaises(RpcError) as caught:
                    client.call(method, params)
                self.assertIn(caught.exception.name, name.split("|"), caught.exception)
                for word in words:
                    self.assertIn(word, caught.exception.message)

    def test_a_key_given_twice(self):
        packed = (b"\x94\x00\x09" + msgpack.packb("future.get") + b"\x91\x82" + msgpack.packb("id") +
                  msgpack.packb(self.waiting_for) + msgpack.packb("id") + msgpack.packb(self.waiting_for))
        with Client(self.home.socket) as client:
            client.send_bytes(packed)
            self.assert_rpc_error("InvalidArgument", client.reply, 9, says="id")

    # --- specs ---

    def test_specs(self):
        good = spec("http://127.0.0.1:1")
        poll = good["poll"]
        table = [
            (dict(good, polll={}), ["polll", "poll"]),
            ({"poll": dict(poll, rulez=[])}, ["poll", "rulez", "rules"]),
            ({"poll": dict(poll, rules=[{"when": {"status": 200}, "then": "sucess"}])}, ["sucess", "success"]),
            ({"poll": dict(poll, rules=[{"when": {"body": {"done": True}}, "then": "success"}])},
             ["poll", "rules", "done"]),
            ({"poll": dict(poll, rules=[{"when": {"body": {"/a~2b": True}}, "then": "success"}])}, ["/a~2b"]),
            ({"poll": dict(poll, rules=[{"when": {"statsu": 200}, "then": "success"}])}, ["statsu", "status"]),
            ({"poll": {"rules": RULES}}, ["poll", "url"]),
            ({"kind": "http"}, ["poll"]),
            ({"poll": dict(poll, url="ftp://example.org/x")}, ["url"]),
            ({"poll": dict(poll, url="http://127.0.0.1:1/{missing}")}, ["missing"]),
            (dict(good, polling={"intial": 1}), ["polling", "intial", "initial"]),
            (dict(good, polling={"initial": "soon"}), ["polling", "initial"]),
            (dict(good, retry={"multiplier": 0.5}), ["retry", "multiplier"]),
        ]
        client = self.client()
        for bad, words in table:
            with self.subTest(spec=bad):
                error = self.assert_rpc_error("InvalidSpec", client.call, "future.create", {"spec": bad})
                for word in words:
                    self.assertIn(word, error.message)
        self.assert_rpc_error("InvalidSpec", client.call, "future.create",
                              {"profile": "google-lro", "params": {"nmae": "operations/1"}}, says=("nmae", "name"))
        self.assert_rpc_error("InvalidSpec", client.call, "future.create", {"profile": "google-lro"}, says="name")
        for text in ("{", "[1]", '{"poll": }'):
            with self.assertRaises(RpcError) as caught:
                client.call("future.create", {"spec": text})
            self.assertIn(caught.exception.name, ("InvalidSpec", "InvalidArgument"))

    # --- services ---

    def test_an_unreachable_host(self):
        client = self.client()
        made = client.call("future.create", {"spec": spec("http://127.0.0.1:1")})

        def unreachable():
            snapshot = client.call("future.get", {"id": made["id"]})
            return (snapshot["state"], snapshot.get("condition")) == ("running", "unreachable") and snapshot
        snapshot = wait_until(unreachable, "running, but unreachable")
        self.assertIn("127.0.0.1", snapshot["last_error"])
        self.assertGreater(snapshot["condition_since_ms"], 0)
        self.assert_rpc_error("Timeout", client.call, "future.result", {"id": made["id"], "timeout": 0})

    def test_a_name_that_does_not_resolve(self):
        client = self.client()
        made = client.call("future.create", {"spec": spec("http://no-such-host.invalid")})
        snapshot = wait_until(lambda: [s for s in [client.call("future.get", {"id": made["id"]})]
                                       if s.get("condition") == "unreachable"], "condition: unreachable")[0]
        self.assertIn("no-such-host.invalid", snapshot["last_error"])

    def test_a_half_sent_response_is_asked_for_again(self):
        client = self.client()
        made = client.call("future.create", {"spec": spec(self.service.base, "/half")})
        wait_until(lambda: self.service.requests.count("/half") >= 3, "three tries")
        snapshot = client.call("future.get", {"id": made["id"]})
        self.assertEqual((snapshot["state"], snapshot["condition"]), ("running", "unreachable"))
        self.healed = True
        self.assertEqual(client.call("future.result", {"id": made["id"]})["result"], b'{"n": 1}')
        self.assertNotIn("condition", client.call("future.get", {"id": made["id"]}))

    def test_a_body_that_is_not_json(self):
        client = self.client()
        service = Canned(lambda path: response(b"<html>504</html>"))
        self.addCleanup(service.stop)
        made = client.call("future.create", {"spec": spec(service.base, "/x")})
        wait_until(lambda: len(service.requests) >= 3, "three polls")
        self.assertEqual(client.call("future.get", {"id": made["id"]})["state"], "running")


if __name__ == "__main__":
    harness.main()
