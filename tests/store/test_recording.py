"""What is kept of calls, in which form, and for how long."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from guard.gates import Relay, every_call
from mcpwatch.store import retention
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.mask import MASK, PREVIEW_BYTES
from mcpwatch.store.records import Call, Definition
from mcpwatch.store.retention import Retention
from servers.processes import wait_until

SECRET = "ghp_" + "S3cr3tS3cr3t" * 3
PASSWORD = "hunter2-hunter2"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "state.db"


@pytest.fixture(autouse=True)
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    config = tmp_path / "config.toml"
    monkeypatch.setenv("MCPWATCH_CONFIG", str(config))
    return config


def on_disk(path: Path) -> bytes:
    """Read by another process: closing a descriptor here would drop the locks of this one's connections."""
    script = "import sys\nfor name in sys.argv[1:]:\n    sys.stdout.buffer.write(open(name, 'rb').read())\n"
    files = [str(file) for file in sorted(path.parent.iterdir())]
    return subprocess.run([sys.executable, "-c", script, *files], capture_output=True, check=True).stdout


@pytest.mark.parametrize("record", ["none", "preview", "full"])
def test_secrets_never_reach_the_disk(path: Path, configuration: Path, record: str) -> None:
    """Neither the file nor its log: they are read raw, while the guard runs and after."""
    configuration.write_text(f'record = "{record}"')
    arguments = json.dumps({"password": PASSWORD, "note": f"use {SECRET}", "fill": "f" * 1500}).encode()
    result = json.dumps({"text": json.dumps({"api_key": PASSWORD, "more": SECRET}), "long": SECRET * 90}).encode()
    with Relay(path, command=f"serve --token {PASSWORD}") as relay:
        call, _ = relay.ask(arguments=arguments)
        ledger = Ledger.open(path)
        wait_until(lambda: every_call(ledger), "the pending call")
        relay.answer(call, result)
        relay.gate.violation("a frame", b'{"secret":"' + PASSWORD.encode() + b'"}', from_server=True)
        relay.gate.stray(f"token={PASSWORD} {SECRET}".encode())
        wait_until(lambda: len(every_call(ledger)) == 3, "the rest")
        during = on_disk(path)
    ledger.close()
    for found in (during, on_disk(path)):
        assert b"(violation)" in found, "the disk was read"
        assert PASSWORD.encode() not in found
        assert SECRET.encode() not in found


def test_no_name_a_peer_gives_brings_a_secret_to_the_disk(path: Path) -> None:
    """Failed once: only bodies and the command line were masked."""
    with Relay(path, command=f"serve --token {PASSWORD}") as relay:
        relay.gate.identify(client_name=SECRET, client_version="v" * 250 + SECRET, protocol=SECRET)
        relay.pass_through(SECRET)
        relay.gate.began(Call(method=f"x/{SECRET}", tool=f"https://ada:{PASSWORD}@h/?token={PASSWORD}"))
        coded = Call(method="x/y")
        relay.gate.began(coded)
        coded.code = SECRET
        relay.answer(coded, outcome="error")
        relay.gate.violation(f"a name: {SECRET}", b"{}", from_server=True)
        relay.gate.definitions("tool", [Definition("tool", SECRET, "{}", "f" * 64)], first=True, last=True)
    ledger = Ledger.open(path)
    assert [row.tool for row in ledger.latest_calls(9, tool=SECRET)] == [MASK]
    listed = next(row for row in ledger.tools() if row.listed)
    assert (listed.name, listed.calls) == (SECRET, 1), "its use is found under the name a server lists"
    for table in ("calls", "sessions", "tool_usage", "audit"):
        rows = str(ledger._db.execute(f"SELECT * FROM {table}").fetchall())
        assert SECRET not in rows and SECRET[:12] not in rows and PASSWORD not in rows
    ledger.close()


def test_a_note_is_short_whatever_it_quotes(path: Path) -> None:
    """Failed once: masking a name of 16 384 characters in each note made the recorder ten times slower."""
    with Relay(path) as relay:
        relay.gate.violation("x" * 1000 + f" {SECRET} " + "token " * 5000, b"{}", from_server=True)
    ledger = Ledger.open(path)
    (row,) = every_call(ledger)
    assert len(row.note) == 1024 and SECRET[:8] not in row.note
    ledger.close()


def test_nothing_of_the_bodies_is_kept_when_asked_so(path: Path, configuration: Path) -> None:
    configuration.write_text('record = "none"')
    with Relay(path) as relay:
        relay.pass_through(arguments=b'{"q":"xyzzy"}', result=b'{"a":"plugh"}')
    assert b"xyzzy" not in on_disk(path) and b"plugh" not in on_disk(path)
    ledger = Ledger.open(path)
    (row,) = every_call(ledger)
    assert (row.arguments, row.result, row.arguments_bytes, row.result_bytes) == ("", "", 13, 13)
    assert row.tokens_in > 0 and row.tokens_out > 0
    ledger.close()


def test_two_kib_are_kept_by_default_and_everything_when_asked_so(path: Path, configuration: Path) -> None:
    result = json.dumps({"text": "lorem ipsum " * 10_000}).encode()
    with Relay(path) as relay:
        relay.pass_through(result=result)
    configuration.write_text('record = "full"')
    with Relay(path) as relay:
        relay.pass_through(result=result)
    ledger = Ledger.open(path)
    short, whole = every_call(ledger)
    assert len(short.result.encode()) <= 2048 + len("…".encode())
    assert result.decode().startswith(short.result.removesuffix("…"))
    assert whole.result == result.decode()
    assert short.result_bytes == whole.result_bytes == len(result)
    assert short.tokens_out == whole.tokens_out > 10_000, "all of it was measured"
    ledger.close()


# -- retention ---------------------------------------------------------------------------------------------


