"""The screen's reader says what the guards' ledger says, and what was used when (A21)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from guard.gates import Relay
from mcpwatch.guard import lock
from mcpwatch.store.database import StateError
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.reader import Reader
from mcpwatch.store.records import Dimension, Limit
from servers.processes import wait_until
from store.stepped import SECOND, calls, tokens


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MCPWATCH_CONFIG", str(tmp_path / "config.toml"))
    return tmp_path / "state" / "state.db"


@pytest.fixture
async def reader(path: Path):
    found = await Reader.open(path)
    yield found
    await found.close()


@pytest.fixture
def ledger(path: Path, reader: Reader):
    found = Ledger.open(path)
    yield found
    found.close()


async def test_the_reader_says_what_the_ledger_says(path: Path, reader: Reader, ledger: Ledger) -> None:
    lock.exempt(ledger, "github/free", None, by="test")
    lock.set_limits(ledger, [calls(5, 60, "github/*"), Limit(Dimension.COST, 0, 86_400)], None, by="test")
    with Relay(path) as relay:
        relay.gate.identify(client_name="claude", client_version="2", protocol="2026-07-28")
        for tool in ("search", "read", "free"):
            relay.pass_through(tool)
        lock.lock(ledger, "for now", by="screen")
        relay.ask("search")
    with Relay(path, server="other") as other:
        assert other.ask()[1] is not None
    assert await reader.policy() == ledger.policy()
    assert ledger.policy().lock.refused == 2
    assert await reader.usages() == ledger.usages()
    assert await reader.calls_since(0) == ledger.calls_since(0)
    assert await reader.calls_since(3, 2) == ledger.calls_since(3, 2)
    assert await reader.latest_calls(3) == ledger.latest_calls(3)
    assert await reader.sessions() == ledger.sessions()
    assert await reader.sessions(live=True) == ledger.sessions(live=True) == []
    assert await reader.tools() == ledger.tools()
    assert await reader.audit_since(0) == ledger.audit_since(0)
    assert await reader.throttle() == ledger.throttle()
    last = ledger.latest_calls(1)[0]
    assert await reader.call(last.id) == ledger.call(last.id) == last
    assert await reader.call(12345) is ledger.call(12345) is None
    for server, tool in (("github", None), ("github", "read"), (None, "search"), ("nobody", None)):
        expected = [row for row in ledger.calls_since(0) if row.server == (server or row.server)]
        expected = [row for row in expected if row.tool == (tool or row.tool)]
        assert ledger.calls_since(0, server=server, tool=tool) == expected
        assert ledger.latest_calls(100, server=server, tool=tool) == expected


async def test_reading_page_by_page_misses_no_row(path: Path, reader: Reader) -> None:
    """Failed once: a batch shared one revision, and a page that ended within it lost the rest."""
    with Relay(path) as relay:
        for _ in range(150):
            relay.pass_through()
    for page in (1, 7, 64, 500):
        seen, rev = [], 0
        while rows := await reader.calls_since(rev, page):
            seen += [row.id for row in rows]
            rev = rows[-1].rev
        assert len(seen) == len(set(seen)) == 150


async def test_changed_is_said_once_for_every_commit_of_others(reader: Reader, ledger: Ledger) -> None:
    assert await reader.changed()
    assert not await reader.changed()
    lock.lock(ledger, by="test")
    assert await reader.changed()
    assert not await reader.changed()
    ledger.policy()
    assert not await reader.changed()


async def test_the_reader_cannot_write_and_keeps_no_writer_waiting(
    path: Path, reader: Reader, ledger: Ledger
) -> None:
    with pytest.raises(StateError):
        await reader._rows("UPDATE state SET armed = 1")
    with ledger.transaction() as tx:
        tx.set_flag("strict", True)
        assert not (await reader.policy()).strict, "nothing that is not committed"
    assert (await reader.policy()).strict
    await asyncio.gather(*(reader.policy() for _ in range(20)), *(reader.usages() for _ in range(20)))


async def test_a21_history_adds_up_to_what_the_window_holds(reader: Reader, ledger: Ledger) -> None:
    limit = calls(99)
    now = ledger.clock.now()
    with ledger.transaction() as tx:
        tx.db.execute("DELETE FROM charges")
        total = 0
        # one call 90 s ago, then 1, 2, 3 … at 55, 45, 35 … s ago
        tx.db.execute("INSERT INTO charges VALUES ('*/*', ?, 0, 0, 0)", (now - 100 * SECOND,))
        for count, ago in ((1, 90), (1, 55), (2, 45), (3, 35), (4, 25), (5, 15), (6, 5)):
            total += count
            tx.db.execute("INSERT INTO charges VALUES ('*/*', ?, ?, ?, 0)", (now - ago * SECOND, total, total * 10))
    assert await reader.history(limit, 6) == [1, 2, 3, 4, 5, 6]
    assert await reader.history(limit, 1) == [21]
    assert await reader.history(tokens(9, 60), 6) == [10, 20, 30, 40, 50, 60]
    assert await reader.history(calls(9, 3600), 60) == [0] * 58 + [1, 21]
    assert await reader.history(calls(9, 60, "no/*"), 4) == [0, 0, 0, 0]
    assert ledger.usages()[0].used == 21


async def test_history_goes_on_over_an_unlock_and_the_window_does_not(reader: Reader, ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        tx.charge(["*/*"], calls=7, tokens=0, cost=0)
    lock.lock(ledger, by="test")
    lock.unlock(ledger, "UNLOCK", by="test")
    assert ledger.usages()[0].used == 0
    assert sum(await reader.history(calls(30), 10)) == 7


async def test_a_reader_that_is_closed_says_so(path: Path) -> None:
    reader = await Reader.open(path)
    await reader.close()
    for use in (reader.policy, reader.usages, reader.changed, reader.tools):
        with pytest.raises(StateError):
            await use()


@pytest.mark.parametrize("damage", [b"garbage garbage", b"x"])
async def test_a27_a_damaged_file_is_said_to_the_screen(path: Path, damage: bytes) -> None:
    Ledger.open(path).close()
    path.write_bytes(damage)
    with pytest.raises(StateError) as caught:
        await Reader.open(path)
    assert str(path) in str(caught.value)


async def test_opening_waits_for_a_writer_off_the_loop(path: Path, ledger: Ledger) -> None:
    """A screen that starts while a guard writes goes on drawing."""
    with ledger.transaction():
        opening = asyncio.create_task(Reader.open(path))
        ticks = 0
        while ticks < 20 and not opening.done():
            await asyncio.sleep(0)
            ticks += 1
        assert ticks == 20, "the loop went on"
    reader = await opening
    assert (await reader.policy()).limits
    await reader.close()


def test_sessions_are_live_until_they_end(path: Path) -> None:
    ledger = Ledger.open(path)
    with Relay(path) as relay:
        relay.pass_through()
        wait_until(lambda: ledger.sessions(live=True), "the session")
        (session,) = ledger.sessions(live=True)
        assert (session.server, session.transport, session.ended_utc) == ("github", "stdio", None)
    assert ledger.sessions(live=True) == []
    (session,) = ledger.sessions()
    assert session.exit_code == 0 and session.ended_utc is not None and session.ended_utc >= session.started_utc
    ledger.close()
