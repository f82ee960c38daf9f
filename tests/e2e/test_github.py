"""test_github.py - workflow runs of GitHub: two fields for one state, and limits that say when."""
import json
import time

import harness
from github import GitHub
from harness import wait_until
from services import SLOW, ServiceTest

RUNS = "/repos/octocat/hello/actions/runs"


class GitHubTest(ServiceTest):
    service_class = GitHub
    profile = "github-run"
    secret = "github"
    token = "ghp_1"
    id_param = "run_id"

    def creation(self, name=None, params=None, **more):
        return super().creation(name, {"owner": "octocat", "repo": "hello", **(params or {})}, **more)

    def run_of(self, more=None, **simulate):
        """A run and a future for it that is asked about alone; both names."""
        name = self.service.prepare(**simulate)
        return name, self.create(name, **{"spec": self.alone(), **(more or {})})

    def statuses(self, kind="poll"):
        return [entry["status"] for entry in self.requests(kind)]


class States(GitHubTest):
    def test_conclusions_that_are_a_success(self):
        for conclusion in ("success", "neutral", "skipped"):
            name, made = self.run_of(polls=2, conclusion=conclusion)
            self.assertEqual(self.json_result(made)["conclusion"], conclusion)
            self.assertEqual(self.history(name), [("poll", 200)] * 2)
        headers = self.requests()[0]["headers"]
        self.assertEqual((headers["authorization"], headers["accept"], headers["x-github-api-version"]),
                         ("Bearer ghp_1", "application/vnd.github+json", "2022-11-28"))
        self.assertEqual(self.requests()[0]["target"].rpartition("/")[0], RUNS)

    def test_conclusions_that_are_a_failure(self):
        for conclusion in ("failure", "timed_out", "action_required", "startup_failure", "stale", "of_the_future"):
            _, made = self.run_of(polls=1, conclusion=conclusion)
            data = self.fails(made, kind="remote", code=conclusion)
            self.assertEqual(json.loads(data["details"])["status"], "completed")

    def test_conclusion_cancelled(self):
        _, made = self.run_of(polls=1, conclusion="cancelled")
        self.assert_rpc_error("Cancelled", self.result, made)

    def test_statuses_that_are_no_end(self):
        states = ["requested", "queued", "waiting", "pending", "in_progress"]
        name, made = self.run_of(states=states)
        self.assert_progress(made, states)
        self.service.complete(name)
        self.result(made)
        self.assertGreater(self.count("poll", name), len(states))

    def test_404_and_410(self):
        self.fails(self.create("1", spec=self.alone()), kind="lost", http_status=404, message="Not Found")
        _, made = self.run_of(faults=[{"status": 410, "body": {"message": "Gone"}}])
        self.fails(made, kind="lost", http_status=410)


