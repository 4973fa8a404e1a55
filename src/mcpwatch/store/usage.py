"""Running figures of each tool, in a bounded number of rows: an agent may invent names without end."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from mcpwatch.protocol.methods import CALL
from mcpwatch.store.mask import masked_name
from mcpwatch.store.records import Call, Outcome, is_retry

OTHERS = "(other tools)"  # the row in which further names of a server are added up
MOST_NAMES = 2000  # rows of one server; names it listed get one until there are twice as many
LONGEST_NAME = 200  # characters; a longer one is cut, and told apart by a digest
_REFUSED = str(Outcome.REFUSED)
_FAILED = frozenset(map(str, (Outcome.ERROR, Outcome.TIMED_OUT, Outcome.VIOLATION)))
_UNANSWERED = frozenset(map(str, (Outcome.CANCELLED, Outcome.TIMED_OUT)))
_ADD = (
    "INSERT INTO tool_usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (server, tool) DO UPDATE SET"
    " calls = calls + excluded.calls, errors = errors + excluded.errors, refused = refused + excluded.refused,"
    " tokens = tokens + excluded.tokens, cost = cost + excluded.cost,"
    " last_outcome = CASE WHEN excluded.last_utc >= last_utc THEN excluded.last_outcome ELSE last_outcome END,"
    " last_utc = max(last_utc, excluded.last_utc)"
)


def usage_name(tool: str) -> str:
    """The name a tool's figures are kept under: secrets masked, and not too long."""
    name = masked_name(tool)
    if len(name) <= LONGEST_NAME:
        return name
    import hashlib  # 5 ms that only such a name pays

    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{name[: LONGEST_NAME - 17]}…{digest}"


class UsageBook:
    """Adds up what one server's tools were used for. Used by one recorder, within its transactions."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._known: set[str] = set()  # names with a row of their own
        self._added: list[tuple[Call, tuple[int, int]]] = []  # to calls that may be answered yet; not committed

    def forget(self) -> None:
        """Another file is written to."""
        self._known = set()

    def add(self, db: sqlite3.Connection, calls: Iterable[tuple[Call, bool]]) -> None:
        """Add the calls that are done, and what a late answer brings to one that was. `committed` is to follow."""
        figures, self._added = _figures(calls)
        if figures:
            rows = self._rows(db, figures)
            db.executemany(_ADD, [(self._server, name, *added) for name, added in rows])

    def committed(self) -> None:
        """What was added stands in the file."""
        for call, figured in self._added:
            call.figured = figured
        self._added = []

    def _rows(self, db: sqlite3.Connection, figures: dict[str, list[Any]]) -> list[tuple[str, list[Any]]]:
        names = {tool: usage_name(tool) for tool in figures}
        if not self._known.issuperset(names.values()):
            found = db.execute("SELECT tool FROM tool_usage WHERE server = ?", (self._server,))
            self._known = {name for (name,) in found}
        rows = []
        for tool, added in figures.items():
            name = names[tool]
            if name in self._known or self._has_room(db, tool):
                self._known.add(name)
            else:
                name = OTHERS
            rows.append((name, added))
        return rows

    def _has_room(self, db: sqlite3.Connection, tool: str) -> bool:
        if len(self._known) < MOST_NAMES:
            return True
        query = "SELECT 1 FROM listings WHERE server = ? AND kind = 'tool' AND name = ? LIMIT 1"
        return len(self._known) < 2 * MOST_NAMES and db.execute(query, (self._server, tool)).fetchone() is not None


def _figures(calls: Iterable[tuple[Call, bool]]) -> tuple[dict[str, list[Any]], list[tuple[Call, tuple[int, int]]]]:
    """tool → calls, errors, refused, tokens, cost, last UTC, last outcome; and of calls that may be answered late
    what they have now. A further round, and what a task brings, is no further call."""
    tools: dict[str, list[Any]] = {}
    open_ended = []
    for call, done in calls:
        method, outcome, before = call.method, call.outcome, call.figured
        if not done and before is None:
            continue
        if method != CALL and call.tool != "@sampling" and not call.counted:
            continue
        again = is_retry(call)
        brought = again and method != CALL
        if brought and outcome == _REFUSED:
            continue
        figures = tools.get(call.tool)
        if figures is None:
            figures = tools[call.tool] = [0, 0, 0, 0, 0, 0, ""]
        if outcome == _REFUSED:
            figures[2] += 1
        else:
            tokens, cost = call.tokens_in + call.tokens_out, call.cost
            if outcome in _UNANSWERED:
                open_ended.append((call, (tokens, cost)))
            if before is not None:
                figures[3] += tokens - before[0]
                figures[4] += cost - before[1]
                continue
            if not again:
                figures[0] += 1
            if not brought and outcome in _FAILED:
                figures[1] += 1
            figures[3] += tokens
            figures[4] += cost
        if not brought:
            figures[5] = call.started_utc
            figures[6] = str(outcome)
    return tools, open_ended


def fold_excess(db: sqlite3.Connection, most: int) -> int:
    """Add up to `most` of the rows a server has too many of, longest unused first, into the one of its others.
    Returns how many. A file of before has them."""
    folded = 0
    crowded = db.execute(
        "SELECT server, count(*) FROM tool_usage GROUP BY server HAVING count(*) > ?", (2 * MOST_NAMES + 1,)
    ).fetchall()
    for server, count in crowded:
        rows = db.execute(
            "SELECT * FROM tool_usage WHERE server = ? AND tool <> ? ORDER BY last_utc LIMIT ?",
            (server, OTHERS, min(most - folded, count - MOST_NAMES)),
        ).fetchall()
        db.executemany("DELETE FROM tool_usage WHERE server = ? AND tool = ?", [row[:2] for row in rows])
        db.executemany(_ADD, [(server, OTHERS, *row[2:]) for row in rows])
        folded += len(rows)
    return folded
