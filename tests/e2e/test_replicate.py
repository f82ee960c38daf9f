"""test_replicate.py - predictions of Replicate."""
import json

import harness
from harness import wait_until
from replicate import Replicate
from services import SLOW, ServiceTest


class ReplicateTest(ServiceTest):
    service_class = Replicate
    profile = "replicate"
    token = "r8_1"
    id_param = "prediction_id"

    def prediction(self, more=None, **simulate):
        """A prediction and a future for it; both names."""
        name = self.service.prepare(**simulate)
        return name, self.create(name, **(more or {}))

    def submit(self, simulate, headers=None):
        """A creation as the profile's help describes it."""
        body = {"version": "v1", "input": {}, "simulate": simulate}
        request = {"url": "/v1/predictions", "headers": headers or {}, "json": body, "rules": "poll",
                   "capture": {"prediction_id": {"body": "/id"}}}
        return self.create(spec={"submit": request})


class Ends(ReplicateTest):
    def test_succeeded(self):
        name, made = self.prediction(polls=3, output=["https://replicate.delivery/a.png"])
        self.assertEqual(self.json_result(made), ["https://replicate.delivery/a.png"])
        self.assertEqual(self.history(name), [("poll", 200)] * 3)
        self.assertEqual(self.requests()[0]["headers"]["authorization"], "Bearer r8_1")

    def test_succeeded_without_output(self):
        name, made = self.prediction(polls=1, output=None)
        self.assertEqual(self.json_result(made)["id"], name)

    def test_output_that_has_been_removed(self):
        _, made = self.prediction(polls=1, data_removed=True)
        self.assertIn("removed", self.fails(made, kind="lost")["message"])

    def test_failed(self):
        _, made = self.prediction(polls=2, end="failed", error="CUDA out of memory", logs=["1%\n", "Traceback\n"])
        data = self.fails(made, kind="remote", code="failed", message="CUDA out of memory")
        self.assertEqual(json.loads(data["details"]), "1%\nTraceback\n")

    def test_canceled_and_aborted(self):
        for end in ("canceled", "aborted"):
            _, made = self.prediction(polls=1, end=end)
            self.assert_rpc_error("Cancelled", self.result, made)

    def test_an_unknown_status_is_not_an_end(self):
        name, made = self.prediction(polls=4, states=["starting", "warming_up"])
        self.result(made)
        self.assertEqual(self.count("poll", name), 4)

    def test_logs_are_progress(self):
        name, made = self.prediction(logs=["10%\n", "20%\n"])
        self.assert_progress(made, ["10%\n", "10%\n20%\n"])
        self.service.complete(name)
        self.result(made)


class Errors(ReplicateTest):
    def test_404(self):
        self.assertIn("could not be found", self.fails(self.create("none"), kind="lost", http_status=404)["message"])

    def test_429_and_5xx_are_tried_again(self):
        name, made = self.prediction(polls=1, faults=[{"status": 429, "headers": {"Retry-After": "1"}}, {"status": 503},
                                                      {"status": 504}])
        self.result(made)
        self.assertEqual([status for _, status in self.history(name)], [429, 503, 504, 200])
        self.assertGreaterEqual(self.gaps("poll", name)[0], 0.99)

    def test_402(self):
        problem = {"title": "Insufficient credit", "detail": "You have no credit", "status": 402}
        _, made = self.prediction(faults=[{"status": 402, "body": problem}])
        self.fails(made, kind="remote", code="Insufficient credit", message="You have no credit", http_status=402)


class Submits(ReplicateTest):
    def test_submit(self):
        made = self.submit({"name": "p", "polls": 2, "output": "text"})
        self.assertEqual(self.json_result(made), "text")
        self.assertEqual(self.history("p"), [("submit", 201), ("poll", 200), ("poll", 200)])

    def test_prefer_wait_and_done_in_the_answer(self):
        made = self.submit({"name": "p", "seconds": 0.2, "output": 1}, {"Prefer": "wait=10"})
        self.assertEqual(self.json_result(made), 1)
        self.assertEqual(self.history("p")[0], ("submit", 201))
        self.assertEqual(self.requests("submit")[0]["headers"]["prefer"], "wait=10")

    def test_prefer_wait_that_ends_too_early(self):
        made = self.submit({"name": "p", "polls": 1, "output": 2}, {"Prefer": "wait=0"})
        self.assertEqual(self.json_result(made), 2)
        self.assertEqual(self.history("p"), [("submit", 201), ("poll", 200)])

    def test_cancel_after_is_the_services(self):
        made = self.submit({"name": "p"}, {"Cancel-After": "0s"})
        self.assert_rpc_error("Cancelled", self.result, made)
        self.assertEqual(self.history("p"), [("submit", 201)])

    def test_a_submit_of_which_nobody_knows(self):
        self.service.fault({"kind": "submit", "effect": True, "hold": True})
        made = self.submit({"name": "p"})
        self.seen(1, "submit")
        self.restart()
        self.fails(made, kind="submit_unknown")
        self.assertEqual(self.count("submit"), 1)


class Cancels(ReplicateTest):
    def test_cancel(self):
        name, made = self.prediction({"polling": SLOW})
        self.seen(1, "poll", name)
        self.rpc.call("future.cancel", {"id": made})
        self.assert_rpc_error("Cancelled", self.result, made)
        self.assertEqual(self.history(name), [("poll", 200), ("cancel", 200), ("poll", 200)])

    def test_cancel_that_takes_its_time(self):
        name, made = self.prediction(cancel_polls=3)
        self.seen(1, "poll", name)
        self.rpc.call("future.cancel", {"id": made})
        wait_until(lambda: self.snapshot(made)["state"] == "cancelled", "its end")
        self.assertEqual(self.count("cancel", name), 1)


if __name__ == "__main__":
    harness.main()
