#!/usr/bin/python3 -B
"""A service in the manner of Tensorlake's applications, on loopback. Below /v1/namespaces/NS/applications/APP:

    POST                            any body -> {"request_id"}, or with "Accept: text/event-stream" its events.
                                    Idempotency-Key becomes the request's id; the second such submit is a 409
    GET    /requests                limit, cursor -> {"requests": [...], "next_cursor"}
    GET    /requests/ID             {"id", "outcome": null | "success" | {"failure": reason}, "function_runs", ...}
    GET    /requests/ID/progress    server-sent events, each an object with one key; RequestFinished is the last
    GET    /requests/ID/output      the result (HEAD too); 204: there is none yet
    DELETE /requests/ID

Errors are plain text. A request (see jobs.py; in the header X-Simulate, as the body is the application's) may have:

    "output": JSON                  the result; "output_base64" and "content_type": bytes
    "failure": "function_error"     it ends in this, and with "request_error": {"function_name", "message"}
    "late_output": n                204 from the first n GETs of /output, though it is over
    "inline": true                  RequestFinished brings the output along
    "events": [...]                 what a stream begins with; default: a whole run of one function
    "stream": "full"                goes on until the end of the request
              "early"               ends after the first events; "cut": in the middle of the connection
              "silent"              comments only, and never an end
              "lie"                 RequestFinished right after the first events
              "missing"             404
    "application": "app"            whose request it is

The service's pause is how many seconds a stream says nothing before it sends a comment.
"""
import asyncio
import base64
import dataclasses
import json
import uuid

import jobs
from exchange import BadRequest, Response, Stream
from service import main, route

APP = r"/v1/namespaces/(?P<namespace>[^/]+)/applications/(?P<application>[^/]+)"
REQUEST = APP + r"/requests/(?P<name>[^/]+)"
RUN = {"id": "run-1", "name": "main"}
BODY_MAX = 10 * 1024 * 1024
STREAMS = ("full", "early", "cut", "silent", "lie", "missing")
EVENTS = [{"RequestStarted": {}}, {"FunctionRunCreated": RUN}, {"AllocationCreated": {"function_run_id": "run-1"}},
          {"RequestProgressUpdated": {"function_name": "main", "message": "half way", "step": 1, "total": 2}},
          {"AllocationCompleted": {"function_run_id": "run-1", "outcome": "success"}},
          {"FunctionRunCompleted": {**RUN, "outcome": "success"}}]


@dataclasses.dataclass
class Simulate(jobs.Simulate):
    output: object = None
    output_base64: str = None
    content_type: str = "application/json"
    failure: str = None
    request_error: dict = None
    late_output: int = 0
    inline: bool = False
    events: list = dataclasses.field(default_factory=lambda: EVENTS)
    stream: str = "full"
    application: str = None

    def __post_init__(self):
        if self.stream not in STREAMS:
            raise BadRequest(f"stream: {self.stream}")


class Run(jobs.Job):
    """One request to an application."""

    def __init__(self, name, how):
        super().__init__(name, how)
        self.told = []             # events of its streams besides the first ones

    def output(self):
        if self.how.output_base64 is not None:
            return base64.b64decode(self.how.output_base64)
        return json.dumps(self.how.output).encode()

    def outcome(self):
        if not self.done:
            return None
        return {"failure": self.how.failure} if self.how.failure else "success"

    def status(self):
        how = self.how
        run = {**RUN, "status": "completed" if self.done else "running", "outcome": self.outcome(), "allocations": []}
        value = {"id": self.name, "outcome": self.outcome(), "application_version": "1", "created_at": 0,
                 "function_runs": [run]}
        if self.done and how.failure:
            value["failure_reason"] = how.failure
            value["request_error"] = how.request_error
        return value

    def finished(self):
        value = {"request_id": self.name, "outcome": self.outcome() or "success", "created_at": 0}
        if self.how.failure is None:
            value["output"] = {"path": "/output", "content_encoding": self.how.content_type}
            if self.how.inline:
                value["output"]["body"] = self.how.output
        return {"RequestFinished": value}


