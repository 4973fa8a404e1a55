"""How much is kept of a server that lists new names again and again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from guard.gates import Relay
from mcpwatch.guard.review import MOST_JUDGED
from mcpwatch.store import forgetting
from mcpwatch.store.definitions import UNREAD_JSON, decide, mark_gone, save_listed, save_verdict
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Definition, Verdict
from mcpwatch.store.retention import Retention


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger.open(tmp_path / "state" / "state.db")
    yield ledger
    ledger.close()


def text(name: str, length: int = 2) -> Definition:
    return Definition("tool", name, f"fingerprint of {name}", "x" * length)


def listed(ledger: Ledger, found: Sequence[Definition], *, held: bool = False, server: str = "srv") -> None:
    with ledger.transaction() as tx:
        save_listed(tx, server, [(definition, 1) for definition in found])
        for definition in found:
            save_verdict(tx, Verdict(definition.fingerprint, server, "local", "1", 100.0 if held else 0.0))
        mark_gone(tx, server, "tool", {(definition.name, definition.fingerprint) for definition in found})


def names(ledger: Ledger, server: str = "srv") -> set[str]:
    with ledger.transaction() as tx:
        return {name for (name,) in tx.db.execute("SELECT name FROM listings WHERE server = ?", (server,))}


def rows(ledger: Ledger, table: str) -> int:
    with ledger.transaction() as tx:
        count: int = tx.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return count


def test_what_is_gone_and_undecided_is_forgotten_oldest_first(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failed once: a server that says its list has changed, with new names each time, filled the disk."""
    monkeypatch.setattr(forgetting, "KEPT_TEXTS", 100)
    listed(ledger, [text("approved"), text("blocked"), text("open")])
    with ledger.transaction() as tx:
        decide(tx, "srv", "tool", "approved", "fingerprint of approved", "approved", "test")
        decide(tx, "srv", "tool", "blocked", "fingerprint of blocked", "blocked", "test")
    listed(ledger, [text("poison")], held=True)
    for storm in range(20):
        listed(ledger, [text(f"{storm}.{n}") for n in range(30)])
        assert rows(ledger, "listings") <= 100
    found = names(ledger)
    assert {"approved", "blocked", "poison"} | {f"19.{n}" for n in range(30)} <= found
    assert "open" not in found and not any(name.startswith("0.") for name in found)
    assert rows(ledger, "definitions") == len(found) and rows(ledger, "verdicts") <= len(found)


def test_what_is_on_the_list_and_held_goes_last(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without end never mark anything gone."""
    monkeypatch.setattr(forgetting, "KEPT_TEXTS", 50)
    listed(ledger, [text("poison")], held=True)
    for n in range(120):
        with ledger.transaction() as tx:
            save_listed(tx, "srv", [(text(f"t{n}"), 1)])
    assert {"poison", "t119"} <= names(ledger)
    assert rows(ledger, "listings") <= 50


def test_long_texts_count_by_their_length(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "KEPT_CHARACTERS", 10_000)
    for n in range(30):
        listed(ledger, [text(f"t{n}", 1000)])
    assert names(ledger) == {f"t{n}" for n in range(30 - rows(ledger, "listings"), 30)}
    assert 8 <= rows(ledger, "definitions") <= 10


def test_the_text_stays_while_another_server_lists_it(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "KEPT_TEXTS", 10)
    listed(ledger, [text("shared")], server="other")
    listed(ledger, [text("shared"), text("own")])
    listed(ledger, [text(f"t{n}") for n in range(10)])
    assert names(ledger, "other") == {"shared"} and not names(ledger) & {"shared", "own"}
    assert ledger.texts("other", "tool", "shared") and not ledger.texts("srv", "tool", "own")
    assert [v.server for v in ledger.verdicts("other", "fingerprint of shared")] == ["other"]
    assert ledger.verdicts("srv", "fingerprint of shared") == []


def test_what_was_forgotten_counts_as_never_seen(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "KEPT_TEXTS", 10)
    listed(ledger, [text("old")])
    listed(ledger, [text(f"t{n}") for n in range(10)])
    known = ledger.definitions("srv")
    assert "fingerprint of old" not in known.versions and "fingerprint of t9" in known.versions
    with ledger.transaction() as tx:
        assert not tx.has_seen("srv", "tool", "old", "fingerprint of old")


def test_the_excess_in_a_file_of_before_is_forgotten(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(ledger, [text(f"t{n}") for n in range(100)])
    listed(ledger, [text("now")])
    monkeypatch.setattr(forgetting, "KEPT_TEXTS", 50)
    retention = Retention()
    assert retention.due(ledger)
    while retention.step(ledger):
        pass
    assert rows(ledger, "listings") <= 50 and "now" in names(ledger)


def test_of_a_list_beyond_all_measure_the_beginning_is_kept(tmp_path: Path) -> None:
    """Failed once: each of 20 000 new names was written whole, every time the list was asked for."""
    path = tmp_path / "state" / "state.db"
    found = [text(f"t{n}", 5000) for n in range(5000)]
    with Relay(path, "srv") as relay:
        hidden = relay.gate.definitions("tool", found, first=True, last=True)
        assert hidden >= set(range(MOST_JUDGED, 5000)), "what was not read is held"
        assert relay.gate.held("tool", "t4999") is not None
    ledger = Ledger.open(path)
    assert rows(ledger, "listings") == rows(ledger, "definitions") == forgetting.LIST_TEXTS
    assert len(ledger.texts("srv", "tool", "t0")[0].json) == 5000
    assert len(ledger.texts("srv", "tool", "t1500")[0].json) == UNREAD_JSON
    with ledger.transaction() as tx:
        save_verdict(tx, Verdict("fingerprint of t1500", "srv", "remote", "1", 0.0))
    with Relay(path, "srv") as relay:
        relay.gate.definitions("tool", [found[1500]], first=True, last=True)
    assert len(ledger.texts("srv", "tool", "t1500")[0].json) == 5000, "now it was read"
    assert [v.producer for v in ledger.verdicts("srv", "fingerprint of t1500")] == ["local"]
    ledger.close()
