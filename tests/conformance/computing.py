"""computing.py - tests whose futures are tasks at the service that speaks ChemCloud's protocol."""
import json

from conformance import LibraryTest

import harness
from chemcloud import ChemCloud

OUTPUT = {"success": True, "data": {"energy": -76.02}}
CONFIG = """[credential chemcloud]
type = oauth2
token_url = {url}/api/v2/oauth/token
refresh_token = chemcloud-refresh
"""


class ComputingTest(LibraryTest):
    """self.service is that service; its access tokens are had for a refresh token."""

    service_class = ChemCloud
    profile = "chemcloud"
    path = "/api/v2/"
    token = "refresh-0"
    id_param = "task_id"

    def configure(self):
        self.refresh_file = self.credential("chemcloud-refresh", self.token)
        self.config(CONFIG.format(url=self.service.url))

    def compute(self, inputs, query=None, connection=None, **more):
        """A handle on a future that submits inputs, and fetches their output."""
        submit = {"url": "compute", "query": {"program": "psi4", **(query or {})}, "json": inputs,
                  "capture": {"task_id": {"body": ""}}, "rules": "poll"}
        return self.make(connection=connection, spec={"submit": submit}, **more)

    def task(self, connection=None, **simulate):
        """A task that is there already, and a handle on a future for it."""
        name = self.service.prepare(**simulate)
        return name, self.make(name, connection=connection).created(harness.PATIENCE)

    def file(self):
        with open(self.refresh_file, encoding="ascii") as file:
            return file.read().strip()

    def forms(self):
        """What was sent to the token endpoint."""
        return [entry["body"] for entry in self.requests("token")]

    def input_of(self, entry):
        return json.loads(entry["body"])
