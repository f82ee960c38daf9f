"""test_chunked_fwdbwd_helpers.py - after Tinker's tests/test_chunked_fwdbwd_helpers.py: what the chunks of one step measured.

There a function merges the metrics of all chunks; here that is the program's. What it needs for that is a future over the chunks:
their answers in order, each as the service wrote it, and none of them changed or left out because of another.
"""
import json

from conformance import harness, libfutured
from sampling import SamplingTest


class TestMetricsReductionWithUnique(SamplingTest):
    def metrics(self, *chunks):
        """What a future over a future for each chunk hands out of each; the chunks end in any order."""
        both = [self.promise(polls=len(chunks) - i, result={"metrics": metrics}) for i, metrics in enumerate(chunks)]
        group = self.c.create(spec={"kind": "group", "of": [future.id for future, _ in both]})
        self.text = group.result(harness.PATIENCE).decode()
        return [member["result"]["metrics"] for member in json.loads(self.text)]

    def handed_out(self, *chunks):
        self.assertEqual(self.metrics(*chunks), [*chunks])

    def test_unique_reduction_single_result(self):
        self.handed_out({"clock_cycle:unique": 12345})

    def test_unique_reduction_multiple_results(self):
        self.handed_out(*({"clock_cycle:unique": cycle} for cycle in (12345, 12346, 12347)))

    def test_unique_reduction_with_other_metrics(self):
        self.handed_out({"clock_cycle:unique": 100, "loss:mean": 0.5, "accuracy:max": 0.8},
                        {"clock_cycle:unique": 101, "loss:mean": 0.6, "accuracy:max": 0.9})

    def test_unique_reduction_empty_results(self):
        self.handed_out()

    def test_unique_reduction_missing_metric(self):
        """Also of chunks that did not measure the same."""
        self.handed_out({"clock_cycle:unique": 100}, {"other_metric:mean": 0.5}, {})

    def test_hash2_reduction_wraps_as_u64(self):
        """All 64 bits of a number are there, as no number is read on the way."""
        self.handed_out({"fingerprint:hash2": 2 ** 64 - 1}, {"fingerprint:hash2": 2})

    def test_unique_reduction_with_float_values(self):
        """Every digit, too."""
        self.handed_out({"timestamp:unique": 1234567890.123}, {"timestamp:unique": 1234567890.456})
        for digits in ("1234567890.123", "1234567890.456"):
            self.assertIn(digits, self.text)

    def test_invalid_reduction_type_raises_assertion(self):
        """What there is no such thing as is refused when it is asked for."""
        chunk = self.request("forward_backward").created(harness.PATIENCE)
        with self.assertRaises(libfutured.Error) as caught:
            self.c.create(spec={"kind": "group", "of": [chunk.id], "until": "nonexistent"}).created(harness.PATIENCE)
        self.assertEqual(caught.exception.name, "InvalidSpec")
        for word in ("until", "nonexistent"):
            self.assertIn(word, caught.exception.message)


if __name__ == "__main__":
    harness.main()