def event(value):
    return b"data: " + json.dumps(value).encode() + b"\n\n"


class Tensorlake(jobs.JobService):
    """Simulates the serverless applications of Tensorlake."""

    simulate = Simulate
    job = Run
    pause = 1.0

    def new_name(self):
        return uuid.uuid4().hex[:21]

    def unauthorized(self, request):
        return Response.text("invalid token", 401)

    def not_found(self, request):
        return Response.text("not found", 404)

    def get(self, name, application):
        run = self.jobs.get(name)
        return run if run and run.how.application in (None, application) else None

    @route("submit", "POST", APP)
    def on_submit(self, request, namespace, application):
        key = request.headers.get("idempotency-key")
        if key is not None and not 1 <= len(key) <= 36:
            return Response.text("Idempotency-Key must have 1 to 36 characters", 400)
        if key in self.jobs:
            return Response.text(f"request {key} already exists", 409)
        if len(request.body) > BODY_MAX:
            return Response.text("the body is too long", 413)
        known = {"application": application, **({"name": key} if key else {})}
        run = self.submitted(request, **known)
        if "text/event-stream" in request.headers.get("accept", ""):
            return Stream.events(self.events(run))
        return Response.json({"request_id": run.name})

    @route("list", "GET", APP + "/requests")
    def on_list(self, request, namespace, application):
        try:
            limit, start = int(request.query.get("limit") or 100), int(request.query.get("cursor") or 0)
        except ValueError:
            raise BadRequest("limit or cursor") from None
        runs = [run for run in self.jobs.values() if run.how.application in (None, application)]
        value = {"requests": [run.status() for run in runs[start:start + limit]]}
        if start + limit < len(runs):
            value["next_cursor"] = str(start + limit)
        return Response.json(value)

    @route("poll", "GET", REQUEST)
    def on_poll(self, request, namespace, application, name):
        run = self.get(name, application)
        if not run:
            return Response.text("request not found", 404)
        run.polls += 1
        return Response.json(run.status())

    @route("progress", "GET", REQUEST + "/progress")
    def on_progress(self, request, namespace, application, name):
        run = self.get(name, application)
        if not run or run.how.stream == "missing":
            return Response.text("request not found", 404)
        return Stream.events(self.events(run))

    async def events(self, run):
        """What a stream consists of."""
        kind = run.how.stream
        while kind == "silent":
            await asyncio.sleep(self.pause)
            yield b": keep-alive\n\n"
        for value in [] if run.done else run.how.events:
            yield event(value)
        if kind == "cut":
            yield None
        if kind == "full":
            async for piece in self.follow(run):
                yield piece
        if kind in ("full", "lie"):
            yield event(run.finished())

    async def follow(self, run):
        """What happens until the request is over."""
        told = 0
        while not run.done:
            if told < len(run.told):
                yield event(run.told[told])
                told += 1
            elif not await self.until(lambda: len(run.told) > told or run.done, self.pause):
                yield b": keep-alive\n\n"

    @route("output", "GET", REQUEST + "/output")
    def on_output(self, request, namespace, application, name):
        run = self.get(name, application)
        if not run:
            return Response.text("request not found", 404)
        if not run.done or run.how.failure or run.how.late_output > 0:
            run.how.late_output -= request.method == "GET" and run.done
            return Response(204)
        return Response(200, run.output(), {"Content-Type": run.how.content_type})

    @route("output", "HEAD", REQUEST + "/output")
    def on_output_head(self, request, namespace, application, name):
        return self.on_output(request, namespace, application, name)

    @route("delete", "DELETE", REQUEST)
    def on_delete(self, request, namespace, application, name):
        if not self.get(name, application):
            return Response.text("request not found", 404)
        self.lose(name)
        return Response(200)

    # For tests written in Python.

    def tell(self, name, value):
        """One more event to those who listen."""
        def tell():
            self.jobs[name].told.append(value)
            self.notify()
        self.call(tell)


if __name__ == "__main__":
    main(Tensorlake)
