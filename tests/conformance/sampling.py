"""sampling.py - tests whose futures are samples and training steps at the service that speaks Tinker's protocol."""
import threading

from conformance import LibraryTest

import harness
import libfutured
from tinker import Tinker


class SamplingTest(LibraryTest):
    """self.service is that service; each request makes a promise there, and a future for it here."""

    service_class = Tinker
    profile = "tinker"
    path = "/services/tinker-prod/"
    token = "tml-key"
    id_param = "request_id"

    def setUp(self):
        super().setUp()
        self.seq = 0

    def request(self, operation="asample", connection=None, **simulate):
        """A handle on a future that submits, and polls what it submitted."""
        self.seq += 1
        submit = {"url": "api/v1/" + operation, "json": {"seq_id": self.seq, "simulate": {"polls": 1, **simulate}},
                  "idempotency": "X-Idempotency-Key", "capture": {"request_id": {"body": "/request_id"}}}
        return self.make(connection=connection, spec={"submit": submit})

    def promise(self, connection=None, **simulate):
        """A handle on a future for a promise that was made elsewhere, and the promise's name."""
        name = self.service.prepare(**simulate)
        return self.make(name, connection=connection).created(harness.PATIENCE), name

    def threads(self, number, function):
        """Run function(i, its own connection) in so many threads; what went wrong in them goes wrong here."""
        failures = []

        def run(i):
            try:
                with libfutured.Connection(self.home.socket) as connection:
                    function(i, connection)
            except Exception as failure:
                failures.append(failure)
        threads = [threading.Thread(target=run, args=(i,)) for i in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(harness.PATIENCE)
        self.assertEqual(failures, [])
