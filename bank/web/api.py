"""The JSON API's frame: problem documents, OpenAPI 3.1, pages of a list, and who may call."""

from __future__ import annotations

import json
from typing import Any

from flask import Flask, Request
from flask_smorest import Api, Blueprint
from marshmallow import Schema, fields, missing
from webargs.core import is_json
from webargs.flaskparser import FlaskParser

from bank.errors import Invalid
from bank.web.fields import MESSAGES, Int, Words

PREFIX = "/api/v1"


class ProblemSchema(Schema):
    """A problem document of RFC 9457 with a stable `code`, and the errors by field where it is `invalid`."""

    type = fields.String()
    title = fields.String()
    status = fields.Integer()
    code = fields.String(required=True)
    detail = fields.String()
    errors = fields.Dict(keys=fields.String(), values=fields.List(fields.String()))


class ProblemApi(Api):
    """flask-smorest without its own error answers: `web/errors.py` gives those for the whole app."""

    ERROR_SCHEMA = ProblemSchema

    def _register_error_handlers(self) -> None:
        """Register none."""


class Parser(FlaskParser):
    """Reads a body; one nested too deep or with a number too long to be read is as invalid as any other."""

    def load_json(self, req: Request, schema: Schema) -> Any:
        """Give the body's data. Raises Invalid."""
        try:
            return super().load_json(req, schema)
        except (RecursionError, ValueError) as unreadable:
            raise Invalid({"body": [MESSAGES["invalid"]]}) from unreadable

    def _raw_load_json(self, req: Request) -> Any:
        if not is_json(req.mimetype):
            return missing
        return json.loads(req.get_data(cache=True).decode(), object_pairs_hook=_without_twins)


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object; one that names a field twice says two things, and we will not choose."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a field is there twice")
    return made


class ApiBlueprint(Blueprint):
    """A slice's blueprint, reading bodies with the house's parser."""

    ARGUMENTS_PARSER = Parser()


class PageQuery(Schema):
    """Query of every list."""

    limit = Int(least=1, most=100, load_default=50)
    cursor = Words(least=0, most=200, load_default=None)


def page_schema(item: type[Schema]) -> type[Schema]:
    """Make the schema of a list of `item`."""
    name = item.__name__.removesuffix("Schema") + "Page"
    return Schema.from_dict(
        {
            "items": fields.List(fields.Nested(item), required=True),
            "next": fields.String(allow_none=True, required=True),
        },
        name=name,
    )


def blueprint(name: str, description: str) -> Blueprint:
    """Make a slice's API blueprint below `/api/v1`."""
    return ApiBlueprint(f"api_{name}", __name__, url_prefix=PREFIX, description=description)


def init(app: Flask) -> ProblemApi:
    """Set the API up on the app; the slices' blueprints are registered on what is returned."""
    app.config.update(
        API_TITLE="Moral Bank",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX=PREFIX,
        OPENAPI_JSON_PATH="openapi.json",
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    api = ProblemApi(app)
    api.spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    return api
