"""services.py - tests with a daemon and one simulated service that it asks."""
import json
import os

import harness
from harness import PROFILES, QUICK

# So slow that only an event, or a rule that says when, makes the next poll.
ONCE = {"initial": 3600, "maximum": 3600, "jitter": "none"}
# Slow enough for something to be done between two polls.
SLOW = {"initial": 0.5, "maximum": 0.5, "multiplier": 1, "jitter": "none"}


class ServiceTest(harness.DaemonTest):
    """self.service is the service, self.rpc a connection to the daemon."""

    service_class = None
    profile = None
    path = ""                      # of the profile's base
    token = None                   # what the service accepts
    secret = None                  # the credential's name, if it is not the profile's
    id_param = "name"              # the param that says which job

    def setUp(self):
        self.service = self.service_class(token=self.token)
        self.service.start()
        self.addCleanup(self.service.stop)
        super().setUp()
        self.rpc = self.client(errors="map")

    def start_daemon(self):
        self.configure()
        super().start_daemon()

    def configure(self):
        """Before the daemon starts: its configuration and credentials."""
        if self.token:
            self.new_token(self.token)

    def credential(self, name, value):
        """Put a secret where the daemon looks for it; the file's path."""
        directory = os.path.join(self.home.env["XDG_CONFIG_HOME"], "futured", "credentials")
        os.makedirs(directory, mode=0o700, exist_ok=True)
        path = os.path.join(directory, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(value + "\n")
        return path

    def new_token(self, token):
        """From now on the daemon has this one."""
        self.credential(self.secret or self.profile, token)

    def config(self, text):
        directory = os.path.join(self.home.env["XDG_CONFIG_HOME"], "futured")
        os.makedirs(directory, mode=0o700, exist_ok=True)
        with open(os.path.join(directory, "futured.conf"), "w", encoding="ascii") as file:
            file.write(text)

    def restart(self):
        """Pull the power cord and start again."""
        self.daemon.kill()
        self.daemon.start()
        self.rpc = self.client(errors="map")

    # Creations.

    def from_profile(self, request):
        """A request of the profile, to be changed."""
        with open(os.path.join(PROFILES, self.profile + ".json"), encoding="utf-8") as file:
            return json.load(file)[request]

    def poll_with(self, status, **changes):
        """The profile's poll, with changes to its rule for a status."""
        poll = self.from_profile("poll")
        next(rule for rule in poll["rules"] if rule["when"]["status"] == status).update(changes)
        return poll

    def alone(self):
        """A spec of the profile without its list request: each future is asked about alone."""
        polling = self.from_profile("polling")
        del polling["batch"]
        return {"polling": polling}

    def companion(self):
        """A future for a job that does not end: a list is worth its while only for several."""
        return self.create(self.service.prepare())

    def asked_alone_after_a_list(self, name):
        """The answer that ended it was to a request about it alone, right after a list that did not have it."""
        requests = self.requests()
        i = next(i for i, entry in enumerate(requests) if entry["name"] == name and entry["status"] == 404)
        self.assertEqual((requests[i - 1]["kind"], requests[i - 1]["status"]), ("list", 200))

    def creation(self, name=None, params=None, **more):
        """The params of future.create for a job, or (None) for one that a submit makes."""
        params = {"base": self.service.url + self.path, **({self.id_param: name} if name else {}), **(params or {})}
        return {"profile": self.profile, "params": params, "polling": QUICK, "retry": QUICK, **more}

    def create(self, name=None, **more):
        """Create a future; its id."""
        return self.rpc.call("future.create", self.creation(name, **more))["id"]

    # What becomes of them.

    def result(self, some_id, timeout=harness.PATIENCE):
        return self.rpc.call("future.result", {"id": some_id, "timeout": timeout})["result"]

    def json_result(self, some_id):
        return json.loads(self.result(some_id))

    def snapshot(self, some_id):
        return self.rpc.call("future.get", {"id": some_id})

    def fails(self, some_id, **expected):
        """The future fails, with these keys in its data; returns the data."""
        error = self.assert_rpc_error("Failed", self.result, some_id)
        for key, value in expected.items():
            self.assertEqual(error.data.get(key), value, error.data)
        return error.data

    def progress_of(self, some_id):
        """A function that gives the next progress that subscribers are told."""
        events = self.client()
        events.call("future.subscribe", {"ids": [some_id], "since": 0})

        def next_progress():
            while True:
                event = events.next_notification(harness.PATIENCE)[1][0]
                if event["event"] == "progress":
                    return json.loads(event["progress"])
                self.assertNotIn(event["state"], ("succeeded", "failed", "cancelled"), "it ended without more progress")
        return next_progress

    def assert_progress(self, some_id, values):
        """Subscribers are told these, in order, while it goes on; one that the next overtakes is left out, the last never is."""
        progress, at = self.progress_of(some_id), 0
        while at < len(values) - 1:
            told = progress()
            self.assertIn(told, values[at:])
            at = values.index(told)

    # What the service saw.

    def history(self, name):
        """What was asked about an object, in order, and what was answered."""
        return [(entry["kind"], entry["status"]) for entry in self.requests() if entry["name"] == name]

    def gaps(self, kind, name=None):
        """Seconds between the requests of a kind, in order."""
        times = [entry["at"] for entry in self.requests(kind) if name in (None, entry["name"])]
        return [b - a for a, b in zip(times, times[1:])]

    def count(self, kind, name=None):
        return self.service.call(self.service.count, kind, name)

    def seen(self, count, kind, name=None):
        """Wait until the service has seen so many such requests."""
        self.assertTrue(self.service.wait(count, kind, name, harness.PATIENCE), self.service.stats())

    def requests(self, kind=None):
        return [entry for entry in self.service.requests() if kind in (None, entry["kind"])]

    def times(self, kind, name):
        return self.service.stats()["objects"][name][kind]
