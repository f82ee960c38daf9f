"""scenes.py - what the processes of the soak do, over and over: each scene makes futures, and demands how they end."""
import base64
import json
import subprocess
import sys
import time
import urllib.request

from libfutured import ALL_COMPLETED, FIRST_COMPLETED, Cancelled, Failed
from line import GONE, OVER, PATIENCE, Line, life
from rpc import RpcError

QUICK = {"initial": 0.1, "maximum": 0.5, "multiplier": 1.5}
RULES = [{"when": {"status": 200, "body": {"/state": "done"}}, "then": "success", "result": "/value"},
         {"when": {"status": 200, "body": {"/state": "failed"}}, "then": "failure", "error": "/error"},
         {"when": {"status": 200, "body": {"/state": "cancelled"}}, "then": "cancelled"},
         {"when": {"status": 200}, "then": "pending", "progress": "/step"},
         {"when": {"status": 404}, "then": "lost"}]
NO_LUCK = {"code": 7, "message": "no luck"}
TTL = 12             # seconds: what is left behind goes within the time that is measured
SHORT = 1.0

# A producer in a process of its own: claims, says so, and hangs until it is killed.
PRODUCER = """
import sys
from rpc import Client
client = Client(sys.argv[1])
client.call("future.claim", {"id": sys.argv[2], "lease": float(sys.argv[3]) or None})
print("claimed", flush=True)
client.call("future.wait", {"ids": [sys.argv[2]]}, timeout=3600)
"""


