#!/usr/bin/python3 -B
"""A service in the manner of Azure, of ARM and of its data planes, on loopback. Each request needs ?api-version=.

    POST /things:run             starts an operation, and so does PUT /things/NAME; how its end is found is its style:
        "operation-location"     202, Operation-Location: the status monitor (data plane)
        "async-operation"        201, Azure-AsyncOperation: the status monitor, and a resource that is not there yet (ARM)
        "location"               202, Location: 202 as long as it goes on, and then the result itself
        "plain"                  201 and the resource, whose provisioningState tells
        "done"                   200 and the resource, at once
    GET    /monitors/NAME        the status monitor, always a 200: {"id", "status", "percentComplete", "error", "result", ...}
    POST   /monitors/NAME:cancel the operation ends Canceled, soon
    GET    /locations/NAME/N     for the style "location"
    GET    /things/NAME          the resource; 404 until it is there

A POST with Operation-Id, and a PUT by its path, name their operation; a second one with that name and the same body gets
the same answer, one with another body a 400.

An operation (see jobs.py; in a "simulate" in the body or the header X-Simulate) may have:

    "style": ...                 see above; default "operation-location"
    "states": [...]              the status of each poll in turn while it goes on, the last one stays; default NotStarted, Running
    "percents": [...]            percentComplete, the same way
    "end": "Succeeded"           or Failed, Canceled, in any case
    "error": {...}               what the monitor says of it then
    "result": JSON               in the monitor, if not null
    "resource": JSON             the thing; what GET /things/NAME and the style "location" end in
    "resource_location": true    the monitor says where that is; text: it says that
    "start_location": true       the answer to the submit has the resource's URL as Location, beside the monitor's
    "retry_after": seconds       with each answer that is not the last
    "moves": true                each 202 of a Location leads to another one, and this one is gone
    "relative": true             URLs in headers are without scheme and host
    "empty": true                the style "location" ends in a 204
"""
import dataclasses

import jobs
from exchange import BadRequest, Response
from service import main, route

STYLES = ("operation-location", "async-operation", "location", "plain", "done")
VERSION = "api-version=2024-01-01"
NAME = r"(?P<name>[^/:]+)"


@dataclasses.dataclass
class Simulate(jobs.Simulate):
    style: str = "operation-location"
    states: list = dataclasses.field(default_factory=lambda: ["NotStarted", "Running"])
    percents: list = None
    end: str = "Succeeded"
    error: dict = None
    result: object = None
    resource: object = None
    resource_location: object = False
    start_location: bool = False
    retry_after: object = None
    moves: bool = False
    relative: bool = False
    empty: bool = False

    def __post_init__(self):
        if self.style not in STYLES:
            raise BadRequest(f"style: {self.style}")


def failure(status, code, message):
    return Response.json({"error": {"code": code, "message": message}}, status)


class Operation(jobs.Job):
    def __init__(self, name, how):
        super().__init__(name, how)
        self.cancelled = False
        self.place = 1             # the number in the URL of the style "location"
        self.body = None           # of the submit
        self.answer = None         # to it

    @property
    def done(self):
        return self.cancelled or self.how.style == "done" or super().done

    @property
    def status(self):
        if self.done:
            return "Canceled" if self.cancelled else self.how.end
        return self.turn(self.how.states)

    def turn(self, values):
        """Of values, the one that this poll's turn is."""
        return values[min(max(self.polls - 1, 0), len(values) - 1)]

    def pace(self):
        """The header that says when to come back."""
        return {} if self.how.retry_after is None or self.done else {"Retry-After": str(self.how.retry_after)}

    def monitor(self):
        how = self.how
        value = {"id": self.name, "status": self.status}
        if how.percents:
            value["percentComplete"] = self.turn(how.percents)
        if self.done and how.error is not None:
            value["error"] = how.error
        if self.done and how.result is not None:
            value["result"] = how.result
        return value

    def thing(self):
        """The resource as it is now."""
        if self.how.resource is not None:
            return self.how.resource
        return {"id": f"/things/{self.name}", "properties": {"provisioningState": self.status}}


