#!/usr/bin/python3 -B
"""A service in the manner of Tinker, on loopback: sessions that live by heartbeats, promises that are polled by POST.

    POST /api/v1/client/config, /api/v1/client/dynamic_config
    POST /api/v1/auth/token             X-API-Key: the key -> {"jwt": "eyJ..."}, which is accepted in place of the key
    POST /api/v1/create_session         -> {"session_id": "session-1"}
    POST /api/v1/session_heartbeat      {"session_id"}; 404 for a session that is over
    POST /api/v1/create_sampling_session    {"session_id"} -> {"sampling_session_id"}
    POST /api/v1/create_model           {"session_id"} -> {"request_id", "model_id"}
    POST /api/v1/forward_backward (any body), optim_step, save_weights, save_weights_for_sampler, load_weights,
         unload_model                   {"model_id", "seq_id"} -> {"request_id"}
    POST /api/v1/asample                {"sampling_session_id", "seq_id"} -> {"request_id"}
    POST /api/v1/retrieve_future        {"request_id", "allow_metadata_only"}, which is held
    GET  /api/v1/sessions/ID/trace_export   pending at first, then {"status": "ready", "url"}; GET /archive/ID

All of it also below /services/tinker-prod. A second submit with the same (model or sampling session, seq_id) gets the first
one's promise. A session is over when no heartbeat came for session_seconds; its promises are unknown then.

A promise (see jobs.py) may have in its "simulate":

    "result": JSON         what it ends in; "result_base64": bytes, answered as application/x-protobuf
    "error": "text", "category": "user"     it ends in this
    "broken": true         it ends in 410
    "large": true          whoever allows it gets complete_metadata before the result
    "evict": seconds       after the first answer with its end it is kept so long, whether anybody has read that or not
    "queue": [...]         queue states of the answers that it is not over, in turn, the last one stays: a word, or
                           {"queue_state", "queue_state_reason"}; null: nothing is said
    "try_again": true      those answers are 200 with a try_again, not 408
    "retry_after_ms": n    in a try_again
    "session": "session-1" whose promise it is

With "polls" nothing is held. Otherwise a poll is held for the service's hold seconds, or until the promise is over.
"""
import base64
import dataclasses
import json
import time

import jobs
from exchange import BadRequest, Response
from service import main, route

BASE = r"(?:/services/tinker-prod)?"
API = BASE + "/api/v1/"
FLAGS = {"parallel_fwdbwd_chunks": True, "fwdbwd_max_chunk_len": 1024, "sample_max_concurrent_requests": 2000,
         "billing_exception_max_pause_duration_sec": 3600}
SUBMITS = "forward_backward|optim_step|save_weights|save_weights_for_sampler|load_weights|unload_model"


@dataclasses.dataclass
class Simulate(jobs.Simulate):
    result: object = dataclasses.field(default_factory=lambda: {"metrics": {"loss:mean": 0.5}})
    result_base64: str = None
    error: str = None
    category: str = "unknown"
    broken: bool = False
    large: bool = False
    evict: float = None
    queue: list = dataclasses.field(default_factory=lambda: [None])
    try_again: bool = False
    retry_after_ms: int = None
    session: str = None


class Promise(jobs.Job):
    evicted_at = None

    def not_yet(self):
        """The answer while it is not over."""
        how = self.how
        state = how.queue[min(self.polls, len(how.queue)) - 1]
        said = {"queue_state": state} if isinstance(state, str) else state or {}
        if not how.try_again:
            return Response.json(said, 408)
        if how.retry_after_ms is not None:
            said = {**said, "retry_after_ms": how.retry_after_ms}
        return Response.json({"type": "try_again", "request_id": self.name, **said})

    def end(self, allow_metadata_only):
        """The answer once it is over."""
        how = self.how
        if how.broken:
            return Response.json({"detail": "Promise is broken"}, 410)
        if how.error is not None:
            return Response.json({"error": how.error, "category": how.category})
        answer = Response.json(how.result)
        if how.result_base64 is not None:
            answer = Response(200, base64.b64decode(how.result_base64), {"Content-Type": "application/x-protobuf"})
        if how.large and allow_metadata_only:
            return Response.json({"status": "complete_metadata", "response_payload_size": len(answer.body)})
        if how.evict is not None and self.evicted_at is None:
            self.evicted_at = time.monotonic() + how.evict
        return answer


def failure(status, detail):
    return Response.json({"detail": detail}, status)


