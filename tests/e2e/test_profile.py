"""test_profile.py - futurectl profile: all that is wrong with a file at once, and one poll of it, shown."""
import json
import os

import harness
from canned import Canned, response
from harness import wait_until
from operations import OperationsTest

# Eight mistakes, in eight corners of the language.
MISTAKES = """{
  "parameters": {"base": {"default": "https://jobs.example"}, "job": {"example": "1"}},
  "base": "{base}",
  "headers": {"Authorization": "Bearer {credential}"},
  "submit": {"url": "/jobs", "timeout": "30", "capture": {"job": {"body": "id"}}},
  "poll": {"url": "/jobs/{jbo}", "rules": [
    {"when": {"staus": 200}, "then": "pending"},
    {"when": {"status": 200}, "then": "sucess"},
    {"when": {"status": "2xx"}, "then": "pending"},
    {"when": {"status": 202, "body": {"/state": "done"}}, "then": "success"}
  ]},
  "polling": {"initial": 20, "maximum": 5}
}
"""
FOUND = [
    'headers.Authorization: {credential} is used, but "credential" names none',
    "submit.timeout: must be a number of seconds",
    'submit.capture.job: "id" is not a JSON Pointer (it must be empty or start with "/")',
    'poll.url: {jbo} has no value: no param or earlier capture has that name (did you mean "job"?)',
    'poll.rules[0].when: unknown key "staus" (did you mean "status"?)',
    'poll.rules[1].then: unknown outcome "sucess" (did you mean "success"?)',
    "poll.rules[3]: can never be reached: poll.rules[2] holds for every such answer",
    'polling: "initial" is greater than "maximum"',
]


