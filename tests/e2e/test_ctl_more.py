"""test_ctl_more.py - the command line: holds, timers, groups, batches, pauses, pins, files of ids."""
import json
import os
import time

import harness
from ctl import CommandLine
from harness import json_lines, wait_until
from operations import OperationsTest

NO_SUCH = "01900000-0000-7000-8000-000000000000"
PROMISE = json.dumps({"kind": "promise"})


class MoreTest(CommandLine, harness.DaemonTest):
    def setUp(self):
        super().setUp()
        self.rpc = self.client()

    def get(self, made):
        return self.rpc.call("future.get", {"id": made})

    def file(self, name, text):
        path = os.path.join(self.home.path, name)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path


class Holds(MoreTest):
    def test_a_timer(self):
        made = self.made("timer", "0.05", "--label", "a=b")
        self.ctl("wait", made)
        self.assertEqual(self.ctl("result", made), "null")
        self.assertEqual(self.get(made)["kind"], "timer")
        self.ctl("wait", self.made("timer", "0"))

    def test_a_timer_at_a_time(self):
        at = int(time.time()) + 4000
        local = time.localtime(at)
        for when in (f"@{at}", time.strftime("%Y-%m-%dT%H:%M:%S", local), time.strftime("%Y-%m-%d %H:%M:%S", local),
                     time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)), time.strftime("%H:%M:%S", local),
                     time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at + 5400)) + "+01:30"):
            with self.subTest(when=when):
                self.assertEqual(self.get(self.made("timer", when))["start_at_ms"], at * 1000)
        self.assertEqual(self.get(self.made("timer", "--start-at", f"@{at}.5"))["start_at_ms"], at * 1000 + 500)

    def test_a_time_that_is_none(self):
        for when in ("soon", "", "25:00", "12:60", "2026-02-30 10:00", "2026-02-10 10", "2026-02-10x10:00", "@", "@x",
                     "12:00 tomorrow", "2026-02-10T10:00+x", "1969-01-01"):
            with self.subTest(when=when):
                self.assertIn("expected a time", self.complaint("timer", when, status=2))
                self.assertIn("expected a time", self.complaint("promise", "--start-at", when, status=2))
        self.complaint("timer", status=2)
        self.complaint("timer", "1", "2", status=2)
        self.complaint("timer", "1", "--delay", "2", status=2)
        self.complaint("timer", "--delay", "1", "--start-at", "@99999999999", status=2)

    def test_after(self):
        first, second = self.made("promise"), self.made("promise")
        held = self.made("timer", "0.01", "--after", first, "--after", second[:35])
        shot = self.get(held)
        self.assertEqual((shot["held"], shot["after"], shot["condition"]), (True, [first, second], "waiting"))
        self.ctl("resolve", first, "-d", "1")
        self.ctl("wait", "--timeout", "0", held, status=124)
        self.ctl("resolve", second, "-d", "1")
        self.ctl("wait", held)

    def test_after_one_that_fails(self):
        first = self.made("promise")
        held = self.made("promise", "--after", first)
        self.ctl("reject", first, "-m", "no luck")
        self.ctl("wait", held, status=1)
        said = self.complaint("result", held, status=1)
        self.assertIn("dependency", said)
        self.assertIn("no luck", said)

    def test_delay(self):
        held = self.made("promise", "--delay", "1h")
        shot = self.get(held)
        self.assertAlmostEqual(shot["start_at_ms"] / 1000, time.time() + 3600, delta=60)
        self.assertRegex(self.ctl("get", held), r"(?m)^start: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
        self.assertRegex(self.ctl("list"), rf"(?m)^{held}  pending .* promise \(waiting\)$")

    def test_after_is_shown(self):
        first, second = self.made("promise"), self.made("promise")
        held = self.made("promise", "--after", second, "--after", first)
        self.assertRegex(self.ctl("get", held), rf"(?m)^after: {second} {first}$")

    def test_after_what_is_not_there(self):
        self.complaint("promise", "--after", NO_SUCH, status=4)
        self.complaint("promise", "--after", "x", status=2)


class Groups(MoreTest):
    def setUp(self):
        super().setUp()
        self.ids = [self.made("promise") for _ in range(3)]

    def test_all(self):
        group = self.made("group", *self.ids, "--label", "a=b")
        self.assertEqual((self.get(group)["kind"], self.get(group)["after"]), ("group", self.ids))
        for i, made in enumerate(self.ids):
            self.ctl("resolve", made, "-d", str(i), "--type", "application/json")
        members = json.loads(self.ctl("result", group))
        self.assertEqual([(m["id"], m["state"], m["result"]) for m in members],
                         [(made, "succeeded", i) for i, made in enumerate(self.ids)])

    def test_any(self):
        group = self.made("group", "--until", "any", *self.ids)
        self.ctl("reject", self.ids[1])
        self.assertEqual([m["state"] for m in json.loads(self.ctl("result", group))], ["pending", "failed", "pending"])

    def test_first_exception(self):
        group = self.made("group", "--until", "first-exception", *self.ids)
        self.ctl("reject", self.ids[1], "-m", "no luck")
        self.ctl("wait", group, status=1)
        self.assertIn("no luck", self.complaint("result", group, status=1))

    def test_short_ids_and_duplicates(self):
        group = self.made("group", self.ids[0], self.ids[0][:35])
        self.ctl("resolve", self.ids[0], "-d", "7")
        self.assertEqual([m["id"] for m in json.loads(self.ctl("result", group))], [self.ids[0]] * 2)

    def test_usage(self):
        self.complaint("group", status=2)
        self.complaint("group", "--until", "some", self.ids[0], status=2)
        self.complaint("group", NO_SUCH, status=4)


class Batches(MoreTest):
    def test_one_for_each_line(self):
        path = self.file("specs", f"{PROMISE}\n\n{PROMISE}\r\n  {json.dumps({'kind': 'timer', 'delay': 0.01})}")
        ids = self.ctl("create", "--batch", path, "--label", "run=7").split()
        shots = [self.get(made) for made in ids]
        self.assertEqual([shot["kind"] for shot in shots], ["promise", "promise", "timer"])
        self.assertEqual([shot["labels"] for shot in shots], [{"run": "7"}] * 3)
        self.assertEqual(len(set(ids)), 3)

    def test_from_standard_input(self):
        lines = json_lines(self.ctl("create", "--batch", "-", "--json", input=f"\n{PROMISE}\n{PROMISE}\n"))
        self.assertEqual([(line["line"], line["state"], line["created"]) for line in lines],
                         [(2, "pending", True), (3, "pending", True)])

    def test_what_is_wrong_is_named_by_its_line(self):
        path = self.file("specs", f'{PROMISE}\n{{"kind": "nonsense"}}\n{{\n{PROMISE}\n')
        done = self.daemon.ctl("create", "--batch", path)
        self.assertEqual(done.returncode, 2)
        said = done.stderr.splitlines()
        self.assertEqual(len(said), 2, said)
        self.assertIn(f"{path}:2: ", said[0])
        self.assertIn("nonsense", said[0])
        self.assertIn(f"{path}:3: ", said[1])
        self.assertEqual([self.get(made)["state"] for made in done.stdout.split()], ["pending"] * 2)

    def test_lines_that_are_no_text(self):
        path = self.file("specs", b'{"a": "\xff"}\n\x00\n' + PROMISE.encode() + b"\n" + b" " * (1 << 20) + b"{}\n")
        done = self.daemon.ctl("create", "--batch", path)
        self.assertEqual(done.returncode, 2)
        for line in (1, 2, 4):
            self.assertIn(f"{path}:{line}: ", done.stderr)
        self.assertEqual(len(done.stdout.split()), 1)

    def test_many(self):
        count = 3000
        ids = self.ctl("create", "--batch", "-", "--key", "nightly", input=f"{PROMISE}\n" * count).split()
        self.assertEqual(len(set(ids)), count)
        self.assertEqual(self.get(ids[-1])["key"], f"nightly:{count}")
        # The same again gives the same futures.
        self.assertEqual(self.ctl("create", "--batch", "-", "--key", "nightly", input=f"{PROMISE}\n" * count).split(), ids)

    def test_a_key_is_of_its_line(self):
        self.ctl("create", "--batch", "-", "--key", "k", input=f"{PROMISE}\n")
        done = self.daemon.ctl("create", "--batch", "-", "--key", "k", input='{"kind": "timer", "delay": 1}\n')
        self.assertEqual(done.returncode, 7)
        self.assertIn("standard input:1: ", done.stderr)

    def test_nothing(self):
        self.assertEqual(self.ctl("create", "--batch", "-", input="\n\n"), "")

    def test_usage(self):
        self.complaint("create", "--batch", "/nonexistent", status=2)
        self.complaint("create", "--batch", "-", "--spec", "-", status=2)
        self.complaint("create", "--params-batch", "-", status=2)
        self.complaint("create", "p", "--params-batch", "-", "-p", "a=b", status=2)

    def test_no_daemon(self):
        self.daemon.stop()
        self.complaint("create", "--batch", "-", status=6, input=f"{PROMISE}\n" * 5)
        self.daemon.start()


class Pins(MoreTest):
    def test_pin_and_unpin(self):
        first, second = self.made("promise", "--ttl", "0"), self.made("promise")
        self.assertEqual(self.ctl("pin", first, second), f"{first} pinned\n{second} pinned\n")
        self.ctl("resolve", first, "-d", "1")
        self.assertEqual(self.ctl("result", first), "1")
        self.assertTrue(self.get(first)["pinned"])
        self.assertRegex(self.ctl("list"), rf"(?m)^{first} .* promise \(pinned\)$")
        self.assertEqual(self.ctl("unpin", first), f"{first} not pinned\n")
        wait_until(lambda: self.daemon.ctl("get", first).returncode == 4, "its end")
        self.complaint("pin", first, status=4)
        self.ctl("forget", second, status=1)


class Files(MoreTest):
    def test_save_and_open(self):
        path = os.path.join(self.home.path, "jobs.json")
        ids = [self.made("promise") for _ in range(3)]
        self.assertEqual(self.ctl("save", path, *ids, ids[0][:35]), "")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertEqual(self.ctl("open", path).split(), [*ids, ids[0]])
        self.ctl("resolve", ids[1], "-d", "1")
        self.ctl("cancel", ids[2])
        self.ctl("forget", ids[2])
        self.assertEqual(self.ctl("open", "--states", path).splitlines(),
                         [f"{ids[0]} pending", f"{ids[1]} succeeded", f"{ids[2]} forgotten", f"{ids[0]} pending"])
        self.assertEqual(json_lines(self.ctl("open", "--states", path, "--json"))[1], {"id": ids[1], "state": "succeeded"})
        self.assertEqual(json_lines(self.ctl("open", path, "--json"))[0], {"id": ids[0]})

    def test_single(self):
        path = os.path.join(self.home.path, "job.json")
        made = self.made("promise")
        self.ctl("save", "--single", path, made)
        with open(path) as file:
            saved = json.load(file)
        self.assertEqual((saved["futured_group"], saved["single"], saved["ids"]), (1, True, [made]))
        self.complaint("save", "--single", path, made, made, status=2)

    def test_what_is_no_such_file(self):
        path = self.file("bad.json", '{"futured_group": 1, "ids": [7]}')
        self.assertIn(path, self.complaint("open", path, status=1))
        self.assertIn("/nonexistent", self.complaint("open", "/nonexistent", status=1))
        self.assertIn("/nonexistent", self.complaint("save", "/nonexistent/x", self.made("promise"), status=1))
        self.complaint("open", status=2)
        self.complaint("save", status=2)
        self.complaint("save", path, "x", status=2)


class AsCompleted(MoreTest):
    def test_ids_as_they_end(self):
        ids = [self.made("promise") for _ in range(3)]
        waiting = self.daemon.ctl_start("wait", "--as-completed", *ids, text=True)
        self.addCleanup(waiting.communicate)
        self.addCleanup(waiting.kill)
        for made, command in ((ids[2], ["resolve", "-d", "1"]), (ids[0], ["reject", "-m", "no luck"]), (ids[1], ["cancel"])):
            self.ctl(*command, made)
            self.assertEqual(waiting.stdout.readline(), f"{made}\n")
        self.assertEqual(waiting.wait(harness.PATIENCE), 1)

    def test_a_timeout(self):
        done, never = self.made("timer", "0"), self.made("promise")
        out = self.ctl("wait", "--as-completed", "--timeout", "0.5", never, done, status=124)
        self.assertEqual(out, f"{done}\n")


class Operations(CommandLine, OperationsTest):
    def new(self, name, *more):
        self.google.add(name, polls=None)
        return self.made("create", "google-lro", "-p", f"name={name}", "-p", f"base={self.google.url}", "--polling",
                         '{"initial": 0.05, "maximum": 0.05, "jitter": "none"}', *more)

    def polled_until(self, name, count):
        wait_until(lambda: self.google.polled(name) >= count, "polls")

    def test_a_batch_of_params(self):
        for i in range(3):
            self.google.add(f"operations/{i}", polls=0, response=json.dumps(i).encode())
        lines = "".join(json.dumps({"base": self.google.url, "name": f"operations/{i}"}) + "\n" for i in range(3))
        ids = self.ctl("create", "google-lro", "--params-batch", "-", input=lines).split()
        self.assertEqual([self.ctl("result", made) for made in ids], ["0", "1", "2"])
        done = self.daemon.ctl("create", "google-lro", "--params-batch", "-", input='{"nme": "x"}\n')
        self.assertEqual(done.returncode, 2)
        self.assertIn("standard input:1: ", done.stderr)

    def test_pause_and_resume(self):
        first, second = self.new("operations/1", "--label", "team=a"), self.new("operations/2", "--label", "team=b")
        self.polled_until("operations/1", 1)
        self.assertEqual(self.ctl("pause", first), "1 paused\n")
        self.assertEqual(self.ctl("pause", first, second), "1 paused\n")
        self.assertEqual(self.ctl("resume", "--label", "team=b"), "1 resumed\n")
        shot = self.rpc.call("future.get", {"id": first})
        self.assertEqual((shot["paused"], shot["condition"]), (True, "paused"))
        self.assertRegex(self.ctl("list"), rf"(?m)^{first}  running .* google-lro team=a \(paused\)$")
        self.google.end("operations/1", response=b"1")
        self.google.end("operations/2", response=b"2")
        self.assertEqual(self.ctl("result", second), "2")
        self.ctl("wait", "--timeout", "0", first, status=124)
        self.assertEqual(json_lines(self.ctl("resume", first, "--json"))[0]["resumed"], 1)
        self.assertEqual(self.ctl("result", first), "1")

    def test_pause_an_origin(self):
        self.assertEqual(self.ctl("pause", "--origin", self.google.url), f"0 paused\n{self.google.url} is paused\n")
        made = self.new("operations/1")
        self.assertRegex(self.ctl("list"), rf"(?m)^{made} .*\(paused\)$")
        self.google.end("operations/1", response=b"1")
        self.ctl("wait", "--timeout", "0.3", made, status=124)
        self.assertEqual(self.google.polled("operations/1"), 0)
        self.assertEqual(self.ctl("resume", "--origin", self.google.url), "1 resumed\n")
        self.assertEqual(self.ctl("result", made), "1")

    def test_watch_shows_trouble(self):
        made = self.new("operations/1")
        self.polled_until("operations/1", 1)
        watching = {}
        for option in ("--json", "--since=0"):
            watching[option] = self.daemon.ctl_start("watch", made, option, text=True)
            self.addCleanup(watching[option].communicate)
            self.addCleanup(watching[option].kill)
        wait_until(lambda: self.rpc.call("server.stats")["subscriptions"] == 2, "the subscriptions")
        self.google.stumble("operations/1", [503])
        self.google.end("operations/1", response=b"1")
        event = next(e for e in map(json.loads, watching["--json"].stdout) if e["event"] == "trouble")
        self.assertEqual((event["id"], event["attempts"]), (made, 1))
        self.assertIn("503", event["message"])
        line = next(line for line in watching["--since=0"].stdout if " trouble " in line)
        self.assertRegex(line, r"running \(1 in a row\) .*503")
        self.ctl("wait", made)

    def test_pause_usage(self):
        made = self.new("operations/1")
        for command in ("pause", "resume"):
            self.complaint(command, status=2)
            self.complaint(command, made, "--label", "a=b", status=2)
            self.complaint(command, "--origin", self.google.url, "--label", "a=b", status=2)
            self.complaint(command, "--label", "a", status=2)
            self.complaint(command, "--origin", "nonsense", status=2)
            self.complaint(command, NO_SUCH, status=4)


if __name__ == "__main__":
    harness.main()
