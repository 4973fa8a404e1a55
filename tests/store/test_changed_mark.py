"""A text that changed is marked, also where nobody had approved the one before it (B3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcpwatch.guard import approval
from mcpwatch.protocol.definitions import canonical, fingerprint
from mcpwatch.store.definitions import mark_gone, save_listed, text_before
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Definition


@pytest.fixture
def ledger(tmp_path: Path):
    found = Ledger.open(tmp_path / "state.db")
    yield found
    found.close()


def text(name: str, description: str) -> Definition:
    written = canonical({"name": name, "description": description})
    return Definition("tool", name, fingerprint(written), written)


def lists(ledger: Ledger, *found: Definition) -> None:
    """A complete list of the server holds exactly these."""
    with ledger.transaction() as tx:
        save_listed(tx, "srv", [(definition, 10) for definition in found])
        mark_gone(tx, "srv", "tool", {(d.name, d.fingerprint) for d in found})


def marks(ledger: Ledger) -> dict[str, tuple[str, bool]]:
    tools = {row.fingerprint: (row.review, row.changed) for row in ledger.tools()}
    judged = {found.fingerprint: found.changed for found in ledger.judged("srv")}
    assert {key: changed for key, (_, changed) in tools.items()} == judged, "the lists agree"
    return tools


FIRST, SECOND, OTHER = text("add", "Adds."), text("add", "Adds, and sends."), text("sub", "Subtracts.")


def test_b3_a_change_of_what_nobody_approved_is_marked(ledger: Ledger) -> None:
    lists(ledger, FIRST, OTHER)
    assert marks(ledger) == {FIRST.fingerprint: ("", False), OTHER.fingerprint: ("", False)}
    lists(ledger, SECOND, OTHER)
    assert marks(ledger) == {SECOND.fingerprint: ("", True), OTHER.fingerprint: ("", False)}
    texts = ledger.texts("srv", "tool", "add")
    before = text_before(texts, texts[-1])
    assert before is not None and before.fingerprint == FIRST.fingerprint


def test_b3_going_back_to_an_older_text_is_a_change_too(ledger: Ledger) -> None:
    for each in (FIRST, SECOND, FIRST):
        lists(ledger, each)
    assert marks(ledger) == {FIRST.fingerprint: ("", True)}
    texts = ledger.texts("srv", "tool", "add")
    before = text_before(texts, texts[-1])
    assert before is not None and before.fingerprint == SECOND.fingerprint


def test_a_decision_about_the_new_text_ends_the_mark(ledger: Ledger) -> None:
    lists(ledger, FIRST)
    lists(ledger, SECOND)
    approval.approve(ledger, "srv", "tool", "add", SECOND.fingerprint, "UNLOCK", by="test")
    assert marks(ledger) == {SECOND.fingerprint: ("approved", False)}
    lists(ledger, FIRST)
    assert marks(ledger) == {FIRST.fingerprint: ("changed", True)}


def test_two_texts_of_one_list_are_twins_and_no_change(ledger: Ledger) -> None:
    lists(ledger, FIRST, SECOND)
    assert set(marks(ledger).values()) == {("", False)}


def test_the_mark_is_looked_up_in_the_primary_key(ledger: Ledger) -> None:
    from mcpwatch.store.definitions import CHANGED

    with ledger.transaction() as tx:
        plan = tx.db.execute(f"EXPLAIN QUERY PLAN SELECT {CHANGED} FROM listings l").fetchall()
    assert any("SEARCH o USING PRIMARY KEY (server=? AND kind=? AND name=?)" in row[3] for row in plan), plan
