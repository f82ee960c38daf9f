"""test_models.py - after chemcloud's tests/test_models.py: FutureOutput, one or more tasks that a file can keep."""
import json
import os
import stat

from computing import OUTPUT, ComputingTest
from conformance import harness, libfutured
from liborders import SINGLE, Group, file_error

# Another process, later: it has the file, and asks for the outputs.
LATER = """
import json, sys
sys.path.insert(0, sys.argv[1])
import libfutured, liborders
with libfutured.Connection(json.load(open(sys.argv[2]))["socket"]) as c:
    print(json.dumps(liborders.Group.open(c, sys.argv[2]).get(60)))
"""


class Models(ComputingTest):
    def tasks(self, *outputs, polls=None, flags=0):
        """Their names, and a group of futures for them."""
        both = [self.task(polls=polls, output=output) for output in outputs]
        return [name for name, _ in both], Group.new(self.c, [future for _, future in both], flags)

    def saved(self):
        return os.path.join(self.home.path, "future.json")

    def test_result_pending(self):
        """Whether they are ready is known without waiting for them, and without asking the service."""
        names, group = self.tasks(OUTPUT, OUTPUT)
        self.assertTrue(group.refresh(harness.PATIENCE))
        self.assertEqual((group.is_ready(), set(group.statuses) - {"pending", "running"}), (False, set()))
        self.seen(1, "poll", names[0])
        harness.wait_until(lambda: group.refresh() and group.counts()["running"] == 2, "both polled")
        polls = self.count("poll")
        self.assertEqual(group.counts(), {"pending": 0, "running": 2, "succeeded": 0, "failed": 0, "cancelled": 0, "none": 0})
        self.assertRaises(TimeoutError, group.get, 0)
        self.assertLessEqual(self.count("poll") - polls, 2, "waiting does not poll")

    def test_result_success(self):
        _, group = self.tasks(OUTPUT, polls=1, flags=SINGLE)
        self.assertEqual((group.get(harness.PATIENCE), group.is_ready(), group.statuses), (OUTPUT, True, ["succeeded"]))

    def test_list_or_single(self):
        for flags, expected in ((0, [OUTPUT]), (SINGLE, OUTPUT)):
            _, group = self.tasks(OUTPUT, polls=1, flags=flags)
            self.assertEqual((group.is_single(), group.get(harness.PATIENCE)), (bool(flags), expected))

    def test_order_is_that_of_the_ids(self):
        names, group = self.tasks(1, 2, 3)
        for name in reversed(names):
            self.service.complete(name)
        self.assertEqual(group.get(harness.PATIENCE), [1, 2, 3])
        self.assertEqual(group.ids, [future.id for future in group])

    def test_timeout_leaves_the_rest_usable(self):
        names, group = self.tasks(1, 2)
        self.service.complete(names[1])
        self.assertRaises(TimeoutError, group.get, 0.3)
        self.assertTrue(group[1].wait(harness.PATIENCE))
        self.assertFalse(group.is_ready())
        self.service.complete(names[0])
        self.assertEqual(group.get(harness.PATIENCE), [1, 2])

    def test_failures_are_where_they_belong(self):
        """A failed task, and one that the service forgot, are not a failure of the group, nor of the others."""
        names, group = self.tasks(1, 2, 3)
        self.service.complete(names[0], status="FAILURE", output={"traceback": "no basis set"})
        self.service.complete(names[2])
        self.service.lost(names[1])
        self.assertTrue(group.wait(timeout=harness.PATIENCE))
        self.assertEqual(group.statuses, ["failed", "failed", "succeeded"])
        self.assertEqual([f.exception() and f.exception().kind for f in group], ["remote", "lost", None])
        self.assertEqual((group.counts()["failed"], group.counts()["succeeded"], group[2].json()), (2, 1, 3))

    def test_as_completed(self):
        """In order of completion; and the outputs are there afterwards, too."""
        names, group = self.tasks(1, 2, 3)
        given = []
        completed = group.as_completed(harness.PATIENCE)
        for i in (1, 2, 0):
            self.service.complete(names[i])
            given.append(next(completed).json())
        self.assertEqual((given, list(completed), group.get(0)), ([2, 3, 1], [], [1, 2, 3]))

    def test_model_dump_returns_client_config(self):
        """The file says which daemon, and has no secret in it."""
        _, group = self.tasks(1, polls=0, flags=SINGLE)
        group.save(self.saved())
        with open(self.saved(), encoding="utf-8") as file:
            saved = json.load(file)
        self.assertEqual(saved, {"futured_group": 1, "single": True, "socket": self.home.socket, "ids": group.ids})

    def test_ensure_client_validator(self):
        """A file is enough for who has no connection yet."""
        names, group = self.tasks(1, 2)
        group.save(self.saved())
        group.close()
        self.c.close()
        other = self.elsewhere(LATER, self.saved())
        for name in names:
            self.service.complete(name)
        self.assertEqual(json.loads(other.communicate(timeout=harness.PATIENCE)[0]), [1, 2])

    def test_save_with_provided_path(self):
        _, group = self.tasks(1, 2, polls=0)
        for _ in range(2):
            group.save(self.saved())
        self.assertEqual(stat.S_IMODE(os.stat(self.saved()).st_mode), 0o600)
        self.assertEqual([name for name in os.listdir(self.home.path) if "future" in name and "json" in name], ["future.json"])

    def test_open(self):
        names, group = self.tasks(1, 2, flags=0)
        group.add(group[0])
        group.save(self.saved())
        self.seen(1, "poll", names[1])
        self.restart()
        loaded = Group.open(self.connect(), self.saved())
        self.assertEqual((loaded.ids, loaded.is_single(), loaded.is_ready()), (group.ids, False, False))
        for name in names:
            self.service.complete(name)
        self.assertEqual(loaded.get(harness.PATIENCE), [1, 2, 1])

    def test_open_what_is_no_group(self):
        for text in ("", "[]", '{"task_ids": ["1"]}', '{"futured_group": 1, "single": false, "ids": [1]}'):
            with open(self.saved(), "w", encoding="utf-8") as file:
                file.write(text)
            self.assertRaises(libfutured.Error, Group.open, self.c, self.saved())
            self.assertIn(self.saved(), file_error(self.c))
        self.assertRaises(libfutured.Error, Group.open, self.c, self.saved() + ".none")
        self.assertIn(self.saved() + ".none", file_error(self.c))

    def test_open_after_the_end_of_its_tasks(self):
        """What was forgotten meanwhile is said of each of them, not of the file."""
        _, group = self.tasks(1, 2, polls=0)
        group.get(harness.PATIENCE)
        group.save(self.saved())
        group[0].forget()
        loaded = Group.open(self.connect(), self.saved())
        self.assertTrue(loaded.wait(timeout=harness.PATIENCE))
        self.assertEqual((loaded[0].exception().name, loaded[1].json(), loaded.counts()["none"]), ("NotFound", 2, 1))


if __name__ == "__main__":
    harness.main()
