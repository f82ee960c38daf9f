"""test_openai_batch.py - batches of OpenAI: their ends, their files, and the list that tells of them all."""
import json
import re

import harness
from openai_batch import LINE, OpenAiBatch
from services import SLOW, ServiceTest


class OpenAiTest(ServiceTest):
    service_class = OpenAiBatch
    profile = "openai-batch"
    secret = "openai"
    token = "sk-1"
    id_param = "batch_id"

    def batch(self, more=None, **simulate):
        """A batch and a future for it that is asked about alone; both names."""
        name = self.service.prepare(**simulate)
        return name, self.create(name, **{"spec": self.alone(), **(more or {})})


class Ends(OpenAiTest):
    def test_completed(self):
        name, made = self.batch(polls=4, output="one\ntwo\n")
        self.assertEqual(self.result(made), b"one\ntwo\n")
        self.assertEqual(self.rpc.call("future.result", {"id": made})["content_type"], "application/octet-stream")
        self.assertEqual(self.history(name), [("poll", 200)] * 4 + [("file", 200)])
        self.assertEqual({entry["headers"]["authorization"] for entry in self.requests()}, {"Bearer sk-1"})

    def test_request_counts_are_progress(self):
        name, made = self.batch(total=9)
        self.assertEqual(self.progress_of(made)(), {"total": 9, "completed": 0, "failed": 0})
        self.service.complete(name)
        self.result(made)

    def test_expired_with_output_is_a_partial_success(self):
        name, made = self.batch(polls=2, end="expired", made=1, output=LINE)
        self.assertEqual(self.result(made), LINE.encode())
        counts = json.loads(self.snapshot(made)["progress"])
        self.assertEqual((counts["completed"], counts["total"]), (1, 4))

    def test_expired_without_output(self):
        name, made = self.batch(polls=1, end="expired", output=None)
        data = self.fails(made, kind="remote", code="expired")
        self.assertEqual(json.loads(data["details"])["id"], name)
        self.assertEqual(self.count("file"), 0)

    def test_completed_without_output_but_with_errors(self):
        _, made = self.batch(polls=1, output=None, error_lines="bad\n")
        data = self.fails(made, kind="remote", code="no_output")
        self.assertTrue(json.loads(data["details"])["error_file_id"])

    def test_failed(self):
        errors = [{"code": "invalid_json_line", "message": "line 2 is not JSON", "line": 2, "param": None}]
        _, made = self.batch(polls=2, end="failed", errors=errors)
        data = self.fails(made, kind="remote", code="invalid_json_line", message="line 2 is not JSON")
        self.assertEqual(json.loads(data["details"])["data"], errors)

    def test_cancelled_at_the_service(self):
        _, made = self.batch(polls=1, end="cancelled")
        self.assert_rpc_error("Cancelled", self.result, made)

    def test_an_unknown_status_is_not_an_end(self):
        name, made = self.batch(states=["validating", "paused_for_lunch"], polls=5)
        self.assertEqual(self.result(made), LINE.encode())
        self.assertEqual(self.count("poll", name), 5)


class Cancels(OpenAiTest):
    def test_cancelling_until_cancelled(self):
        name, made = self.batch(cancel_polls=2)
        self.seen(1, "poll", name)
        self.rpc.call("future.cancel", {"id": made})
        self.assert_rpc_error("Cancelled", self.result, made)
        kinds = [kind for kind, _ in self.history(name)]
        self.assertGreaterEqual(len(kinds) - kinds.index("cancel"), 4)

    def test_cancel_of_what_is_over(self):
        name, made = self.batch({"polling": SLOW})
        self.seen(1, "poll", name)
        self.service.complete(name)
        self.rpc.call("future.cancel", {"id": made})
        self.assertEqual(self.result(made), LINE.encode())
        self.assertEqual(self.history(name), [("poll", 200), ("cancel", 409), ("poll", 200), ("file", 200)])


class Errors(OpenAiTest):
    def test_404(self):
        made = self.create("batch_none", spec=self.alone())
        self.assertIn("batch_none", self.fails(made, kind="lost", http_status=404)["message"])

    def test_409_429_and_5xx_are_tried_again(self):
        name, made = self.batch(polls=1, faults=[{"status": status} for status in (409, 429, 500, 503)])
        self.result(made)
        self.assertEqual([status for kind, status in self.history(name) if kind == "poll"], [409, 429, 500, 503, 200])

    def test_retry_after(self):
        name, made = self.batch(polls=1, faults=[{"status": 429, "headers": {"Retry-After": "1"}}])
        self.result(made)
        self.assertGreaterEqual(self.gaps("poll", name)[0], 0.99)

    def test_a_file_that_comes_in_the_second_attempt(self):
        name = self.service.prepare(polls=1, output="x" * 5000)
        self.service.fault({"kind": "file", "half": 1000})
        self.assertEqual(self.result(self.create(name, spec=self.alone())), b"x" * 5000)
        self.assertEqual(self.history(name), [("poll", 200), ("file", 200), ("file", 200)])

    def test_a_file_that_is_gone(self):
        self.service.fault({"kind": "file", "status": 404, "body": {"error": {"message": "No such File object"}}})
        _, made = self.batch(polls=1)
        self.fails(made, kind="remote", http_status=404)


