"""An armed call reads nothing that its own last commit left in the file, and everything that anybody else wrote."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from mcpwatch.store.database import StateError
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.news import follows
from mcpwatch.store.records import Dimension, Limit

LIMIT = Limit(Dimension.CALLS, 10**9, 60)
SCOPED = Limit(Dimension.CALLS, 10**9, 60, "github/*")

CHARGE = """
import sys
from pathlib import Path
from mcpwatch.store.ledger import Ledger
with Ledger.open(Path(sys.argv[1])).transaction() as tx:
    tx.charge(["*/*", "github/*"], calls=100, tokens=0, cost=0)
"""


def charge(ledger: Ledger) -> tuple[int, int, int]:
    """One call as an armed breaker charges it: (policy version, totals before of both scopes)."""
    with ledger.transaction() as tx:
        version = tx.policy_version()
        before = tx.total(LIMIT), tx.total(SCOPED)
        tx.charge(["*/*", "github/*"], calls=1, tokens=0, cost=0)
        tx.only_charges(version)
    return version, *before


def reads(ledger: Ledger) -> list[str]:
    """What a charge asks the file for."""
    seen: list[str] = []
    ledger._db.set_trace_callback(seen.append)
    charge(ledger)
    ledger._db.set_trace_callback(None)
    return [statement for statement in seen if statement.startswith("SELECT")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def test_a10_what_our_last_commit_left_is_not_read_again(path: Path) -> None:
    ledger = Ledger.open(path)
    assert reads(ledger)
    assert not reads(ledger)
    assert charge(ledger)[1:] == (2, 2)


@pytest.mark.parametrize("what", ["charge", "lock", "arm"])
def test_a10_a_commit_of_another_connection_is_read(path: Path, what: str) -> None:
    ledger, other = Ledger.open(path), Ledger.open(path)
    version, *_ = charge(ledger)
    assert charge(ledger) == (version, 1, 1)
    with other.transaction() as tx:
        if what == "charge":
            tx.charge(["*/*", "github/*"], calls=7, tokens=0, cost=0)
        elif what == "lock":
            tx.lock("panic", "stop", "test")
        else:
            tx.set_flag("armed", True)
    seven = 7 if what == "charge" else 0
    assert charge(ledger) == (version + (what != "charge"), 2 + seven, 2 + seven)


def test_a10_a_commit_of_another_process_is_read(path: Path) -> None:
    ledger = Ledger.open(path)
    charge(ledger)
    subprocess.run([sys.executable, "-c", CHARGE, str(path)], check=True)
    assert charge(ledger)[1:] == (101, 101)


def test_a10_what_was_rolled_back_is_forgotten(path: Path) -> None:
    ledger = Ledger.open(path)
    charge(ledger)
    for _ in range(2):
        with pytest.raises(StateError), ledger.transaction() as tx:
            tx.only_charges(tx.policy_version())
            tx.charge(["*/*"], calls=50, tokens=0, cost=0)
            tx.finish()
            raise OSError("the disk is full")
    assert charge(ledger)[1:] == (1, 1)


def test_a10_a_policy_changed_by_the_same_connection_is_read(path: Path) -> None:
    ledger = Ledger.open(path)
    version, *_ = charge(ledger)
    with ledger.transaction() as tx:
        tx.lock("calls", "too many", "test")
        assert tx.policy_version() == version + 1
    assert charge(ledger)[0] == version + 1


def test_a10_a_lock_within_a_transaction_that_knew_is_seen_in_it(path: Path) -> None:
    ledger = Ledger.open(path)
    version, *_ = charge(ledger)
    with ledger.transaction() as tx:
        assert tx.policy_version() == version
        tx.lock("calls", "too many", "test")
        assert tx.policy_version() == version + 1


def test_a10_checkpoints_and_a_log_begun_anew_change_nothing(path: Path) -> None:
    ledger, other = Ledger.open(path), Ledger.open(path)
    choose = random.Random(10)
    total = 0
    for _ in range(300):
        act = choose.choice(["ours", "ours", "theirs", "TRUNCATE", "RESTART", "PASSIVE"])
        if act == "ours":
            assert charge(ledger)[1:] == (total, total)
            total += 1
        elif act == "theirs":
            assert charge(other)[1:] == (total, total)
            total += 1
        else:
            other._db.execute(f"PRAGMA wal_checkpoint({act})").fetchone()


def test_without_the_header_everything_is_read(path: Path) -> None:
    ledger = Ledger.open(path)
    ledger._news._view = None
    assert reads(ledger)
    assert reads(ledger)
    assert charge(ledger)[1:] == (2, 2)


@pytest.mark.parametrize(
    ("later", "earlier", "next_one"), [(8, 7, True), (9, 7, False), (7, 7, False), (0, 2**32 - 1, True)]
)
def test_a_header_follows_the_one_of_the_commit_before(later: int, earlier: int, next_one: bool) -> None:
    def header(commits: int) -> bytes:
        return bytes(8) + commits.to_bytes(4, sys.byteorder) + bytes(36)

    assert follows(header(later), header(earlier)) is next_one
