"""functions.py - small functions behind a service, so that futures for their calls may be arguments of others."""
import json

from conformance import LibraryTest

import harness
from exchange import BadRequest, Response
from service import Service, route

FUNCTIONS = {
    "double": lambda x: x * 2,
    "add": lambda a, b: a + b,
    "negate": lambda x: -x,
    "to_string": str,
    "to_int": int,
    "concat_strings": lambda a, b: a + b,
    "accumulate": lambda a, y: {"sum": a["sum"] + y["sum"]},
    "accumulate_fail_at_3": lambda a, y: {"sum": a["sum"] + y["sum"]} if y["sum"] != 3 else 1 // 0,
    "transform_int_to_accumulated_state": lambda x: {"sum": x},
}


class Functions(Service):
    """POST /call/FUNCTION with a list of arguments makes a call; GET /calls/N says how it ended. A call that is held
    ends when the test says so."""

    def clear(self):
        self.calls = []            # how each ended
        self.held = False

    @route("call", "POST", r"/call/(?P<name>\w+)")
    def on_call(self, request, name):
        arguments = request.json()
        if name not in FUNCTIONS or not isinstance(arguments, list):
            raise BadRequest(name)
        try:
            self.calls.append({"outcome": "success", "value": FUNCTIONS[name](*arguments)})
        except (ArithmeticError, TypeError, ValueError, LookupError) as error:
            self.calls.append({"outcome": "failure", "error": str(error)})
        return Response.json({"call": len(self.calls) - 1})

    @route("poll", "GET", r"/calls/(?P<name>\d+)")
    def on_poll(self, request, name):
        return Response.json({"outcome": None} if self.held else self.calls[int(name)])


class FunctionsTest(LibraryTest):
    """call() makes a future for the call of a function, whose arguments may be values or futures."""

    service_class = Functions

    def argument(self, value):
        """A future stands for its value, which is put in when it is there."""
        return "{result:%s}" % value.id if hasattr(value, "id") else value

    def spec(self, name, *arguments, end=None):
        return {"base": self.service.url,
                "submit": {"url": f"/call/{name}", "json": [self.argument(value) for value in arguments],
                           "capture": {"call": {"body": "/call"}}},
                "poll": {"url": "/calls/{call}", "rules": [
                    {"when": {"body": {"/outcome": "success"}}, **(end or {"then": "success", "result": "/value"})},
                    {"when": {"body": {"/outcome": "failure"}}, "then": "failure", "error": {"message": "/error"}},
                    {"when": {"status": 200}, "then": "pending"}]},
                "polling": harness.QUICK, "retry": harness.QUICK}

    def call(self, name, *arguments, **more):
        return self.c.create(spec=self.spec(name, *arguments), **more).created(harness.PATIENCE)

    def tail_call(self, name, arguments, then):
        """A future for a call that goes on with another one, a spec: that one's value is its own."""
        then = json.loads(json.dumps(then).replace('"/calls/{call}"', '"/calls/{{call}}"'))
        end = {"then": "continue", "with": {"spec": then}}
        return self.c.create(spec=self.spec(name, *arguments, end=end)).created(harness.PATIENCE)

    def map(self, name, items):
        """A future for each item."""
        return [self.call(name, item) for item in items]

    def list_of(self, futures):
        """A future over them, in the daemon."""
        spec = {"kind": "group", "of": [future.id for future in futures], "until": "first_exception"}
        return self.c.create(spec=spec).created(harness.PATIENCE)

    def values(self, group):
        """What the members of such a future ended with, in order."""
        return [member["result"] for member in group.json(harness.PATIENCE)]

    def reduce(self, name, items, *initial):
        """A future for the last of the steps from left to right; or the only item there is."""
        items = [*initial, *items]
        accumulated = items[0]
        for item in items[1:]:
            accumulated = self.call(name, accumulated, item)
        return accumulated

    def are_submitted(self, count):
        """So many calls are made, and the daemon knows it: a call whose answer is lost is not made again."""
        for number in range(count):
            self.seen(1, "poll", str(number))

    def functions_called(self):
        return [entry["name"] for entry in self.requests("call")]
