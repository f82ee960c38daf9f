#!/usr/bin/python3 -B
"""A service in the manner of GitHub Actions, on loopback. Below /repos/OWNER/REPO/actions:

    POST /workflows/FILE/dispatches  204, and no word about the run
    GET  /runs                       per_page (1 to 100, default 30), page -> {"total_count", "workflow_runs"}, the newest
                                     first; Link has the URLs of other pages
    GET  /runs/ID                    run
    POST /runs/ID/cancel             202; 409 if it is over

Every answer has x-ratelimit-limit, -remaining, -used and -reset (seconds since 1970), also those that are not about limits. A
list is a poll of each run on its page. A run (see jobs.py; in a "simulate" in the dispatch's inputs) may have:

    "states": [...]                  its status at each poll in turn while it goes on, the last one stays;
                                     default queued, in_progress
    "conclusion": "success"          or any other word; what it ends in
    "cancel": "ok"                   it is cancelled; "refused": 409
    "cancel_polls": n                so many polls after that

The service's remaining is how many requests the limit leaves: at 0 they are 403, with a reset in reset_in seconds, when
remaining is as it was.
"""
import dataclasses
import math
import time

import jobs
from exchange import BadRequest, Response
from service import main, route

ACTIONS = "/repos/(?P<owner>[^/]+)/(?P<repo>[^/]+)/actions"
RUN = ACTIONS + "/runs/(?P<name>[0-9]+)"
LIMIT = 5000
PER_PAGE = 30
PER_PAGE_MAX = 100
FIRST_ID = 30433642


@dataclasses.dataclass
class Simulate(jobs.Simulate):
    states: list = dataclasses.field(default_factory=lambda: ["queued", "in_progress"])
    conclusion: str = "success"
    cancel: str = "ok"
    cancel_polls: int = 1

    def __post_init__(self):
        if self.cancel not in ("ok", "refused"):
            raise BadRequest(f"cancel: {self.cancel}")


def failure(status, message):
    return Response.json({"message": message, "documentation_url": "https://docs.github.com/rest"}, status)


class Run(jobs.Job):
    def __init__(self, name, how):
        super().__init__(name, how)
        self.cancelled_at = None   # polls seen when it was

    @property
    def conclusion(self):
        if self.cancelled_at is not None and self.polls >= self.cancelled_at + self.how.cancel_polls:
            return "cancelled"
        return self.how.conclusion if self.done else None

    def json(self):
        states = self.how.states
        status = "completed" if self.conclusion else states[min(max(self.polls - 1, 0), len(states) - 1)]
        return {"id": int(self.name), "name": "CI", "event": "workflow_dispatch", "status": status,
                "conclusion": self.conclusion, "run_number": int(self.name) - FIRST_ID + 1, "run_attempt": 1}


class GitHub(jobs.JobService):
    """Simulates the workflow runs of GitHub."""

    simulate = Simulate
    job = Run
    reset_in = 1.0

    def clear(self):
        super().clear()
        self.remaining = LIMIT
        self.reset_at = None       # when the limit is lifted, seconds since 1970

    def new_name(self):
        return str(FIRST_ID + len(self.jobs))

    def unauthorized(self, request):
        return failure(401, "Bad credentials")

    def not_found(self, request):
        return failure(404, "Not Found")

    def bad_request(self, request, text):
        return failure(422, text)

    async def run(self, handler, request, groups):
        if request.kind == "control":
            return await super().run(handler, request, groups)
        if self.remaining <= 0 and self.reset_at is None:
            self.reset_at = math.ceil(time.time() + self.reset_in)
        if self.reset_at is not None and time.time() >= self.reset_at:
            self.remaining, self.reset_at = LIMIT, None
        if self.remaining <= 0:
            response = failure(403, "API rate limit exceeded for user ID 1.")
        else:
            self.remaining -= 1
            response = await super().run(handler, request, groups)
        response.headers.update(self.limits())
        return response

    def limits(self):
        reset = self.reset_at or math.ceil(time.time()) + 3600
        return {"x-ratelimit-limit": str(LIMIT), "x-ratelimit-remaining": str(self.remaining),
                "x-ratelimit-used": str(LIMIT - self.remaining), "x-ratelimit-reset": str(reset)}

    @route("submit", "POST", ACTIONS + "/workflows/[^/]+/dispatches")
    def on_dispatch(self, request, owner, repo):
        body = request.json()
        if not isinstance(body, dict) or "ref" not in body:
            raise BadRequest("No ref")
        self.create(body.get("inputs", {}).get("simulate", {}))
        return Response(204)

    @route("list", "GET", ACTIONS + "/runs")
    def on_list(self, request, owner, repo):
        query = request.query
        size, page = query.get("per_page", str(PER_PAGE)), query.get("page", "1")
        if not size.isdigit() or not page.isdigit():
            raise BadRequest("per_page or page")
        size, page = min(int(size), PER_PAGE_MAX), max(int(page), 1)
        newest = list(reversed(self.jobs.values()))
        runs = newest[(page - 1) * size:page * size]
        for run in runs:
            run.polls += 1
        here = f"{self.url}{request.path}?per_page={size}&page="
        links = self.links(here, page, max(math.ceil(len(newest) / size), 1))
        return Response.json({"total_count": len(newest), "workflow_runs": [run.json() for run in runs]}, 200,
                             {"Link": links} if links else {})

    @staticmethod
    def links(here, page, last):
        """The header Link, in the order in which GitHub writes it."""
        links = []
        if page > 1:
            links.append((page - 1, "prev"))
        if page < last:
            links += [(page + 1, "next"), (last, "last")]
        if page > 1:
            links.append((1, "first"))
        return ", ".join(f'<{here}{number}>; rel="{name}"' for number, name in links)

    @route("poll", "GET", RUN)
    def on_poll(self, request, owner, repo, name):
        run = self.jobs.get(name)
        if not run:
            return self.not_found(request)
        run.polls += 1
        return Response.json(run.json())

    @route("cancel", "POST", RUN + "/cancel")
    def on_cancel(self, request, owner, repo, name):
        run = self.jobs.get(name)
        if not run:
            return self.not_found(request)
        if run.conclusion or run.how.cancel == "refused":
            return failure(409, "Cannot cancel a workflow run that is completed.")
        if run.cancelled_at is None:
            run.cancelled_at = run.polls
        return Response.json({}, 202)


if __name__ == "__main__":
    main(GitHub)
