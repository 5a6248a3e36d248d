"""Requests made from the OpenAPI description: every answer is of a documented status, type and shape."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
PATHS = ["POST /v1/segment", "GET /v1/model", "GET /healthz", "GET /readyz", "GET /metrics"]


@pytest.fixture(scope="module")
def operations(address):
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    found = [result.ok() for result in schema.get_all_operations()]
    return {f"{operation.method.upper()} {operation.path}": operation for operation in found}


def test_every_path_is_described(operations):
    assert {*operations} == {*PATHS}


@pytest.mark.filterwarnings("ignore:Do not use the `random` module")  # schemathesis does, with hypothesis 6.170
@pytest.mark.parametrize("path", PATHS)
def test_answers_are_those_described(operations, path):
    @given(case=operations[path].as_strategy())
    @settings(
        max_examples=40 if path.startswith("POST") else 3,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    def send(case):
        case.call_and_validate(checks=CHECKS)

    send()
