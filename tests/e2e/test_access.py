"""test_access.py - one daemon for several users: what one may not see does not exist."""
import contextlib
import os
import shutil
import subprocess
import unittest

import harness
import activation
import scripted
import rpc   # now: later, as another user, its file may be out of reach

SPEC = {"poll": {"url": "http://127.0.0.1:1/", "rules": [{"when": {"status": 200}, "then": "success"}]}}
ALICE, BOB, CAROL = (40001, 40010), (40002, 40010), (40003, 40020)   # uid, gid; Alice and Bob share a group


@contextlib.contextmanager
def acting_as(who, groups=()):
    """The kernel tells the daemon who connected: the effective ids and the groups at that moment."""
    os.setgroups(groups)
    os.setegid(who[1])
    os.seteuid(who[0])
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@unittest.skipUnless(os.geteuid() == 0, "only root can act for several users")
class Access(harness.DaemonTest):
    def start_daemon(self):
        activation.listen(self)
        os.chmod(self.home.path, 0o711)
        os.chmod(self.home.socket, 0o666)
        self.alice, self.bob, self.carol = (self.client_of(who) for who in (ALICE, BOB, CAROL))

    def client_of(self, who):
        with acting_as(who):
            return self.client()

    def create(self, mode, **more):
        return self.alice.call("future.create", {"spec": SPEC, "mode": mode, **more})["id"]

    def cannot_see(self, client, some_id):
        for method in ("future.get", "future.cancel", "future.refresh", "future.forget", "future.retry"):
            self.assert_rpc_error("NotFound", client.call, method, {"id": some_id})
        self.assert_rpc_error("NotFound", client.call, "future.result", {"id": some_id, "timeout": 0})
        self.assert_rpc_error("NotFound", client.call, "future.extend", {"id": some_id, "timeout": 5})
        self.assert_rpc_error("NotFound", client.call, "future.wait", {"ids": [some_id], "timeout": 0})
        self.assertNotIn(some_id, self.listed(client))

    def can_see_only(self, client, some_id):
        self.assertEqual(client.call("future.get", {"id": some_id})["id"], some_id)
        self.assertEqual(client.call("future.wait", {"ids": [some_id], "timeout": 0})["not_done"], [some_id])
        self.assertIn(some_id, self.listed(client))
        for method in ("future.cancel", "future.forget", "future.refresh"):
            self.assert_rpc_error("PermissionDenied", client.call, method, {"id": some_id})
        self.assert_rpc_error("PermissionDenied", client.call, "future.extend", {"id": some_id, "timeout": 5})

    def listed(self, client):
        return [future["id"] for future in client.call("future.list")["futures"]]

    def test_hello_says_who_one_is(self):
        self.assertEqual(self.alice.call("server.hello")["uid"], ALICE[0])
        self.assertEqual(self.carol.call("server.hello")["uid"], CAROL[0])

    def test_0600_is_the_owners(self):
        made = self.create(0o600)
        self.cannot_see(self.bob, made)
        self.cannot_see(self.carol, made)
        self.assertEqual(self.alice.call("future.get", {"id": made})["uid"], ALICE[0])

    def test_0640_is_readable_for_the_owners_group(self):
        made = self.create(0o640)
        self.can_see_only(self.bob, made)
        self.cannot_see(self.carol, made)

    def test_0644_is_readable_for_all(self):
        made = self.create(0o644)
        self.can_see_only(self.bob, made)
        self.can_see_only(self.carol, made)

    def test_0660_is_the_groups(self):
        made = self.create(0o660)
        self.cannot_see(self.carol, made)
        self.assertTrue(self.bob.call("future.cancel", {"id": made})["cancelled"])

    def test_0666_is_everyones(self):
        made = self.create(0o666)
        self.assertTrue(self.carol.call("future.cancel", {"id": made})["cancelled"])

    def test_root_sees_all(self):
        made = self.create(0o600)
        root = self.client()
        self.assertIn(made, self.listed(root))
        self.assertTrue(root.call("future.cancel", {"id": made})["cancelled"])

    def resolved(self, mode):
        """A promise of Alice's, kept."""
        made = self.alice.call("future.create", {"spec": {"kind": "promise"}, "mode": mode})["id"]
        self.alice.call("future.resolve", {"id": made, "result": '{"v": "of alice"}', "content_type": "application/json"})
        return made

    @staticmethod
    def uses_of(some_id):
        """Creations that learn something of another future."""
        text = {**SPEC, "poll": {**SPEC["poll"], "text": f"{{result:{some_id}/v}}"}}
        param = {**SPEC, "poll": {**SPEC["poll"], "text": "{p}"}}
        return ({"spec": SPEC, "after": [some_id]}, {"spec": {"kind": "group", "of": [some_id]}}, {"spec": text},
                {"spec": param, "params": {"p": f"{{result:{some_id}/v}}"}})

    def test_only_what_one_may_see_is_waited_for(self):
        for mode, strangers in ((0o600, (self.bob, self.carol)), (0o640, (self.carol,)), (0o644, ())):
            made = self.resolved(mode)
            for client in (self.alice, self.bob, self.carol):
                for params in self.uses_of(made):
                    with self.subTest(mode=oct(mode), params=params):
                        if client in strangers:
                            self.assert_rpc_error("NotFound", client.call, "future.create", params, says=made)
                        else:
                            client.call("future.create", params)

    def test_no_answer_leads_to_what_one_may_not_see(self):
        """A service that names another user's future is told nothing of it, not even that it is there."""
        service = scripted.Scripted()
        service.start()
        self.addCleanup(service.stop)
        nothing, hidden, shown = "01902f6e-0000-7000-8000-00000000000a", self.resolved(0o600), self.resolved(0o644)
        rules = [{"when": {"status": 200}, "then": "success"}]
        last = {"base": service.url, "poll": {"url": "/last/1", "method": "POST", "text": "got {{result:{of}/v}}", "rules": rules}}
        waits = {"base": service.url, "poll": {"url": "/last/1", "method": "POST", "text": "waited", "rules": rules}}
        service.answer("last", {"json": 1})
        for with_, body in (({"spec": last}, "got of alice"), ({"spec": waits, "after": ["{of}"]}, "waited")):
            said = []
            for of in (nothing, hidden, shown):
                service.answer("first", {"json": {"of": of}})
                made = self.bob.call("future.create", {"spec": {"base": service.url, "poll": {"url": "/first/1", "rules": [
                    {"when": {"status": 200}, "then": "continue", "capture": {"of": {"body": "/of"}}, "with": with_}]}}})["id"]
                self.bob.call("future.wait", {"ids": [made], "timeout": harness.PATIENCE})
                said.append(self.bob.call("future.get", {"id": made}).get("error", {}).get("message", "").replace(of, "ID"))
            self.assertEqual(said[0], said[1])
            self.assertEqual((said[0] == "", said[2]), (False, ""))
            self.assertEqual([entry["body"] for entry in service.requests() if entry["kind"] == "last"][-1], body)
        self.assertEqual(len([entry for entry in service.requests() if entry["kind"] == "last"]), 2)

    def test_keys_are_each_users_own(self):
        made = self.create(0o600, key="nightly")
        others = self.bob.call("future.create", {"spec": SPEC, "key": "nightly"})
        self.assertTrue(others["created"])
        self.assertNotEqual(others["id"], made)

    def test_subscriptions_tell_only_of_what_one_may_see(self):
        self.carol.call("future.subscribe", {})
        hidden = self.create(0o600)
        shown = self.create(0o644)
        _, (event,) = self.carol.next_notification()
        self.assertEqual((event["id"], event["event"]), (shown, "created"))
        self.assert_rpc_error("NotFound", self.carol.call, "future.subscribe", {"ids": [hidden]})

    def test_it_holds_after_a_restart(self):
        made = self.create(0o640)
        self.daemon.kill()
        activation.hand_over(self.daemon, self.listener)
        self.can_see_only(self.client_of(BOB), made)
        self.cannot_see(self.client_of(CAROL), made)

    def test_futurectl_says_not_permitted(self):
        made = self.create(0o644)
        hidden = self.create(0o600)
        # Another user can perhaps not reach the build: take the program and its library along.
        place = os.path.join(self.home.path, "bin")
        os.mkdir(place, 0o755)
        for name in os.listdir(os.path.join(harness.BUILD, ".libs")):
            if name == "futurectl" or name.startswith("libfutured.so"):
                shutil.copy(os.path.join(harness.BUILD, ".libs", name), place)

        def ctl(*arguments):
            return subprocess.run([os.path.join(place, "futurectl"), *arguments], user=CAROL[0], group=CAROL[1],
                                  extra_groups=[], env={"FUTURED_SOCKET": self.home.socket, "LD_LIBRARY_PATH": place},
                                  capture_output=True, text=True, timeout=harness.PATIENCE)
        self.assertEqual(ctl("get", made).returncode, 0)
        self.assertEqual(ctl("cancel", made).returncode, 5)
        self.assertEqual(ctl("cancel", hidden).returncode, 4)


if __name__ == "__main__":
    harness.main()
