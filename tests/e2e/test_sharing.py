"""test_sharing.py - eight processes that wait cost the service as much as one, counted at the service."""
import harness
from harness import wait_until
from operations import OperationsTest

# Without jitter the number of polls of an operation depends on its length alone.
STEADY = {"initial": 0.1, "maximum": 0.1, "multiplier": 1, "jitter": "none"}


class Sharing(OperationsTest):
    def polls_with(self, processes, name):
        """Requests for one operation that is completed after its tenth poll, with so many processes waiting."""
        self.google.add(name, polls=10, response=b'{"n": 1}')
        workers = []
        for _ in range(processes):
            made = self.client().call("future.create", self.creation(name, key=name, polling=STEADY))
            workers.append(self.daemon.ctl_start("result", made["id"]))
        for worker in workers:
            stdout, stderr = worker.communicate(timeout=harness.PATIENCE)
            self.assertEqual((worker.returncode, stdout), (0, b'{"n": 1}'), stderr)
        return self.google.polled(name)

    def test_eight_cost_as_much_as_one(self):
        self.assertEqual(self.polls_with(1, "operations/one"), 11)
        self.assertEqual(self.polls_with(8, "operations/eight"), 11)

    def test_polling_goes_on_when_nobody_waits(self):
        self.google.add("operations/alone", polls=5, response=b'{"n": 1}')
        with self.client() as short:
            made = short.call("future.create", self.creation("operations/alone"))
        wait_until(lambda: self.snapshot(made["id"])["state"] == "succeeded", "its end")
        self.assertEqual(self.result(made["id"], 0), b'{"n": 1}')

    def test_nothing_is_asked_after_the_end(self):
        self.google.add("operations/brief", polls=1, response=b"{}")
        self.google.add("operations/marker", polls=10, response=b"{}")
        self.result(self.create("operations/brief"))
        self.result(self.create("operations/marker"))
        self.assertEqual(self.google.polled("operations/brief"), 2)

    def test_due_times_survive_a_restart(self):
        """What is due in an hour is not asked at once because the daemon was restarted."""
        self.google.add("operations/hourly", polls=None)
        made = self.create("operations/hourly", polling={"initial": 3600, "maximum": 3600, "jitter": "none"})
        wait_until(lambda: self.snapshot(made).get("requests") == 1, "the first poll")
        due = wait_until(lambda: self.snapshot(made).get("next_poll_at_ms"), "the due time")
        # Commits are in order: what was written before an acknowledged creation is durable with it.
        self.google.add("operations/marker", polls=3, response=b"{}")
        self.create("operations/marker")
        self.daemon.kill()
        self.daemon.start()
        self.rpc = self.client(errors="map")
        self.assertAlmostEqual(self.snapshot(made)["next_poll_at_ms"], due, delta=5000)
        self.google.add("operations/last", polls=3, response=b"{}")
        self.result(self.create("operations/last"))
        self.assertEqual(self.google.polled("operations/hourly"), 1)


if __name__ == "__main__":
    harness.main()
