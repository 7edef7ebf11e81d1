"""Requests made from the OpenAPI description, right and wrong ones, to every operation that it names.

Whatever comes is answered by one of the statuses, media types and shapes that are described, never by a fault
of ours, and no answer holds a secret. How many are made of each operation is `FLUXGATE_TEST_EXAMPLES`.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from app.main import create_app
from app.settings import Settings
from tests.support.gateway import Gateway, make_keys, serve_alone
from tests.support.simulator import Simulator
from tests.support.stores import UPSTREAM_KEY, Stores

EXAMPLES = int(os.environ.get("FLUXGATE_TEST_EXAMPLES", "6"))
ADMIN = "fga_of-the-described"
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
INNER = re.compile(r"Traceback|File \"|asyncpg|sqlalchemy|postgres(?:ql)?://|redis://")
STREAM = "text/event-stream"
PATIENCE = "X-Fal-Request-Timeout"

pytestmark = pytest.mark.xdist_group("described")

DOCUMENT = create_app(
    Settings(_env_file=None), public_url="http://gateway", with_worker=False, takes_jobs=True
).openapi()
schema = schemathesis.openapi.from_dict(DOCUMENT)
# Every method on every route is the matter of test_hostile_input.py.
schema.config.phases.coverage.unexpected_methods = set()


@dataclass(frozen=True)
class Described:
    """A gateway, its credentials, and things that are really there."""

    gateway: Gateway
    key: str
    known: dict[str, str]

    def credential(self, path: str) -> str:
        return ADMIN if path.startswith("/api/admin") else self.key


@pytest.fixture(scope="module")
def described(
    stores: Stores, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Described]:
    directory = tmp_path_factory.mktemp("described")
    with serve_alone(stores, simulator, directory, admin_key=ADMIN) as gateway:
        [key] = make_keys(gateway.database, 1)
        caller = gateway.caller(key)
        job_id = caller.job("a cat that is described")
        caller.wait(job_id)
        known = {"request_id": job_id, "job_id": job_id, "app": "flux-1", "model": "flux-1/dev", "place": "0"}
        yield Described(gateway, key, known)


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_operation_answers_as_described(described: Described, case: schemathesis.Case[Any]) -> None:
    if crc32(case.as_curl_command().encode()) % 2:
        # Half of them are about what is there: otherwise hardly one would get beyond "not found".
        case.path_parameters.update(
            {name: described.known[name] for name in case.path_parameters if name in described.known}
        )
    headers = {"Authorization": f"Bearer {described.credential(case.path)}"}
    answer = case.call(base_url=described.gateway.address, headers=headers, timeout=30)
    # An event is no text as a body is, and the description of a body is all that this version of OpenAPI has.
    is_stream = STREAM in answer.headers.get("content-type", [""])[0]
    case.validate_response(answer, checks=CHECKS[:-1] if is_stream else CHECKS)
    # Who allows a third of a second for a picture is told that it was not enough.
    if not (answer.status_code == 504 and PATIENCE in (case.headers or {})):
        case.validate_response(answer, checks=[not_a_server_error])
    assert UPSTREAM_KEY not in answer.text
    assert described.key not in answer.text
    assert ADMIN not in answer.text
    assert not INNER.search(answer.text)


def test_none_of_them_was_a_fault(described: Described) -> None:
    assert "request.failed" not in described.gateway.process.log()
