"""test_futurectl.py - the command line: output, exit codes, short ids, and waits that survive a restart."""
import json
import os
import signal
import subprocess

import harness
from ctl import CommandLine
from harness import json_lines, wait_until
from operations import OperationsTest

ODD = b'{ "z":1,\n "a" : "\\u00e9", "n":9007199254740993 }'
NO_SUCH = "01900000-0000-7000-8000-000000000000"


class Futurectl(CommandLine, OperationsTest):
    def new(self, name, *more, **operation):
        """An operation at the service and a future for it, made by futurectl; its id."""
        self.google.add(name, **operation)
        out = self.ctl("create", "google-lro", "-p", f"name={name}", "-p", f"base={self.google.url}", *more)
        self.assertRegex(out, r"^[0-9a-f-]{36}\n$")
        return out.strip()

    def quick(self, name, **operation):
        """The same with short intervals."""
        self.google.add(name, **operation)
        return self.create(name)

    # --- the commands ---

    def test_create_wait_result(self):
        made = self.new("operations/odd", polls=1, response=ODD)
        self.ctl("wait", made)
        self.assertEqual(self.ctl("result", made, text=False), ODD)
        path = os.path.join(self.home.path, "out")
        self.assertEqual(self.ctl("result", made, "-o", path), "")
        with open(path, "rb") as file:
            self.assertEqual(file.read(), ODD)

    def test_result_waits(self):
        made = self.quick("operations/odd", polls=3, response=ODD)
        self.assertEqual(self.ctl("result", made, text=False), ODD)

    def test_create_from_a_spec(self):
        self.google.add("operations/s", polls=0, response=b'{"n": 1}')
        spec = {"poll": {"url": self.google.url + "/v1/operations/s", "rules": [
            {"when": {"status": 200, "body": {"/done": True}}, "then": "success", "result": "/response"}]}}
        path = os.path.join(self.home.path, "spec.json")
        with open(path, "w") as file:
            json.dump(spec, file)
        by_file = self.ctl("create", "--spec", path).strip()
        by_input = self.ctl("create", "--spec", "-", input=json.dumps(spec)).strip()
        for made in (by_file, by_input):
            self.assertEqual(self.ctl("result", made), '{"n": 1}')

    def test_labels_key_ttl_timeout(self):
        made = self.new("operations/k", "--key", "nightly", "--label", "run=a", "--label", "n=1", "--ttl", "3600",
                        "--timeout", "600", polls=None)
        snapshot = self.snapshot(made)
        self.assertEqual((snapshot["key"], snapshot["labels"]), ("nightly", {"run": "a", "n": "1"}))
        self.assertIn("deadline_at_ms", snapshot)
        again = ("create", "google-lro", "-p", f"base={self.google.url}", "--key", "nightly", "-p")
        self.assertEqual(self.ctl(*again, "name=operations/k").strip(), made)
        self.ctl(*again, "name=operations/l", status=7)

    def test_get(self):
        made = self.quick("operations/g", polls=0, response=b"{}")
        self.ctl("wait", made)
        self.assertIn("succeeded", self.ctl("get", made))
        (snapshot,) = json_lines(self.ctl("get", made, "--json"))
        self.assertEqual((snapshot["id"], snapshot["state"]), (made, "succeeded"))

    def test_list(self):
        first = self.quick("operations/1", polls=0, response=b"{}")
        self.ctl("wait", first)
        second = self.quick("operations/2", polls=None)
        self.assertEqual([f["id"] for f in json_lines(self.ctl("list", "--json"))], [first, second])
        plain = self.ctl("list")
        self.assertIn("succeeded", plain)

    def test_cancel_refresh_extend_retry_forget(self):
        made = self.quick("operations/c", polls=None)
        self.ctl("refresh", made)
        self.ctl("extend", made, "1h")
        self.assertIn("deadline_at_ms", self.snapshot(made))
        self.ctl("forget", made, status=1)
        self.ctl("cancel", made)
        self.ctl("wait", made, status=3)
        self.ctl("result", made, status=3)
        again = self.ctl("retry", made).strip()
        self.assertNotEqual(again, made)
        self.ctl("forget", made)
        self.ctl("get", made, status=4)

    def test_profiles_and_stats(self):
        self.assertIn("google-lro", self.ctl("profiles"))
        self.assertIn("google-lro", [p["name"] for p in json_lines(self.ctl("profiles", "--json"))])
        self.assertIn("uptime", self.ctl("stats"))
        (stats,) = json_lines(self.ctl("stats", "--json"))
        self.assertEqual(stats["futures"]["failed"], 0)

    def test_watch(self):
        watching = self.daemon.ctl_start("watch", "--json", bufsize=0)
        self.addCleanup(watching.stdout.close)
        self.addCleanup(watching.stderr.close)
        self.addCleanup(watching.kill)
        wait_until(lambda: self.rpc.call("server.stats")["subscriptions"] == 1, "the subscription")
        made = self.quick("operations/w", polls=0, response=b"{}")
        states = []
        for line in watching.stdout:
            event = json.loads(line)
            if event.get("id") == made:
                states.append(event["state"])
                if event["state"] == "succeeded":
                    break
        self.assertEqual(states[-1], "succeeded")
        watching.send_signal(signal.SIGINT)
        self.assertEqual(watching.wait(harness.PATIENCE), 130)

    def test_json_is_one_object_a_line(self):
        made = self.quick("operations/j", polls=0, response=b'{"n": 1}')
        for arguments in (["wait", made], ["get", made], ["list"], ["profiles"], ["stats"], ["result", made],
                          ["cancel", made], ["retry", made]):
            done = self.daemon.ctl(*arguments, "--json")
            for line in done.stdout.splitlines():
                self.assertIsInstance(json.loads(line), dict, arguments)

    # --- several at once ---

    def test_wait_for_any_and_first_exception(self):
        slow = self.quick("operations/slow", polls=None)
        good = self.quick("operations/good", polls=0, response=b"{}")
        self.ctl("wait", "--any", slow, good)
        bad = self.quick("operations/bad", polls=0, error={"code": 3, "message": "no such thing"})
        self.ctl("wait", "--first-exception", slow, bad, status=1)
        self.ctl("wait", "--timeout", "0.2", slow, good, status=124)

    def test_wait_for_several(self):
        good = [self.quick(f"operations/{i}", polls=i, response=b"{}") for i in range(5)]
        self.ctl("wait", *good)
        bad = self.quick("operations/bad", polls=0, error={"code": 3, "message": "no such thing"})
        self.ctl("wait", *good, bad, status=1)

    # --- exit codes ---

    def test_exit_1_the_future_failed(self):
        made = self.quick("operations/bad", polls=0, error={"code": 3, "message": "no such thing"})
        self.ctl("wait", made, status=1)
        done = self.daemon.ctl("result", made)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("no such thing", done.stderr)

    def test_exit_2_usage(self):
        self.ctl(status=2)
        self.ctl("no-such-command", status=2)
        self.ctl("get", status=2)
        self.ctl("wait", "--no-such-option", NO_SUCH, status=2)
        self.ctl("wait", "--timeout", "soon", NO_SUCH, status=2)
        self.ctl("get", "too", "many", status=2)

    def test_misspelt_command_has_a_suggestion(self):
        done = self.daemon.ctl("cretae")
        self.assertEqual(done.returncode, 2)
        self.assertIn("create", done.stderr)

    def test_help_and_version(self):
        self.assertIn("create", self.ctl("--help"))
        self.assertRegex(self.ctl("--version"), r"\d+\.\d+\.\d+")

    def test_exit_3_cancelled(self):
        made = self.quick("operations/c", polls=0, error={"code": 1, "message": "stopped"})
        self.ctl("wait", made, status=3)
        self.ctl("result", made, status=3)

    def test_exit_4_not_found(self):
        for command in ("get", "wait", "result", "cancel", "refresh", "retry", "forget"):
            self.ctl(command, NO_SUCH, status=4)

    def test_exit_6_no_daemon(self):
        self.daemon.stop()
        self.ctl("list", status=6)
        self.daemon.start()

    def test_the_socket_option(self):
        done = self.daemon.ctl("--socket", self.home.path + "/none.sock", "list")
        self.assertEqual(done.returncode, 6)
        self.assertIn("none.sock", done.stderr)
        done = self.daemon.ctl("--socket", self.home.socket, "list", env={"FUTURED_SOCKET": "/none.sock"})
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_exit_124_timeout(self):
        made = self.quick("operations/slow", polls=None)
        self.ctl("wait", "--timeout", "0.2", made, status=124)
        self.ctl("wait", "--timeout", "0", made, status=124)
        self.ctl("result", "--timeout", "0.2", made, status=124)
        self.assertEqual(self.snapshot(made)["state"], "running")

    def test_exit_130_interrupted(self):
        made = self.quick("operations/slow", polls=None)
        waiting = self.waiting(made)
        waiting.send_signal(signal.SIGINT)
        waiting.communicate(timeout=harness.PATIENCE)
        self.assertEqual(waiting.returncode, 130)
        self.assertEqual(self.snapshot(made)["state"], "running")

    def test_a_bad_spec_says_what_and_where(self):
        done = self.daemon.ctl("create", "--spec", "-", input='{"poll": {"urk": "http://127.0.0.1/"}}')
        self.assertNotIn(done.returncode, (0, 6))
        for word in ("poll", "urk", "url"):
            self.assertIn(word, done.stderr)
        self.assertEqual(done.stdout, "")

    # --- ids ---

    def test_short_ids(self):
        made = self.quick("operations/a", polls=None)
        for length in (35, 30, 24):
            (snapshot,) = json_lines(self.ctl("get", made[:length], "--json"))
            self.assertEqual(snapshot["id"], made)
        self.ctl("get", made[:7], status=2)

    def test_an_ambiguous_short_id(self):
        ids = [self.quick(f"operations/{i}", polls=None) for i in range(20)]
        common = os.path.commonprefix(ids)
        self.assertGreaterEqual(len(common), 8, "ids made in one moment share their first digits")
        done = self.daemon.ctl("get", common)
        self.assertNotEqual(done.returncode, 0)
        self.assertTrue(done.stderr)

    # --- restarts ---

    def waiting(self, *arguments, command="wait"):
        """futurectl wait in the background, known to wait."""
        waits = self.rpc.call("server.stats")["waits"]
        process = self.daemon.ctl_start(command, *arguments)
        wait_until(lambda: self.rpc.call("server.stats")["waits"] > waits, "the wait has begun")
        return process

    def test_a_wait_survives_a_restart(self):
        made = self.quick("operations/slow", polls=None)
        waiting = self.waiting(made, command="result")
        self.daemon.kill()
        self.google.end("operations/slow", response=ODD)
        self.daemon.start()
        stdout, stderr = waiting.communicate(timeout=harness.PATIENCE)
        self.assertEqual((waiting.returncode, stdout), (0, ODD), stderr)

    def test_a_wait_survives_a_clean_restart(self):
        made = self.quick("operations/slow", polls=None)
        waiting = self.waiting(made)
        self.daemon.stop()
        self.google.end("operations/slow", response=ODD)
        self.daemon.start()
        _, stderr = waiting.communicate(timeout=harness.PATIENCE)
        self.assertEqual(waiting.returncode, 0, stderr)

    def test_a_wait_for_a_daemon_that_does_not_come_back_times_out(self):
        made = self.quick("operations/slow", polls=None)
        waiting = self.waiting("--timeout", "1.5", made)
        self.daemon.kill()
        _, stderr = waiting.communicate(timeout=harness.PATIENCE)
        self.assertIn(waiting.returncode, (6, 124), stderr)
        self.daemon.start()

    def test_a_closed_pipe_is_no_crash(self):
        made = self.quick("operations/big", polls=0, response=b'{"x": "' + b"y" * 500000 + b'"}')
        self.ctl("wait", made)
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([harness.FUTURECTL, "result", made], stdout=writer, stderr=subprocess.PIPE,
                              env=dict(self.home.env, FUTURED_SOCKET=self.home.socket), timeout=harness.PATIENCE)
        os.close(writer)
        self.assertIn(done.returncode, (1, 141, -signal.SIGPIPE))


if __name__ == "__main__":
    harness.main()
