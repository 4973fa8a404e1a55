"""Work for a recorder's next transactions, while there may be none for long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from guard.gates import Relay
from mcpwatch.store import deferred
from mcpwatch.store.deferred import Deferred
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Definition
from mcpwatch.store.transaction import Transaction
from servers.processes import wait_until


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deferred, "MOST", 100_000)
    monkeypatch.setattr(deferred, "PASS", 10_000)


def test_beyond_its_bytes_the_oldest_goes_and_is_counted() -> None:
    waiting = Deferred()
    ran: list[int] = []
    for n in range(100):
        waiting.put(lambda tx, n=n: ran.append(n), 10_000)
        if waiting.full:
            waiting.drop_excess()
        assert waiting._size <= 100_000
    tx: Any = type("Tx", (), {"on_rollback": []})()
    while waiting:
        waiting.run(tx)
    assert ran == list(range(100 - len(ran), 100))
    assert waiting.lost == 100 - len(ran) > 0 and waiting._size == 0


def test_one_thing_that_is_too_big_alone_stays() -> None:
    waiting = Deferred()
    waiting.put(lambda tx: None, 10**9)
    waiting.drop_excess()
    assert waiting and waiting.lost == 0


def test_what_a_transaction_did_not_keep_is_done_again_in_order(tmp_path: Path) -> None:
    waiting = Deferred()
    ran: list[int] = []
    for n in range(5):
        waiting.put(lambda tx, n=n: ran.append(n), 4000)
    ledger = Ledger.open(tmp_path / "state.db")
    with pytest.raises(ZeroDivisionError), ledger.transaction() as tx:
        waiting.run(tx)
        raise ZeroDivisionError
    assert ran == [0, 1, 2], "no more than one transaction has room for"
    ran.clear()
    while waiting:
        with ledger.transaction() as tx:
            waiting.run(tx)
    assert ran == [0, 1, 2, 3, 4] and waiting._size == 0
    ledger.close()


def test_lists_that_cannot_be_written_are_bounded_and_their_loss_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failed once: with a full disk each tools/list left its whole page in memory."""
    path = tmp_path / "state" / "state.db"
    full = [True]
    write = Transaction.finish

    def finish(tx: Transaction) -> None:
        if full[0]:
            raise OSError(28, "No space left on device")
        write(tx)

    with Relay(path) as relay:
        relay.pass_through()
        monkeypatch.setattr(Transaction, "finish", finish)
        recorder = relay.gate._recorder
        for n in range(100):
            page = [Definition("tool", f"t{n}", f"f{n}", "x" * 10_000)]
            relay.gate.definitions("tool", page, first=True, last=True)
            if n == 0:
                wait_until(lambda: recorder._failing, "the disk to be full")
            assert recorder._deferred._size <= 110_000
        full[0] = False
        ledger = Ledger.open(path)
        wait_until(lambda: any(tool.name == "t99" and tool.listed for tool in ledger.tools()), "the last list")
    said = [row.detail for row in ledger.audit_since(0) if row.action == "records-lost"]
    assert len(said) == 1 and said[0].endswith("lists of definitions could not be recorded"), said
    ledger.close()


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (1, ["1 call could not be recorded", "1 list of definitions could not be recorded"]),
        (2, ["2 calls could not be recorded", "2 lists of definitions could not be recorded"]),
    ],
)
def test_a_loss_is_said_in_words(tmp_path: Path, lost: int, said: list[str]) -> None:
    path = tmp_path / "state" / "state.db"
    with Relay(path) as relay:
        recorder = relay.gate._recorder
    recorder._lost = recorder._deferred.lost = lost  # its thread has ended
    ledger = Ledger.open(path)
    with ledger.transaction() as tx:
        recorder._write_warnings(tx)
    assert [row.detail for row in ledger.audit_since(0) if row.action == "records-lost"] == said
    ledger.close()
