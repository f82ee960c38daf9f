#!/usr/bin/python3 -B
"""A Kubernetes API server with Jobs, on loopback. Below /apis/batch/v1/namespaces/NS/jobs:

    POST                 {"metadata": {"name"}, "spec"} -> 201, Job; 409 if there is one of that name
    GET                  limit, continue -> {"kind": "JobList", "metadata": {"continue", "remainingItemCount"}, "items"}
    GET    /NAME         Job
    DELETE /NAME         200; with propagationPolicy=Foreground it stays, with a deletionTimestamp, until it is told to go

Errors are Status objects. A list is a poll of each Job on its page. A Job (see jobs.py; in a "simulate" in the body) may have:

    "conditions": [[...], ...]   types of the conditions that are "True" at each poll in turn while it goes on, the last
                                 list stays; default none (the key is not there then)
    "end": "Complete"            or Failed, which brings FailureTarget along
    "reason", "message"          of that condition
    "namespace": "default"       whose Job it is
    "ttl": n                     404 from the n-th poll after the first that said that it is over

    The service's list_seconds is how long a continue token is good for; after that it is a 410.
"""
import base64
import dataclasses
import time

import jobs
from exchange import BadRequest, Response
from service import main, route

JOBS = r"/apis/batch/v1/namespaces/(?P<namespace>[^/]+)/jobs"
JOB = JOBS + r"/(?P<name>[^/]+)"
REASONS = {400: "BadRequest", 401: "Unauthorized", 404: "NotFound", 409: "AlreadyExists", 410: "Expired"}
LIMIT_MAX = 500
BEFORE = {"Complete": "SuccessCriteriaMet", "Failed": "FailureTarget"}


@dataclasses.dataclass
class Simulate(jobs.Simulate):
    conditions: list = dataclasses.field(default_factory=list)
    end: str = "Complete"
    reason: str = None
    message: str = None
    namespace: str = "default"
    ttl: int = None

    def __post_init__(self):
        if self.end not in BEFORE:
            raise BadRequest(f"end: {self.end}")


def failure(status, message):
    return Response.json({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
                          "reason": REASONS[status], "code": status}, status)


class Job(jobs.Job):
    def __init__(self, name, how):
        super().__init__(name, how)
        self.polls_done = 0
        self.deleted = False

    def poll(self):
        """Count a look at it. False: it is not there any more."""
        self.polls += 1
        self.polls_done += self.done
        return self.how.ttl is None or self.polls_done <= self.how.ttl

    def conditions(self):
        """A list of conditions, some of which do not hold."""
        how = self.how
        steps = how.conditions or [[]]
        held = [{"type": kind, "status": "True"} for kind in steps[min(max(self.polls - 1, 0), len(steps) - 1)]]
        if not self.done:
            return held
        end = {"type": how.end, "status": "True", "reason": how.reason or "CompletionsReached",
               "message": how.message or "Reached expected number of succeeded pods"}
        other = "Complete" if how.end == "Failed" else "Failed"
        return [{"type": "Suspended", "status": "False", "reason": "JobResumed", "message": "Job resumed"},
                {"type": other, "status": "False", "reason": "Misleading", "message": "not this one"},
                {**end, "type": BEFORE[how.end]}, end]

    def json(self):
        status = {"ready": 0}
        if self.conditions():
            status["conditions"] = self.conditions()
        if not self.done:
            status["active"] = 1
        elif self.how.end == "Complete":
            status.update(succeeded=1, completionTime="2024-01-01T00:00:00Z")
        else:
            status["failed"] = 1
        metadata = {"name": self.name, "namespace": self.how.namespace, "uid": f"uid-{self.name}"}
        if self.deleted:
            metadata["deletionTimestamp"] = "2024-01-01T00:00:00Z"
        return {"kind": "Job", "apiVersion": "batch/v1", "metadata": metadata, "spec": {}, "status": status}


class Kubernetes(jobs.JobService):
    """Simulates the Jobs of a Kubernetes API server."""

    simulate = Simulate
    job = Job
    list_seconds = 300.0

    def unauthorized(self, request):
        return failure(401, "Unauthorized")

    def not_found(self, request):
        return failure(404, "the server could not find the requested resource")

    def bad_request(self, request, text):
        return failure(400, text)

    def get(self, namespace, name):
        """The Job, or the answer that there is none."""
        job = self.jobs.get(name)
        if job and job.how.namespace == namespace:
            return job, None
        return None, failure(404, f'jobs.batch "{name}" not found')

    def look(self, job):
        """Count a look at a Job; whether it is still there."""
        there = job.poll()
        if not there:
            self.lose(job.name)
        return there

    @route("submit", "POST", JOBS)
    def on_submit(self, request, namespace):
        body = request.json()
        name = isinstance(body, dict) and body.get("metadata", {}).get("name")
        if not name:
            raise BadRequest("metadata.name is required")
        if name in self.jobs:
            return failure(409, f'jobs.batch "{name}" already exists')
        return Response.json(self.submitted(request, name=name, namespace=namespace).json(), 201)

    @route("list", "GET", JOBS)
    def on_list(self, request, namespace):
        limit, start = request.query.get("limit", str(LIMIT_MAX)), 0
        if not limit.isdigit():
            raise BadRequest("limit")
        if request.query.get("continue"):
            start = self.position(request.query["continue"])
            if start is None:
                return failure(410, "The provided continue parameter is too old")
        all_jobs = [job for job in self.jobs.values() if job.how.namespace == namespace]
        page, left = all_jobs[start:start + int(limit)], len(all_jobs) - start - int(limit)
        items = [job.json() for job in page if self.look(job)]
        metadata = {"resourceVersion": "1"}
        if left > 0:
            text = f"{start + int(limit)} {time.monotonic()}"
            metadata.update({"continue": base64.urlsafe_b64encode(text.encode()).decode(), "remainingItemCount": left})
        return Response.json({"kind": "JobList", "apiVersion": "batch/v1", "metadata": metadata, "items": items})

    def position(self, text):
        """Where a continue token goes on; None: it has expired."""
        try:
            start, at = base64.urlsafe_b64decode(text).decode().split()
            return int(start) if time.monotonic() < float(at) + self.list_seconds else None
        except ValueError:
            raise BadRequest("continue") from None

    @route("poll", "GET", JOB)
    def on_poll(self, request, namespace, name):
        job, refusal = self.get(namespace, name)
        if refusal or self.look(job):
            return refusal or Response.json(job.json())
        return self.get(namespace, name)[1]

    @route("delete", "DELETE", JOB)
    def on_delete(self, request, namespace, name):
        job, refusal = self.get(namespace, name)
        if refusal:
            return refusal
        if request.query.get("propagationPolicy") == "Foreground":
            job.deleted = True
            return Response.json(job.json())
        self.lose(name)
        return Response.json({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})


if __name__ == "__main__":
    main(Kubernetes)
