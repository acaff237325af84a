"""The API's description: finishing touches to OpenAPI, and a page of it that people can read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue
from flask_smorest import Api

from bank.web.api import PREFIX

pages = Blueprint("docs", __name__)
OPEN_CALLS = {("post", f"{PREFIX}/tokens"), ("get", f"{PREFIX}/notices")}
"""What needs no token."""
WITHOUT_KEY = {("post", f"{PREFIX}/tokens")}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]{1,200}$"},
    "description": "The same key and body replays the first answer (header `Idempotent-Replay: true`); "
    "another body is 422 `idempotency_conflict`.",
}
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
REFUSALS = {
    "401": "`unauthorized`: no token, or it has ended",
    "403": "`forbidden`: not for this role",
    "404": "`not_found`: not there, or not yours",
    "405": "`method_not_allowed`",
    "409": "refused by a rule of the bank; `code` says which",
    "413": "`too_large`",
    "422": "`invalid` with `errors` by field, or `idempotency_conflict`",
    "429": "`rate_limited`, with `Retry-After`",
}


@pages.get(f"{PREFIX}/docs")
def docs() -> ResponseReturnValue:
    spec = current_app.extensions["flask-smorest"]["apis"][""]["ext_obj"].spec.to_dict()
    schemas = spec.get("components", {}).get("schemas", {})
    return render_template(
        "web/docs.html",
        spec=spec,
        calls=list(_calls(spec)),
        schemas=schemas,
        parameter_rows=_parameter_rows,
        field_rows=_field_rows,
    )


def finish(api: Api) -> None:
    """Say of every call who may make it, how it is made idempotent, and how it refuses."""
    for path, methods in api.spec._paths.items():
        for method, call in methods.items():
            if method not in ("get", "post", "put", "delete"):
                continue
            is_open = (method, path) in OPEN_CALLS
            call["security"] = [] if is_open else [{"bearer": []}]
            if method == "post" and (method, path) not in WITHOUT_KEY:
                call.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
            responses = call.setdefault("responses", {})
            responses.pop("default", None)
            for status, meaning in REFUSALS.items():
                responses[status] = {"description": meaning, "content": PROBLEM}


def _calls(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path, methods in spec["paths"].items():
        shared = methods.get("parameters", [])
        for method, call in methods.items():
            if method != "parameters":
                yield {
                    "method": method.upper(),
                    "path": path,
                    "summary": call.get("summary") or call.get("description", ""),
                    "parameters": [*shared, *call.get("parameters", [])],
                    "body": _schema_name(call.get("requestBody", {})),
                    "answers": {
                        status: _schema_name(answer)
                        for status, answer in call["responses"].items()
                        if status.startswith("2")
                    },
                    "is_open": not call.get("security"),
                }


def _schema_name(part: dict[str, Any]) -> str | None:
    for content in part.get("content", {}).values():
        reference: str = content.get("schema", {}).get("$ref", "")
        return reference.rsplit("/", 1)[-1] or None
    return None


def _parameter_rows(parameters: list[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    return [
        (each["name"], each["in"], _type_of(each.get("schema", {})), "✓" if each.get("required") else "")
        for each in parameters
    ]


def _field_rows(schema: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    required = schema.get("required", [])
    return [
        (name, _type_of(field), "✓" if name in required else "", _limits_of(field))
        for name, field in schema.get("properties", {}).items()
    ]


def _type_of(schema: dict[str, Any]) -> str:
    kind = schema.get("type", "")
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if kind == "array":
        return f"[{_type_of(schema.get('items', {}))}]"
    name = " | ".join(kind) if isinstance(kind, list) else str(kind)
    return f"{name} ({schema['format']})" if "format" in schema else name


def _limits_of(schema: dict[str, Any]) -> str:
    told = ("enum", "minimum", "maximum", "minLength", "maxLength", "pattern")
    return ", ".join(f"{name}: {schema[name]}" for name in told if name in schema)
