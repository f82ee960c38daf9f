"""test_future_validation.py - after Tensorlake's tests/applications/test_future_validation.py: what a wait or a delay may not be."""
import ctypes
import errno
import math

from conformance import LibraryTest, harness, libfutured
from scripted import Scripted

NUMBERS = (-1, math.nan, math.inf, -math.inf, True, "1", 1e12)


class TestFutureValidation(LibraryTest):
    service_class = Scripted

    def one(self):
        """The id of a future that goes on for ever, and whose service is asked once."""
        self.service.answer("poll", {"json": {"state": "working"}})
        spec = {"base": self.service.url, "poll": {"url": "/poll/1"}, "polling": {"initial": 3600, "jitter": "none"}}
        return self.c.create(spec=spec).created(harness.PATIENCE)

    def test_wait_rejects_invalid_controls_before_starting_futures(self):
        future = self.one()
        waits = self.rpc.call("server.stats")["waits"]
        for timeout in NUMBERS:
            with self.subTest(timeout=timeout):
                self.assert_rpc_error("InvalidArgument", self.rpc.call, "future.wait",
                                      {"ids": [future.id], "timeout": timeout}, says="timeout")
        for controls in ({"return_when": "first"}, {"return_when": 1}, {"ids": future.id}, {"ids": ["1"]}, {"wait": 1}):
            with self.subTest(controls=controls):
                self.assert_rpc_error("InvalidArgument", self.rpc.call, "future.wait", {"ids": [future.id], **controls})
        self.assertEqual(self.rpc.call("server.stats")["waits"], waits)

    def test_result_rejects_invalid_timeouts(self):
        future = self.one()
        for timeout in NUMBERS:
            with self.subTest(timeout=timeout):
                self.assert_rpc_error("InvalidArgument", self.rpc.call, "future.result",
                                      {"id": future.id, "timeout": timeout}, says="timeout")

    def test_creation_rejects_invalid_times_without_starting(self):
        spec = {"base": self.service.url, "poll": {"url": "/poll/1"}}
        for key in ("ttl", "timeout"):
            for value in NUMBERS:
                with self.subTest(key=key, value=value):
                    self.assert_rpc_error("InvalidArgument", self.rpc.call, "future.create", {"spec": spec, key: value},
                                          says=key)
        self.assertEqual((self.rpc.call("server.stats")["created"], self.count(None)), (0, 0))

    def test_run_later_rejects_invalid_delays_without_starting_future(self):
        spec = {"base": self.service.url, "poll": {"url": "/poll/1"}}
        for key, values in (("delay", NUMBERS), ("start_at", (-1, 0.5, True, "1"))):
            for value in values:
                with self.subTest(key=key, value=value):
                    self.assert_rpc_error("InvalidArgument", self.rpc.call, "future.create", {"spec": spec, key: value},
                                          says=key)
        self.assert_rpc_error("InvalidArgument", self.rpc.call, "future.create",
                              {"spec": spec, "delay": 1, "start_at": 1}, says="delay")
        self.assertEqual((self.rpc.call("server.stats")["created"], self.count(None)), (0, 0))

    def test_wait_invalid_return_when_preserves_the_sdk_error_contract(self):
        future = self.one()
        with self.assertRaises(libfutured.Error) as caught:
            self.c.wait([future], 3, 0)
        self.assertEqual(caught.exception.code, -errno.EINVAL)
        error = self.assert_rpc_error("InvalidArgument", self.rpc.call, "future.wait",
                                      {"ids": [], "return_when": "wrong_value"}, says=("return_when",))
        self.assertIn("first_completed", error.message, "the message says what it may be")

    def test_wait_materializes_generator_once(self):
        """An array that is the caller's: it may be overwritten as soon as the wait has returned, and is not changed."""
        futures = [self.one(), self.one()]
        handles = (ctypes.c_void_p * 2)(*(future.handle for future in futures))
        before = bytes(handles)
        self.assertFalse(self.c.wait(futures, libfutured.ALL_COMPLETED, 0))
        self.assertEqual(bytes(handles), before)
        self.assertFalse(self.c.wait(iter_once(futures), libfutured.ALL_COMPLETED, 0))

    def test_unknown_flags_and_contradictions(self):
        for options in ({}, {"flags": 1 << 31, "spec": {}}, {"profile": "google-lro", "flags": 4}):
            with self.subTest(options=options):
                with self.assertRaises(libfutured.Error) as caught:
                    self.c.create(**options)
                self.assertEqual(caught.exception.code, -errno.EINVAL)


def iter_once(values):
    """As a list; a wait reads its array once."""
    return list(iter(values))


if __name__ == "__main__":
    harness.main()
