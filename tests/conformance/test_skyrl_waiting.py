"""test_skyrl_waiting.py - what SkyRL's tests/tinker/test_future_waiting.py asks of waiting, and its pull request 2162.

There the server's store of futures is tested, which waiters share; here the daemon is what they share, and the service is one in the
manner of Tinker. A wait that is over leaves nothing behind, and is a TimeoutError where theirs gives None.
"""
import base64
import json

from conformance import SELDOM, LibraryTest, harness, libfutured
from tinker import Tinker

SAMPLE = {"sequences": [{"stop_reason": "stop", "tokens": [1], "logprobs": [-0.5]}]}
NOBODY = "01900000-0000-7000-8000-000000000000"
MANY = 512


class Waiting(LibraryTest):
    service_class = Tinker
    profile = "tinker"
    path = "/services/tinker-prod/"
    token = "tml-key"
    id_param = "request_id"

    def pending(self, connection=None, **more):
        """A promise of the service, and a future for it that has been asked about."""
        name = self.service.prepare()
        future = self.make(name, connection, **more)
        future.created(harness.PATIENCE)
        self.seen(1, "poll", name)
        return name, future

    def over(self, **simulate):
        return self.make(self.service.prepare(polls=0, **simulate))

    def waits(self):
        return self.rpc.call("server.stats")["waits"]

    def test_resolves_once_the_request_completes(self):
        name, future = self.pending()
        self.assertFalse(future.wait(0.05))
        self.service.complete(name, result=SAMPLE)
        self.assertEqual(future.json(harness.PATIENCE), SAMPLE)

    def test_surfaces_failed_status(self):
        self.ended(libfutured.Failed, self.over(error="boom", category="user"), kind="remote", message="boom",
                   remote_code="user")

    def test_abandoned_request_times_out_and_leaves_no_entry(self):
        """However often one gives up, its connection has one wait for it, which the next handle takes up; and without the
        connection there is none."""
        name, future = self.pending()
        other = self.connect()
        for _ in range(20):
            with other.attach(future.id) as abandoned:
                self.assertRaises(TimeoutError, abandoned.result, 0.01)
        self.assertLessEqual(self.waits(), 2)
        other.close()
        harness.wait_until(lambda: self.waits() <= 1, "the end of the other's")
        self.c.close()
        harness.wait_until(lambda: self.waits() == 0, "the end of all")
        self.service.complete(name, result=SAMPLE)
        self.assertEqual(self.connect().attach(future.id).json(harness.PATIENCE), SAMPLE)

    def test_one_waiter_giving_up_does_not_strand_the_others(self):
        name, future = self.pending()
        quick, patient = self.connect(), self.connect()
        waiting = patient.attach(future.id)
        self.assertFalse(waiting.wait(0))
        giving_up = quick.attach(future.id)
        self.assertRaises(TimeoutError, giving_up.result, 0.05)
        quick.close()
        self.service.complete(name, result={"metrics": {"loss": 1.5}})
        self.assertEqual(waiting.json(harness.PATIENCE), {"metrics": {"loss": 1.5}})

    def test_query_count_does_not_scale_with_waiters(self):
        """Not one request more for 50 connections that wait, than for nobody."""
        self.service.fault({"kind": "poll", "status": 503})
        name = self.service.prepare()
        future = self.make(name, retry=SELDOM).created(harness.PATIENCE)
        harness.wait_until(lambda: "last_error" in self.snapshot(future.id), "the only poll for an hour")
        waiting = [self.connect().attach(future.id) for _ in range(50)]
        harness.wait_until(lambda: not any(one.wait(0) for one in waiting) and self.waits() >= 50, "all of them wait")
        self.assertEqual(self.count("poll"), 1)
        self.service.complete(name, result=SAMPLE)
        future.refresh()
        for one in waiting:
            self.assertEqual(one.json(harness.PATIENCE), SAMPLE)
        self.assertEqual(self.count("poll"), 2)

    def unknown(self, wait):
        with self.assertRaises(libfutured.Error) as caught:
            wait(self.c.attach(NOBODY))
        self.assertEqual(caught.exception.name, "NotFound")

    def test_wait_raises_for_unknown_request(self):
        """At once, and not after the timeout."""
        self.unknown(lambda future: future.result(harness.PATIENCE))

    def test_retrieve_future_404s_for_unknown_request(self):
        self.unknown(lambda future: future.result(harness.PATIENCE))
        # one that is not known to the service is another matter: it may have been lost on the way there
        self.service.fault({"kind": "poll", "status": 404, "times": None})
        future = self.make("gone", retry={"initial": 0.01, "maximum": 0.01})
        self.ended(libfutured.Failed, future, kind="lost", http_status=404)
        self.assertEqual(self.count("poll"), 6)

    def test_retrieve_future_returns_completed_result(self):
        """The service's own bytes, not what is made of them."""
        text = b'{"b" : 1.0, "a":[ ]}\n'
        self.service.fault({"kind": "poll", "body": text.decode(), "headers": {"Content-Type": "application/json"}})
        future = self.over()
        self.assertEqual((future.result(harness.PATIENCE), future.content_type), (text, "application/json"))

    def test_retrieve_future_400s_with_the_stored_error(self):
        """Stored: who comes later gets it as well, and the service is not asked again."""
        error = self.ended(libfutured.Failed, future := self.over(error="boom"), message="boom")
        late = self.ended(libfutured.Failed, self.connect().attach(future.id), message="boom")
        self.assertEqual((late.details, late.remote_code), (error.details, "unknown"))
        self.assertEqual(json.loads(late.details)["error"], "boom")
        self.assertEqual(self.count("poll"), 1)

    def test_retrieve_future_serves_proto_when_accepted(self):
        message = b"\x0a\x04\x00\xff\x01{"
        name = self.service.prepare(polls=0, result_base64=base64.b64encode(message).decode())
        future = self.make(name, params={"accept": "application/x-protobuf, application/json"})
        self.assertEqual((future.result(harness.PATIENCE), future.content_type), (message, "application/x-protobuf"))

    def test_in_memory_future_store_completes_without_database(self):
        """Two creations of one operation are one future, and a wait for it that began before is over with it. What we say of
        it is in the database, though: so it is still said after the power cord."""
        name, future = self.pending(key="model_a/7")
        again = self.make(name, self.connect(), key="model_a/7")
        self.assertEqual((again.created().id, again.is_new(), future.is_new()), (future.id, 0, 1))
        self.service.complete(name, result=SAMPLE)
        self.assertEqual((future.json(harness.PATIENCE), again.json(harness.PATIENCE)), (SAMPLE, SAMPLE))
        self.restart()
        self.assertEqual(self.connect().attach(future.id).json(harness.PATIENCE), SAMPLE)
        self.assertEqual(self.count("poll"), 1)

    def test_in_memory_future_store_expires_completed_requests(self):
        """Kept for the ttl after its end, then forgotten; a handle that has the result keeps it."""
        name, future = self.pending(ttl=0.01)
        harness.wait_until(lambda: not future.wait(0) and self.waits(), "it waits")
        self.service.complete(name, result=SAMPLE)
        self.assertEqual(future.json(harness.PATIENCE), SAMPLE)
        harness.wait_until(lambda: self.rpc.call("future.list")["futures"] == [], "forgotten")
        with self.assertRaises(libfutured.Error) as caught:
            self.c.attach(future.id).result(harness.PATIENCE)
        self.assertEqual((caught.exception.name, future.json()), ("NotFound", SAMPLE))

    def test_in_memory_future_store_handles_512_concurrent_results(self):
        names = [self.service.prepare() for _ in range(MANY)]
        futures = [self.make(name, polling={"initial": 0.01}) for name in names]
        self.assertFalse(self.c.wait(futures, timeout=0))
        for i, name in enumerate(names):
            self.service.complete(name, result=i)
        self.assertTrue(self.c.wait(futures, timeout=harness.PATIENCE))
        self.assertEqual([future.json() for future in futures], list(range(MANY)))

    def test_retrieve_future_lost_response(self):
        """Pull request 2162: the answer with the end is lost on its way, and the server has seen it delivered."""
        self.service.fault({"kind": "poll", "effect": True, "reset": True})
        future = self.over(result=SAMPLE, evict=harness.PATIENCE)
        self.assertEqual((future.json(harness.PATIENCE), self.count("poll")), (SAMPLE, 2))

    def test_retrieve_future_lost_response_and_result(self):
        """And if it forgets the result at once: it is lost, and says so; nobody waits for ever."""
        self.service.fault({"kind": "poll", "effect": True, "reset": True})
        future = self.make(self.service.prepare(polls=0, evict=0), retry={"initial": 0.01, "maximum": 0.01})
        self.ended(libfutured.Failed, future, kind="lost", http_status=404)


if __name__ == "__main__":
    harness.main()