class Azure(jobs.JobService):
    """Simulates long-running operations of Azure."""

    simulate = Simulate
    job = Operation

    def unauthorized(self, request):
        return failure(401, "AuthenticationFailed", "The access token has expired.")

    def not_found(self, request):
        return failure(404, "NotFound", "The resource is not there.")

    def bad_request(self, request, text):
        return failure(400, "BadRequest", text)

    def get(self, request, name):
        """The operation, or None."""
        if "api-version" not in request.query:
            raise BadRequest("The api-version query parameter is required.")
        return self.jobs.get(name)

    def link(self, operation, path):
        base = "" if operation.how.relative else self.url
        return f"{base}{path}?{VERSION}"

    def here(self, operation):
        return self.link(operation, f"/locations/{operation.name}/{operation.place}")

    def started(self, operation):
        """The answer to a submit."""
        how, headers = operation.how, operation.pace()
        monitor = self.link(operation, f"/monitors/{operation.name}")
        if how.start_location:
            headers["Location"] = self.link(operation, f"/things/{operation.name}")
        if how.style == "operation-location":
            return Response.json(operation.monitor(), 202, {**headers, "Operation-Location": monitor})
        if how.style == "async-operation":
            return Response.json(operation.thing(), 201, {**headers, "Azure-AsyncOperation": monitor})
        if how.style == "location":
            return Response(202, b"", {**headers, "Location": self.here(operation)})
        return Response.json(operation.thing(), 200 if how.style == "done" else 201, headers)

    def begin(self, request, name):
        """Start an operation, or find the one that this submit has started already."""
        known = self.get(request, name)
        if known and known.body == request.body:
            return known.answer
        if known:
            return failure(400, "InvalidOperationId", "The operation id has been used with another body.")
        operation = self.submitted(request, **({"name": name} if name else {}))
        operation.body, operation.answer = request.body, self.started(operation)
        return operation.answer

    @route("submit", "POST", "/things:run")
    def on_post(self, request):
        return self.begin(request, request.headers.get("operation-id"))

    @route("submit", "PUT", "/things/" + NAME)
    def on_put(self, request, name):
        return self.begin(request, name)

    @route("monitor", "GET", "/monitors/" + NAME)
    def on_monitor(self, request, name):
        operation = self.get(request, name)
        if not operation:
            return self.not_found(request)
        operation.polls += 1
        value, place = operation.monitor(), operation.how.resource_location
        if operation.done and place:
            value["resourceLocation"] = place if isinstance(place, str) else self.link(operation, f"/things/{name}")
        return Response.json(value, 200, operation.pace())

    @route("cancel", "POST", "/monitors/" + NAME + ":cancel")
    def on_cancel(self, request, name):
        operation = self.get(request, name)
        if not operation:
            return self.not_found(request)
        operation.cancelled = operation.cancelled or not operation.done
        return Response.json(operation.monitor(), 200, operation.pace())

    @route("location", "GET", "/locations/" + NAME + "/(?P<place>[0-9]+)")
    def on_location(self, request, name, place):
        operation = self.get(request, name)
        if not operation or int(place) != operation.place:
            return self.not_found(request)
        operation.polls += 1
        if not operation.done:
            operation.place += operation.how.moves
            return Response(202, b"", {"Location": self.here(operation), **operation.pace()})
        if operation.status != "Succeeded":
            return Response.json({"error": operation.how.error}, 409)
        return Response(204) if operation.how.empty else Response.json(operation.thing())

    @route("thing", "GET", "/things/" + NAME)
    def on_thing(self, request, name):
        operation = self.get(request, name)
        plain = operation and operation.how.style == "plain"
        if not plain and not (operation and operation.done):
            return self.not_found(request)
        operation.polls += plain
        return Response.json(operation.thing(), 200, operation.pace())


if __name__ == "__main__":
    main(Azure)
