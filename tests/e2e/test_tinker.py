"""test_tinker.py - promises of Tinker, and all that its service does to those who poll them."""
import base64
import json
import os
import stat

import harness
from services import ONCE, ServiceTest
from tinker import Tinker

# The profile's ladder without chance, in a hurry.
LADDER = {"initial": 0.05, "maximum": 0.2, "multiplier": 2, "jitter": "none"}


class TinkerTest(ServiceTest):
    service_class = Tinker
    profile = "tinker"
    path = "/services/tinker-prod/"
    token = "tml-key"
    id_param = "request_id"

    def promise(self, **simulate):
        """A promise and a future for it; both ids."""
        name = self.service.prepare(**simulate)
        return name, self.create(name)

    def stumble(self, status, times=1, **more):
        self.service.fault({"kind": "poll", "status": status, "times": times, **more})

    def statuses(self):
        return [entry["status"] for entry in self.requests("poll")]


class Polls(TinkerTest):
    def test_408_with_queue_state_active_paused_capacity_paused_rate_limit_active(self):
        states = [{"queue_state": "active"}, {"queue_state": "paused_capacity", "queue_state_reason": "short on capacity"},
                  {"queue_state": "paused_rate_limit"}, {"queue_state": "active"}]
        self.service.fault({"kind": "poll", "hold": True, "times": None})
        name, made = self.promise(polls=5, queue=states, result={"path": "tinker://a"})
        progress = self.progress_of(made)
        for i, state in enumerate(states):
            self.seen(i + 1, "poll", name)
            self.service.release()
            self.assertEqual(progress(), state)
        self.seen(5, "poll", name)
        self.service.release()
        self.assertEqual(self.json_result(made), {"path": "tinker://a"})
        self.assertEqual(self.statuses(), [408] * 4 + [200])
        self.assertEqual(self.rpc.call("server.stats")["retries"], 0)

    def test_a_poll_is_held_until_the_promise_is_over(self):
        name, made = self.promise()
        self.seen(1, "poll", name)
        self.service.complete(name, result={"type": "save_weights", "path": "tinker://b"})
        self.assertEqual(self.json_result(made)["path"], "tinker://b")
        self.assertEqual(self.statuses(), [200])
        self.assertEqual(self.requests("poll")[0]["headers"]["x-tinker-request-iteration"], "1")

    def test_200_try_again_without_queue_state(self):
        made = self.create(self.service.prepare(polls=3, try_again=True), polling=ONCE)
        self.assertEqual(self.json_result(made), {"metrics": {"loss:mean": 0.5}})
        self.assertEqual(self.statuses(), [200] * 3)

    def test_200_try_again_with_retry_after_ms(self):
        name, made = self.promise(polls=3, try_again=True, retry_after_ms=150)
        self.result(made)
        first, second, third = self.times("poll", name)
        self.assertGreaterEqual(min(second - first, third - second), 0.14)

    def test_complete_metadata_then_payload(self):
        name, made = self.promise(polls=0, large=True, result={"path": "tinker://large"})
        self.assertEqual(self.json_result(made), {"path": "tinker://large"})
        self.assertEqual(self.metadata_only(), [True, False])

    def metadata_only(self):
        return [json.loads(entry["body"])["allow_metadata_only"] for entry in self.requests("poll")]

    def test_complete_metadata_survives_the_power_cord(self):
        self.service.fault({"kind": "poll", "skip": 1, "hold": True})
        name, made = self.promise(polls=0, large=True, result={"path": "tinker://large"})
        self.seen(2, "poll", name)
        self.restart()
        self.assertEqual(self.json_result(made), {"path": "tinker://large"})
        self.assertEqual(self.metadata_only(), [True, False, False])

    def test_complete_metadata_again_and_again_is_a_failure(self):
        self.service.fault({"kind": "poll", "times": None, "body": {"status": "complete_metadata",
                                                                    "response_payload_size": 5}})
        name, made = self.promise()
        self.assertIn("does not hand it out", self.fails(made, kind="remote")["message"])
        self.assertEqual(self.count("poll", name), 4)

    def test_200_protobuf(self):
        message = b"\x0a\x02\xff\x00{"
        name = self.service.prepare(polls=0, result_base64=base64.b64encode(message).decode())
        made = self.create(name, params={"accept": "application/x-protobuf"})
        reply = self.rpc.call("future.result", {"id": made})
        self.assertEqual((reply["result"], reply["content_type"]), (message, "application/x-protobuf"))
        self.assertEqual(self.requests("poll")[0]["headers"]["accept"], "application/x-protobuf")

    def test_200_error_category_user(self):
        _, made = self.promise(polls=1, error="the prompt is too long", category="user")
        data = self.fails(made, kind="remote", code="user", message="the prompt is too long")
        self.assertIn(b'"category"', data["details"])

    def test_empty_body_400_once(self):
        self.stumble(400)
        _, made = self.promise(polls=0)
        self.result(made)
        self.assertEqual(self.statuses(), [400, 200])

    def test_bare_400_four_times(self):
        self.stumble(400, times=4, body={"detail": "bad gateway in between"})
        _, made = self.promise(polls=0)
        self.fails(made, kind="remote", http_status=400)
        self.assertEqual(self.statuses(), [400] * 4)

    def test_an_answer_gives_the_400s_back(self):
        bad = {"kind": "poll", "status": 400, "times": 3, "body": {"detail": "noise"}}
        self.service.fault(bad, {**bad, "skip": 1})
        _, made = self.promise(polls=2)
        self.result(made)
        self.assertEqual(self.statuses(), [400] * 3 + [408] + [400] * 3 + [200])

    def test_400_that_says_that_the_request_failed(self):
        self.stumble(400, body={"type": "RequestFailedResponse", "detail": "out of memory"})
        _, made = self.promise(polls=0)
        self.fails(made, kind="remote", message="out of memory")
        self.assertEqual(self.statuses(), [400])

    def test_410(self):
        _, made = self.promise(polls=1, broken=True)
        self.fails(made, kind="lost", http_status=410)

    def test_402_for_n_seconds_then_ok(self):
        self.stumble(402, seconds=0.4)
        name = self.service.prepare(polls=0)
        made = self.create(name, spec={"poll": self.poll_with(402, delay=0.1)})
        self.result(made)
        statuses, times = self.statuses(), self.times("poll", name)
        self.assertEqual((set(statuses[:-1]), statuses[-1]), ({402}, 200))
        self.assertGreaterEqual(min(b - a for a, b in zip(times, times[1:])), 0.09)

    def test_402_for_longer_than_its_budget(self):
        self.stumble(402, times=None)
        name = self.service.prepare(polls=0)
        made = self.create(name, spec={"poll": self.poll_with(402, delay=0.1, budget={"seconds": 0.3})})
        self.fails(made, kind="remote", http_status=402)
        self.assertLessEqual(len(self.statuses()), 6)

    def test_the_profile_waits_an_hour_for_a_bill_to_be_paid(self):
        rule = next(rule for rule in self.from_profile("poll")["rules"] if rule["when"]["status"] == 402)
        self.assertEqual((rule["then"], rule["delay"], rule["budget"]), ("retry", 5, {"seconds": 3600}))

    def test_429_burst_on_retrieve_future(self):
        self.stumble(429, times=4)
        _, made = self.promise(polls=0)
        self.result(made)
        self.assertEqual(self.statuses(), [429] * 4 + [200])

    def test_5xx_storm_is_met_at_a_bounded_rate(self):
        for status in (500, 502, 520):
            self.stumble(status, times=4)
        name = self.service.prepare(polls=0)
        made = self.create(name, retry=LADDER)
        self.result(made)
        times = self.times("poll", name)
        gaps = [b - a for a, b in zip(times, times[1:])]
        self.assertEqual(len(gaps), 12)
        for i, gap in enumerate(gaps):
            self.assertGreater(gap, 0.9 * min(0.05 * 2 ** i, 0.2), gaps)

    def late(self, **simulate):
        """A promise that is over, and whose first answer comes after the client has given up."""
        self.service.fault({"kind": "poll", "effect": True, "hold": True})
        name = self.service.prepare(polls=0, **simulate)
        made = self.create(name, spec={"poll": {**self.from_profile("poll"), "timeout": 0.5}})
        self.seen(1, "poll", name)
        return made

    def test_hold_beyond_the_client_timeout_then_answer_the_dead_socket(self):
        made = self.late(evict=3600)
        self.assertEqual(self.json_result(made), {"metrics": {"loss:mean": 0.5}})
        self.assertEqual(len(self.statuses()), 2)
        self.assertEqual(self.rpc.call("server.stats")["retries"], 0)

    def test_hold_beyond_the_client_timeout_then_answer_the_dead_socket_and_evict(self):
        made = self.late(evict=0)
        self.fails(made, kind="lost", http_status=404)
        self.assertEqual(self.statuses()[1:], [404] * 6)

    def test_404_that_passes(self):
        self.stumble(404, times=3, body={"detail": "not found on this replica"})
        _, made = self.promise(polls=0)
        self.result(made)
        self.assertEqual(self.statuses(), [404] * 3 + [200])


