"""test_ctl_arguments.py - the command line: arguments that look like something else, bytes that are no text, output that is no file."""
import json
import os
import pathlib
import stat
import subprocess
import threading

import harness
from ctl import CommandLine
from harness import FUTURECTL, json_lines


class ArgumentsTest(CommandLine, harness.DaemonTest):
    def path(self, name):
        return os.path.join(self.home.path, name)

    def listed(self, *arguments):
        return [row["id"] for row in json_lines(self.ctl("list", "--json", *arguments))]


class Options(ArgumentsTest):
    def test_an_argument_is_no_option(self):
        for text in ("-h", "--help", "--json", "--socket", "--socket=/nowhere", "--version", "--", "-d"):
            with self.subTest(text=text):
                made = self.made("promise", "--key", text)
                self.assertEqual(self.ctl("resolve", "-d", text, made), f"{made} succeeded\n")
                self.assertEqual(self.ctl("result", made), text)
                self.assertEqual(self.ctl("forget", made), f"{made} forgotten\n")
                self.assertEqual(self.ctl("reject", "-m", text, "--", self.made("promise"))[37:], "failed\n")

    def test_behind_two_dashes_are_no_options(self):
        made = self.made("promise")
        self.ctl("progress", made, "--", "-5")
        self.ctl("get", "--", made)
        for command in ("pin", "unpin", "refresh", "cancel", "forget"):
            with self.subTest(command=command):
                self.assertIn(made, self.ctl(command, "--", made))
        self.assertIn("not an id", self.complaint("cancel", "--", "--json", status=2))
        self.assertIn("longrunning", self.ctl("profiles", "--", "google-lro"))
        self.assertIn("deadline none", self.ctl("extend", "--", self.made("promise"), "none"))
        self.assertIn("no such", self.complaint("retry", "--", "01900000-0000-7000-8000-000000000000", status=4))

    def test_global_options_behind_the_command(self):
        made = self.made("promise")
        for arguments in (("get", made, "--json"), ("--json", "get", made), ("get", "--json", made),
                          ("get", f"--socket={self.home.socket}", made, "--json"), ("pin", made, "--json"),
                          ("profile", "--json", "show", "tinker"), ("stats", "--json"), ("open", "--json", "--help")):
            with self.subTest(arguments=arguments):
                out = self.ctl(*arguments)
                if "--help" in arguments:
                    self.assertTrue(out.startswith("Usage: futurectl open "), out)
                else:
                    json.loads(out)
        self.complaint("get", made, "--socket", "/nowhere", status=6)

    def test_every_command_has_help_and_version(self):
        commands = [line.split()[0] for line in self.ctl("--help").split("Commands:\n")[1].split("\n\n")[0].splitlines()]
        self.assertGreater(len(commands), 25)
        for command in commands:
            with self.subTest(command=command):
                for word in ("-h", "--help"):
                    self.assertTrue(self.ctl(command, word).startswith(f"Usage: futurectl {command} "))
                self.assertEqual(self.ctl(command, "--version"), self.ctl("--version"))
                self.assertIn(f"futurectl {command} --help", self.complaint(command, "--nonsense", status=2))


