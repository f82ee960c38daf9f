#!/usr/bin/python3 -B
"""A service in the manner of ChemCloud, on loopback. Below /api/v2:

    POST   /oauth/token             form: grant_type=password, username, password; or grant_type=refresh_token, refresh_token
                                    -> {"access_token", "refresh_token", "expires_in"}
    POST   /compute?program=psi4    one input, or a list of at most 100 -> "the task's id", a bare string
    GET    /compute/output/ID       {"status": "PENDING" | "SUCCESS" | "FAILURE", "program_output": null | ...};
                                    410 for one that was deleted, has expired or never was
    DELETE /compute/output/ID       202, or 410

With a token (--token) that is the first refresh token, and the first password of whatever user; only access tokens from
/oauth/token are accepted then. Each refresh makes the refresh token that it used worthless if rotate is set.

A task (see jobs.py) may have in its "simulate":

    "output": JSON                  what it ends in
    "status": "FAILURE"             it ends so; the output is there all the same
    "late": seconds                 410 for so long, though it was submitted
"""
import dataclasses
import time
import uuid

import jobs
from exchange import Response
from service import main, route

API = "/api/v2"
OUTPUT = API + r"/compute/output/(?P<name>[^/]+)"
GONE = "Result has already been deleted from server"
GROUP_MAX = 100


@dataclasses.dataclass
class Simulate(jobs.Simulate):
    output: object = dataclasses.field(default_factory=lambda: {"success": True, "data": {"energy": -76.02}})
    status: str = "SUCCESS"
    late: float = 0


def failure(status, detail, headers=None):
    return Response.json({"detail": detail}, status, headers)


class ChemCloud(jobs.JobService):
    """Simulates the quantum chemistry service ChemCloud."""

    simulate = Simulate
    token_seconds = 86400.0
    rotate = True

    def clear(self):
        super().clear()
        self.access = {}           # token -> when it expires
        self.refresh = {self.token}
        self.next_token = 1

    def new_name(self):
        return str(uuid.uuid4())

    def authorized(self, request):
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return self.token is None or request.kind == "token" or self.access.get(token, 0) > time.monotonic()

    def unauthorized(self, request):
        return failure(401, "Could not validate credentials",
                       {"WWW-Authenticate": 'Bearer scope="compute:public compute:private"'})

    def not_found(self, request):
        return failure(404, "Not Found")

    def bad_request(self, request, text):
        return failure(400, text)

    def issue(self, kind):
        number, self.next_token = self.next_token, self.next_token + 1
        return f"{kind}-{number}"

    @route("token", "POST", API + "/oauth/token")
    def on_token(self, request):
        form = request.form
        kind, given = form.get("grant_type"), form.get("refresh_token")
        if kind not in ("password", "refresh_token"):
            return failure(403, "unsupported grant type")
        if self.token is not None and (form.get("password") != self.token if kind == "password"
                                       else given not in self.refresh):
            return failure(403, "Unknown or invalid refresh token.")
        value = {"access_token": self.issue("access"), "token_type": "Bearer", "expires_in": int(self.token_seconds),
                 "scope": "offline_access compute:public compute:private"}
        self.access[value["access_token"]] = time.monotonic() + self.token_seconds
        if kind == "password" or self.rotate:
            self.refresh.discard(given)
            value["refresh_token"] = self.issue("refresh")
            self.refresh.add(value["refresh_token"])
        return Response.json(value)

    @route("submit", "POST", API + "/compute")
    def on_submit(self, request):
        inputs = request.json()
        if not inputs or "program" not in request.query:
            return failure(422, "an input and a program are needed")
        if isinstance(inputs, list) and len(inputs) > GROUP_MAX:
            return failure(413, f"at most {GROUP_MAX} inputs")
        return Response.json(self.submitted(request).name)

    @route("poll", "GET", OUTPUT)
    def on_poll(self, request, name):
        try:
            if uuid.UUID(name).version != 4:
                raise ValueError
        except ValueError:
            return failure(422, "the id is not a UUID of version 4")
        task = self.jobs.get(name)
        if not task or time.monotonic() < task.created + task.how.late:
            return failure(410, GONE)
        task.polls += 1
        if not task.done:
            return Response.json({"status": "PENDING", "program_output": None})
        return Response.json({"status": task.how.status, "program_output": task.how.output})

    @route("delete", "DELETE", OUTPUT)
    def on_delete(self, request, name):
        if name not in self.jobs:
            return failure(410, GONE)
        self.lose(name)
        return Response.json(b"null", 202)

    # For tests written in Python.

    def expire_tokens(self):
        """No access token that was given out so far is accepted any more."""
        self.call(self.access.clear)


if __name__ == "__main__":
    main(ChemCloud)
