"""test_ctl_promise.py - promises on the command line: created, claimed, kept alive, and completed."""
import json
import os
import random
import signal

import harness
from ctl import CommandLine
from harness import json_lines, wait_until

CLAIM = r"^[0-9a-f]{32}\n$"
NEVER = "1h"
NO_SUCH = "01900000-0000-7000-8000-000000000000"
OTHER_CLAIM = "0123456789abcdef" * 2


class Promises(CommandLine, harness.DaemonTest):
    def setUp(self):
        super().setUp()
        self.rpc = self.client()

    def get(self, made):
        return self.rpc.call("future.get", {"id": made})

    def claim(self, made, lease=NEVER):
        out = self.ctl("claim", "--lease", lease, made)
        self.assertRegex(out, CLAIM)
        return out.strip()

    # --- an unclaimed one ---

    def test_resolved_by_anyone(self):
        made = self.made("promise", "--label", "step=review", "--ttl", "1h")
        shot = self.get(made)
        self.assertEqual((shot["kind"], shot["state"], shot["labels"]), ("promise", "pending", {"step": "review"}))
        self.assertEqual(self.ctl("resolve", made, "-d", '{"ok": true}', "--type", "application/json"),
                         f"{made} succeeded\n")
        self.assertEqual(self.ctl("result", made), '{"ok": true}')
        (result,) = json_lines(self.ctl("result", made, "--json"))
        self.assertEqual((result["content_type"], result["size"]), ("application/json", 12))

    def test_resolved_from_standard_input(self):
        made = self.made("promise")
        self.ctl("resolve", made, input=b"\xff\x00 bytes", text=False)
        self.assertEqual(self.ctl("result", made, text=False), b"\xff\x00 bytes")

    def test_resolved_with_nothing(self):
        made = self.made("promise")
        self.ctl("resolve", made)
        self.assertEqual(self.ctl("result", made, text=False), b"")

    def test_a_result_longer_than_a_message(self):
        data = random.Random(4).randbytes(3 * 1024 * 1024 + 7)
        path = os.path.join(self.home.path, "model.bin")
        with open(path, "wb") as file:
            file.write(data)
        made = self.made("promise")
        claim = self.claim(made)
        self.ctl("resolve", made, "-f", path, env={"FUTURED_CLAIM": claim})
        self.assertEqual(self.ctl("result", made, text=False), data)

    def test_rejected(self):
        made = self.made("promise")
        path = os.path.join(self.home.path, "trace")
        with open(path, "w") as file:
            file.write("at line 3")
        out = self.ctl("reject", made, "-m", "no convergence", "--code", "E7", "--kind", "solver", "-f", path)
        self.assertEqual(out, f"{made} failed\n")
        error = json_lines(self.daemon.ctl("wait", made, "--json").stdout)[0]["error"]
        self.assertEqual({k: error[k] for k in ("kind", "message", "code", "details")},
                         {"kind": "solver", "message": "no convergence", "code": "E7", "details": "at line 3"})
        self.ctl("wait", made, status=1)

    def test_rejected_without_a_reason(self):
        made = self.made("promise")
        self.ctl("reject", made)
        self.assertIn("rejected", self.complaint("result", made, status=1))

    # --- claims ---

    def test_only_with_the_claim(self):
        made = self.made("promise")
        claim = self.claim(made)
        shot = self.get(made)
        self.assertEqual((shot["state"], shot["claimed"]), ("running", True))
        self.complaint("resolve", made, "-d", "1", status=5)
        self.complaint("resolve", made, "-d", "1", "--claim", OTHER_CLAIM, status=5)
        self.complaint("reject", made, status=5)
        self.complaint("progress", made, "1", status=5)
        self.complaint("claim", "--lease", NEVER, made, status=1)
        self.ctl("progress", made, '{"done": 3}', "--claim", claim)
        self.assertEqual(json.loads(self.get(made)["progress"]), {"done": 3})
        self.ctl("resolve", made, "-d", "1", "--claim", claim)
        self.assertEqual(self.ctl("result", made), "1")
        self.complaint("resolve", made, "-d", "2", "--claim", claim, status=1)

    def test_the_claim_from_the_environment(self):
        made = self.made("promise")
        env = {"FUTURED_CLAIM": self.claim(made)}
        self.ctl("progress", made, '"half"', env=env)
        self.ctl("renew", "--lease", "2h", made, env=env)
        self.ctl("reject", made, "-m", "no", env=env)
        self.ctl("wait", made, status=1)

    def test_renew(self):
        made = self.made("promise")
        claim = self.claim(made, "10m")
        before = self.get(made)["lease_until_ms"]
        (renewed,) = json_lines(self.ctl("renew", "--lease", "1h", "--claim", claim, made, "--json"))
        self.assertGreater(renewed["lease_until_ms"], before)
        self.assertEqual(self.get(made)["lease_until_ms"], renewed["lease_until_ms"])
        self.assertIn("lease until", self.ctl("renew", "--lease", "1h", "--claim", claim, made))
        self.complaint("renew", "--lease", "1h", "--claim", OTHER_CLAIM, made, status=5)
        self.complaint("renew", "--lease", "1h", made, status=2)
        self.complaint("renew", "--claim", claim, made, status=2)

    def test_a_lease_that_is_over(self):
        made = self.made("promise")
        self.claim(made, "0.1")
        self.ctl("wait", made, status=1)
        self.assertIn("abandoned", self.complaint("result", made, status=1))

    def test_released_and_claimed_again(self):
        made = self.made("promise", "--on-abandon", "release")
        holder, claim = self.hold(made)
        self.ctl("progress", made, "[1, 2]", "--claim", claim)
        holder.kill()
        wait_until(lambda: self.get(made)["state"] == "pending", "the release")
        self.complaint("resolve", made, "-d", "1", "--claim", claim, status=1)
        (again,) = json_lines(self.ctl("claim", "--lease", NEVER, made, "--json"))
        self.assertEqual((again["id"], json.loads(again["progress"])), (made, [1, 2]))
        self.ctl("resolve", made, "-d", "3", "--claim", again["claim"])
        self.assertEqual(self.ctl("result", made), "3")

    # --- held as long as the program runs ---

    def hold(self, made, **options):
        holder = self.daemon.ctl_start("claim", made, text=True, **options)
        self.addCleanup(holder.communicate)
        self.addCleanup(holder.kill)
        line = holder.stdout.readline()
        self.assertRegex(line, CLAIM, holder.poll())
        return holder, line.strip()

    def test_held_until_it_is_over(self):
        made = self.made("promise")
        holder, claim = self.hold(made)
        self.assertNotIn("lease_until_ms", self.get(made))
        self.ctl("resolve", made, "-d", "1", "--claim", claim)
        self.assertEqual(holder.wait(harness.PATIENCE), 0)

    def test_held_until_it_is_cancelled(self):
        made = self.made("promise")
        holder, _ = self.hold(made)
        self.ctl("cancel", made)
        self.assertEqual(holder.wait(harness.PATIENCE), 3)

    def test_held_until_the_program_ends(self):
        made = self.made("promise")
        holder, _ = self.hold(made)
        holder.send_signal(signal.SIGKILL)
        self.ctl("wait", made, status=1)
        self.assertIn("abandoned", self.complaint("result", made, status=1))

    def test_held_behind_a_script_that_is_interrupted(self):
        """What a shell starts with & ignores the interrupt that is for the shell."""
        made = self.made("promise")
        holder, _ = self.hold(made, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
        holder.send_signal(signal.SIGINT)
        self.ctl("cancel", made)
        self.assertEqual(holder.wait(harness.PATIENCE), 3)

    def test_held_until_the_daemon_ends(self):
        made = self.made("promise")
        holder, _ = self.hold(made)
        self.daemon.stop()
        self.assertIn(holder.wait(harness.PATIENCE), (6, 75))
        self.daemon.start()
        self.ctl("wait", made, status=1)

    # --- what is shown ---

    def test_get_and_list(self):
        made = self.made("promise", "--label", "a=b")
        claim = self.claim(made)
        shown = self.ctl("get", made)
        self.assertRegex(shown, r"(?m)^kind: promise$")
        self.assertRegex(shown, r"(?m)^claimed: true$")
        self.assertRegex(shown, r"(?m)^lease_until: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
        self.assertNotIn(claim, shown)
        self.assertRegex(self.ctl("list"), rf"(?m)^{made}  running .* promise a=b \(claimed\)$")

    def test_json_is_one_object_a_line(self):
        made = self.made("promise")
        (new,) = json_lines(self.ctl("promise", "--json"))
        self.assertEqual((new["state"], new["created"]), ("pending", True))
        (claimed,) = json_lines(self.ctl("claim", "--lease", NEVER, made, "--json"))
        for arguments in (["progress", made, "1"], ["renew", "--lease", "1h", made], ["resolve", made, "-d", "1"]):
            (line,) = json_lines(self.ctl(*arguments, "--json", "--claim", claimed["claim"]))
            self.assertEqual(line["id"], made)

    def test_a_key_stands_for_one(self):
        made = self.made("promise", "--key", "review-7")
        self.assertEqual(self.made("promise", "--key", "review-7"), made)
        self.complaint("promise", "--key", "review-7", "--on-abandon", "release", status=7)

    # --- what is refused ---

    def test_usage(self):
        made = self.made("promise")
        for arguments in (["promise", "--on-abandon", "wait"], ["promise", "more"], ["claim"], ["claim", "--lease", "x", made],
                          ["claim", "--claim", OTHER_CLAIM, made], ["progress", made], ["progress", made, "{"],
                          ["progress", made, "text"], ["resolve"], ["resolve", made, "-d", "1", "-f", "x"],
                          ["resolve", made, "-m", "x"], ["resolve", made, "--claim", "short", "-d", "1"],
                          ["resolve", made, "-f", "/nonexistent"], ["reject", made, "-d", "x"], ["reject", "-m", "x"]):
            with self.subTest(arguments=arguments):
                self.complaint(*arguments, status=2)
        self.assertEqual(self.get(made)["state"], "pending")

    def test_what_is_no_promise(self):
        for arguments in (["claim", "--lease", "1", NO_SUCH], ["resolve", "-d", "1", NO_SUCH], ["reject", NO_SUCH],
                          ["progress", NO_SUCH, "1"], ["renew", "--lease", "1", "--claim", OTHER_CLAIM, NO_SUCH]):
            self.complaint(*arguments, status=4)


if __name__ == "__main__":
    harness.main()