class Filters(ArgumentsTest):
    """What cannot be asked for must not become a question for more."""

    def test_what_is_no_text(self):
        made = self.made("promise", "--label", "team=x")
        for arguments in (("list", "--label", b"zz=\xff"), ("list", "--label", b"\xff=zz"), ("list", "--state", b"\xff"),
                          ("list", "--profile", b"\xff"), ("pause", "--label", "team=x", "--label", b"b=\xff"),
                          ("pause", "--origin", b"http://\xff"), ("resume", "--label", "team=x", "--label", b"\xff=b")):
            with self.subTest(arguments=arguments):
                done = self.daemon.ctl(*arguments, text=False)
                self.assertEqual((done.returncode, done.stdout), (2, b""))
                self.assertIn(b"is not UTF-8", done.stderr)
        self.assertNotIn("paused", json.loads(self.ctl("get", made, "--json")))

    def test_a_label_with_two_values(self):
        self.made("promise", "--label", "team=x")
        self.made("promise", "--label", "team=y")
        for command in ("list", "pause", "resume", "watch", "promise"):
            with self.subTest(command=command):
                self.assertIn("given twice", self.complaint(command, "--label", "team=x", "--label", "team=y", status=2))

    def test_odd_labels(self):
        for label in ("ключ=значение ☃", "a=b=c", "a=", "a b=\t", "a\x1b[2J=\x1b[2J", "a\x9b2J=\x9b2J"):
            with self.subTest(label=label):
                made = self.made("promise", "--label", label)
                self.assertEqual(self.listed("--label", label), [made])
                for shown in (self.ctl("get", made), self.ctl("list")):
                    self.assertFalse(set(shown) & {"\x1b", "\x9b"}, ascii(shown))
                    self.assertIn(label.partition("=")[0].replace("\x1b", "?").replace("\x9b", "?"), shown)

    def test_a_limit_that_is_none(self):
        self.made("promise")
        for limit in ("-1", "0", "", "1x", " -1"):
            self.assertIn("expected a number", self.complaint("list", "-n", limit, status=2))
        for since in ("-1", "", "1x", " -1", "99999999999999999999"):
            self.assertIn("expected a sequence number", self.complaint("watch", "--since", since, status=2))

    def test_errors_of_others_on_a_terminal(self):
        made = self.made("promise")
        self.ctl("reject", made, "-m", "\x1b[2J", "--code", "\x1b[31m")
        for command in ("wait", "result"):
            done = self.daemon.ctl(command, made)
            self.assertEqual(done.returncode, 1)
            self.assertNotIn("\x1b", done.stdout + done.stderr)


class Times(ArgumentsTest):
    def test_a_time_beyond_all_times(self):
        """What is too long must not become short."""
        for time in ("3153600000d", "100000000000h", "52560001m", "876001h", "36501d", "3153600001", "1e300d", "inf", "-1"):
            with self.subTest(time=time):
                self.assertIn("expected a time", self.complaint("timer", "--", time, status=2))
                for option in ("--timeout", "--ttl", "--delay"):
                    self.assertIn("expected a time", self.complaint("promise", f"{option}={time}", status=2))
        self.made("timer", "36500d")

    def test_no_time_at_all_is_now(self):
        for arguments in (("0",), ("--delay", "0"), ("--delay", "0.0000001")):
            with self.subTest(arguments=arguments):
                self.ctl("wait", "-t", "20", self.made("timer", *arguments))
        self.complaint("timer", "5", "--delay", "0", status=2)
        self.complaint("promise", "--start-at", "18:30", "--delay", "0", status=2)


class Waits(ArgumentsTest):
    def test_a_look_is_for_what_the_wait_is_for(self):
        pending, kept, failed = (self.made("promise") for _ in range(3))
        self.ctl("resolve", kept, "-d", "1")
        self.ctl("reject", failed)
        for how, ids, status in (
                ("--any", (pending, kept), 0), ("--any", (pending, failed), 1), ("--any", (pending,), 124),
                ("--first-exception", (pending, kept), 124), ("--first-exception", (pending, kept, failed), 1),
                ("--first-exception", (kept,), 0), ("--as-completed", (kept, pending), 124),
                ("--as-completed", (kept, failed), 1)):
            for timeout in ("0", "0.3"):
                with self.subTest(how=how, status=status, timeout=timeout):
                    self.ctl("wait", how, "-t", timeout, *ids, status=status)

    def test_as_completed_each_once(self):
        one, two = self.made("promise"), self.made("promise")
        self.ctl("resolve", one, "-d", "1")
        self.ctl("resolve", two, "-d", "1")
        for extra in ((), ("-t", "0")):
            out = self.ctl("wait", "--as-completed", *extra, one, two, one, one[:35])
            self.assertEqual(sorted(out.split()), sorted((one, two)))
        rows = json_lines(self.ctl("wait", "--as-completed", "--json", one, one))
        self.assertEqual([row["id"] for row in rows], [one])