class Submits(TinkerTest):
    def submit(self, operation, body, **more):
        """A creation whose submit is the one that the profile's help describes."""
        request = {"url": "api/v1/" + operation, "json": body, "idempotency": "X-Idempotency-Key",
                   "capture": {"request_id": {"body": "/request_id"}},
                   "rules": [{"when": {"status": 402}, "then": "retry", "delay": 0.1, "budget": {"seconds": 3600}}]}
        return self.create(spec={"submit": {**request, **more}})

    def test_429_burst_on_asample(self):
        self.service.fault({"kind": "submit", "status": 429, "times": 3}, {"kind": "submit", "status": 402})
        made = self.submit("asample", {"seq_id": 1, "num_samples": 1, "simulate": {"polls": 1, "result": {"tokens": [1]}}},
                           headers={"X-Tinker-Sampling-Backpressure": "1"})
        self.assertEqual(self.json_result(made), {"tokens": [1]})
        submits = self.requests("submit")
        self.assertEqual([entry["status"] for entry in submits], [429] * 3 + [402, 200])
        self.assertEqual(len({entry["headers"]["x-idempotency-key"] for entry in submits}), 1)

    def test_an_answer_to_a_submit_that_is_lost(self):
        self.service.fault({"kind": "submit", "effect": True, "reset": True})
        made = self.submit("optim_step", {"seq_id": 7, "simulate": {"polls": 1}})
        self.result(made)
        self.assertEqual(len({entry["name"] for entry in self.requests("submit")} - {None}), 1)