def fill(path: Path, calls: int, body: int = 20) -> Ledger:
    with Relay(path) as relay:
        for _ in range(calls):
            relay.pass_through(result=json.dumps("x" * body).encode())
    return Ledger.open(path)


def prune(ledger: Ledger, kept: Retention) -> int:
    steps = 0
    while kept.step(ledger):
        steps += 1
    return steps


def age(ledger: Ledger, days: int, where: str = "1") -> None:
    with ledger.transaction() as tx:
        tx.db.execute(f"UPDATE calls SET started_utc = started_utc - ? WHERE {where}", (days * 86_400 * 10**9,))


def test_calls_leave_by_age(path: Path) -> None:
    ledger = fill(path, 30)
    age(ledger, 31, "id & 4294967295 <= 20")
    prune(ledger, Retention(days=30))
    assert len(every_call(ledger)) == 10
    ledger.close()


def test_calls_leave_by_size_oldest_first_in_small_steps(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP_ROWS", 50)
    monkeypatch.setattr(retention, "KEPT_CALLS", 0)
    ledger = fill(path, 800, 1900)
    assert prune(ledger, Retention(megabytes=1)) > 3
    rows = every_call(ledger)
    assert 0 < len(rows) < 800
    assert [row.id & 0xFFFFFFFF for row in rows] == list(range(801 - len(rows), 801))
    with ledger.transaction() as tx:
        assert Retention._size(tx.db) <= 1 << 20
    ledger.close()


def test_the_youngest_calls_of_the_last_day_stay_whatever_fills_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failed once: definitions and names of tools, which peers invent, pushed every call out of the file."""
    monkeypatch.setattr(retention, "STEP_ROWS", 10)
    monkeypatch.setattr(retention, "KEPT_CALLS", 30)
    ledger = fill(path, 50)
    age(ledger, 2, "id & 4294967295 <= 25")
    with ledger.transaction() as tx:
        tx.db.execute("INSERT INTO definitions VALUES ('f', 'tool', 'x', printf('%.*c', 2000000, 'x'), 1, 1)")
    prune(ledger, Retention(megabytes=1))
    assert [row.id & 0xFFFFFFFF for row in every_call(ledger)] == list(range(26, 51)), "30, but not older than a day"
    monkeypatch.setattr(retention, "KEPT_CALLS", 10)
    prune(ledger, Retention(megabytes=1))
    assert [row.id & 0xFFFFFFFF for row in every_call(ledger)] == list(range(41, 51))
    ledger.close()


def test_what_is_kept_whatever_the_size_loses_its_long_bodies(
    path: Path, configuration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "STEP_ROWS", 5)
    configuration.write_text('record = "full"')
    ledger = fill(path, 30, 100_000)
    prune(ledger, Retention(megabytes=1))
    rows = every_call(ledger)
    assert len(rows) == 30
    assert len(rows[0].result) == PREVIEW_BYTES + 1 < len(rows[-1].result), (
        "the oldest first, and no more than it takes"
    )
    with ledger.transaction() as tx:
        assert Retention._size(tx.db) <= 1 << 20
    ledger.close()


def test_the_file_gives_its_room_back(path: Path) -> None:
    ledger = fill(path, 600, 1900)
    age(ledger, 31)
    with ledger.transaction() as tx:
        before = tx.db.execute("PRAGMA page_count").fetchone()[0]
    prune(ledger, Retention(days=30))
    with ledger.transaction() as tx:
        assert tx.db.execute("PRAGMA page_count").fetchone()[0] < before / 3
        assert tx.db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    ledger.close()


def test_pruning_never_changes_what_a_window_holds_nor_a_tools_figures(path: Path) -> None:
    ledger = fill(path, 40)
    usages, tools = ledger.usages(), ledger.tools()
    age(ledger, 31)
    prune(ledger, Retention(days=30))
    assert every_call(ledger) == []
    assert [usage.used for usage in ledger.usages()] == [usage.used for usage in usages]
    assert ledger.tools() == tools
    ledger.close()


def test_a_live_session_is_kept_and_an_old_one_without_calls_is_not(path: Path) -> None:
    ledger = fill(path, 3)
    fill(path, 3).close()
    with Relay(path) as relay:
        relay.pass_through()
        wait_until(lambda: len(ledger.sessions()) == 3, "the third session")
        age(ledger, 31)
        with ledger.transaction() as tx:
            tx.db.execute("UPDATE sessions SET started_utc = 5")
            tx.db.execute("UPDATE sessions SET ended_utc = 6 WHERE id = 1")
        prune(ledger, Retention(days=30))
        assert [session.id for session in ledger.sessions()] == [2, 3]
    ledger.close()


def test_one_process_an_hour_prunes(path: Path) -> None:
    ledger, other = Ledger.open(path), Ledger.open(path)
    assert Retention().due(ledger)
    assert not Retention().due(other)
    with other.transaction() as tx:
        tx.db.execute("UPDATE state SET pruned_utc = pruned_utc - ?", (retention.EVERY_NS + 1,))
    assert Retention().due(other)
    with other.transaction() as tx:  # the wall clock was ahead, and is right again
        tx.db.execute("UPDATE state SET pruned_utc = pruned_utc + ?", (10**18,))
    assert Retention().due(ledger)
    ledger.close()
    other.close()


def test_a_guard_prunes_by_itself(path: Path, configuration: Path) -> None:
    configuration.write_text("retention_days = 2")
    ledger = fill(path, 5)
    age(ledger, 3)
    with ledger.transaction() as tx:
        tx.db.execute("UPDATE state SET pruned_utc = 0")
    with Relay(path) as relay:
        relay.pass_through()
        wait_until(lambda: len(every_call(ledger)) == 1, "the old calls gone")
    ledger.close()
