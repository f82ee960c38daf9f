"""kinds.py - futures in each state that there is, at the service that speaks google.longrunning."""
import itertools
import json

from conformance import GoogleTest

import harness


class KindsTest(GoogleTest):
    """Handles on futures that are pending, running, succeeded, failed or cancelled, and ways to end them."""

    def setUp(self):
        super().setUp()
        self.numbers = itertools.count(1)
        self.named = {}            # handle -> its operation

    def operation(self, connection=None, more=None, **simulate):
        """A handle on a future of a new operation."""
        name = f"operations/{next(self.numbers)}"
        self.service.add(name, **simulate)
        future = self.make(name, connection=connection, **(more or {}))
        self.named[future] = name
        return future.created(harness.PATIENCE)

    def running(self, **simulate):
        """One that goes on until succeed() or end_badly()."""
        return self.operation(**simulate)

    def over(self, future):
        self.assertTrue(future.wait(harness.PATIENCE))
        return future

    def succeeded(self, value=42):
        return self.over(self.operation(polls=0, response=json.dumps(value).encode()))

    def failed(self, message="bad"):
        return self.over(self.operation(polls=0, error={"code": 3, "message": message}))

    def cancelled(self):
        future = self.running()
        future.cancel()
        return self.over(future)

    def to_be_cancelled(self):
        """Cancelling is asked for, and the service goes on all the same."""
        future = self.operation(cancel="ignored")
        self.assertTrue(future.cancel()["cancelled"])
        return future

    def succeed(self, *futures, value=42):
        for future in futures:
            self.service.end(self.named[future], response=json.dumps(value).encode())

    def end_badly(self, future, message="bad"):
        self.service.end(self.named[future], error={"code": 3, "message": message})

    def wait(self, futures, mode, timeout=harness.PATIENCE):
        """(whether the condition came to hold, those that are done, those that are not), in order."""
        held = self.c.wait(futures, mode, timeout)
        return held, [f for f in futures if f.done()], [f for f in futures if not f.done()]