class Heartbeats(TinkerTest):
    def setUp(self):
        super().setUp()
        self.keepalive = {**self.from_profile("keepalive"), "every": 1}

    def beating(self, session, client=None):
        """A promise of that session, and a future for it that keeps it alive."""
        name = self.service.prepare(session=session)
        params = self.creation(name, params={"session": session}, spec={"keepalive": self.keepalive})
        return name, (client or self.rpc).call("future.create", params)["id"]

    def test_heartbeats_keep_promises_alive_when_their_creator_is_gone(self):
        self.service.session_seconds = 2.5
        session = self.service.session()
        with self.client() as creator:
            name, made = self.beating(session, creator)
        self.seen(5, "heartbeat", session)
        self.service.complete(name, result={"path": "tinker://late"})
        self.assertEqual(self.json_result(made), {"path": "tinker://late"})

    def test_one_heartbeat_for_a_session_not_one_for_each_future(self):
        session, other = self.service.session(), self.service.session()
        for _ in range(5):
            self.beating(session)
        self.beating(other)
        self.seen(3, "heartbeat", session)
        self.seen(3, "heartbeat", other)
        times = self.times("heartbeat", session)
        self.assertGreaterEqual(min(b - a for a, b in zip(times, times[1:])), 0.9)

    def test_no_heartbeat_for_what_is_over(self):
        session, other = self.service.session(), self.service.session()
        name, made = self.beating(session)
        self.seen(1, "heartbeat", session)
        self.service.complete(name)
        self.result(made)
        before = self.count("heartbeat", session)
        self.beating(other)
        self.seen(3, "heartbeat", other)
        self.assertLessEqual(self.count("heartbeat", session), before + 1)

    def test_heartbeats_go_on_after_the_power_cord(self):
        session = self.service.session()
        self.beating(session)
        self.seen(1, "heartbeat", session)
        self.restart()
        self.seen(3, "heartbeat", session)

    def test_heartbeat_silence_ends_the_session_and_its_promises_are_404(self):
        self.service.session_seconds, self.service.hold = 1, 0.2
        name = self.service.prepare(session=self.service.session())
        made = self.create(name)
        self.fails(made, kind="lost", http_status=404)
        self.assertEqual(self.count("heartbeat"), 0)
        self.assertIn(408, self.statuses())

    def test_a_session_that_the_service_ended(self):
        session = self.service.session()
        name, made = self.beating(session)
        self.seen(1, "poll", name)
        self.service.end_session(session)
        self.fails(made, kind="lost", http_status=404)


# What gets a JWT for the API key, as the service's own client does.
HELPER = """#!/usr/bin/python3
import json, urllib.request
request = urllib.request.Request(%r, b"{}", {"X-API-Key": %r}, method="POST")
with urllib.request.urlopen(request) as answer:
    print(json.load(answer)["jwt"])
"""


class Jwts(TinkerTest):
    def configure(self):
        path = os.path.join(self.home.path, "tinker-jwt")
        with open(path, "w", encoding="ascii") as file:
            file.write(HELPER % (self.service.url + "/api/v1/auth/token", self.token))
        os.chmod(path, stat.S_IRWXU)
        self.config(f"[credential tinker]\ntype = command\ncommand = {path}\n")

    def test_jwt_expiring_mid_poll(self):
        self.service.hold = 0.2
        name, made = self.promise()
        self.seen(2, "poll", name)
        self.service.expire_jwts()
        self.seen(2, "token")
        self.service.complete(name)
        self.result(made)
        self.assertEqual((self.count("token"), self.statuses().count(401)), (2, 1))
        keys = {entry["headers"]["x-api-key"] for entry in self.requests("poll")}
        self.assertEqual(len(keys), 2)
        self.assertNotIn(self.token, keys)

    def test_one_new_jwt_for_many_promises(self):
        self.service.hold = 0.2
        both = [self.promise() for _ in range(8)]
        for name, _ in both:
            self.seen(1, "poll", name)
        self.service.expire_jwts()
        self.seen(2, "token")
        for name, made in both:
            self.service.complete(name)
            self.result(made)
        self.assertEqual(self.count("token"), 2)


if __name__ == "__main__":
    harness.main()
