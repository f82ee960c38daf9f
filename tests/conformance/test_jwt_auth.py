"""test_jwt_auth.py - after Tinker's src/tinker/lib/_jwt_auth_test.py: a token that ends, and who gets the next one.

The token is the daemon's, got by a helper command for all futures; it does not read tokens, but what the command says of their end.
"""
import os
import stat
import time

from conformance import harness
from sampling import SamplingTest

# Says what the file "token" beside it has, and notes that it was asked.
HELPER = """#!/bin/sh
echo x >>{path}/asked
cat {path}/token 2>/dev/null || exit 7
"""
FAR = "2999-01-01T00:00:00Z"


class JwtAuth(SamplingTest):
    token = None

    def configure(self):
        path = os.path.join(self.home.path, "helper")
        with open(path, "w", encoding="ascii") as file:
            file.write(HELPER.format(path=self.home.path))
        os.chmod(path, stat.S_IRWXU)
        self.config(f"[credential tinker]\ntype = command\ncommand = {path}\n")
        self.hand_out("first", FAR)

    def write(self, text):
        path = os.path.join(self.home.path, "token")
        with open(path + "~", "w", encoding="ascii") as file:
            file.write(text)
        os.rename(path + "~", path)

    def hand_out(self, token, until=None):
        """From now on the helper gives this; without an end as plain text."""
        self.write('{"status": {"token": "%s", "expirationTimestamp": "%s"}}' % (token, until) if until else token + "\n")

    def asked(self):
        try:
            return os.stat(os.path.join(self.home.path, "asked")).st_size // 2
        except FileNotFoundError:
            return 0

    def used(self):
        return [entry["headers"]["x-api-key"] for entry in self.requests("poll")]

    def answered(self, count=1):
        for _ in range(count):
            self.promise(polls=1)[0].result(harness.PATIENCE)

    def test_credential_cmd_provider_runs_command(self):
        self.hand_out("plain")
        self.answered()
        self.assertEqual(self.used(), ["plain"])

    def test_credential_cmd_provider_raises_with_empty_cmd(self):
        self.config("[credential tinker]\ntype = command\ncommand =\n")
        self.daemon.stop()
        self.daemon.spawn()
        self.assertNotIn(self.daemon.process.wait(harness.PATIENCE), (0, None))
        self.assertIn("command", self.daemon.log())
        self.configure()
        self.daemon.start()

    def test_first_get_token_fetches_and_starts_the_refresh_loop(self):
        """Not before it is needed; then once."""
        self.assertEqual(self.asked(), 0)
        self.answered(2)
        self.assertEqual((self.used(), self.asked()), (["first"] * 2, 1))

    def test_get_token_raises_when_first_fetch_fails(self):
        """It is told, nothing is sent without a token, and it is tried again."""
        os.unlink(os.path.join(self.home.path, "token"))
        future, name = self.promise(polls=1)
        said = harness.wait_until(lambda: self.snapshot(future.id).get("last_error"), "what is wrong")
        self.assertIn("exit status 7", said)
        self.assertEqual((future.done(), self.count("poll", name)), (False, 0))
        self.hand_out("late", FAR)
        future.result(harness.PATIENCE)
        self.assertEqual(self.used(), ["late"])

    def test_get_token_returns_cached_when_fresh(self):
        self.answered()
        self.hand_out("should-not-be-fetched", FAR)
        self.answered(3)
        self.assertEqual((self.used(), self.asked()), (["first"] * 4, 1))

    def soon(self, seconds):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))

    def replaced(self, until):
        """With such a token at hand another one is fetched for the next request."""
        self.hand_out("old", until)
        self.answered()
        self.hand_out("new", FAR)
        harness.wait_until(lambda: self.answered() or self.used()[-1] == "new", "the new one")
        self.answered()
        self.assertEqual((set(self.used()), self.used()[0], self.used()[-1]), ({"old", "new"}, "old", "new"))

    def test_get_token_refreshes_when_near_expiry(self):
        """A token is not used up to its last moment: half of a short life, the last 15 s of a long one."""
        end = time.time() + 8
        self.replaced(self.soon(8))
        self.assertLess(time.time(), end)

    def test_get_token_refreshes_when_already_expired(self):
        self.replaced(self.soon(-60))

    def test_get_token_refreshes_when_cached_token_is_unparseable(self):
        """A token is bytes for the service; what the service refuses is replaced."""
        self.hand_out("not.a.jwt", FAR)
        future, name = self.promise()
        self.seen(1, "poll", name)
        self.service.fault({"kind": "poll", "name": name, "status": 401})
        self.hand_out("new", FAR)
        self.service.release()
        self.service.hold = 0.1
        harness.wait_until(lambda: "new" in self.used(), "the new one")
        self.service.complete(name)
        future.result(harness.PATIENCE)
        self.assertEqual(self.asked(), 2)

    def test_get_token_concurrent_refresh_only_fires_once(self):
        both = [self.promise(connection=self.connect(), polls=1) for _ in range(8)]
        for future, _ in both:
            future.result(harness.PATIENCE)
        self.assertEqual((self.asked(), self.used()), (1, ["first"] * 8))

    def test_get_token_returns_stale_token_when_refresh_fails(self):
        """What is still good is used while there is no other."""
        self.hand_out("old", self.soon(20))
        self.answered()
        os.unlink(os.path.join(self.home.path, "token"))
        harness.wait_until(lambda: self.answered() or self.asked() > 1, "an attempt to have a new one")
        self.answered()
        self.assertEqual(set(self.used()), {"old"})


if __name__ == "__main__":
    harness.main()
