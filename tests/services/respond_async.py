#!/usr/bin/python3 -B
"""A service that answers "Prefer: respond-async" (RFC 7240), in the manner of FHIR bulk data exports, on loopback.

    GET, POST /fhir/$export       with that preference: 202, Content-Location: the monitor, Preference-Applied. With wait=N
                                  besides: a 200 if it is over within N seconds. Without it, and from a service that ignores
                                  it: the result, as soon as it is there
    GET    /fhir/status/NAME      202, X-Progress, Retry-After; then the result
    DELETE /fhir/status/NAME      202; nobody knows the export after that
    GET    /fhir/results/NAME     what a 303 leads to

How an export behaves (see jobs.py; "simulate" in the body, or the header X-Simulate):

    "style": "fhir"               the monitor's URL is in Content-Location; "plain": in Location
             "see-other"          the end is a 303 to the result
             "status-header"      always a 200, and X-Export-Status says what it would be
             "ignored"            the preference is
    "progress": [...]             X-Progress of each poll in turn, the last one stays
    "retry_after": value          as a number or a text; {"date": seconds} is an HTTP-date that far from now
    "result": JSON                the manifest
    "issue": "processing"         it ends in a 422 with an OperationOutcome of this code
    "transient": n                the first n polls are a 500 with an OperationOutcome that says "transient"
    "pace": seconds               a poll so soon after another is a 429 with Retry-After: 1; the third ends the export
"""
import dataclasses
import email.utils
import re
import time

import jobs
from exchange import BadRequest, Response
from service import main, route

STYLES = ("fhir", "plain", "see-other", "status-header", "ignored")
PATIENCE = 3
LIFETIME = 3600


@dataclasses.dataclass
class Simulate(jobs.Simulate):
    style: str = "fhir"
    progress: list = None
    retry_after: object = None
    result: object = dataclasses.field(default_factory=lambda: {"transactionTime": "2024-01-01T00:00:00Z", "output": []})
    issue: str = None
    transient: int = 0
    pace: float = 0

    def __post_init__(self):
        if self.style not in STYLES:
            raise BadRequest(f"style: {self.style}")


def date_in(seconds):
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


def outcome(status, code, text):
    """What a FHIR service says of a failure."""
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return Response.json({"resourceType": "OperationOutcome", "issue": [issue]}, status,
                         {"Content-Type": "application/fhir+json"})


class Export(jobs.Job):
    def __init__(self, name, how):
        super().__init__(name, how)
        self.last_poll = None
        self.hurries = 0

    def hurried(self, now):
        """Whether this poll came too soon after the one before."""
        before, self.last_poll = self.last_poll, now
        soon = before is not None and now < before + self.how.pace
        self.hurries += soon
        return soon

    def headers(self):
        """Of the answer that it is not over yet."""
        how, headers = self.how, {}
        if how.progress:
            headers["X-Progress"] = how.progress[min(max(self.polls - 1, 0), len(how.progress) - 1)]
        if isinstance(how.retry_after, dict):
            headers["Retry-After"] = date_in(how.retry_after["date"])
        elif how.retry_after is not None:
            headers["Retry-After"] = str(how.retry_after)
        return headers

    def result(self):
        return Response.json(self.how.result, 200, {"Expires": date_in(LIFETIME)})

    def end(self):
        return outcome(422, self.how.issue, "the export went wrong") if self.how.issue else self.result()


class RespondAsync(jobs.JobService):
    """Simulates a service that answers later."""

    simulate = Simulate
    job = Export

    def unauthorized(self, request):
        return outcome(401, "login", "a token is needed")

    def not_found(self, request):
        return outcome(404, "not-found", "there is no such export")

    def bad_request(self, request, text):
        return outcome(400, "invalid", text)

    async def begin(self, request):
        export = self.submitted(request)
        prefer = request.headers.get("prefer", "")
        wait = re.search(r"wait=(\d+)", prefer)
        if "respond-async" not in prefer or export.how.style == "ignored":
            export.completed = True
            return export.end()
        if wait and await self.until(lambda: export.done, int(wait[1])):
            return export.end()
        place = "Location" if export.how.style in ("plain", "see-other") else "Content-Location"
        return Response(202, b"", {place: f"{self.url}/fhir/status/{export.name}", **export.headers(),
                                   "Preference-Applied": "respond-async"})

    @route("submit", "GET", r"/fhir/\$export")
    async def on_get(self, request):
        return await self.begin(request)

    @route("submit", "POST", r"/fhir/\$export")
    async def on_post(self, request):
        return await self.begin(request)

    @route("poll", "GET", r"/fhir/status/(?P<name>[^/]+)")
    def on_poll(self, request, name):
        export = self.jobs.get(name)
        if not export:
            return self.not_found(request)
        if export.hurried(request.at):
            return self.slow_down(export)
        export.polls += 1
        if export.polls <= export.how.transient:
            return outcome(500, "transient", "try again")
        if export.how.style == "status-header":
            return self.with_status_header(export)
        if not export.done:
            return Response(202, b"", export.headers())
        if export.how.style == "see-other":
            return Response(303, b"", {"Location": f"/fhir/results/{name}"})
        return export.end()

    def slow_down(self, export):
        if export.hurries >= PATIENCE:
            self.lose(export.name)
        return Response(429, b"", {"Retry-After": "1"})

    @staticmethod
    def with_status_header(export):
        """The answer in the way of a service that keeps the status of its answer apart from the export's."""
        answer = export.end() if export.done else Response(202, b"", export.headers())
        return Response(200, answer.body, {**answer.headers, "X-Export-Status": str(answer.status)})

    @route("result", "GET", r"/fhir/results/(?P<name>[^/]+)")
    def on_result(self, request, name):
        export = self.jobs.get(name)
        return export.end() if export and export.done else self.not_found(request)

    @route("delete", "DELETE", r"/fhir/status/(?P<name>[^/]+)")
    def on_delete(self, request, name):
        if name not in self.jobs:
            return self.not_found(request)
        self.lose(name)
        return Response(202)


if __name__ == "__main__":
    main(RespondAsync)
