"""conformance.py - tests with a daemon, a simulated service and the C library; each is named after the test that it answers."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

import harness  # noqa: E402
import libfutured  # noqa: E402
from operations import Google  # noqa: E402
from scripts import ENDS  # noqa: E402
from scripted import Scripted  # noqa: E402
from services import ServiceTest  # noqa: E402

from harness import QUICK  # noqa: E402

ID = "operations/1"
# Between polls there is time enough to see that there was none.
SELDOM = {"initial": 3600, "maximum": 3600, "jitter": "none"}


class LibraryTest(ServiceTest):
    """self.c is a connection of the C library, self.service the service."""

    def setUp(self):
        super().setUp()
        self.c = self.connect()

    def connect(self, **options):
        connection = libfutured.Connection(self.home.socket, **options)
        self.addCleanup(connection.close)
        return connection

    def make(self, name=None, connection=None, callback=None, flags=0, **more):
        """A handle on a new future of the profile."""
        return (connection or self.c).create(**self.creation(name, **more), callback=callback, flags=flags)

    def running(self, future):
        """Wait until that is durable, which is some time after the first request; what is known of it then."""
        return harness.wait_until(lambda: (found := self.snapshot(future.id))["state"] == "running" and found, "running")

    def elsewhere(self, script, *arguments):
        """Run a script that uses the binding, in a process of its own; a Popen. Its sys.argv[1] is where the binding is."""
        env = {name: value for name, value in os.environ.items() if name != "FUTURED_ASAN_OPTIONS"}
        process = subprocess.Popen([sys.executable, "-B", "-c", script, HERE, *arguments], stdout=subprocess.PIPE, text=True,
                                   env=env)
        self.addCleanup(process.wait)
        return process

    def ended(self, exception, future, **expected):
        """Its result is this exception, with these attributes; returns it."""
        with self.assertRaises(exception) as caught:
            future.result(harness.PATIENCE)
        for key, value in expected.items():
            self.assertEqual(getattr(caught.exception, key), value, vars(caught.exception))
        return caught.exception


class GoogleTest(LibraryTest):
    """The service speaks google.longrunning."""

    service_class = Google
    profile = "google-lro"

    def polls(self, name=ID):
        return self.service.polled(name)

    def asked(self, future, count=1, kind="get"):
        """The creation has gone out, and the service has seen so many requests."""
        future.created(harness.PATIENCE)
        self.seen(count, kind)


class ScriptTest(LibraryTest):
    """The service answers by a script."""

    service_class = Scripted

    def spec(self, poll=None, **more):
        """A spec whose poll is GET /poll/1; ENDS tell its end."""
        return {"base": self.service.url, "poll": {"url": "/poll/1", "rules": ENDS, **(poll or {})},
                "polling": QUICK, "retry": QUICK, **more}

    def start(self, poll=None, **more):
        return self.c.create(spec=self.spec(poll, **more))

    def answers(self, *answers):
        self.service.answer("poll", *answers)

    def polls(self):
        return self.count("poll")