class Profile(OperationsTest):
    def ctl(self, *arguments, status=0, **options):
        done = self.daemon.ctl("profile", *arguments, **options)
        self.assertEqual(done.returncode, status, (arguments, done.stdout, done.stderr))
        return done.stdout

    def file(self, text, name="some.json"):
        path = os.path.join(self.home.path, name)
        with open(path, "w") as file:
            file.write(text if isinstance(text, str) else json.dumps(text))
        return path

    def credential(self, name, value):
        directory = os.path.join(self.home.env["XDG_CONFIG_HOME"], "futured", "credentials")
        os.makedirs(directory, 0o700, exist_ok=True)
        path = os.path.join(directory, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(value)

    # --- check ---

    def test_eight_mistakes_are_eight_lines(self):
        path = self.file(MISTAKES)
        lines = self.ctl("check", path, status=1).splitlines()
        self.assertCountEqual(lines, [f"{path}: {line}" for line in FOUND])
        report = json.loads(self.ctl("check", path, "--json", status=1))
        self.assertCountEqual([f"{p['place']}: {p['message']}" for p in report["problems"]], FOUND)
        self.assertFalse(report["more"])
        self.assertEqual(self.ctl("check", "-", input=MISTAKES, status=1).count("\n"), 8)

    def test_where_it_is_no_json(self):
        path = self.file('{\n  "poll": {"url": "http://h/"},,\n}\n')
        self.assertRegex(self.ctl("check", path, status=1), rf"^{path}:2:32: .*\n$")
        self.assertEqual(self.ctl("check", self.file("[]"), status=1), f"{path}: must be an object\n")
        with open(path, "wb") as file:
            file.write(b"\xff{}")
        done = self.daemon.ctl("profile", "check", path)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("UTF-8", done.stderr)

    def test_every_shipped_profile_is_fine(self):
        names = sorted(name for name in os.listdir(harness.PROFILES) if name.endswith(".json"))
        self.assertIn("google-lro.json", names)
        for name in names:
            with self.subTest(profile=name):
                out = self.ctl("check", os.path.join(harness.PROFILES, name))
                self.assertRegex(out, r": fine: .*poll.*; \d+ rules; parameters .*base")
                self.assertEqual(self.ctl("check", name.removesuffix(".json")).split(": ", 1)[1], out.split(": ", 1)[1])

    def test_list_and_show(self):
        self.assertIn("google-lro", self.ctl("list"))
        self.assertIn('"poll"', self.ctl("show", "google-lro"))
        for arguments, status in ((["frob"], 2), ([], 2), (["check"], 2), (["check", "nothing.json"], 2),
                                  (["check", "no-such"], 4), (["try", "no-such"], 4), (["show", "no-such"], 4)):
            done = self.daemon.ctl("profile", *arguments)
            self.assertEqual((done.returncode, done.stdout), (status, ""), arguments)
            self.assertTrue(done.stderr, arguments)

    # --- try ---

    def tried(self, name, *more, **options):
        return self.ctl("try", "google-lro", "-p", f"name={name}", "-p", f"base={self.google.url}", *more, **options)

    def test_request_answer_rules_and_verdict(self):
        self.google.add("operations/1", polls=1, response=b'{"n": 7}', metadata={"percent": 40})
        out = self.tried("operations/1")
        for line in (f"> GET {self.google.url}/v1/operations/1", "< 200 OK", "< Content-Type: application/json",
                     '  [0] cancelled  no: body["/done"] is not there, not true', "  [4] pending    holds",
                     "outcome: pending", 'progress: {"percent": 40}', "next request: within 1 s (polling, at first)"):
            self.assertIn(line, out.splitlines())
        out = self.tried("operations/1")
        self.assertIn("  [2] success    holds", out.splitlines())
        self.assertRegex(out, r"result: 8 bytes at byte \d+ of the body, application/json\n")
        self.assertNotIn("next request", out)
        self.assertEqual(self.google.polled("operations/1"), 2)
        # nothing was created
        self.assertEqual(self.rpc.call("future.list")["futures"], [])

    def test_the_raw_report(self):
        self.google.add("operations/1", polls=0, error={"code": 9, "message": "no"})
        report = json.loads(self.tried("operations/1", "--json"))
        self.assertEqual(report["response"]["status"], 200)
        self.assertEqual([rule["holds"] for rule in report["rules"]], [False, True])
        self.assertEqual((report["verdict"]["outcome"], report["verdict"]["error"]["code"]), ("failure", "9"))
        self.assertEqual(report, self.rpc.call("profile.try", {"profile": "google-lro", "params": {
            "base": self.google.url, "name": "operations/1"}}))

    def test_no_answer(self):
        out = self.ctl("try", "google-lro", "-p", "name=operations/1", "-p", "base=http://127.0.0.1:1", status=1)
        self.assertIn("no answer: connect to 127.0.0.1:1", out)
        self.assertIn("outcome: retry", out)

    def test_what_is_missing_or_wrong(self):
        done = self.daemon.ctl("profile", "try", "google-lro", "-p", f"base={self.google.url}")
        self.assertEqual(done.returncode, 2)
        self.assertIn('"name" is missing: ', done.stderr)
        done = self.daemon.ctl("profile", "try", self.file(MISTAKES), "-p", "job=1")
        self.assertEqual(done.returncode, 2)
        self.assertIn("submit.timeout", done.stderr)
        self.assertEqual(self.google.polled(), 0)

    def test_secrets_never_appear(self):
        self.credential("pass", "s3cret")
        echo = Canned(lambda path: response(b'{"you": "s3cret"}'))
        self.addCleanup(echo.stop)
        spec = self.file({"base": echo.base, "credential": "pass", "headers": {"Authorization": "Bearer {credential}"},
                          "poll": {"url": "/x", "query": {"key": "{credential}"}, "capture": {"you": {"body": "/you"}},
                                   "rules": [{"when": {"body": {"/you": "me"}}, "then": "success"},
                                             {"when": {"status": 200}, "then": "failure", "error": {"message": "/you"}}]}})
        for arguments in ((), ("--json",)):
            out = self.ctl("try", spec, *arguments)
            self.assertIn("Bearer ...", out)
            self.assertIn("key=...", out)
            self.assertNotIn("s3cret", out)
        self.assertIn("key=s3cret", echo.requests[0])
        self.assertNotIn("s3cret", self.daemon.log())

    def test_it_is_gone_with_its_caller(self):
        self.google.fault({"kind": "get", "hold": True, "times": None})
        # one more than there may be at a time
        for i in range(9):
            name = f"operations/{i}"
            self.google.add(name, polls=0)
            started = self.daemon.ctl_start("profile", "try", "google-lro", "-p", f"name={name}", "-p",
                                            f"base={self.google.url}")
            wait_until(lambda: self.google.polled(name) == 1, "the poll is under way")
            started.kill()
            started.communicate()


if __name__ == "__main__":
    harness.main()
