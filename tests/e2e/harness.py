"""harness.py - the built programs in a temporary home: start, kill and question the daemon; no sleeps."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

BUILD = os.path.abspath(os.environ.get("FUTURED_BUILDDIR", "."))
SOURCE = os.path.abspath(os.environ.get("srcdir", os.path.join(os.path.dirname(__file__), "..", "..")))
FUTURED = os.path.join(BUILD, "futured")
FUTURECTL = os.path.join(BUILD, "futurectl")
PROFILES = os.path.join(SOURCE, "profiles")
SANITIZED = os.environ.get("FUTURED_SANITIZED") == "yes"
# Everything takes longer on a loaded machine; nothing takes this long unless it hangs.
PATIENCE = 120 if SANITIZED else 60

sys.path.insert(0, os.path.join(SOURCE, "tests", "services"))

# A shell starts what runs behind its back with interrupts ignored, and programs started here would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Intervals for tests: the same policy with small numbers.
QUICK = {"initial": 0.05, "maximum": 0.2, "multiplier": 1.5}


def wait_until(condition, what, timeout=PATIENCE):
    """Ask again and again until condition() is true, for things that send no event. Returns its value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout} s")
        time.sleep(0.01)


class Home:
    """A temporary directory with the XDG directories in it, and an environment that points there."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="futured-")
        self.runtime = self._directory("run")
        self.state = os.path.join(self.path, "state", "futured")
        self.socket = os.path.join(self.runtime, "futured", "futured.sock")
        self.env = {
            "HOME": self.path,
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "TMPDIR": self.path,
            "XDG_RUNTIME_DIR": self.runtime,
            "XDG_STATE_HOME": self._directory("state"),
            "XDG_CONFIG_HOME": self._directory("config"),
            "XDG_DATA_HOME": self._directory("data"),
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def _directory(self, name):
        path = os.path.join(self.path, name)
        os.mkdir(path, 0o700)
        return path

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Daemon:
    """futured on a Home. Started when it says READY=1 to its service manager, which we are."""

    def __init__(self, home, arguments=(), env=None, user=None):
        self.home = home
        self.arguments = list(arguments)
        self.env = dict(home.env, **(env or {}))
        self.user = user
        self.process = None
        self.notify = None
        self.log_path = os.path.join(home.path, "futured.log")
        self.notifications = []

    def command(self):
        return [FUTURED, "--socket", self.home.socket, "--state-dir", self.home.state,
                "--profile-dir", PROFILES, *self.arguments]

    def spawn(self, command=None, **options):
        """Start without waiting. stderr goes to the log, after what is there."""
        if self.notify:
            self.notify.close()
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = tempfile.mktemp(dir=self.home.path, prefix="notify-")
        self.notify.bind(path)
        os.chmod(path, 0o666)
        env = dict(self.env, NOTIFY_SOCKET=path)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command or self.command(), env=env, stderr=log,
                                            stdin=subprocess.DEVNULL, user=self.user, **options)

    def whereabouts(self):
        """What the kernel says about a process that does not come forward."""
        found = []
        for name in ("stat", "wchan", "syscall"):
            try:
                with open(f"/proc/{self.process.pid}/{name}", encoding="ascii") as file:
                    found.append(f"{name}: {file.read().strip()}")
            except OSError as error:
                found.append(f"{name}: {error.strerror}")
        return ", ".join(found)

    def wait_for(self, text, timeout=PATIENCE):
        """Wait for a notification with a line that begins so."""
        deadline = time.monotonic() + timeout
        self.notify.settimeout(0.1)
        while True:
            try:
                message = self.notify.recv(4096).decode()
            except TimeoutError:
                if self.process.poll() is not None:
                    raise AssertionError(f"futured ended with {self.process.returncode}:\n{self.log()}") from None
                if time.monotonic() > deadline:
                    raise AssertionError(f"futured never said {text}; {self.whereabouts()}:\n{self.log()}") from None
                continue
            lines = message.split("\n")
            self.notifications.extend(lines)
            if any(line.startswith(text) for line in lines):
                return message

    def start(self):
        self.spawn()
        self.wait_for("READY=1")
        return self

    def kill(self):
        """The power cord."""
        self.process.kill()
        self.process.wait()
        self.notify.close()

    def stop(self, how=signal.SIGTERM):
        """Ask it to end; its exit status."""
        if self.process is None or self.process.poll() is not None:
            return self.process and self.process.returncode
        self.process.send_signal(how)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"futured did not end:\n{self.log()}") from None
        self._take_notifications()
        return status

    def _take_notifications(self):
        """What the daemon said last, before it ended."""
        self.notify.setblocking(False)
        try:
            while True:
                self.notifications.extend(self.notify.recv(4096).decode().split("\n"))
        except BlockingIOError:
            self.notify.close()

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def resident(self):
        """Resident memory in bytes."""
        with open(f"/proc/{self.process.pid}/status") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def ctl(self, *arguments, **options):
        """Run futurectl; a CompletedProcess with text output unless text=False."""
        options.setdefault("text", True)
        options.setdefault("timeout", PATIENCE)
        if "input" not in options:
            options["stdin"] = subprocess.DEVNULL
        env = {**self.home.env, "FUTURED_SOCKET": self.home.socket, **options.pop("env", {})}
        return subprocess.run([FUTURECTL, *arguments], env=env, capture_output=True, **options)

    def ctl_start(self, *arguments, **options):
        """Start futurectl in the background; a Popen."""
        env = dict(self.home.env, FUTURED_SOCKET=self.home.socket)
        return subprocess.Popen([FUTURECTL, *arguments], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL, **options)


class DaemonTest(unittest.TestCase):
    """A test with a home and a running daemon of its own."""

    daemon_arguments = ()
    maxDiff = None

    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)
        self.daemon = Daemon(self.home, self.daemon_arguments)
        self.addCleanup(self._finish)
        self.start_daemon()

    def start_daemon(self):
        self.daemon.start()

    def _finish(self):
        """Stop the daemon: a test is only over when that went well, with nothing from the sanitizers."""
        status = self.daemon.stop()
        log = self.daemon.log()
        outcome = self._outcome.result
        if any(test is self for test, _ in outcome.failures + outcome.errors):
            print(f"--- log of futured in {self.id()}\n{log}", file=sys.stderr)
        self.assertIn(status, (0, -signal.SIGKILL, None), log)
        self.assertNotIn("Sanitizer", log)
        self.assertNotIn("runtime error", log)

    def client(self, **options):
        from rpc import Client
        client = Client(self.home.socket, timeout=PATIENCE)
        self.addCleanup(client.close)
        if options:
            client.call("server.hello", options)
        return client

    def assert_rpc_error(self, name, function, *arguments, says=()):
        """The call is refused with that error, and its message has these words; returns the error."""
        from rpc import RpcError
        with self.assertRaises(RpcError) as caught:
            function(*arguments)
        self.assertEqual(caught.exception.name, name, caught.exception)
        for word in (says,) if isinstance(says, str) else says:
            self.assertIn(word, caught.exception.message)
        return caught.exception


def json_lines(text):
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def main():
    """Run the tests of the calling file; the last line is in the form that tests/count.sh reads."""
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    result = program.result
    failures, errors = len(result.failures) + len(result.unexpectedSuccesses), len(result.errors)
    skipped = len(result.skipped)
    print(f"100%: Checks: {result.testsRun}, Failures: {failures}, Errors: {errors}, Skipped: {skipped}")
    if failures or errors:
        sys.exit(1)
    sys.exit(77 if result.testsRun and skipped == result.testsRun else 0)
