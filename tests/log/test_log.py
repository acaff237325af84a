"""The log in public: tiles, checkpoints and the pages, and that nothing of anybody is in them."""

from __future__ import annotations

import base64
import re

import pytest
from flask import Flask

from bank.log.views import tile_path
from ledger import merkle, notes
from tests.conftest import SetClock
from tests.counting import counted
from tests.log.sealed import CODE, proof_of, seal
from tests.shop.market import Market, credit

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def fetch(market: Market, path: str, status: int = 200) -> bytes:
    answer = market.world.page(None).get(f"/log/{CODE}/{path}")
    assert answer.status_code == status, path
    return answer.get_data()


def test_the_job_seals_and_signs_every_community(market: Market) -> None:
    fetch(market, "checkpoint", 404)
    assert seal(market.world) > 0
    said = notes.read_checkpoint(fetch(market, "checkpoint").decode())
    leaves = fetch(market, f"tile/0/000.p/{said.size}")
    tree = merkle.Growing()
    for at in range(0, len(leaves), 32):
        list(tree.add(leaves[at : at + 32]))
    assert (tree.size, tree.root(), said.origin) == (said.size, said.root, f"localhost/log/{CODE}")
    assert seal(market.world) == 0


def test_a_busy_log_is_sealed_at_once_and_signed_by_the_minute(market: Market, now: SetClock) -> None:
    seal(market.world)
    first = fetch(market, "checkpoint")
    market.order()
    assert seal(market.world) == 1
    assert fetch(market, "checkpoint") == first
    now.advance(seconds=61)
    assert seal(market.world) == 1
    assert notes.read_checkpoint(fetch(market, "checkpoint").decode()).size == (
        notes.read_checkpoint(first.decode()).size + 1
    )


@SQLITE_ONLY
def test_tiles_are_cached_for_ever_and_the_checkpoint_never(market: Market) -> None:
    seal(market.world)
    browser = market.world.page(None)
    tile = browser.get(f"/log/{CODE}/tile/0/000.p/1")
    assert tile.headers["Content-Type"] == "application/octet-stream"
    assert tile.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    note = browser.get(f"/log/{CODE}/checkpoint")
    assert note.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert note.headers["Cache-Control"] == "no-cache"
    for answer in (tile, note):
        assert "Set-Cookie" not in answer.headers


@SQLITE_ONLY
def test_a_full_tile_has_256_hashes_and_its_node_stands_above_it(market: Market) -> None:
    for _ in range(260):
        credit(market.world, "volunteer", "MIN", 1)
    seal(market.world)
    full = fetch(market, "tile/0/000")
    assert len(full) == 8192
    hashes = [full[at : at + 32] for at in range(0, 8192, 32)]
    assert fetch(market, "tile/1/000.p/1") == merkle.whole(hashes)
    assert fetch(market, "tile/0/001.p/1") != hashes[0]
    assert fetch(market, "tile/0/000.p/255") == full[:-32]


@SQLITE_ONLY
@pytest.mark.parametrize(
    "path",
    [
        "tile/0/001",
        "tile/0/000",
        "tile/0/000.p/0",
        "tile/0/000.p/200",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/00/000.p/1",
        "tile/-1/000.p/1",
        "tile/64/000.p/1",
        "tile/0/0.p/1",
        "tile/0/x000/000.p/1",
        "tile/0/000/000.p/1",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/1/000.p/1",
        "tile/entries/000.p/1",
        "tile/entries/000",
        "tile/0/000.p/1/",
        "tile/٠/000.p/1",
    ],
)
def test_what_is_no_tile_of_the_log_is_not_there(market: Market, path: str) -> None:
    seal(market.world)
    fetch(market, path, 404)


@SQLITE_ONLY
@pytest.mark.parametrize("code", ["nowhere", "430104", "x" * 300])
def test_who_keeps_no_log_has_none(market: Market, code: str) -> None:
    for path in ("", "checkpoint", "tile/0/000.p/1"):
        assert market.world.page(None).get(f"/log/{code}/{path}").status_code == 404


def test_the_number_of_a_tile_is_written_in_groups() -> None:
    assert [tile_path(number) for number in (0, 999, 1000, 1234067)] == ["000", "999", "x001/000", "x001/x234/067"]


def test_nothing_public_holds_a_nonce_or_a_name(market: Market) -> None:
    placed = market.order()
    seal(market.world)
    proof = proof_of(market.world, "volunteer", placed.hold_txn_id)
    said = notes.read_checkpoint(fetch(market, "checkpoint").decode())
    public = b"".join(fetch(market, path) for path in ("", "checkpoint", f"tile/0/000.p/{said.size}"))
    canonical = base64.b64decode(proof["canonical"])
    assert canonical[-16:] not in public
    assert market.world.people["volunteer"].public_id.encode() not in public


@SQLITE_ONLY
def test_the_pages_of_the_log_cost_few_statements(app: Flask, market: Market) -> None:
    seal(market.world)
    visitor = market.world.page(None)
    costs = {}
    for path in ("", "checkpoint", "tile/0/000.p/1"):
        with counted(app) as seen:
            visitor.get(f"/log/{CODE}/{path}")
        costs[path] = len(seen)
    assert costs == {"": 1, "checkpoint": 1, "tile/0/000.p/1": 1}  # the book's own one comes on top, below SQLAlchemy


def test_the_page_explains_and_shows_what_to_keep(market: Market) -> None:
    empty = market.world.page(None).get(f"/log/{CODE}/").get_data(as_text=True)
    assert "还没有写进一笔" in empty
    seal(market.world)
    page = market.world.page(None).get(f"/log/{CODE}/").get_data(as_text=True)
    note = fetch(market, "checkpoint").decode()
    assert note.split("\n")[2] in page
    assert re.search(rf"localhost/log/{CODE}\+[0-9a-f]{{8}}\+", page)
    assert "/log/verify_receipt.py" in page


@SQLITE_ONLY
def test_the_checking_program_can_be_taken_home(market: Market) -> None:
    answer = market.world.page(None).get("/log/verify_receipt.py")
    assert answer.get_data().startswith(b"#!/usr/bin/env python3")
    assert "attachment" in answer.headers["Content-Disposition"]


@SQLITE_ONLY
def test_the_board_leads_to_the_log(market: Market) -> None:
    assert f"/log/{CODE}/" in market.world.page(None).get("/board").get_data(as_text=True)
