"""Codes: the published vectors, the window they live in, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bank.checkin import codes
from bank.checkin.codes import CodeExpired, CodeInvalid, Keys, Pass, Venue

KEYS = Keys(bytes(range(32)))
SID = "7K2M9QXC"


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


@pytest.mark.parametrize(
    ("seconds", "epoch", "token", "six"),
    [
        (1764000000, 1, "R17K2M9QXCAG4VR0X823KG6E7XEF37V8", "171648"),
        (1764000014, 1, "R17K2M9QXCAG4VR0X823KG6E7XEF37V8", "171648"),
        (1764000015, 1, "R17K2M9QXCAG4VR1PYJSGEC736YQAC71", "516139"),
        (1764000000, 2, "R17K2M9QXCAG4VR0DJ5GV5ACZGKCFCXA", "343927"),
    ],
)
def test_the_venue_code_is_the_published_vector(seconds: int, epoch: int, token: str, six: str) -> None:
    shown = KEYS.venue(SID, epoch, codes.step_of(at(seconds)))
    assert (shown.token, shown.six) == (token, six)


def test_the_pass_is_the_published_vector() -> None:
    assert KEYS.member_pass("Q7X2M4K9", 1) == "P1Q7X2M4K9013093H3YQC1FCB6G0"
    assert KEYS.member_pass("Q7X2M4K9", 2) == "P1Q7X2M4K9020CCGE63Z0PG7AFF1"


@pytest.mark.parametrize("age_s", [0, 14, 15, 30, 44])
def test_a_venue_code_is_accepted_until_two_steps_after_its_own(age_s: int) -> None:
    code = codes.read(KEYS.venue(SID, 1, codes.step_of(at(1764000000))).token)
    assert isinstance(code, Venue)
    assert KEYS.prove_venue(code, 1, at(1764000000 + age_s)) == at(1764000000)


@pytest.mark.parametrize("age_s", [45, 60, 3600, 86400 * 365])
def test_an_older_venue_code_has_expired(age_s: int) -> None:
    code = codes.read(KEYS.venue(SID, 1, codes.step_of(at(1764000000))).token)
    assert isinstance(code, Venue)
    with pytest.raises(CodeExpired):
        KEYS.prove_venue(code, 1, at(1764000000 + age_s))


def test_a_code_of_the_next_step_is_accepted_and_one_further_ahead_is_not() -> None:
    now = at(1764000000)
    ahead = [codes.read(KEYS.venue(SID, 1, codes.step_of(now) + steps).token) for steps in (1, 2)]
    assert isinstance(ahead[0], Venue)
    assert isinstance(ahead[1], Venue)
    KEYS.prove_venue(ahead[0], 1, now)
    with pytest.raises(CodeExpired):
        KEYS.prove_venue(ahead[1], 1, now)


def test_a_reset_makes_every_code_shown_before_worthless() -> None:
    code = codes.read(KEYS.venue(SID, 1, codes.step_of(at(1764000000))).token)
    assert isinstance(code, Venue)
    with pytest.raises(CodeInvalid):
        KEYS.prove_venue(code, 2, at(1764000000))


@given(place=st.integers(0, 31), letter=st.sampled_from(codes.ALPHABET))
def test_no_letter_of_a_venue_code_can_be_changed(place: int, letter: str) -> None:
    token = KEYS.venue(SID, 1, codes.step_of(at(1764000000))).token
    forged = token[:place] + letter + token[place + 1 :]
    if forged == token:
        return
    with pytest.raises((CodeInvalid, CodeExpired)):
        _prove(forged)


def _prove(token: str) -> None:
    code = codes.read(token)
    assert isinstance(code, Venue)
    KEYS.prove_venue(code, 1, at(1764000000))


@given(text=st.text(max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(CodeInvalid):
        codes.read(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://tb.example.org/s/R17K2M9QXCAG4VR0X823KG6E7XEF37V8",
        "HTTPS://TB.EXAMPLE.ORG/S/R17K2M9QXCAG4VR0X823KG6E7XEF37V8",
        "http://localhost:8000/s/r17k2m9qxcag4vr0x823kg6e7xef37v8?from=wechat",
        "  r17k2m9qxcag4vr0x823kg6e7xef37v8\n",
        "R17K 2M9Q XCAG 4VRO X823 KG6E 7XEF 37V8",
    ],
)
def test_a_code_is_read_from_a_link_and_as_it_is_typed(text: str) -> None:
    assert codes.read(text) == Venue(SID, "A", codes.decode("G4VR0"), "X823KG6E7XEF37V8")


def test_a_code_set_to_in_or_out_keeps_its_direction_through_folding() -> None:
    for act, direction in (("I", "in"), ("O", "out"), ("A", None)):
        code = codes.read(KEYS.venue(SID, 1, 7, act).token)
        assert isinstance(code, Venue)
        assert (code.act, code.direction) == (act, direction)


@pytest.mark.parametrize("text", ["", "P1", "9", "Q7X2M4K9", "V1V3N8P5RD01J8YFZEYWF2XH5KT8", "https://x.org/s/"])
def test_what_is_not_a_code_of_ours_is_invalid(text: str) -> None:
    with pytest.raises(CodeInvalid):
        codes.read(text)


def test_a_pass_is_proved_and_a_forged_one_refused() -> None:
    code = codes.read("P1Q7X2M4K9013093H3YQC1FCB6G0")
    assert isinstance(code, Pass)
    assert (code.person_id, code.version) == ("Q7X2M4K9", 1)
    KEYS.prove_pass(code)
    with pytest.raises(CodeInvalid):
        KEYS.prove_pass(Pass(code.person_id, 2, code.mac))


def test_six_digits_live_as_long_as_the_code_beside_them() -> None:
    step = codes.step_of(at(1764000000))
    assert KEYS.prove_digits(SID, 1, "171648", at(1764000044)) == step
    assert KEYS.prove_digits(SID, 1, "171648", at(1764000045)) is None
    assert KEYS.prove_digits(SID, 1, "171648", at(1764000000) - timedelta(seconds=16)) is None