class Limits(GitHubTest):
    def test_x_ratelimit_reset_is_obeyed(self):
        self.service.call(setattr, self.service, "remaining", 0)
        name, made = self.run_of(polls=1)
        self.result(made)
        self.assertEqual(self.statuses(), [403, 200])
        self.assertGreaterEqual(self.gaps("poll", name)[0], 0.9)
        self.assertEqual(self.rpc.call("server.stats")["futures"]["failed"], 0)

    def test_a_reset_with_every_answer_is_no_pause(self):
        name, made = self.run_of(polls=4)
        self.result(made)
        self.assertLess(sum(self.gaps("poll", name)), 60)

    def test_retry_after_of_the_secondary_limit(self):
        name, made = self.run_of(polls=1, faults=[{"status": 403, "headers": {"Retry-After": "1"},
                                                  "body": {"message": "You have exceeded a secondary rate limit"}}])
        self.result(made)
        self.assertEqual(self.statuses(), [403, 200])
        self.assertGreaterEqual(self.gaps("poll", name)[0], 0.99)

    def test_a_limit_that_does_not_say_when(self):
        limit = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes"}
        _, made = self.run_of({"retry": {"jitter": "none"}}, faults=[{"status": 403, "body": limit}])
        snapshot = wait_until(lambda: [s for s in [self.snapshot(made)] if s.get("requests") == 1], "the first poll")[0]
        self.assertAlmostEqual(snapshot["next_poll_at_ms"] / 1000, time.time() + 60, delta=15)

    def test_403_that_is_about_something_else(self):
        _, made = self.run_of(faults=[{"status": 403, "body": {"message": "Resource not accessible"},
                                       "headers": {"x-ratelimit-remaining": "4000"}}])
        self.fails(made, kind="remote", http_status=403, message="Resource not accessible")

    def test_requests_are_made_one_at_a_time(self):
        self.service.fault({"kind": "poll", "delay": 0.05, "times": None})
        both = [self.run_of(polls=3) for _ in range(6)]
        for _, made in both:
            self.result(made)
        self.assertEqual(self.service.stats()["max_concurrent"], 1)

    def test_one_limit_pauses_all(self):
        both = [self.run_of() for _ in range(6)]
        for name, _ in both:
            self.seen(1, "poll", name)
        self.service.fault({"kind": "poll", "status": 429, "headers": {"Retry-After": "1"}})
        wait_until(lambda: 429 in self.statuses(), "the limit")
        for name, made in both:
            self.service.complete(name)
            self.result(made)
        polls = self.requests("poll")
        limit = next(i for i, entry in enumerate(polls) if entry["status"] == 429)
        self.assertGreaterEqual(polls[limit + 1]["at"] - polls[limit]["at"], 0.99)

    def test_the_pause_outlives_the_power_cord(self):
        name, made = self.run_of(polls=1, faults=[{"status": 429, "headers": {"Retry-After": "2"}}])
        wait_until(lambda: self.snapshot(made).get("condition") == "throttled", "the pause")
        self.restart()
        self.result(made)
        self.assertGreaterEqual(self.gaps("poll", name)[0], 1.9)


class Cancels(GitHubTest):
    def test_cancel(self):
        name, made = self.run_of({"polling": SLOW})
        self.seen(1, "poll", name)
        self.rpc.call("future.cancel", {"id": made})
        self.assert_rpc_error("Cancelled", self.result, made)
        self.assertEqual(self.history(name)[:2], [("poll", 200), ("cancel", 202)])

    def test_409_not_cancellable(self):
        name, made = self.run_of(polls=5, cancel="refused")
        self.seen(1, "poll", name)
        self.rpc.call("future.cancel", {"id": made})
        self.assertEqual(self.json_result(made)["conclusion"], "success")
        self.assertEqual(self.history(name).count(("cancel", 409)), 1)


class Lists(GitHubTest):
    def old_run(self, newer, **simulate):
        """A run before so many newer ones, and a future for it; both names."""
        name = self.service.prepare(**simulate)
        for _ in range(newer):
            self.service.prepare()
        self.companion()
        return name, self.create(name)

    def pages(self):
        return [entry["target"].partition("page=100")[2] for entry in self.requests("list")]

    def test_runs_of_a_repository_in_one_list(self):
        names = [self.service.prepare(polls=4) for _ in range(8)]
        made = [self.create(name) for name in names]
        for some_id in made:
            self.assertEqual(self.json_result(some_id)["conclusion"], "success")
        self.assertLessEqual(self.count("poll"), 8)
        self.assertLessEqual(self.count("list"), 4 + 8)
        self.assertEqual(self.requests("list")[0]["target"], RUNS + "?per_page=100")

    def test_pages_by_link(self):
        name, made = self.old_run(230, polls=3)
        self.assertEqual(self.json_result(made)["conclusion"], "success")
        self.assertEqual(self.pages()[:3], ["", "&page=2", "&page=3"])
        self.assertLessEqual(self.count("poll", name), 1)

    def test_the_last_page_may_be_full(self):
        name, made = self.old_run(200)         # 202 with its companion
        self.seen(3, "list")
        self.service.lost(name)
        self.service.lost(next(iter(self.service.jobs)))
        self.fails(made, kind="lost", http_status=404)
        self.asked_alone_after_a_list(name)


if __name__ == "__main__":
    harness.main()
