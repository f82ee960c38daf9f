#!/usr/bin/python3 -B
"""A service in the manner of google.longrunning, on loopback.

    POST /v1/things:train          any POST below /v1/ that is not about an operation creates one -> Operation
    GET  /v1/operations/1          also with a prefix: /v1/projects/p/operations/1 -> Operation
    GET  /v1/operations            pageSize, pageToken -> {"operations": [...], "nextPageToken": "..."}
    POST /v1/operations/1:cancel   -> {}
    DELETE /v1/operations/1        -> {}

How an operation behaves is said when it is created, by "simulate" in the request's body:

    "polls": n             done at the n-th GET; 0: in the answer to the submit already
    "seconds": s           done after this long
                           (neither: not before POST /_control/complete)
    "response": JSON       what it ends in; "response_text": the same as text and "response_base64" as bytes, to be
                           answered exactly so
    "error": {...}         code, message, details: it ends in this instead
    "neither": true        done with neither of them
    "say_done": true       "done": false while it is not; otherwise the key is left out, as proto3's JSON has it
    "metadata": [...]      of each GET in turn, the last one stays; an object: the same for all
    "expire": n            404 from the n-th GET after the first that said done
    "cancel": "ok"         ends with error code 1; "unsupported": 501; "ignored": {}, and the operation goes on
    "cancel_polls": n      the cancellation shows at the n-th GET after it
    "name": "operations/x" instead of the next number
    "token": "t"           this operation is for "Authorization: Bearer t" only
    "faults": [...]        faults (see service.py) for requests about this operation

A request with the requestId (in the body) or X-Request-Id (header) of an earlier one gets that one's operation.

    POST /_control/operations      a "simulate" object or a list of them, as if they had been submitted
    POST /_control/complete        {"name": ..., and optionally response, response_text, response_base64, error, neither}
    GET  /_control/operations      the names of those that exist
"""
import base64
import dataclasses
import json
import time

from exchange import BadRequest, Response, from_object
from service import Service, main, route

STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
          429: "RESOURCE_EXHAUSTED", 501: "UNIMPLEMENTED", 503: "UNAVAILABLE"}
CANCELLED = {"code": 1, "message": "The operation was cancelled."}
NAME = r"(?P<name>(?:[^:]+/)?operations/[^/:]+)"
PAGE = 100


@dataclasses.dataclass
class Simulate:
    polls: int = None
    seconds: float = None
    response: object = None
    response_text: str = None
    response_base64: str = None
    error: dict = None
    neither: bool = False
    say_done: bool = False
    metadata: object = None
    expire: int = None
    cancel: str = "ok"
    cancel_polls: int = 1
    name: str = None
    token: str = None
    faults: list = dataclasses.field(default_factory=list)

    def __post_init__(self):
        if self.cancel not in ("ok", "unsupported", "ignored"):
            raise BadRequest(f"cancel: {self.cancel}")

    def outcome(self):
        """How the operation ends, as the rest of an Operation's JSON text."""
        if self.neither:
            return b""
        if self.error is not None:
            return b',"error":' + json.dumps(self.error).encode()
        if self.response_text is not None:
            return b',"response":' + self.response_text.encode()
        if self.response_base64 is not None:
            return b',"response":' + base64.b64decode(self.response_base64)
        if self.response is not None:
            return b',"response":' + json.dumps(self.response).encode()
        return b',"response":{"@type":"type.googleapis.com/google.protobuf.Empty"}'


class Operation:
    def __init__(self, name, simulate):
        self.name = name
        self.simulate = simulate
        self.created = time.monotonic()
        self.polls = 0
        self.polls_done = 0
        self.cancelled_at = None   # polls seen when it was
        self.outcome = None        # set once it is done

    def complete(self, simulate):
        self.outcome = simulate.outcome()

    def advance(self):
        """See whether it is done by now."""
        how = self.simulate
        if self.outcome is not None:
            return
        if self.cancelled_at is not None and self.polls >= self.cancelled_at + how.cancel_polls:
            self.outcome = b',"error":' + json.dumps(CANCELLED).encode()
        elif how.polls is not None and self.polls >= how.polls:
            self.complete(how)
        elif how.seconds is not None and time.monotonic() >= self.created + how.seconds:
            self.complete(how)

    def poll(self):
        """Count a GET. False: it has expired."""
        self.polls += 1
        self.advance()
        if self.outcome is not None:
            self.polls_done += 1
        return self.simulate.expire is None or self.polls_done <= self.simulate.expire

    def metadata(self):
        steps = self.simulate.metadata
        if isinstance(steps, list) and steps:
            return steps[min(max(self.polls - 1, 0), len(steps) - 1)]
        return steps or None

    def json(self):
        text = b'{"name":' + json.dumps(self.name).encode()
        if self.metadata() is not None:
            text += b',"metadata":' + json.dumps(self.metadata()).encode()
        if self.outcome is not None:
            text += b',"done":true' + self.outcome
        elif self.simulate.say_done:
            text += b',"done":false'
        return text + b"}"


