"""stage.py - the simulated service of the soak: each submit says in its body how its job goes, and how often it goes wrong.

    POST   /submit/NAME      {"polls", "value" or "error", "throttle", "stumble", "drop"} -> {"job": NAME}
    GET    /poll/NAME        {"state": "working", "step": n}, and in the end "done" with "value", "failed" with "error", or "cancelled"
    GET    /stream/NAME      server-sent events of the same, while it works
    POST   /cancel/NAME      it ends cancelled
    DELETE /ack/NAME         it is forgotten here
    GET    /_control/seen/NAME   how often each of these was sent, and with how many idempotency values
"""
import asyncio
import json

from exchange import Response, Stream
from service import Service, route

NAME = "/(?P<name>[^/]+)"
STEP = 0.1           # seconds between two events


class Job:
    def __init__(self, script):
        self.polls, self.value, self.error = script.get("polls", 1), script.get("value"), script.get("error")
        self.throttle, self.stumble, self.drop = (script.get(word, 0) for word in ("throttle", "stumble", "drop"))
        self.asked = 0
        self.cancelled = False

    def json(self):
        if self.cancelled:
            return {"state": "cancelled"}
        if self.polls is None or self.asked < self.polls:
            return {"state": "working", "step": self.asked}
        if self.error:
            return {"state": "failed", "error": self.error}
        return {"state": "done", "value": self.value}


class Stage(Service):
    """Jobs by scripts."""

    def clear(self):
        self.jobs = {}
        self.values = {}           # name -> idempotency values

    @route("submit", "POST", "/submit" + NAME)
    def on_submit(self, request, name):
        values = self.values.setdefault(name, set())
        values.add(request.headers.get("x-key"))
        job = self.jobs.get(name)
        if not job:
            job = self.jobs[name] = Job(request.json())
        if job.drop > 0:
            job.drop -= 1
            raise ConnectionResetError("it was done, and nobody hears of it")
        return Response.json({"job": name})

    @route("poll", "GET", "/poll" + NAME)
    def on_poll(self, request, name):
        job = self.jobs.get(name)
        if not job:
            return Response(404)
        if job.throttle > 0:
            job.throttle -= 1
            return Response(429, headers={"Retry-After": "0.3"})
        if job.stumble > 0:
            job.stumble -= 1
            return Response(503)
        job.asked += 1
        return Response.json(job.json())

    @route("stream", "GET", "/stream" + NAME)
    def on_stream(self, request, name):
        async def pieces():
            while (job := self.jobs.get(name)) and job.json()["state"] == "working":
                yield f"data: {json.dumps(job.json())}\n\n".encode()
                await asyncio.sleep(STEP)
        return Stream.events(pieces())

    @route("cancel", "POST", "/cancel" + NAME)
    def on_cancel(self, request, name):
        if name in self.jobs:
            self.jobs[name].cancelled = True
        return Response.json({})

    @route("ack", "DELETE", "/ack" + NAME)
    def on_ack(self, request, name):
        self.jobs.pop(name, None)
        return Response(204)

    @route("control", "GET", "/_control/seen" + NAME)
    def on_seen(self, request, name):
        seen = {kind: len(times) for kind, times in self.times.get(name, {}).items()}
        return Response.json({**seen, "values": len(self.values.get(name, ()))})
