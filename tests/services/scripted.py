#!/usr/bin/python3 -B
"""A service that answers what a test wrote down, on loopback.

    ANY  /KIND/NAME...          the path's first member is the kind of the request, its second the name of what it is about

    POST /_control/answers      {"KIND": [answer, ...]}: the answers to the next requests of that kind, one after the other;
                                the last one stays. "KIND/NAME" is for requests about that alone, and comes first.
                                Requests without an answer get a 404

An answer is an object of "status" (200), "headers", and "json" or "text" for a body. Anything that may go wrong besides is a
matter of faults (see service.py).
"""
import dataclasses
import json

from exchange import BadRequest, Response, from_object
from service import Service, main, route


@dataclasses.dataclass
class Answer:
    status: int = 200
    headers: dict = dataclasses.field(default_factory=dict)
    json: object = None
    text: str = None

    def response(self):
        if self.json is not None:
            return Response(self.status, json.dumps(self.json).encode(),
                            {"Content-Type": "application/json", **self.headers})
        return Response(self.status, (self.text or "").encode(), dict(self.headers))


class Scripted(Service):
    """Answers by a script."""

    def clear(self):
        self.script = {}           # "kind" or "kind/name" -> answers, the next one first

    def find(self, request):
        handler, groups = super().find(request)
        if not handler:
            _, request.kind, request.name, *_ = request.path.split("/") + [None]
            handler = Scripted.on_any
        return handler, groups

    def on_any(self, request):
        for key in (f"{request.kind}/{request.name}", request.kind):
            answers = self.script.get(key)
            if answers:
                return (answers.pop(0) if len(answers) > 1 else answers[0]).response()
        return Response(404)

    def set_answers(self, script):
        if not isinstance(script, dict) or not all(isinstance(answers, list) for answers in script.values()):
            raise BadRequest("an object of lists is needed")
        for key, answers in script.items():
            self.script[key] = [from_object(Answer, answer) for answer in answers]

    @route("control", "POST", "/_control/answers")
    def on_answers(self, request):
        self.set_answers(request.json())
        return Response.json({})

    # For tests written in Python.

    def answer(self, key, *answers):
        """What requests of a kind, or "kind/name", get from now on."""
        self.call(self.set_answers, {key: list(answers)})


if __name__ == "__main__":
    main(Scripted)
