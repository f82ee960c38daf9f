"""test_http_client.py - after chemcloud's tests/test_http_client.py: whose tokens are used, and when they are had anew."""
import os
import threading

from computing import OUTPUT, ComputingTest
from conformance import harness


class HttpClient(ComputingTest):
    """Tokens are the daemon's business: a process that asks it for a future has none, and sees none."""

    def computed(self, **simulate):
        name, future = self.task(**{"polls": 1, **simulate})
        self.assertEqual(future.json(harness.PATIENCE), OUTPUT)
        return name

    def test_credentials_file_used_for_auth_if_no_passed_values_or_envvars(self):
        self.computed()
        self.assertIn(f"refresh_token={self.token}", self.forms()[0])
        self.assertEqual({entry["headers"]["authorization"] for entry in self.requests("poll")}, {"Bearer access-1"})

    def test_environment_variables_used_for_auth_if_no_passed_values(self):
        """What the service manager hands over, in $CREDENTIALS_DIRECTORY; what the service has replaced it with since
        is a file of the user's own, and goes before it."""
        directory = os.path.join(self.home.path, "handed-over")
        os.mkdir(directory, 0o700)
        path = os.path.join(directory, "chemcloud-refresh")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(self.token)
        os.unlink(self.refresh_file)
        self.daemon.stop()
        self.daemon.env["CREDENTIALS_DIRECTORY"] = directory
        for refresh in (self.token, "refresh-2"):
            self.daemon.start()
            self.c = self.connect()
            self.computed()
            self.assertIn(f"refresh_token={refresh}", self.forms()[-1])
            self.daemon.stop()

    def test_passing_username_password_are_prioritized_for_auth(self):
        """A future may name another credential than its profile: that one is used for it, and for no other."""
        self.credential("mine", "access-mine")
        self.service.call(self.service.access.__setitem__, "access-mine", float("inf"))
        name = self.service.prepare(polls=1)
        self.assertEqual(self.make(name, spec={"credential": "mine"}).json(harness.PATIENCE), OUTPUT)
        self.assertEqual((self.requests("poll")[0]["headers"]["authorization"], self.count("token")),
                         ("Bearer access-mine", 0))
        self.computed()
        self.assertEqual(self.count("token"), 1)

    def test_username_pwd_requested_if_no_credentials_available_to_create_credentials_file(self):
        """Nobody is there to be asked: it waits, says why, and goes on when the file comes."""
        os.unlink(self.refresh_file)
        name, future = self.task(polls=1)
        said = harness.wait_until(lambda: self.snapshot(future.id).get("last_error"), "what is missing")
        self.assertIn("chemcloud-refresh", said)
        self.assertEqual((future.done(), self.count("poll", name)), (False, 0))
        self.credential("chemcloud-refresh", self.token)
        self.c.call("future.refresh", {"id": future.id})
        self.assertEqual(future.json(harness.PATIENCE), OUTPUT)

    def test_write_tokens_to_credentials_file_overwrites_tokens_of_existing_profiles(self):
        """A refresh token that the service has replaced replaces the file, for its owner alone."""
        self.computed()
        self.assertEqual((self.file(), os.stat(self.refresh_file).st_mode & 0o777), ("refresh-2", 0o600))

    def test_write_tokens_to_credentials_file(self):
        """Also where there was no such file of the user's: what was handed over is not what is written to."""
        directory = os.path.join(self.home.path, "handed-over")
        os.mkdir(directory, 0o700)
        os.rename(self.refresh_file, os.path.join(directory, "chemcloud-refresh"))
        self.daemon.stop()
        self.daemon.env["CREDENTIALS_DIRECTORY"] = directory
        self.daemon.start()
        self.c = self.connect()
        self.computed()
        with open(os.path.join(directory, "chemcloud-refresh"), encoding="ascii") as file:
            self.assertEqual((self.file(), file.read().strip()), ("refresh-2", self.token))

    def test_write_tokens_to_credentials_file_adds_new_profiles_to_credentials_file(self):
        """Each credential is a file of its own: another one stays as it was."""
        other = self.credential("other", "untouched")
        self.computed()
        with open(other, encoding="ascii") as file:
            self.assertEqual(file.read(), "untouched\n")

    def test__refresh_tokens_called_if_access_token_expired(self):
        name, future = self.task()
        self.seen(1, "poll", name)
        self.service.expire_tokens()
        self.seen(2, "token")
        self.service.complete(name)
        self.assertEqual(future.json(harness.PATIENCE), OUTPUT)
        self.assertEqual((self.count("token"), self.history(name).count(("poll", 401))), (2, 1))

    def test__refresh_tokens_called_before_it_expires(self):
        """By what the service said of its lifetime, without a 401."""
        self.service.token_seconds = 1
        name, future = self.task()
        self.seen(3, "token")
        self.service.complete(name)
        self.assertEqual(future.json(harness.PATIENCE), OUTPUT)
        self.assertNotIn(("poll", 401), self.history(name))

    def test__refresh_tokens_not_called_if_access_token_not_expired(self):
        for _ in range(3):
            self.computed()
        self.assertEqual(self.count("token"), 1)

    def test__set_tokens_called_if_access_token_expired_and_no_refresh_token_set(self):
        """Without one the client asks in its own name, each time anew."""
        self.credential("chemcloud-secret", "hush")
        self.config(f"[credential chemcloud]\ntype = oauth2\ntoken_url = {self.service.url}/api/v2/oauth/token\n"
                    "client_id = me\nclient_secret = chemcloud-secret\n")
        self.daemon.stop()
        self.daemon.start()
        self.c = self.connect()
        _, future = self.task(polls=1)
        harness.wait_until(lambda: self.count("token") >= 1, "it asks")
        self.assertIn("grant_type=client_credentials", self.forms()[0])
        self.assertNotIn("refresh_token=", self.forms()[0])
        self.assertFalse(future.done())

    def test__decode_access_token(self):
        """It is not decoded: this one is no JWT at all, and good for as long as was said when it was given."""
        for _ in range(2):
            self.computed()
        self.assertEqual({entry["headers"]["authorization"] for entry in self.requests("poll")}, {"Bearer access-1"})
        self.assertEqual(self.count("token"), 1)

    def test_concurrent_refresh_is_one(self):
        both = [self.task(connection=self.connect()) for _ in range(8)]
        for name, _ in both:
            self.seen(1, "poll", name)
        self.service.expire_tokens()
        self.seen(2, "token")
        for name, future in both:
            self.service.complete(name)
            self.assertEqual(future.json(harness.PATIENCE), OUTPUT)
        self.assertEqual(self.count("token"), 2)

    def test__refresh_tokens_writes_to_credentials_file_only_if_flag_set(self):
        """Nothing is written where the service replaces nothing."""
        self.service.rotate = False
        before = os.stat(self.refresh_file)
        self.computed()
        self.assertEqual((os.stat(self.refresh_file).st_mtime_ns, self.file()), (before.st_mtime_ns, self.token))

    def test__set_tokens_gets_new_access_token_if_credentials_file_expired(self):
        """A refresh token that is worthless is not the end of the task: a new one in the file is taken up."""
        self.credential("chemcloud-refresh", "refresh-of-last-year")
        name, future = self.task(polls=1)
        harness.wait_until(lambda: "403" in self.snapshot(future.id).get("last_error", ""), "the reason in last_error")
        self.assertEqual((future.done(), self.count("poll", name)), (False, 0))
        self.credential("chemcloud-refresh", self.token)
        self.assertEqual(future.json(harness.PATIENCE), OUTPUT)

    def test__set_tokens_removes_username_password_from_attributes(self):
        """No secret is in what the daemon shows, logs or stores."""
        name, future = self.task(polls=1)
        self.assertEqual(future.json(harness.PATIENCE), OUTPUT)
        self.seen(1, "delete", name)
        shown = str(self.snapshot(future.id)) + self.daemon.log()
        self.daemon.stop()
        for directory, _, names in os.walk(self.home.state):
            for entry in names:
                with open(os.path.join(directory, entry), "rb") as file:
                    shown += file.read().decode("latin-1")
        for secret in ("access-1", self.token, self.file()):
            self.assertNotIn(secret, shown)

    def test_401_without_auth(self):
        """An access token that is refused is had anew, again and again, and the task is not called a failure."""
        name, future = self.task()
        self.service.fault({"kind": "poll", "name": name, "status": 401, "times": 3})
        self.seen(5, "poll", name)
        self.assertFalse(future.done())
        self.service.complete(name)
        self.assertEqual(future.json(harness.PATIENCE), OUTPUT)

    def test_requests_are_three_at_a_time(self):
        """At most, as the service's own client does it; for all processes together."""
        self.service.fault({"kind": "poll", "hold": True, "times": None})
        both = [self.task(connection=self.connect()) for _ in range(6)]
        self.seen(3, "poll")
        self.assertEqual(self.count("poll"), 3)
        done = threading.Event()

        def release():
            while not done.wait(0.01):
                self.service.release()
        thread = threading.Thread(target=release)
        thread.start()
        for name, future in both:
            self.service.complete(name)
            self.assertEqual(future.json(harness.PATIENCE), OUTPUT)
        done.set()
        thread.join()
        self.assertLessEqual(self.service.stats()["max_concurrent"], 3)


if __name__ == "__main__":
    harness.main()
