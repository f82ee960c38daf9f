"""test_subprocess_sampling_client.py - after Tinker's test of that name: samples by way of another process, which is the daemon."""
import json

from conformance import harness, libfutured
from sampling import SamplingTest

TOKENS = {"sequences": [{"stop_reason": "length", "tokens": [1, 2, 3], "logprobs": [0.1, 0.2, 0.3]}], "type": "sample"}
LOGPROBS = [0.1, 0.2, None]
# Takes up futures by their ids, each in a thread with a connection of its own.
RESTORED = """
import json, sys, threading
sys.path.insert(0, sys.argv[1])
import libfutured
results = {}
def work(id):
    with libfutured.Connection(sys.argv[2]) as c:
        results[id] = c.attach(id).json(60)
threads = [threading.Thread(target=work, args=(id,)) for id in sys.argv[3:]]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps([results[id] for id in sys.argv[3:]]))
"""


class Sampling(SamplingTest):
    def sample(self, connection=None, **simulate):
        name = self.service.prepare(**{"polls": 1, "result": TOKENS, **simulate})
        return self.make(name, connection=connection)

    def logprobs(self, connection=None, **simulate):
        return self.sample(connection, **{"result": LOGPROBS, **simulate})

    def restored(self, *futures):
        """What another process makes of their ids."""
        other = self.elsewhere(RESTORED, self.home.socket, *(future.created(harness.PATIENCE).id for future in futures))
        return json.loads(other.communicate(timeout=harness.PATIENCE)[0])


class TestRPCRouting(Sampling):
    def test_sample(self):
        self.assertEqual(self.sample().json(harness.PATIENCE), TOKENS)

    def test_constructor_enables_subprocess_mode(self):
        """There is no other mode: the process that asks for it sends nothing to the service itself."""
        self.assertEqual(self.request(result=TOKENS).json(harness.PATIENCE), TOKENS)
        self.assertEqual({entry["headers"]["x-api-key"] for entry in self.requests()}, {self.token})

    def test_compute_logprobs(self):
        self.assertEqual(self.logprobs().json(harness.PATIENCE), LOGPROBS)


class TestErrorHandling(Sampling):
    def test_sample_error(self):
        self.ended(libfutured.Failed, self.sample(error="Simulated sample failure"), message="Simulated sample failure")

    def test_compute_logprobs_error(self):
        self.ended(libfutured.Failed, self.logprobs(error="Simulated logprobs failure"), message="Simulated logprobs failure")

    def test_sidecar_death_fails_pending_futures(self):
        """Not here: the sample is there when the daemon is back."""
        future = self.sample(polls=None).created(harness.PATIENCE)
        self.seen(1, "poll")
        self.daemon.kill()
        self.daemon.start()
        self.service.complete(self.requests("poll")[0]["name"], result=TOKENS)
        self.assertEqual(future.json(harness.PATIENCE), TOKENS)


class TestPickle(Sampling):
    def test_roundtrip_preserves_subprocess_mode(self):
        """By its id, in another process, while it runs."""
        self.assertEqual(self.restored(self.sample(polls=3)), [TOKENS])

    def test_roundtrip_without_sidecar(self):
        """Without a daemon there is nothing that could be taken up, and no wait for it."""
        self.daemon.stop()
        with self.assertRaises(libfutured.Error):
            libfutured.Connection(self.home.socket + "-none").call("server.stats")
        self.daemon.start()

    def test_re_enable_subprocess_mode(self):
        """One connection after the other."""
        for _ in range(2):
            with libfutured.Connection(self.home.socket) as connection:
                self.assertEqual(self.sample(connection).json(harness.PATIENCE), TOKENS)


class TestConcurrency(Sampling):
    def test_multithreaded_samples(self):
        self.threads(20, lambda i, c: self.assertEqual(self.sample(c).json(harness.PATIENCE), TOKENS))

    def test_multithreaded_mixed_operations(self):
        def work(i, connection):
            for _ in range(10):
                ask, expected = ((self.sample, TOKENS), (self.logprobs, LOGPROBS))[i % 2]
                self.assertEqual(ask(connection).json(harness.PATIENCE), expected)
        self.threads(6, work)

    def test_async_concurrent_samples(self):
        ended = []
        for _ in range(20):
            self.sample().on_done(lambda f: ended.append(f.json()))
        self.c.process_until(lambda: len(ended) == 20)
        self.assertEqual(ended, [TOKENS] * 20)

    def test_pickle_roundtrip_then_concurrent_use(self):
        self.assertEqual(self.restored(*(self.sample(result=i) for i in range(5))), list(range(5)))


if __name__ == "__main__":
    harness.main()