class Output(ArgumentsTest):
    def kept(self, text):
        made = self.made("promise")
        self.ctl("resolve", made, "-d", text)
        return made

    def test_a_result_into_what_is_no_file(self):
        fifo, read = self.path("fifo"), []
        os.mkfifo(fifo)
        reader = threading.Thread(target=lambda: read.append(pathlib.Path(fifo).read_bytes()))
        reader.start()
        self.ctl("result", self.kept("through"), "-o", fifo)
        reader.join(harness.PATIENCE)
        self.assertEqual(read, [b"through"])
        self.assertTrue(stat.S_ISFIFO(os.stat(fifo).st_mode))

    def test_a_result_into_standard_output(self):
        made, link, target = self.kept("out"), self.path("link"), self.path("target")
        os.symlink("/proc/self/fd/1", link)
        self.assertEqual(self.ctl("result", made, "-o", link), "out")
        with open(target, "wb") as file:
            env = {**self.home.env, "FUTURED_SOCKET": self.home.socket}
            subprocess.run([FUTURECTL, "result", made, "-o", link], env=env, stdout=file, check=True)
        with open(target, "rb") as file:
            self.assertEqual(file.read(), b"out")
        self.assertTrue(os.path.islink(link))

    def test_a_result_among_other_output(self):
        """What is in the file already stays, and so does what comes after."""
        target = self.path("log")
        env = {**self.home.env, "FUTURED_SOCKET": self.home.socket}
        for how in (">", ">>"):
            with self.subTest(how=how):
                script = f'exec {how} "$1"; echo before; "$2" result "$3" -o /dev/stdout; echo; echo after'
                subprocess.run(["sh", "-c", script, "sh", target, FUTURECTL, self.kept("out")], env=env, check=True)
                with open(target) as file:
                    self.assertEqual(file.read(), "before\nout\nafter\n" * (1 if how == ">" else 2))

    def test_standard_output_is_closed(self):
        """The connection must not have its number."""
        env = {**self.home.env, "FUTURED_SOCKET": self.home.socket}
        made = self.kept("out")
        for arguments in (["get", made], ["result", made], ["result", made, "-o", "/dev/stdout"], ["list"]):
            with self.subTest(arguments=arguments):
                done = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", FUTURECTL, *arguments], env=env, text=True,
                                      stderr=subprocess.PIPE, check=False)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertEqual(done.stderr.count("futurectl: "), 1, done.stderr)
        for closed in ("<&-", "2>&-"):
            done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", FUTURECTL, "result", made], env=env, text=True,
                                  stdout=subprocess.PIPE, check=True)
            self.assertEqual(done.stdout, "out")

    def test_a_result_through_a_link(self):
        target, link = self.path("real"), self.path("link")
        with open(target, "w") as file:
            file.write("before")
        os.symlink("real", link)
        self.ctl("result", self.kept("after"), "-o", link)
        self.assertTrue(os.path.islink(link))
        with open(target) as file:
            self.assertEqual(file.read(), "after")

    def test_a_list_of_ids_over_what_is_no_file(self):
        made, fifo, link = self.kept("1"), self.path("fifo"), self.path("link")
        os.mkfifo(fifo)
        self.assertIn("not a regular file", self.complaint("save", fifo, made, status=1))
        self.assertTrue(stat.S_ISFIFO(os.stat(fifo).st_mode))
        self.assertIn("directory", self.complaint("save", self.home.path, made, status=1))
        self.ctl("save", self.path("ids"), made)
        os.symlink("ids", link)
        self.ctl("save", link, made, made)
        self.assertTrue(os.path.islink(link))
        self.assertEqual(self.ctl("open", self.path("ids")), f"{made}\n{made}\n")
        self.assertEqual([name for name in os.listdir(self.home.path) if name.startswith("ids.")], [])


if __name__ == "__main__":
    harness.main()
