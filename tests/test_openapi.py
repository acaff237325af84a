"""The API does what its OpenAPI document says, whatever it is sent, and never answers 5xx."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, not_a_server_error

from tests.world import World

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis

INTERFACE = {
    ("POST", "/api/v1/tokens"),
    ("GET", "/api/v1/me"),
    ("GET", "/api/v1/me/statement"),
    ("POST", "/api/v1/activities"),
    ("POST", "/api/v1/activities/{activity_id}/publication"),
    ("POST", "/api/v1/activities/{activity_id}/sign-ups"),
    ("GET", "/api/v1/activities/{activity_id}/code"),
    ("POST", "/api/v1/check-ins"),
    ("POST", "/api/v1/activities/{activity_id}/card-scans"),
    ("POST", "/api/v1/scans:batch"),
    ("GET", "/api/v1/attendances"),
    ("POST", "/api/v1/approvals"),
    ("GET", "/api/v1/notices"),
    ("POST", "/api/v1/notices/{public_id}/objections"),
    ("GET", "/api/v1/items"),
    ("POST", "/api/v1/orders"),
    ("POST", "/api/v1/vouchers/{code}/redemptions"),
    ("POST", "/api/v1/orders/{order_id}/cancellation"),
}
SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _document(app: Flask) -> dict[str, Any]:
    answer = app.test_client().get("/api/v1/openapi.json")
    document: dict[str, Any] = json.loads(answer.data)
    return document


@SQLITE_ONLY
def test_every_call_of_the_interface_is_described(app: Flask) -> None:
    document = _document(app)
    assert document["openapi"].startswith("3.1")
    described = {(method.upper(), path) for path, calls in document["paths"].items() for method in calls}
    assert described >= INTERFACE


@SQLITE_ONLY
def test_every_reference_of_the_document_leads_somewhere(app: Flask) -> None:
    text = app.test_client().get("/api/v1/openapi.json").get_data(as_text=True)
    document = json.loads(text)
    wanted = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert wanted <= set(document["components"]["schemas"])


@pytest.mark.slow
@pytest.mark.parametrize("who", ["coordinator", "volunteer", "shop"])
def test_the_api_keeps_its_word_whatever_it_is_sent(world: World, who: str) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", world.app)
    headers = {"Authorization": f"Bearer {world._token(who, 'api')}"}
    chosen = [CHECKS.get_one(name) for name in ("content_type_conformance", "response_schema_conformance")]
    seen: list[str] = []

    for operation in schema.get_all_operations():
        api = operation.ok()

        @settings(
            max_examples=12, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
        )
        @schemathesis_given(api)
        def run(case: Any) -> None:
            response = case.call(headers=headers)
            seen.append(f"{case.method} {case.path}")
            case.validate_response(response, checks=[not_a_server_error, *chosen])

        run()
    assert len(set(seen)) >= len(INTERFACE)


def schemathesis_given(operation: Any) -> Any:
    """Draw cases for one operation, right ones and wrong ones."""
    from hypothesis import given
    from schemathesis import GenerationMode

    strategy = operation.as_strategy(generation_mode=GenerationMode.POSITIVE) | operation.as_strategy(
        generation_mode=GenerationMode.NEGATIVE
    )
    return given(case=strategy)
