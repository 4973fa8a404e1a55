"""The append-only ledger of what was used: running totals per scope, so that any window is two look-ups.

A scope is a `server/tool` pattern. Each row holds the totals of its scope up to and including `at`; the rows
of a scope are strictly increasing in `at`. What was used in a window is the last row's totals less the totals
at the window's start, whatever lies between.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterable

from mcpwatch.store.records import Dimension, Limit

ALL = "*/*"  # charged always: the meters read it

Totals = tuple[int, int, int]  # calls, tokens, micro-dollars
_COLUMN = {Dimension.CALLS: 0, Dimension.TOKENS: 1, Dimension.COST: 2}
_NOTHING: Totals = (0, 0, 0)
SECOND_NS = 1_000_000_000


def totals_at(db: sqlite3.Connection, scope: str, at: int) -> Totals:
    """Totals of a scope up to and including the ledger moment `at`."""
    row: Totals | None = db.execute(
        "SELECT calls, tokens, cost FROM charges WHERE scope = ? AND at <= ? ORDER BY at DESC LIMIT 1",
        (scope, at),
    ).fetchone()
    return row or _NOTHING


def last_row(db: sqlite3.Connection, scope: str) -> tuple[int, int, int, int]:
    """(at, calls, tokens, cost) of a scope's newest row; zeros when it has none."""
    row: tuple[int, int, int, int] | None = db.execute(
        "SELECT at, calls, tokens, cost FROM charges WHERE scope = ? ORDER BY at DESC LIMIT 1", (scope,)
    ).fetchone()
    return row or (0, 0, 0, 0)


def used(db: sqlite3.Connection, limit: Limit, now: int, epoch_at: int) -> int:
    """What the limit's window (now − window, now] holds, counting from the epoch. Calls, tokens or micro-dollars.

    `now` below the newest row (it cannot be, within a boot) counts as that row's moment: nothing is forgotten.
    """
    at, *newest = last_row(db, limit.scope)
    start = max(max(now, at) - limit.window_s * SECOND_NS, epoch_at)
    if at <= start:
        return 0
    column = _COLUMN[limit.dimension]
    return newest[column] - totals_at(db, limit.scope, start)[column]


def charge(db: sqlite3.Connection, scopes: Iterable[str], now: int, *, calls: int, tokens: int, cost: int) -> None:
    """Add to every scope. Amounts are whole and not negative; anything else is a ValueError."""
    if min(calls, tokens, cost) < 0:
        raise ValueError(f"a charge is never negative: {calls} calls, {tokens} tokens, {cost} micro-dollars")
    for scope in scopes:
        at, old_calls, old_tokens, old_cost = last_row(db, scope)
        db.execute(
            "INSERT INTO charges VALUES (?, ?, ?, ?, ?)",
            (scope, max(now, at + 1), old_calls + calls, old_tokens + tokens, old_cost + cost),
        )


def steps(totals: list[Totals], dimension: Dimension) -> list[int]:
    """Use per step between consecutive totals, for a sparkline."""
    column = _COLUMN[dimension]
    return [later[column] - earlier[column] for earlier, later in itertools.pairwise(totals)]


def forget_before(db: sqlite3.Connection, horizon: int) -> None:
    """Drop rows no window can reach, keeping each scope's newest row at or before the horizon."""
    scopes = [row[0] for row in db.execute("SELECT DISTINCT scope FROM charges")]
    for scope in scopes:
        db.execute(
            "DELETE FROM charges WHERE scope = ?1 AND at < "
            "(SELECT max(at) FROM charges WHERE scope = ?1 AND at <= ?2)",
            (scope, horizon),
        )