class Submits(OpenAiTest):
    def submit(self, body=None, **simulate):
        body = {"input_file_id": "file-1", "endpoint": "/v1/responses", "completion_window": "24h",
                "simulate": simulate} if body is None else body
        request = {"url": "/v1/batches", "json": body, "rules": "poll", "capture": {"batch_id": {"body": "/id"}}}
        return self.create(spec={"submit": request})

    def test_submit(self):
        made = self.submit(name="batch_mine", polls=2)
        self.assertEqual(self.result(made), LINE.encode())
        self.assertEqual(self.history("batch_mine"), [("submit", 200), ("poll", 200), ("poll", 200), ("file", 200)])

    def test_a_submit_that_is_refused(self):
        data = self.fails(self.submit({"endpoint": "/v1/responses"}), kind="remote", http_status=400)
        self.assertEqual(data["code"], "missing_required_parameter")


class Lists(OpenAiTest):
    def listed(self, newer=0, **simulate):
        """A batch before so many newer ones, and a future for it; both names."""
        name = self.service.prepare(**simulate)
        for _ in range(newer):
            self.service.prepare()
        self.companion()
        return name, self.create(name)

    def test_a_list_answers_for_all(self):
        names = [self.service.prepare(polls=4, output=f"{i}\n") for i in range(5)]
        made = [self.create(name) for name in names]
        self.assertEqual([self.result(some_id) for some_id in made], [b"%d\n" % i for i in range(5)])
        self.assertLessEqual(self.count("list"), 4 + 5)      # 5: each may come when a list is under way
        self.assertLessEqual(self.count("poll"), 5)
        self.assertEqual(self.requests("list")[0]["target"], "/v1/batches?limit=100")

    def test_no_more_pages_than_needed(self):
        for _ in range(150):
            self.service.prepare()
        _, made = self.listed(polls=3)
        self.assertEqual(self.result(made), LINE.encode())
        self.assertEqual({entry["target"] for entry in self.requests("list")}, {"/v1/batches?limit=100"})

    def test_pages_are_read_until_all_are_found(self):
        name, made = self.listed(250, polls=3)
        self.assertEqual(self.result(made), LINE.encode())
        pages = [re.search("after=([^&]*)|$", entry["target"])[1] for entry in self.requests("list")]
        self.assertEqual(pages[:3], [None, "batch_000153", "batch_000053"])
        self.assertEqual(len(pages) % 3, 0)
        self.assertLessEqual(self.count("poll", name), 1)

    def test_a_batch_that_no_page_has_is_asked_about_alone(self):
        name, made = self.listed()
        self.seen(1, "list")
        self.service.lost(name)
        self.fails(made, kind="lost", http_status=404)
        self.asked_alone_after_a_list(name)

    def test_a_list_that_fails_is_tried_again(self):
        self.service.fault({"kind": "list", "status": 503}, {"kind": "list", "body": "not a list"},
                           {"kind": "list", "reset": True})
        name, made = self.listed(polls=2)
        self.assertEqual(self.result(made), LINE.encode())
        self.assertEqual([entry["status"] for entry in self.requests("list")][:3], [503, 200, None])
        self.assertLessEqual(self.count("poll", name), 1)

    def test_a_list_that_is_not_for_us(self):
        self.service.fault({"kind": "list", "status": 403})
        name, made = self.listed(polls=4)
        self.assertEqual(self.result(made), LINE.encode())
        requests = self.requests()
        refused = [entry["kind"] for entry in requests].index("list")
        self.assertEqual({entry["kind"] for entry in requests[refused + 1:refused + 3]}, {"poll"})
        self.assertIn(name, [entry["name"] for entry in requests[refused + 1:refused + 3]])

    def test_the_power_cord_between_two_pages(self):
        self.service.fault({"kind": "list", "skip": 1, "hold": True})
        _, made = self.listed(120, polls=3, output="kept")
        self.seen(2, "list")
        self.restart()
        self.assertEqual(self.result(made), b"kept")

    def test_an_expired_key(self):
        name, made = self.listed()
        self.seen(1, "list")
        self.service.call(setattr, self.service, "token", "sk-2")
        self.new_token("sk-2")
        self.service.complete(name)
        self.assertEqual(self.result(made), LINE.encode())


if __name__ == "__main__":
    harness.main()
