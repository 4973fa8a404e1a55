"""The append-only ledger of what was used: running totals per scope, so that any window is two look-ups.

A scope is a `server/tool` pattern. Each row holds the totals of its scope up to and including `at`; the rows
of a scope are strictly increasing in `at`. What was used in a window is the last row's totals less the totals
at the window's start, whatever lies between. A scope's first row is its base: nothing is known of what was before,
and its totals may be anything, even below zero.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from mcpwatch.store.records import Dimension, Limit

ALL = "*/*"  # charged always: the meters read it

Totals = tuple[int, int, int]  # calls, tokens, micro-dollars
Charge = tuple[int, int, int, int]  # ledger moment, calls, tokens, micro-dollars
_COLUMN = {Dimension.CALLS: 0, Dimension.TOKENS: 1, Dimension.COST: 2}
_NOTHING: Totals = (0, 0, 0)
SECOND_NS = 1_000_000_000


def totals_at(db: sqlite3.Connection, scope: str, at: int) -> Totals:
    """Totals of a scope up to and including the ledger moment `at`; those of its base for any moment before that."""
    row: Totals | None = db.execute(
        "SELECT calls, tokens, cost FROM charges WHERE scope = ?1"
        " AND at <= max(?2, (SELECT min(at) FROM charges WHERE scope = ?1)) ORDER BY at DESC LIMIT 1",
        (scope, at),
    ).fetchone()
    return row or _NOTHING


def first_row(db: sqlite3.Connection, scope: str) -> tuple[int, int, int, int] | None:
    """(at, calls, tokens, cost) of a scope's base."""
    row: tuple[int, int, int, int] | None = db.execute(
        "SELECT at, calls, tokens, cost FROM charges WHERE scope = ? ORDER BY at LIMIT 1", (scope,)
    ).fetchone()
    return row


def scopes(db: sqlite3.Connection) -> Iterator[str]:
    """Every scope there is, by one look-up each (DISTINCT reads every row)."""
    scope: str | None = ""
    while scope is not None:
        scope = db.execute("SELECT min(scope) FROM charges WHERE scope > ?", (scope,)).fetchone()[0]
        if scope is not None:
            yield scope


def newest(db: sqlite3.Connection) -> int:
    """The moment of the newest charge; 0 when there is none."""
    return max((last_row(db, scope)[0] for scope in scopes(db)), default=0)


def last_row(db: sqlite3.Connection, scope: str) -> tuple[int, int, int, int]:
    """(at, calls, tokens, cost) of a scope's newest row; zeros when it has none."""
    row: tuple[int, int, int, int] | None = db.execute(
        "SELECT at, calls, tokens, cost FROM charges WHERE scope = ? ORDER BY at DESC LIMIT 1", (scope,)
    ).fetchone()
    return row or (0, 0, 0, 0)


def used(db: sqlite3.Connection, limit: Limit, now: int, epoch_at: int) -> int:
    """What the limit's window (now − window, now] holds, counting from the epoch. Calls, tokens or micro-dollars."""
    return Book(db, now).used(limit, epoch_at)


