#!/usr/bin/python3 -B
"""A service in the manner of OpenAI's batches, on loopback.

    POST /v1/batches                 {"input_file_id", "endpoint", "completion_window", "metadata"} -> Batch
    GET  /v1/batches                 limit (1 to 100, default 20), after -> {"data", "first_id", "last_id", "has_more"},
                                     the newest first
    GET  /v1/batches/ID              Batch
    POST /v1/batches/ID/cancel       "cancelling", and "cancelled" some polls later
    GET  /v1/files/ID/content        what a batch has brought, a line for each request

A list is a poll of each batch on its page. A batch (see jobs.py; in a "simulate" in the body) may have:

    "states": [...]                  its status at each poll in turn while it goes on, the last one stays;
                                     default validating, in_progress, finalizing
    "end": "completed"               or failed, expired, cancelled
    "output": "text"                 of the output file; null: there is none. Of a batch that ends cancelled, too
    "error_lines": "text"            of the error file
    "errors": [{code, message, ...}] why it failed
    "total": n                       how many requests it has; "made": of an expired or cancelled one, how many were
    "cancel_polls": n                so many polls say "cancelling"
"""
import dataclasses

import jobs
from exchange import BadRequest, Response
from service import main, route

BATCH = r"/v1/batches/(?P<name>[^/]+)"
ENDS = ("completed", "failed", "expired", "cancelled")
REQUIRED = ("input_file_id", "endpoint", "completion_window")
LIMIT = 20
LIMIT_MAX = 100
LINE = '{"custom_id": "1", "response": {"status_code": 200}}\n'


@dataclasses.dataclass
class Simulate(jobs.Simulate):
    states: list = dataclasses.field(default_factory=lambda: ["validating", "in_progress", "finalizing"])
    end: str = "completed"
    output: str = LINE
    error_lines: str = None
    errors: list = None
    total: int = 4
    made: int = 0
    cancel_polls: int = 1

    def __post_init__(self):
        if self.end not in ENDS:
            raise BadRequest(f"end: {self.end}")


def failure(status, message, code=None):
    kind = {401: "authentication_error", 429: "rate_limit_error"}.get(status, "invalid_request_error")
    return Response.json({"error": {"message": message, "type": kind, "param": None, "code": code}}, status)


class Batch(jobs.Job):
    def __init__(self, name, how):
        super().__init__(name, how)
        self.cancelled_at = None   # polls seen when it was

    @property
    def status(self):
        how = self.how
        if self.cancelled_at is not None:
            return "cancelled" if self.polls > self.cancelled_at + how.cancel_polls else "cancelling"
        return how.end if self.done else how.states[min(max(self.polls - 1, 0), len(how.states) - 1)]

    def counts(self):
        how, status = self.how, self.status
        done = how.total if status == "completed" else how.made
        return {"total": how.total, "completed": done, "failed": 0}

    def json(self):
        how, status = self.how, self.status
        value = {"id": self.name, "object": "batch", "endpoint": "/v1/responses", "status": status,
                 "completion_window": "24h", "input_file_id": "file-in", "errors": None, "output_file_id": None,
                 "error_file_id": None, "created_at": 1700000000, "expires_at": 1700086400, "metadata": None,
                 "request_counts": self.counts()}
        if status == "failed":
            value["errors"] = {"object": "list", "data": how.errors or []}
        elif status in ENDS and how.output is not None:
            value["output_file_id"] = f"file-out-{self.name}"
        if status in ENDS and how.error_lines is not None:
            value["error_file_id"] = f"file-err-{self.name}"
        return value


class OpenAiBatch(jobs.JobService):
    """Simulates the batches of OpenAI."""

    simulate = Simulate
    job = Batch

    def new_name(self):
        return f"batch_{len(self.jobs) + 1:06}"

    def unauthorized(self, request):
        return failure(401, "Incorrect API key provided.", "invalid_api_key")

    def not_found(self, request):
        return failure(404, "No such object.", "not_found")

    def bad_request(self, request, text):
        return failure(400, text)

    def no_batch(self, name):
        return failure(404, f"No batch found with id '{name}'.")

    @route("submit", "POST", "/v1/batches")
    def on_submit(self, request):
        body = request.json()
        for key in REQUIRED:
            if not isinstance(body, dict) or key not in body:
                return failure(400, f"Missing required parameter: '{key}'.", "missing_required_parameter")
        return Response.json(self.submitted(request).json())

    @route("list", "GET", "/v1/batches")
    def on_list(self, request):
        batches = list(reversed(self.jobs.values()))
        limit, after = request.query.get("limit", str(LIMIT)), request.query.get("after")
        if not limit.isdigit() or not 1 <= int(limit) <= LIMIT_MAX:
            raise BadRequest(f"limit: {limit} is not between 1 and {LIMIT_MAX}")
        if after is not None and after not in self.jobs:
            raise BadRequest(f"after: no batch {after}")
        start = 0 if after is None else batches.index(self.jobs[after]) + 1
        page = batches[start:start + int(limit)]
        for batch in page:
            batch.polls += 1
        return Response.json({"object": "list", "data": [batch.json() for batch in page],
                              "first_id": page[0].name if page else None, "last_id": page[-1].name if page else None,
                              "has_more": start + len(page) < len(batches)})

    @route("poll", "GET", BATCH)
    def on_poll(self, request, name):
        batch = self.jobs.get(name)
        if not batch:
            return self.no_batch(name)
        batch.polls += 1
        return Response.json(batch.json())

    @route("cancel", "POST", BATCH + "/cancel")
    def on_cancel(self, request, name):
        batch = self.jobs.get(name)
        if not batch:
            return self.no_batch(name)
        if batch.status in ENDS:
            return failure(409, f"Cannot cancel a batch with status '{batch.status}'.")
        if batch.cancelled_at is None:
            batch.cancelled_at = batch.polls
        return Response.json(batch.json())

    @route("file", "GET", "/v1/files/file-(?P<part>out|err)-(?P<name>[^/]+)/content")
    def on_file(self, request, part, name):
        batch = self.jobs.get(name)
        text = batch and (batch.how.output if part == "out" else batch.how.error_lines)
        if not text or batch.status not in ENDS:
            return failure(404, "No such File object.")
        return Response(200, text.encode(), {"Content-Type": "application/octet-stream"})


if __name__ == "__main__":
    main(OpenAiBatch)
