"""test_retention.py - what is over is kept: for its time, or as long as it is pinned, within limits."""
import select
import signal
import socket

import harness
from harness import wait_until
from scripts import DONE, PENDING, ScriptTest

KIB = 1024


class Retention(ScriptTest):
    def setUp(self):
        super().setUp()
        self.poll_answers(DONE)

    def ended(self, **more):
        """A future that is over."""
        made = self.begin(self.spec(), **more)
        self.rpc.call("future.wait", {"ids": [made]})
        return made

    def gone(self, some_id):
        def look():
            return self.rpc.call("future.list", {"prefix": some_id})["futures"] == []
        wait_until(look, f"the end of {some_id}")
        self.assert_rpc_error("NotFound", self.rpc.call, "future.get", {"id": some_id})

    def kept(self):
        return [future["id"] for future in self.rpc.call("future.list")["futures"]]

    def limits(self, text):
        """New limits for the daemon that runs."""
        self.config("[limits]\n" + text)
        self.daemon.process.send_signal(signal.SIGHUP)
        self.daemon.wait_for("RELOADING=1")
        self.daemon.wait_for("READY=1")

    def next_forgotten(self, client):
        while True:
            event = client.next_notification()[1][0]
            if event["event"] == "forgotten":
                return event["id"]

    def test_the_end_of_its_time_is_announced(self):
        client = self.client()
        client.call("future.subscribe")
        made = self.ended(ttl=0.3, key="again")
        self.assertEqual(self.next_forgotten(client), made)
        self.assert_rpc_error("NotFound", self.rpc.call, "future.get", {"id": made})
        self.assertTrue(self.rpc.call("future.create", {"spec": self.spec(), "key": "again"})["created"])

    def test_also_when_it_came_while_nobody_was_there(self):
        start = self.client().call("future.subscribe")["seq"]
        made = self.ended(ttl=0.3)
        self.daemon.kill()
        self.daemon.start()
        client = self.client()
        client.call("future.subscribe", {"since": start})
        self.assertEqual(self.next_forgotten(client), made)

    def test_a_pin(self):
        made, other = self.begin(self.spec(), ttl=0.5), self.begin(self.spec(), ttl=0.5)
        self.assertEqual(self.rpc.call("future.pin", {"id": made}), {"pinned": True})
        self.assertEqual(self.rpc.call("future.pin", {"id": made}), {"pinned": True})
        self.gone(other)
        self.restart()
        self.gone(self.ended(ttl=0.3))
        self.assertTrue(self.snapshot(made)["pinned"])
        self.assertEqual(self.json_result(made), [1, 2])
        self.assertEqual(self.rpc.call("future.unpin", {"id": made}), {"pinned": False})
        self.gone(made)

    def test_a_pinned_one_is_forgotten_when_asked(self):
        made = self.ended()
        self.rpc.call("future.pin", {"id": made})
        self.rpc.call("future.forget", {"id": made})
        self.gone(made)
        self.assert_rpc_error("NotFound", self.rpc.call, "future.pin", {"id": made})

    def test_delivered_before_it_goes(self):
        made = self.begin(self.spec(keep_until_delivered=True), ttl=0.2)
        self.rpc.call("future.wait", {"ids": [made]})
        self.gone(self.ended(ttl=0.3))
        self.assertIn(made, self.kept())
        self.assertEqual(self.json_result(made), [1, 2])
        self.gone(made)

    def unread(self, client, some_id):
        """Ask for the result, and leave the answer, which is there, unread."""
        client.send("future.result", {"id": some_id})
        self.assertTrue(select.select([client.socket], [], [], harness.PATIENCE)[0])

    def test_a_reader_that_dies_has_taken_nothing(self):
        """What is on its way to a reader is not delivered yet."""
        made, client = self.begin(self.spec(keep_until_delivered=True), ttl=0.2), self.client()
        self.rpc.call("future.wait", {"ids": [made]})
        self.unread(client, made)
        client.close()
        self.gone(self.ended(ttl=0.3))
        self.assertIn(made, self.kept())
        client = self.client()
        self.unread(client, made)
        self.daemon.kill()
        self.daemon.start()
        self.rpc = self.client(errors="map")
        self.gone(self.ended(ttl=0.3))
        self.assertEqual(self.json_result(made), [1, 2])
        self.gone(made)

    def test_a_reader_that_goes_on_to_nothing_else(self):
        """It is enough to take it from the socket: then to be silent, to stop sending, or to leave."""
        made = [self.begin(self.spec(keep_until_delivered=True), ttl=0) for _ in range(3)]
        self.rpc.call("future.wait", {"ids": made})
        clients = [self.client() for _ in made]
        numbers = [client.send("future.result", {"id": some_id}) for client, some_id in zip(clients, made)]
        clients[1].socket.shutdown(socket.SHUT_WR)
        for client, number in zip(clients, numbers):
            client.reply(number)
        clients[2].close()
        for some_id in made:
            self.gone(some_id)
        clients[1].expect_closed()

    def test_an_error_is_to_be_taken_too(self):
        self.poll_answers({"json": {"state": "failed", "error": {"message": "no"}}})
        made, client = self.begin(self.spec(keep_until_delivered=True), ttl=0.2), self.client()
        self.rpc.call("future.wait", {"ids": [made]})
        self.unread(client, made)
        client.close()
        self.gone(self.ended(ttl=0.3))
        self.assert_rpc_error("Failed", self.result, made)
        self.gone(made)

    def test_by_count(self):
        client = self.client()
        client.call("future.subscribe")
        made = [self.ended() for _ in range(8)]
        self.rpc.call("future.pin", {"id": made[0]})
        self.poll_answers(PENDING)
        live = self.begin(self.spec())
        self.limits("finished_per_uid = 3\n")
        for expected in made[1:5]:
            self.assertEqual(self.next_forgotten(client), expected)
            self.gone(expected)
        self.assertEqual(self.kept(), [made[0], *made[5:], live])
        self.poll_answers(DONE)
        self.result(live)
        self.assertEqual(self.next_forgotten(client), made[5])
        # The next daemon keeps to it, too.
        self.config("[limits]\nfinished_per_uid = 1\n")
        self.restart()
        self.gone(made[7])
        self.assertEqual(self.kept(), [made[0], live])

    def test_room_is_made_without_being_asked_to(self):
        """Of all that a user may have, half is for those that are over: nobody has to clean up to go on."""
        self.limits("futures_per_uid = 6\n")
        made = [self.ended() for _ in range(10)]
        self.gone(made[6])
        self.assertEqual(self.kept(), made[7:])
        self.limits("futures_per_uid = 6\nfinished_per_uid = 6\n")
        made = made[7:] + [self.ended() for _ in range(3)]
        self.assert_rpc_error("LimitExceeded", self.ended)
        self.assertEqual(self.kept(), made)

    def test_by_bytes(self):
        self.limits("results_per_uid = 1M\n")
        self.poll_answers({"json": {"state": "done", "value": "x" * 300 * KIB}})
        made = [self.ended() for _ in range(3)]
        self.assertEqual(self.kept(), made)
        made.append(self.ended())
        self.gone(made[0])
        self.assertEqual(self.kept(), made[1:])
        # One alone that is larger than all that is kept stays, but nothing else does.
        self.poll_answers({"json": {"state": "done", "value": "x" * 1200 * KIB}})
        large = self.ended()
        self.gone(made[3])
        self.assertEqual(self.kept(), [large])
        self.assertEqual(len(self.rpc.call("future.result", {"id": large, "offset": 1024 * KIB})["result"]), 176 * KIB + 2)
        self.poll_answers(DONE)
        last = self.ended()
        self.gone(large)
        self.assertEqual(self.kept(), [last])


if __name__ == "__main__":
    harness.main()