class Book:
    """The charges as one transaction sees and adds to them: each look-up is made once, each scope gets one row.

    `now` below the newest row (it cannot be, within a boot) counts as that row's moment: nothing is forgotten.
    """

    def __init__(self, db: sqlite3.Connection, now: int, newest: dict[str, Charge] | None = None) -> None:
        """`newest`: rows known to stand in the file, by scope."""
        self._db = db
        self._now = now
        self.newest: dict[str, Charge] = {} if newest is None else newest
        self._starts: dict[tuple[str, int], Totals] = {}
        self._due: dict[str, list[int]] = {}  # what this transaction adds to a scope

    def used(self, limit: Limit, epoch_at: int) -> int:
        """What the limit's window holds, with what this transaction adds."""
        scope, column = limit.scope, _COLUMN[limit.dimension]
        last = self.newest.get(scope) or self._newest(scope)
        at = last[0]
        total = self._due[scope][column] if scope in self._due else 0
        start = (self._now if self._now > at else at) - limit.window_s * SECOND_NS
        start = start if start > epoch_at else epoch_at
        if at <= start:
            return total
        before = self._starts.get((scope, start))
        if before is None:
            before = self._starts[scope, start] = totals_at(self._db, scope, start)
        return total + last[column + 1] - before[column]

    def total(self, limit: Limit) -> int:
        """The running total of the limit's scope, with what this transaction adds. It never falls."""
        scope, column = limit.scope, _COLUMN[limit.dimension]
        last = self.newest.get(scope) or self._newest(scope)
        return last[column + 1] + self._due[scope][column] if scope in self._due else last[column + 1]

    def knows(self, scope: str, newest: Sequence[int | None]) -> None:
        """The scope's newest row, as the caller has just read it: (at, calls, tokens, cost), or nulls."""
        at, calls, tokens, cost = (number or 0 for number in newest)
        self.newest.setdefault(scope, (at, calls, tokens, cost))

    def _newest(self, scope: str) -> Charge:
        last = self.newest[scope] = last_row(self._db, scope)
        return last

    def charge(self, scopes: Iterable[str], calls: int, tokens: int, cost: int) -> None:
        """Add to every scope. Amounts are whole and not negative; anything else is a ValueError."""
        if calls < 0 or tokens < 0 or cost < 0:
            raise ValueError(f"a charge is never negative: {calls} calls, {tokens} tokens, {cost} micro-dollars")
        for scope in scopes:
            due = self._due.setdefault(scope, [0, 0, 0])
            due[0] += calls
            due[1] += tokens
            due[2] += cost

    def write(self) -> None:
        """Put what was added into the file."""
        for scope, (calls, tokens, cost) in self._due.items():
            at, old_calls, old_tokens, old_cost = self.newest.get(scope) or self._newest(scope)
            if not at:
                begin(self._db, scope, self._now - 1)
            row = (max(self._now, at + 1), old_calls + calls, old_tokens + tokens, old_cost + cost)
            self._db.execute("INSERT INTO charges VALUES (?, ?, ?, ?, ?)", (scope, *row))
            self.newest[scope] = row
        self._due.clear()


def steps(totals: list[Totals], dimension: Dimension) -> list[int]:
    """Use per step between consecutive totals, for a sparkline."""
    column = _COLUMN[dimension]
    return [later[column] - earlier[column] for earlier, later in itertools.pairwise(totals)]


def begin(db: sqlite3.Connection, scope: str, at: int) -> None:
    """The base of a scope that has no rows."""
    db.execute("INSERT INTO charges VALUES (?, ?, 0, 0, 0)", (scope, at))


def prepend(db: sqlite3.Connection, scope: str, rows: list[Charge], start: int) -> None:
    """Put what was used before a scope's base, oldest first, in front of it: what is later, right before it. The new
    base is at `start` at the latest."""
    at, *totals = first_row(db, scope) or (start, 0, 0, 0)
    for moment, *amounts in reversed(rows):
        at = min(moment, at - 1)
        db.execute("INSERT INTO charges VALUES (?, ?, ?, ?, ?)", (scope, at, *totals))
        totals = [total - amount for total, amount in zip(totals, amounts, strict=True)]
    db.execute("INSERT INTO charges VALUES (?, ?, ?, ?, ?)", (scope, min(start, at - 1), *totals))


def forget_before(db: sqlite3.Connection, horizon: int, most: int) -> int:
    """Drop up to `most` rows that no window can reach, keeping each scope's newest row at or before the horizon as
    its base. Returns how many were dropped."""
    gone = 0
    for scope in list(scopes(db)):
        gone += db.execute(
            "DELETE FROM charges WHERE scope = ?1 AND at IN (SELECT at FROM charges WHERE scope = ?1 AND at < "
            "(SELECT max(at) FROM charges WHERE scope = ?1 AND at <= ?2) ORDER BY at LIMIT ?3)",
            (scope, horizon, most - gone),
        ).rowcount
    return gone
