#!/usr/bin/python3 -B
"""A service in the manner of Replicate's predictions, on loopback.

    POST /v1/predictions             {"version", "input"} -> 201, Prediction. "Prefer: wait[=N]" holds it up to N seconds (60),
                                     Cancel-After: 30s ends it by itself: "aborted" if it was starting, else "canceled"
    GET  /v1/predictions             cursor -> {"results", "previous", "next": URL}, the newest first
    GET  /v1/predictions/ID          Prediction
    POST /v1/predictions/ID/cancel   Prediction; it may be "canceled" already

A prediction (see jobs.py; in a "simulate" in the body or in "input") may have:

    "states": [...]                  its status at each poll in turn while it goes on, the last one stays;
                                     default starting, processing
    "end": "succeeded"               or failed, canceled, aborted
    "output": JSON                   what it ends in
    "error": "text"                  why it failed
    "logs": [...]                    what each poll in turn adds to the logs
    "data_removed": true             the output is not there any more
    "cancel_polls": n                it goes on for so many polls after it was cancelled
"""
import dataclasses
import re
import time

import jobs
from exchange import BadRequest, Response
from service import main, route

PREDICTION = r"/v1/predictions/(?P<name>[^/]+)"
ENDS = ("succeeded", "failed", "canceled", "aborted")
UNITS = {"s": 1, "m": 60, "h": 3600}
WAIT_MAX = 60
PAGE = 100


@dataclasses.dataclass
class Simulate(jobs.Simulate):
    states: list = dataclasses.field(default_factory=lambda: ["starting", "processing"])
    end: str = "succeeded"
    output: object = dataclasses.field(default_factory=lambda: ["https://replicate.delivery/out.png"])
    error: str = None
    logs: list = dataclasses.field(default_factory=list)
    data_removed: bool = False
    cancel_polls: int = 0

    def __post_init__(self):
        if self.end not in ENDS:
            raise BadRequest(f"end: {self.end}")


def failure(status, title, detail):
    return Response.json({"title": title, "detail": detail, "status": status}, status)


class Prediction(jobs.Job):
    def __init__(self, name, how):
        super().__init__(name, how)
        self.cancelled_at = None   # polls seen when it was
        self.lifetime = None       # seconds

    @property
    def status(self):
        how = self.how
        if self.done:
            return how.end
        state = how.states[min(max(self.polls - 1, 0), len(how.states) - 1)]
        if self.lifetime is not None and time.monotonic() >= self.created + self.lifetime:
            return "aborted" if state == "starting" else "canceled"
        if self.cancelled_at is not None and self.polls >= self.cancelled_at + how.cancel_polls:
            return "canceled"
        return state

    def json(self, url):
        how, status = self.how, self.status
        removed = how.data_removed and status in ENDS
        there = status == "succeeded" and not removed
        here = f"{url}/v1/predictions/{self.name}"
        return {"id": self.name, "version": "v1", "status": status, "input": {}, "output": how.output if there else None,
                "error": how.error if status == "failed" else None, "logs": "".join(how.logs[:self.polls]),
                "metrics": {"predict_time": 0.5} if there else {}, "data_removed": removed,
                "urls": {"get": here, "cancel": here + "/cancel", "stream": here + "/stream"}}


class Replicate(jobs.JobService):
    """Simulates the predictions of Replicate."""

    simulate = Simulate
    job = Prediction

    def unauthorized(self, request):
        return failure(401, "Unauthenticated", "You did not pass a valid authentication token")

    def not_found(self, request):
        return failure(404, "Not found", "The requested resource could not be found.")

    def bad_request(self, request, text):
        return failure(422, "Input validation failed", text)

    @route("submit", "POST", "/v1/predictions")
    async def on_submit(self, request):
        body = request.json()
        if not isinstance(body, dict) or "input" not in body:
            raise BadRequest("input is required")
        prediction = self.submitted(request)
        lifetime = re.fullmatch(r"(\d+)([smh])", request.headers.get("cancel-after", ""))
        if lifetime:
            prediction.lifetime = int(lifetime[1]) * UNITS[lifetime[2]]
        wait = re.fullmatch(r"wait(?:=(\d+))?", request.headers.get("prefer", ""))
        if wait:
            seconds = min(int(wait[1] or WAIT_MAX), WAIT_MAX)
            await self.until(lambda: prediction.status in ENDS, seconds)
        return Response.json(prediction.json(self.url), 201)

    @route("list", "GET", "/v1/predictions")
    def on_list(self, request):
        start = request.query.get("cursor", "0")
        if not start.isdigit():
            raise BadRequest("cursor")
        start, newest = int(start), list(reversed(self.jobs.values()))
        page = newest[start:start + PAGE]
        for prediction in page:
            prediction.polls += 1
        more = f"{self.url}/v1/predictions?cursor={start + PAGE}" if start + PAGE < len(newest) else None
        return Response.json({"previous": None, "next": more, "results": [each.json(self.url) for each in page]})

    @route("poll", "GET", PREDICTION)
    def on_poll(self, request, name):
        prediction = self.jobs.get(name)
        if not prediction:
            return self.not_found(request)
        prediction.polls += 1
        return Response.json(prediction.json(self.url))

    @route("cancel", "POST", PREDICTION + "/cancel")
    def on_cancel(self, request, name):
        prediction = self.jobs.get(name)
        if not prediction:
            return self.not_found(request)
        if prediction.cancelled_at is None:
            prediction.cancelled_at = prediction.polls
        return Response.json(prediction.json(self.url))


if __name__ == "__main__":
    main(Replicate)
