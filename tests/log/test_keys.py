"""The key that signs the logs: made once, handed over with both signatures, kept where only we may read it."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app import create_app
from bank.log import keys
from ledger import notes
from tests.conftest import MONDAY_NINE, SetClock, settings
from tests.log.sealed import seal
from tests.shop.market import Market
from tests.world import World

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def run(app: Flask, *words: str) -> Any:
    return app.test_cli_runner().invoke(args=["ledger", *words])


def test_the_first_need_makes_a_key_that_only_we_may_read(app: Flask, world: World) -> None:
    answer = world.page(None).get("/log/keys").get_json()
    path = Path(app.config["DATA_DIR"]) / "log_key.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert answer["name"] == "localhost/log"
    assert json.loads(path.read_text())["seed"] not in json.dumps(answer)
    assert world.page(None).get("/log/keys").get_json() == answer


def test_a_key_takes_its_name_from_the_public_address_and_keeps_it(app: Flask, world: World) -> None:
    app.config["PUBLIC_URL"] = "https://bank.example.org"
    assert world.page(None).get("/log/keys").get_json()["name"] == "bank.example.org/log"
    app.config["PUBLIC_URL"] = "https://moved.example.org"
    assert world.page(None).get("/log/keys").get_json()["name"] == "bank.example.org/log"


def test_a_key_is_created_once_by_command(app: Flask, world: World) -> None:
    assert "bank.example/log/" in run(app, "key", "create", "--host", "bank.example").output
    again = run(app, "key", "create", "--host", "other.example")
    assert (again.exit_code, "a key already" in again.output) == (1, True)
    shown = run(app, "key", "show").output
    assert shown.startswith("bank.example/log/430104001001+")


@pytest.mark.parametrize("host", ["two words", "a+b", "", "a/b"])
def test_a_name_that_no_log_may_have_is_refused(app: Flask, world: World, host: str) -> None:
    assert run(app, "key", "create", "--host", host).exit_code == 1
    assert not (Path(app.config["DATA_DIR"]) / "log_key.json").exists()


def test_a_rotated_key_was_handed_over_by_the_old_one(app: Flask, world: World, now: SetClock) -> None:
    run(app, "key", "create", "--host", "bank.example")
    path = Path(app.config["DATA_DIR"]) / "log_key.json"
    old = keys.read(path.read_text())
    now.advance(hours=1)
    assert run(app, "key", "rotate").exit_code == 0
    new = keys.read(path.read_text())
    assert old.seed not in path.read_text()
    first, second = world.page(None).get("/log/keys").get_json()["keys"]
    assert base64.b64decode(first["public_key"]) == old.owner.public
    assert base64.b64decode(second["public_key"]) == new.owner.public
    for signer in (old.owner, new.owner):
        assert notes.is_signed_by(first["hand_over"], "bank.example/log", signer.public)
    said = first["hand_over"].split("\n")
    assert said[1:4] == ["key hand-over", first["public_key"], second["public_key"]]
    assert second["hand_over"] is None
    assert len(run(app, "key", "show").output.splitlines()) == 4  # two communities, two keys each


def test_after_a_rotation_the_log_is_signed_anew_and_verifies(app: Flask, market: Market, now: SetClock) -> None:
    seal(market.world)
    before = market.world.page(None).get("/log/430104001001/checkpoint").get_data(as_text=True)
    run(app, "key", "rotate")
    market.order()
    now.advance(minutes=5)
    seal(market.world)
    after = market.world.page(None).get("/log/430104001001/checkpoint").get_data(as_text=True)
    assert notes.read_checkpoint(after).size > notes.read_checkpoint(before).size
    assert after.split(" ")[-1][:5] != before.split(" ")[-1][:5]
    assert run(app, "verify").exit_code == 0


def test_a_key_in_the_environment_needs_no_file(app: Flask, world: World) -> None:
    ring = keys.new_ring("bank.example", MONDAY_NINE)
    app.config["LOG_KEY"] = ring.text()
    assert run(app, "key", "show", "--secret").output.strip() == ring.text()
    assert run(app, "key", "create").exit_code == 1
    rotated = run(app, "key", "rotate")
    assert keys.read(rotated.stdout.strip()).past[0].public == ring.owner.public.hex()
    assert not (Path(app.config["DATA_DIR"]) / "log_key.json").exists()


def test_the_environment_gives_the_key(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_KEY", "{}")
    made = create_app(settings(database_url, tmp_path))
    with pytest.raises(ValueError, match="not the key of a log"):
        keys.ring_of(made.config, MONDAY_NINE)


def test_two_processes_that_begin_together_have_one_key(app: Flask, world: World, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "log_key.json"
    first, second = (keys.new_ring("a.example", MONDAY_NINE) for _ in range(2))
    assert keys.create(path, first)
    assert not keys.create(path, second)
    assert keys.read(path.read_text()) == first
    assert [each.name for each in path.parent.iterdir()] == ["log_key.json"]
