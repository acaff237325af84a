"""Words for the flags of a proposal, whichever slice made them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bank.errors import say

UNKNOWN = say("有一处需要人工核对（%(code)s）。")
_sentences: dict[str, str] = {"corrected": say("本人请求更正，原来记的是 %(amount)s。")}


def know(sentences: Mapping[str, str]) -> None:
    """Take in a slice's marked sentences by flag code; the composition root calls it."""
    _sentences.update(sentences)


def sentence_of(flag: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Give a flag's marked sentence and its facts."""
    code = str(flag.get("code", ""))
    if code in _sentences:
        return _sentences[code], dict(flag.get("facts") or {})
    return UNKNOWN, {"code": code}
