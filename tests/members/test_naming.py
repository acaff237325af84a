"""Being named in public is agreed to, with words and time on record, and can be taken back at once."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from bank.members.models import NamingConsent
from tests.credits.builders import approve, credit, propose
from tests.world import World


def test_consent_is_recorded_with_its_version_and_ends_when_taken_back(world: World) -> None:
    credit_id = propose(world, evidence_class="B")
    approve(world, "coordinator", credit_id)
    address, page = f"/notices/{credit(world, credit_id).public_id}", world.page("volunteer")
    assert "王小明" not in world.page(None).get(address).text
    page.post("/me/settings", data={"is_named": "1"})
    assert "王小明" in world.page(None).get(address).text
    assert "第 1 版" in page.get("/me").text
    page.post("/me/settings", data={"is_named": "1"})
    page.post("/me/settings", data={})
    assert "王小明" not in world.page(None).get(address).text
    with world.write() as session:
        found = session.query(NamingConsent).order_by(NamingConsent.id)
        assert [(one.version, one.is_given) for one in found] == [(1, True), (1, False)]


def test_the_record_of_consent_is_never_changed(world: World) -> None:
    world.page("volunteer").post("/me/settings", data={"is_named": "1"})
    with pytest.raises(SQLAlchemyError), world.write() as session:
        session.execute(text("DELETE FROM naming_consent"))
