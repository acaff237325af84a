"""Whatever a form or a program sends wrongly, what is said about it is a sentence of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from marshmallow import Schema

import app as whole
from bank.web.api import PageQuery
from bank.web.fields import MESSAGES, Int, StrictSchema

assert whole  # brings every slice's schemas with it

OURS = frozenset(MESSAGES.values())
ODD = (
    None, True, -1, 1.5, 10**30, float("inf"), "", " ", "x", "x" * 2_000, "1.5", "\x07", "\ud800",
    {}, [], {"odd": 1}, [None], [1], [{}], [[]], ["x" * 2_000], [{"odd": None}], ["x"] * 501, [{}] * 501,
)  # fmt: skip


def _kinds(root: type[Schema]) -> Iterator[type[Schema]]:
    for kind in root.__subclasses__():
        yield kind
        yield from _kinds(kind)


def _sentences(said: Any) -> Iterator[str]:
    if isinstance(said, str):
        yield said
    else:
        for inner in said.values() if isinstance(said, dict) else said:
            yield from _sentences(inner)


READ = sorted({PageQuery, *_kinds(StrictSchema), *_kinds(PageQuery)}, key=lambda kind: (kind.__module__, kind.__name__))


@pytest.mark.parametrize("kind", READ, ids=lambda kind: kind.__name__)
def test_every_message_of_every_field_is_a_sentence_of_ours(kind: type[Schema]) -> None:
    bodies = [{name: value} for name in kind().fields for value in ODD]
    said = {text for body in [{}, *bodies] for text in _sentences(kind().validate(body))}
    assert said - OURS == set()


@pytest.mark.parametrize(
    "kind", [kind for kind in READ if issubclass(kind, StrictSchema)], ids=lambda kind: kind.__name__
)
def test_what_a_form_does_not_know_is_refused_in_our_words(kind: type[Schema]) -> None:
    odd: tuple[Any, ...] = ({"odd": 1}, [], None, "x", 7)
    assert {text for body in odd for text in _sentences(kind().validate(body))} <= OURS


@pytest.mark.parametrize("value", [1.0, 1e3, True, "1", None])
def test_a_number_of_a_program_is_a_whole_number(value: object) -> None:
    schema = Schema.from_dict({"n": Int()})()
    assert schema.validate({"n": value})
    assert schema.load({"n": 7}) == {"n": 7}