class Tinker(jobs.JobService):
    """Simulates the training and sampling service Tinker."""

    simulate = Simulate
    job = Promise
    hold = 20.0                    # seconds that a poll is held
    session_seconds = 120.0        # that a session lives without a heartbeat
    jwt_seconds = 3600.0

    def clear(self):
        super().clear()
        self.sessions = {}         # id -> when it ends
        self.owners = {}           # model or sampling session -> session
        self.by_seq = {}
        self.jwts = {}             # -> when it expires
        self.minted = 0
        self.exports = {}          # session -> times asked

    def new_name(self):
        return f"promise-{len(self.jobs) + 1}"

    def name_of(self, request):
        key = {"poll": "request_id", "heartbeat": "session_id"}.get(request.kind)
        try:
            return request.json().get(key) if key else None
        except (BadRequest, AttributeError):
            return None

    def authorized(self, request):
        key = request.headers.get("x-api-key")
        return (self.token is None or request.kind == "archive" or key == self.token or
                self.jwts.get(key, 0) > time.monotonic())

    def unauthorized(self, request):
        return failure(401, "Invalid or expired credentials")

    def not_found(self, request):
        return failure(404, "Not Found")

    def alive(self, session):
        return session is None or self.sessions.get(session, 0) > time.monotonic()

    def open_session(self):
        session = f"session-{len(self.sessions) + 1}"
        self.sessions[session] = time.monotonic() + self.session_seconds
        return session

    @route("config", "POST", API + "client/config")
    def on_config(self, request):
        return Response.json({**FLAGS, "pjwt_auth_enabled": self.token is not None})

    @route("config", "POST", API + "client/dynamic_config")
    def on_dynamic_config(self, request):
        return Response.json({"refresh_interval_sec": 300})

    @route("token", "POST", API + "auth/token")
    def on_token(self, request):
        self.minted += 1
        claims = {"exp": int(time.time() + self.jwt_seconds), "jti": self.minted}
        parts = ({"alg": "none"}, claims, {})
        jwt = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
        self.jwts[jwt] = time.monotonic() + self.jwt_seconds
        return Response.json({"jwt": jwt})

    @route("session", "POST", API + "create_session")
    def on_session(self, request):
        request.name = self.open_session()
        self.record(request)
        return Response.json({"type": "create_session", "session_id": request.name})

    @route("heartbeat", "POST", API + "session_heartbeat")
    def on_heartbeat(self, request):
        if request.name not in self.sessions or not self.alive(request.name):
            return failure(404, "Session not found")
        self.sessions[request.name] = time.monotonic() + self.session_seconds
        return Response.json({"type": "session_heartbeat"})

    @route("sampling_session", "POST", API + "create_sampling_session")
    def on_sampling_session(self, request):
        return Response.json({"sampling_session_id": self.own(request, "sampling-session")})

    @route("submit", "POST", API + "create_model")
    def on_model(self, request):
        model = self.own(request, "model")
        promise = self.submitted(request, session=self.owners[model], result={"model_id": model, "type": "create_model"})
        return Response.json({"request_id": promise.name, "model_id": model})

    def own(self, request, what):
        """A new thing of a session."""
        session = request.json().get("session_id")
        if session not in self.sessions or not self.alive(session):
            raise BadRequest(f"no session {session}")
        name = f"{what}-{len(self.owners) + 1}"
        self.owners[name] = session
        return name

    @route("submit", "POST", API + f"(?:{SUBMITS})")
    def on_submit(self, request):
        if request.headers.get("content-type") == "application/x-protobuf":
            return Response.json({"request_id": self.submitted(request).name})
        return self.promise(request, "model_id")

    @route("submit", "POST", API + "asample")
    def on_sample(self, request):
        return self.promise(request, "sampling_session_id")

    def promise(self, request, owner_key):
        body = request.json()
        owner, seq = body.get(owner_key), body.get("seq_id")
        if owner is not None and owner not in self.owners:
            return failure(404, f"{owner} not found")
        if seq is not None and (owner, seq) in self.by_seq:
            request.name = self.by_seq[owner, seq]
            self.record(request)
        else:
            self.submitted(request, **({"session": self.owners[owner]} if owner else {}))
            self.by_seq[owner, seq] = request.name
        return Response.json({"request_id": request.name})

    def find_promise(self, name):
        promise = self.jobs.get(name)
        evicted = promise and promise.evicted_at is not None and time.monotonic() >= promise.evicted_at
        return promise if promise and not evicted and self.alive(promise.how.session) else None

    @route("poll", "POST", API + "retrieve_future")
    async def on_poll(self, request):
        body = request.json()
        promise = self.find_promise(request.name)
        if promise:
            promise.polls += 1
            if promise.how.polls is None:
                await self.until(lambda: promise.done or not self.find_promise(request.name), self.hold)
        if not self.find_promise(request.name):
            return failure(404, f"Promise {request.name} not found")
        return promise.end(body.get("allow_metadata_only")) if promise.done else promise.not_yet()

    @route("trace", "GET", API + "sessions/(?P<name>[^/]+)/trace_export")
    def on_trace(self, request, name):
        self.exports[name] = self.exports.get(name, 0) + 1
        if name not in self.sessions:
            return Response.json({"status": "failed", "error": "Session not found"})
        if self.exports[name] <= 2:
            return Response.json({"status": "pending"})
        return Response.json({"status": "ready", "url": f"{self.url}/archive/{name}"})

    @route("archive", "GET", "/archive/(?P<name>[^/]+)")
    def on_archive(self, request, name):
        return Response.json({"traceEvents": []})

    # For tests written in Python.

    def session(self):
        """A new session's id."""
        return self.call(self.open_session)

    def end_session(self, name):
        """As if no heartbeat had come for long."""
        def end():
            self.sessions[name] = 0
            self.notify()
        self.call(end)

    def expire_jwts(self):
        self.call(self.jwts.clear)


if __name__ == "__main__":
    main(Tinker)
