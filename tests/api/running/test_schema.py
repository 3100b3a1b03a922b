"""Every route under generated questions: never a fault, and nothing but what the document says."""

from __future__ import annotations

import re
from typing import Any

import httpx
import msgspec
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from prometheus_client import CollectorRegistry
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api import openapi
from api.health import root_router
from api.routes import api_router
from tests.api.running.service import PASSWORD, House

LEFT_OUT = re.compile(r"/stream|/auth/|/readyz")
"""A stream does not end; guessed sign-ins would lock the tests out; nothing is ready here."""
EXAMPLES = 5


def _operations() -> list[Any]:
    app = FastAPI()
    app.include_router(api_router())
    app.include_router(root_router(CollectorRegistry()))
    document = msgspec.json.decode(msgspec.json.encode(openapi.describe(app)()))
    schema = schemathesis.openapi.from_dict(document)
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    return [operation for operation in operations if not LEFT_OUT.search(operation.path)]


@pytest.fixture(scope="module")
def token(house: House) -> str:
    answer = httpx.post(
        f"{house.url}/api/v1/auth/token", data={"username": "root", "password": PASSWORD}
    )
    secret: str = answer.json()["access_token"]
    return secret


# The service runs in a thread of this process, and ingest spreads its reconnects by `random`:
# to hypothesis that looks as if the strategy had drawn from it.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.parametrize("operation", _operations(), ids=lambda o: o.label)
def test_every_route_answers_as_documented(operation: Any, house: House, token: str) -> None:
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        case.call_and_validate(
            base_url=house.url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
            checks=[
                not_a_server_error,
                status_code_conformance,
                content_type_conformance,
                response_schema_conformance,
            ],
        )

    ask()
