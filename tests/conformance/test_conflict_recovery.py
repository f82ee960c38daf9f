"""test_conflict_recovery.py - after Tinker's tests/test_conflict_recovery.py: a 409 of a save says that it is saved already."""
import json

from conformance import ScriptTest, harness, libfutured

METADATA = {"experiment": "test"}


class ConflictRecovery(ScriptTest):
    def save(self, what, name=None, **more):
        """A save, whose conflict is the end of it: what has that name is read from where it is."""
        rules = [{"when": {"status": 200}, "then": "success", "result": "/path"}]
        spec = {**self.spec(), "submit": {"url": "/save", "json": {"path": name, **more}, "rules": rules}}
        if name:
            rules.append({"when": {"status": 409}, "then": "fetch"})
            saved = [{"when": {"status": 200}, "then": "success", "result": "/path"}]
            spec.update({"params": {"name": name, "what": what}, "fetch": {"url": "/{what}/{name}", "rules": saved}})
        return self.c.create(spec=spec)

    def conflict(self, what):
        self.service.answer("save", {"status": 409, "json": {"detail": "conflict"}})
        self.service.answer(what, {"json": {"path": f"tinker://model-123/{what}/ckpt-001"}})

    def recovers(self, what):
        self.conflict(what)
        self.assertEqual(self.save(what, "ckpt-001").json(harness.PATIENCE), f"tinker://model-123/{what}/ckpt-001")
        self.assertEqual((self.count("save"), [entry["target"] for entry in self.requests(what)]), (1, [f"/{what}/ckpt-001"]))

    def passes_metadata(self, what):
        self.conflict(what)
        self.save(what, "ckpt-001", user_metadata=METADATA).result(harness.PATIENCE)
        self.assertEqual(json.loads(self.requests("save")[0]["body"]), {"path": "ckpt-001", "user_metadata": METADATA})

    def test_save_state_returns_synthetic_path_on_conflict(self):
        self.recovers("weights")

    def test_save_state_passes_user_metadata(self):
        self.passes_metadata("weights")

    def test_save_weights_for_sampler_returns_synthetic_path_on_conflict(self):
        self.recovers("sampler_weights")

    def test_save_weights_for_sampler_passes_user_metadata(self):
        self.passes_metadata("sampler_weights")

    def test_save_weights_for_sampler_unnamed_reraises_conflict(self):
        """Without a name nothing says what is saved already."""
        self.conflict("sampler_weights")
        self.ended(libfutured.Failed, self.save("sampler_weights"), kind="remote", http_status=409)
        self.assertEqual((self.count("save"), self.count("sampler_weights")), (1, 0))


if __name__ == "__main__":
    harness.main()
