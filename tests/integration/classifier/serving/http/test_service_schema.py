"""Schemathesis sends what the OpenAPI description allows, and what it does not, to the real application."""

import hypothesis
import schemathesis
from schemathesis.config import SchemathesisConfig

from classifier.contract import UnknownVersion, Versions
from classifier.serving.http.asgi import create_service
from classifier.testing import ScriptedClassifier

KNOWN = ("20260101T000000Z-script", "20260102T000000Z-script")
AUTHORISED = {"Authorization": "Bearer secret"}


class ScriptedControl:
    """Two versions; activating one of them works at once."""

    def __init__(self) -> None:
        self.active = KNOWN[1]

    async def activate(self, version: str) -> str:
        if version not in KNOWN:
            raise UnknownVersion
        self.active = version
        return version

    async def rollback(self) -> str:
        self.active = KNOWN[0]
        return self.active

    async def versions(self) -> Versions:
        return Versions(KNOWN, self.active)


service = create_service(
    ScriptedClassifier({"vpn": "network", "bill": "billing"}), "secret", ScriptedControl(), timeout=60
)
# more texts than allowed are usually also more bytes than allowed
REFUSALS = ["401", "403", "404", "405", "413", "415", "422"]
config = SchemathesisConfig.from_dict(
    {"seed": 7, "checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}}}
)
schema = schemathesis.openapi.from_asgi("/openapi.json", service, config=config)


@schema.parametrize()
@hypothesis.settings(max_examples=40, deadline=None, derandomize=True, database=None)
def test_answers_conform_to_the_description(case):
    case.call_and_validate(headers=AUTHORISED)
