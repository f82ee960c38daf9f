"""scripts.py - tests with a daemon and a service that answers by a script, with specs written inline."""
from services import ServiceTest

from harness import QUICK
from scripted import Scripted

PENDING = {"json": {"state": "working"}}
DONE = {"json": {"state": "done", "value": [1, 2]}}
ENDS = [{"when": {"status": 200, "body": {"/state": "done"}}, "then": "success", "result": "/value"},
        {"when": {"status": 200, "body": {"/state": "failed"}}, "then": "failure", "error": "/error"}]


class ScriptTest(ServiceTest):
    service_class = Scripted

    def spec(self, poll=None, **more):
        """A spec whose poll is GET /poll/1; ENDS tell its end."""
        return {"base": self.service.url, "poll": {"url": "/poll/1", "rules": ENDS, **(poll or {})},
                "polling": QUICK, "retry": QUICK, **more}

    def start(self, poll=None, **more):
        """A future of such a spec."""
        return self.begin(self.spec(poll, **more))

    def begin(self, spec, **more):
        return self.rpc.call("future.create", {"spec": spec, **more})["id"]

    def poll_answers(self, *answers):
        self.service.answer("poll", *answers)

    def statuses(self, kind="poll"):
        return [entry["status"] for entry in self.requests(kind)]

    def targets(self, kind="poll"):
        return [entry["target"] for entry in self.requests(kind)]

    def another_service(self):
        other = Scripted()
        other.start()
        self.addCleanup(other.stop)
        return other
