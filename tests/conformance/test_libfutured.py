"""test_libfutured.py - the binding that the tests beside it use: that it says what the library says."""
import errno

from conformance import ID, GoogleTest, harness, libfutured


class Binding(GoogleTest):
    def test_a_future_from_creation_to_result(self):
        self.service.add(ID, polls=2, response=b'{"v": 1}')
        called = []
        future = self.make(ID, callback=called.append, labels={"of": "mine"})
        self.assertEqual(future.look(), (-errno.EINPROGRESS, None))
        self.assertEqual((len(future.created().id), future.is_new()), (36, 1))
        self.assertEqual((future.result(), future.json(), future.state), (b'{"v": 1}', {"v": 1}, "succeeded"))
        self.assertEqual((future.result_size, future.content_type), (8, "application/json"))
        self.assertEqual(called, [future])
        self.assertEqual(self.c.call("future.get", {"id": future.id})["labels"], {"of": "mine"})

    def test_errors_are_exceptions(self):
        self.service.add(ID, polls=0, error={"code": 3, "message": "bad", "details": [1]})
        future = self.make(ID)
        error = self.ended(libfutured.Failed, future, kind="remote", message="bad", remote_code="3", details=b"[1]")
        self.assertEqual((error.code, error.name, future.exception().message), (-errno.EREMOTEIO, "Failed", "bad"))
        with self.assertRaises(libfutured.Error) as caught:
            self.c.call("future.get", {"id": "01900000-0000-7000-8000-000000000000"})
        self.assertEqual((caught.exception.code, caught.exception.name), (-errno.ENOENT, "NotFound"))
        with self.assertRaises(libfutured.Error) as caught:
            self.c.create()
        self.assertEqual(caught.exception.code, -errno.EINVAL)

    def test_waits_and_handles(self):
        self.service.add(ID)
        future = self.make(ID, flags=libfutured.NO_RESULT)
        again = self.c.attach(future.created().id)
        self.assertFalse(future.wait(0))
        self.assertRaises(TimeoutError, again.result, 0.01)
        self.assertFalse(self.c.wait([future, again], libfutured.FIRST_COMPLETED, 0))
        self.assertIn(future.refresh()["state"], ("pending", "running"))
        self.assertIsNotNone(future.extend(60)["deadline_at_ms"])
        self.assertTrue(future.cancel()["cancelled"])
        self.ended(libfutured.Cancelled, again)
        self.assertTrue(self.c.wait([future, again]))
        self.assertEqual({self.c.next_done([future, again]) for _ in range(2)}, {future, again})
        self.assertIsNone(self.c.next_done([future, again]))
        once_more = future.retry()
        self.ended(libfutured.Cancelled, once_more)
        self.assertEqual(future.forget(), {})

    def test_events_and_the_loop(self):
        self.service.add(ID, polls=1, response=b"[]")
        events = []
        with self.c.subscribe(events.append, since=0):
            future = self.make(ID)
            self.c.process_until(lambda: any(event.state == "succeeded" and event.type == "changed" for event in events))
            self.assertEqual({event.id for event in events} - {None}, {future.id})
        self.assertGreaterEqual(self.c.fileno(), 0)
        self.assertTrue(self.c.timeout() is None or self.c.timeout() >= 0)
        self.c.shut()
        self.assertRaises(libfutured.Error, self.c.create, spec={})


if __name__ == "__main__":
    harness.main()