def failure(status, message):
    """The envelope of errors of the HTTP kind: its code is not an Operation's error code."""
    return Response.json({"error": {"code": status, "message": message, "status": STATUS.get(status, "UNKNOWN"),
                                    "details": []}}, status)


class GoogleLro(Service):
    """Simulates a service with google.longrunning operations."""

    def clear(self):
        self.operations = {}
        self.by_request_id = {}
        self.next_number = 1

    def unauthorized(self, request):
        return failure(401, "Request had invalid authentication credentials.")

    def not_found(self, request):
        return failure(404, "Requested entity was not found.")

    def bad_request(self, request, text):
        return failure(400, text)

    def create(self, value):
        """An operation from a "simulate" object."""
        simulate = from_object(Simulate, value)
        name = simulate.name
        if name is None:
            name = f"operations/{self.next_number}"
            self.next_number += 1
        if name in self.operations:
            raise BadRequest(f"{name} exists")
        self.add_faults(simulate.faults, name=name)
        operation = self.operations[name] = Operation(name, simulate)
        operation.advance()
        return operation

    def get(self, request, name):
        """The operation, or the answer that there is none."""
        operation = self.operations.get(name)
        if not operation:
            return None, self.not_found(request)
        token = operation.simulate.token
        if token is not None and request.headers.get("authorization") != f"Bearer {token}":
            return None, self.unauthorized(request)
        return operation, None

    @route("get", "GET", "/v1/" + NAME)
    def on_get(self, request, name):
        operation, refusal = self.get(request, name)
        if refusal:
            return refusal
        if not operation.poll():
            del self.operations[name]
            return self.not_found(request)
        return Response.json(operation.json())

    @route("list", "GET", "/v1/(?:[^:]+/)?operations")
    def on_list(self, request):
        query = request.query
        try:
            size, start = int(query.get("pageSize") or PAGE), int(query.get("pageToken") or 0)
        except ValueError:
            raise BadRequest("pageSize or pageToken") from None
        operations = list(self.operations.values())
        for operation in operations:
            operation.advance()
        text = b",".join(operation.json() for operation in operations[start:start + size])
        more = str(start + size) if start + size < len(operations) else ""
        return Response.json(b'{"operations":[' + text + b'],"nextPageToken":"' + more.encode() + b'"}')

    @route("cancel", "POST", "/v1/" + NAME + ":cancel")
    def on_cancel(self, request, name):
        operation, refusal = self.get(request, name)
        if refusal:
            return refusal
        if operation.simulate.cancel == "unsupported":
            return failure(501, "Cancel is not supported.")
        operation.advance()
        if operation.simulate.cancel == "ok" and operation.cancelled_at is None:
            operation.cancelled_at = operation.polls
            operation.advance()
        return Response.json({})

    @route("delete", "DELETE", "/v1/" + NAME)
    def on_delete(self, request, name):
        operation, refusal = self.get(request, name)
        if refusal:
            return refusal
        del self.operations[operation.name]
        return Response.json({})

    @route("submit", "POST", "/v1/.+")
    def on_submit(self, request):
        body = request.json()
        if not isinstance(body, dict):
            raise BadRequest("the body is not an object")
        request_id = body.get("requestId") or request.headers.get("x-request-id")
        operation = self.by_request_id.get(request_id)
        if not operation:
            operation = self.create(body.get("simulate", {}))
            if request_id:
                self.by_request_id[request_id] = operation
        request.name = operation.name
        self.record(request)
        return Response.json(operation.json())

    @route("control", "POST", "/_control/operations")
    def on_operations(self, request):
        values = request.json()
        names = [self.create(value).name for value in (values if isinstance(values, list) else [values])]
        return Response.json({"names": names})

    @route("control", "GET", "/_control/operations")
    def on_names(self, request):
        return Response.json({"names": list(self.operations)})

    @route("control", "POST", "/_control/complete")
    def on_complete(self, request):
        self.finish(**request.json())
        return Response.json({})

    def finish(self, name=None, **outcome):
        """Let an operation be done now; without an outcome, the one that it was created with."""
        operation = self.operations.get(name)
        if not operation:
            raise BadRequest(f"no operation {name}")
        operation.complete(from_object(Simulate, outcome) if outcome else operation.simulate)

    # For tests written in Python.

    def prepare(self, **simulate):
        """Create an operation; its name."""
        return self.call(self.create, simulate).name

    def complete(self, name, **outcome):
        self.call(self.finish, name, **outcome)


if __name__ == "__main__":
    main(GoogleLro)