class Base:
    """What the scenes have in common. An Actor has home, socket, urls, draw, names, line, lib, futures, ends."""

    def spec(self, script, keyed=True, where="stage", **more):
        """A spec of a job at the stage, which behaves by the script; its name is added to the script's job."""
        name = next(self.names)
        submit = {"url": f"/submit/{name}", "json": script, "capture": {"job": {"body": "/job"}}}
        if keyed:
            submit["idempotency"] = "X-Key"
        return name, {"base": self.urls[where], "submit": submit, "poll": {"url": "/poll/{job}", "rules": RULES},
                      "polling": QUICK, "retry": QUICK, "ttl": TTL, **more}

    def create(self, *arguments, **options):
        """A future by the library, whose callback counts."""
        told = []
        future = self.lib.create(*arguments, callback=told.append, **options)
        future.told = told
        future.created(PATIENCE)
        self.futures += 1
        return future

    def make(self, spec, **more):
        """A future by the raw protocol, repeated with its key; its id."""
        self.futures += 1
        return self.line.call("future.create", {"spec": spec, "key": next(self.names), **more})["id"]

    def attached(self, some_id):
        told = []
        future = self.lib.attach(some_id, callback=told.append)
        future.told = told
        return future

    def outcome(self, future):
        """How it ended: (state, JSON or kind); its callback was called once."""
        some_id = future.id
        try:
            data = future.result(PATIENCE)
            found = ("succeeded", json.loads(data) if data else None)
        except Failed as error:
            found = ("failed", error.kind)
        except Cancelled:
            found = ("cancelled", None)
        except TimeoutError:
            raise AssertionError(f"{some_id} does not end: {self.line.call('future.get', {'id': some_id})}") from None
        self.lib.process()
        assert len(future.told) == 1, f"{some_id}: {len(future.told)} callbacks"
        print(some_id, found[0], file=self.ends)
        future.close()
        return found

    def ends_as(self, future, *wanted):
        some_id = future.id
        found = self.outcome(future)
        assert found == wanted, f"{some_id}: {found} and not {wanted}"

    def forget(self, some_id):
        self.line.call("future.forget", {"id": some_id}, repeated=("NotFound",))

    def gone(self, some_id, within):
        """It is forgotten by itself."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            try:
                self.line.call("future.get", {"id": some_id})
            except RpcError as error:
                assert error.name == "NotFound", error
                return
            time.sleep(0.2)
        raise AssertionError(f"{some_id} is still there: {self.line.call('future.get', {'id': some_id})}")

    def seen(self, name, where="stage"):
        with urllib.request.urlopen(f"{self.urls[where]}/_control/seen/{name}") as reply:
            return json.load(reply)

    def sent_once(self, name, before, drops=0, keyed=True, where="stage"):
        """The submit was sent once, or as often as its answer was lost, and with one value."""
        seen = self.seen(name, where)
        assert seen["values"] == 1, f"{name}: {seen}"
        least, most = 1 + drops, 1 + drops
        if keyed:
            most += life(self.home) - before
        assert least <= seen["submit"] <= most, f"{name}: {seen}, {drops} answers lost"


class Jobs(Base):
    def scene_jobs(self):
        """Several at a time that end in all ways, with answers lost and refused."""
        before, made = life(self.home), []
        for _ in range(self.draw.randrange(1, 12)):
            error = self.draw.random() < 0.2
            drops = self.draw.choice((0, 0, 0, 1))
            where = self.draw.choice(("stage", "stage", "stage", "strict"))
            script = {"polls": self.draw.randrange(5), "stumble": self.draw.choice((0, 0, 2)), "drop": drops,
                      "throttle": where == "strict", **({"error": NO_LUCK} if error else {"value": {"n": len(made), "id": "x"}})}
            more = {"ack": {"url": "/ack/{job}"}} if self.draw.random() < 0.3 else {}
            if self.draw.random() < 0.2:
                more["events"] = {"url": "/stream/{job}", "wake": {"/state": ["done", "failed"]}, "progress": "/step"}
            name, spec = self.spec(script, where=where, **more)
            wanted = ("failed", "remote") if error else ("succeeded", script["value"])
            made.append((name, self.create(spec=spec), wanted, drops, where))
        if self.draw.random() < 0.5:
            assert self.lib.wait([each[1] for each in made], ALL_COMPLETED, PATIENCE), "they do not end"
        for name, future, wanted, drops, where in made:
            some_id = future.id
            self.ends_as(future, *wanted)
            self.sent_once(name, before, drops, where=where)
            if self.draw.random() < 0.3:
                self.forget(some_id)

    def scene_not_to_be_repeated(self):
        """A submit without an idempotency value is sent once, whatever happens."""
        before = life(self.home)
        name, spec = self.spec({"polls": 2, "value": 1}, keyed=False)
        found = self.outcome(self.create(spec=spec))
        if found != ("succeeded", 1):
            assert found == ("failed", "submit_unknown") and life(self.home) > before, found
            assert self.seen(name).get("submit", 0) <= 1, self.seen(name)
        else:
            self.sent_once(name, before, keyed=False)

    def scene_answer_lost(self):
        """Nor is one whose answer was lost."""
        name, spec = self.spec({"polls": 2, "value": 1, "drop": 1}, keyed=False)
        self.ends_as(self.create(spec=spec), "failed", "submit_unknown")
        assert self.seen(name).get("submit", 0) <= 1, self.seen(name)

    def scene_cancel(self):
        before = life(self.home)
        name, spec = self.spec({"polls": None})
        if self.draw.random() < 0.5:
            spec["cancel"] = {"url": "/cancel/{job}"}
        future = self.create(spec=spec)
        time.sleep(self.draw.random() * 0.5)
        self.line.call("future.cancel", {"id": future.id})
        self.ends_as(future, "cancelled", None)
        seen = self.seen(name).get("submit", 0)
        assert seen <= 1 + life(self.home) - before, f"{name}: {seen} submits"

    def scene_retry(self):
        """A failed one is taken up again, where it was."""
        before = life(self.home)
        name, spec = self.spec({"polls": 1, "error": NO_LUCK})
        future = self.create(spec=spec)
        some_id = future.id
        self.ends_as(future, "failed", "remote")
        try:
            again = self.line.once("future.retry", {"id": some_id})["id"]
        except GONE:
            return
        self.futures += 1
        self.ends_as(self.attached(again), "failed", "remote")
        self.sent_once(name, before)

    def scene_deadline(self):
        _, spec = self.spec({"polls": None})
        self.ends_as(self.create(spec=spec, timeout=self.draw.random() + 0.2), "failed", "deadline")

    def scene_pause(self):
        """Nothing is asked while it is paused."""
        name, spec = self.spec({"polls": None})
        future = self.create(spec=spec, labels={"paused": name})
        some_id = future.id
        which = self.draw.choice(({"id": some_id}, {"labels": {"paused": name}}))
        self.line.call("future.pause", which)
        time.sleep(1)
        polls = self.seen(name).get("poll", 0)
        time.sleep(1)
        assert self.seen(name).get("poll", 0) == polls, f"{name} was asked while it was paused"
        self.line.call("future.resume", which)
        self.line.call("future.refresh", {"id": some_id})
        deadline = time.monotonic() + PATIENCE
        while self.seen(name).get("poll", 0) == polls:
            assert time.monotonic() < deadline, f"{name} is not asked any more"
            time.sleep(0.1)
        self.line.call("future.cancel", {"id": some_id})
        self.ends_as(future, "cancelled", None)


class Profiles(Base):
    def scene_google(self):
        error = self.draw.random() < 0.3
        simulate = {"polls": self.draw.randrange(4), "metadata": [{"p": 1}, {"p": 2}],
                    **({"error": {"code": 3, "message": "no"}} if error else {"response": {"v": [1.5, "x"]}})}
        submit = {"url": "/v1/things:train", "json": {"simulate": simulate}, "idempotency": "X-Request-Id",
                  "capture": {"name": {"body": "/name"}}, "rules": "poll"}
        future = self.create("google-lro", params={"base": self.urls["google"]}, spec={"submit": submit}, polling=QUICK,
                             retry=QUICK, ttl=TTL)
        self.ends_as(future, *(("failed", "remote") if error else ("succeeded", {"v": [1.5, "x"]})))

    def scene_replicate(self):
        end = self.draw.choice(("succeeded", "succeeded", "failed", "canceled"))
        name = next(self.names)
        faults = [{"kind": "poll", "status": 429, "headers": {"Retry-After": "0.2"}}, {"kind": "poll", "half": 7}]
        simulate = {"name": name, "polls": self.draw.randrange(1, 4), "end": end, "output": [name], "error": "no",
                    "faults": faults[:self.draw.randrange(3)]}
        self.control("replicate", simulate)
        future = self.create("replicate", params={"base": self.urls["replicate"], "prediction_id": name}, polling=QUICK,
                             retry=QUICK, ttl=TTL)
        wanted = {"succeeded": ("succeeded", [name]), "failed": ("failed", "remote"), "canceled": ("cancelled", None)}[end]
        self.ends_as(future, *wanted)

    def scene_batches(self):
        """Polled by lists."""
        made = []
        for _ in range(self.draw.randrange(2, 8)):
            name = next(self.names)
            self.control("openai", {"name": name, "polls": self.draw.randrange(1, 4), "output": json.dumps(name)})
            made.append((name, self.create("openai-batch", params={"base": self.urls["openai"], "batch_id": name},
                                           polling=QUICK, retry=QUICK, ttl=TTL)))
        for name, future in made:
            self.ends_as(future, "succeeded", name)

    def control(self, where, job):
        request = urllib.request.Request(f"{self.urls[where]}/_control/jobs", json.dumps(job).encode())
        urllib.request.urlopen(request).close()


class Together(Base):
    def scene_after(self):
        """A chain by `after` and by results, and a group over it."""
        before = life(self.home)
        one, spec = self.spec({"polls": 2, "value": {"n": 5, "s": "{{x}}"}})
        first = self.make(spec)
        two, spec = self.spec({"polls": 1, "value": 2})
        second = self.make(spec, after=[first])
        three, spec = self.spec({"polls": 1, "value": f"{{result:{first}/n}}"})
        third = self.make(spec)
        group = self.make({"kind": "group", "of": [first, second, third], "ttl": TTL})
        future = self.attached(group)
        state, members = self.outcome(future)
        assert state == "succeeded", state
        assert [member.get("result") for member in members] == [{"n": 5, "s": "{x}"}, 2, 5], members
        for name in (one, two, three):
            self.sent_once(name, before)

    def scene_after_a_failure(self):
        _, spec = self.spec({"polls": 1, "error": NO_LUCK})
        first = self.make(spec)
        name, spec = self.spec({"polls": 1, "value": 2})
        second = self.make(spec, after=[first])
        self.ends_as(self.attached(second), "failed", "dependency")
        assert "submit" not in self.seen(name), "sent though it was not to be"

    def scene_any(self):
        _, slow = self.spec({"polls": None})
        _, fast = self.spec({"polls": 1, "value": 1})
        slow, fast = self.make(slow), self.make(fast)
        until = self.draw.choice(("any", "first_exception"))
        group = self.make({"kind": "group", "of": [slow, fast], "until": until, "ttl": TTL})
        if until == "first_exception":
            self.line.call("future.cancel", {"id": slow})
        state, members = self.outcome(self.attached(group))
        assert state == "succeeded" and members[1]["result"] == 1, members
        self.line.call("future.cancel", {"id": slow})
        self.ends_as(self.attached(slow), "cancelled", None)

    def scene_continue(self):
        """One operation leads to the next, each submitted once."""
        before = life(self.home)
        two, second = self.spec({"polls": 1, "value": "{{seen}}"})
        second = json.loads(json.dumps(second).replace("{job}", "{{job}}").replace("{{seen}}", "{seen}"))
        one, first = self.spec({"polls": 1, "value": {"v": 7}})
        first["poll"]["rules"] = [{**RULES[0], "then": "continue", "capture": {"seen": {"body": "/value"}},
                                   "with": {"spec": second}}, *RULES[1:]]
        del first["poll"]["rules"][0]["result"]
        self.ends_as(self.create(spec=first), "succeeded", {"v": 7})
        self.sent_once(one, before)
        self.sent_once(two, before)

    def scene_timer(self):
        """Never early."""
        begin, delay = time.time(), self.draw.random() * 2
        at = {"start_at": round((begin + delay) * 1000)} if self.draw.random() < 0.5 else {"delay": delay}
        some_id = self.make({"kind": "timer", "ttl": TTL}, **at)
        self.ends_as(self.attached(some_id), "succeeded", None)
        assert time.time() >= begin + delay - 0.002, f"{some_id} ended {begin + delay - time.time()} s early"

    def scene_start_at(self):
        begin, delay = time.time(), self.draw.random() * 2
        _, spec = self.spec({"polls": 0, "value": 3})
        some_id = self.make(spec, start_at=round((begin + delay) * 1000))
        self.ends_as(self.attached(some_id), "succeeded", 3)
        assert time.time() >= begin + delay - 0.002, f"{some_id} was early"

    def scene_many_wait(self):
        """Several handles and a raw wait for the same."""
        _, spec = self.spec({"polls": 3, "value": 4})
        some_id = self.make(spec)
        futures = [self.attached(some_id) for _ in range(self.draw.randrange(2, 20))]
        assert self.lib.wait(futures, FIRST_COMPLETED, PATIENCE)
        for future in futures:
            self.ends_as(future, "succeeded", 4)
        reply = self.line.call("future.wait", {"ids": [some_id], "timeout": 0})
        assert reply["states"] == ["succeeded"], reply

    def scene_same_key(self):
        """Created by several connections with one key: one future."""
        before = life(self.home)
        name, spec = self.spec({"polls": 2, "value": 6})
        others = [self.create(spec=spec, key=name) for _ in range(3)]
        some_id = self.line.call("future.create", {"spec": spec, "key": name})["id"]
        assert {future.id for future in others} == {some_id}, f"{name}: several futures"
        for future in others:
            self.ends_as(future, "succeeded", 6)
        self.sent_once(name, before)

    def scene_followed(self):
        """By a subscription of the library: each step once and in order."""
        _, spec = self.spec({"polls": 4, "value": 8})
        since = self.line.call("server.stats")["seq"]
        some_id = self.make(spec)
        events = []
        with self.lib.subscribe(events.append, ids=[some_id], since=since):
            self.lib.process_until(lambda: any(event.state in OVER for event in events), PATIENCE)
        told = [event for event in events if event.type in ("created", "changed", "progress")]
        numbers = [event.seq for event in told]
        assert numbers == sorted(set(numbers)), f"{some_id}: {numbers}"
        states = [event.state for event in told if event.type != "progress"]
        assert states == ["pending", "running", "succeeded"], f"{some_id}: {states}"
        assert not any(event.type == "gap" for event in events), f"{some_id}: a gap"
        self.ends_as(self.attached(some_id), "succeeded", 8)

    def scene_gives_up(self):
        """A connection with many waits and a subscription is closed in the middle of it all, or talks nonsense."""
        _, spec = self.spec({"polls": None})
        some_id = self.make(spec)
        other = Line(self.socket)
        try:
            client = other.open()
            numbers = [client.send("future.result", {"id": some_id}) for _ in range(20)]
            client.call("future.subscribe", {"since": 0})
            client.call("call.cancel", {"call": numbers[0]})
            if self.draw.random() < 0.5:
                client.send_bytes(self.draw.randbytes(64))
        except GONE:
            pass
        other.drop()
        self.line.call("future.cancel", {"id": some_id})
        self.ends_as(self.attached(some_id), "cancelled", None)


class Kept(Base):
    def scene_ttl(self):
        """It goes when its time is over, and stays when it is pinned."""
        some_id = self.make({"kind": "timer", "delay": 0, "ttl": SHORT})
        pinned = self.make({"kind": "timer", "delay": 0.1, "ttl": SHORT})
        self.line.call("future.pin", {"id": pinned})
        time.sleep(2 * SHORT)
        assert self.line.call("future.get", {"id": pinned})["state"] == "succeeded"
        self.line.call("future.unpin", {"id": pinned}, repeated=("NotFound",))
        self.gone(some_id, PATIENCE)
        self.gone(pinned, PATIENCE)

    def scene_kept_until_delivered(self):
        _, spec = self.spec({"polls": 1, "value": "x" * self.draw.choice((10, 20000))})
        some_id = self.make({**spec, "keep_until_delivered": True, "ttl": SHORT})
        self.line.call("future.wait", {"ids": [some_id]})
        time.sleep(2 * SHORT)
        assert self.line.call("future.get", {"id": some_id})["state"] == "succeeded"
        result = self.line.call("future.result", {"id": some_id}, repeated=("NotFound",))
        assert not result or json.loads(result["result"]) == spec["submit"]["json"]["value"], result
        # what was read while the daemon was killed may not be written down as delivered: then it is to be read again
        try:
            self.line.call("future.result", {"id": some_id, "timeout": 0})
        except RpcError as error:
            assert error.name == "NotFound", error
        self.gone(some_id, PATIENCE)


class Promises(Base):
    def produce(self, some_id, value):
        """Complete it, whatever happens meanwhile."""
        deadline = time.monotonic() + PATIENCE
        while self.line.call("future.get", {"id": some_id})["state"] not in OVER:
            assert time.monotonic() < deadline, f"{some_id} cannot be completed"
            try:
                claim = self.line.once("future.claim", {"id": some_id, "lease": 3})["claim"]
                self.line.once("future.progress", {"id": some_id, "claim": claim, "progress": {"at": time.time()}})
                self.line.once("future.renew", {"id": some_id, "claim": claim, "lease": 2})
                data = json.dumps(value).encode()
                half = len(data) // 2
                self.line.once("future.resolve", {"id": some_id, "claim": claim, "result": data[:half], "more": True})
                self.line.once("future.resolve", {"id": some_id, "claim": claim, "result": data[half:], "offset": half})
            except GONE:
                pass
            except RpcError as error:
                # its answer was lost, and it is claimed by us or over; or a part was lost with its connection
                assert error.name in ("InvalidState", "InvalidArgument", "PermissionDenied"), error
                time.sleep(0.2)

    def scene_promise(self):
        value = "x" * self.draw.choice((10, 5000, 700000))
        future = self.create(spec={"kind": "promise", "on_abandon": "release", "ttl": TTL})
        self.produce(future.id, value)
        self.ends_as(future, "succeeded", value)

    def scene_reject(self):
        future = self.create(spec={"kind": "promise", "ttl": TTL})
        self.line.call("future.reject", {"id": future.id, "message": "no", "details": base64.b64encode(b"x")},
                       repeated=("InvalidState",))
        self.ends_as(future, "failed", "rejected")

    def scene_killed_producer(self):
        """A producer dies with its claim: the promise fails, or somebody else completes it."""
        release = self.draw.random() < 0.5
        lease = self.draw.choice((0, 0.5))
        spec = {"kind": "promise", "on_abandon": "release" if release else "fail", "ttl": TTL}
        future = self.create(spec=spec)
        producer = subprocess.Popen([sys.executable, "-B", "-c", PRODUCER, self.socket, future.id, str(lease)],
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        claimed = producer.stdout.readline() == b"claimed\n"
        producer.kill()
        producer.communicate()
        if release:
            self.produce(future.id, 9)
            self.ends_as(future, "succeeded", 9)
        elif claimed:
            self.ends_as(future, "failed", "abandoned")
        else:
            self.line.call("future.cancel", {"id": future.id})
            assert self.outcome(future) in (("cancelled", None), ("failed", "abandoned"))


class Scenes(Jobs, Profiles, Together, Kept, Promises):
    """All of them."""
