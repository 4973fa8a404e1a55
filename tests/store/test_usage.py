"""Figures of tools whose names are invented without end."""

from __future__ import annotations

from pathlib import Path

import pytest

from guard.gates import Relay
from mcpwatch.store import usage
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Definition
from mcpwatch.store.retention import Retention
from mcpwatch.store.usage import LONGEST_NAME, OTHERS, usage_name


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "state.db"


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "MOST_NAMES", 20)


def figures(path: Path) -> dict[str, int]:
    ledger = Ledger.open(path)
    try:
        return {row.name: row.calls + row.refused for row in ledger.tools()}
    finally:
        ledger.close()


def test_names_beyond_the_bound_are_added_up_in_one_row(path: Path) -> None:
    """Failed once: each name an agent invented had a row for ever, refused or not."""
    for _ in range(2):  # and a guard that starts anew knows which there are
        with Relay(path) as relay:
            for n in range(200):
                relay.pass_through(f"t{n}")
    found = figures(path)
    assert len(found) == 21 and found.pop(OTHERS) == 2 * 180
    assert all(calls == 2 for calls in found.values())


def test_a_listed_tool_has_a_row_of_its_own_behind_a_crowd_of_invented_ones(path: Path) -> None:
    with Relay(path) as relay:
        for n in range(30):
            relay.pass_through(f"t{n}")
        relay.gate.definitions("tool", [Definition("tool", "search", "f" * 64, "{}")], first=True, last=True)
    with Relay(path) as relay:
        relay.pass_through("search")
        relay.pass_through("invented")
    found = figures(path)
    assert found["search"] == 1 and "invented" not in found and found[OTHERS] == 11


def test_lists_without_end_make_no_rows_without_end(path: Path) -> None:
    names = [f"t{n}" for n in range(100)]
    found = [Definition("tool", name, name, "{}") for name in names]
    with Relay(path) as relay:
        relay.gate.definitions("tool", found, first=True, last=True)
    with Relay(path) as relay:
        for name in names:
            relay.pass_through(name)
    ledger = Ledger.open(path)
    with ledger.transaction() as tx:
        assert tx.db.execute("SELECT count(*), sum(calls) FROM tool_usage").fetchone() == (41, 100)
    ledger.close()


def test_a_long_name_is_cut_and_told_apart(path: Path) -> None:
    one, other = "n" * 900 + "1", "n" * 900 + "2"
    with Relay(path) as relay:
        relay.pass_through(one)
        relay.pass_through(other)
        relay.pass_through("m" * 16_000)
        relay.gate.definitions("tool", [Definition("tool", one, "f" * 64, "{}")], first=True, last=True)
    found = figures(path)
    assert found == {one: 1, usage_name(other): 1, usage_name("m" * 16_000): 1}, (
        "listed, it is known by its whole name"
    )
    assert len(usage_name(other)) == LONGEST_NAME
    ledger = Ledger.open(path)
    assert max(len(row.tool) for row in ledger.latest_calls(9)) <= 1024
    assert len(ledger.latest_calls(9, tool="m" * 16_000)) == 1
    ledger.close()


def test_the_excess_in_a_file_of_before_is_added_up(path: Path) -> None:
    ledger = Ledger.open(path)
    with ledger.transaction() as tx:
        rows = [("s", f"t{n}", 1, 1, 1, 5, 7, n, f"o{n}") for n in range(2000)]
        tx.db.executemany("INSERT INTO tool_usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    retention = Retention()
    while retention.step(ledger):
        pass
    tools = {row.name: row for row in ledger.tools()}
    assert len(tools) <= 41 and "t1999" in tools and "t0" not in tools
    assert sum(row.calls for row in tools.values()) == sum(row.refused for row in tools.values()) == 2000
    assert sum(row.cost for row in tools.values()) == 14_000
    others = tools[OTHERS]
    assert others.last_outcome == f"o{others.last_utc}", "of the one used last"
    ledger.close()
