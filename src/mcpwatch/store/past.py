"""What a scope's ledger holds of the time before it was charged: put in from the recorded calls.

No call is in a scope twice, by two rules. A scope whose base lies at or before a window's start is complete for it
and not added to: once a past was put in, the base is where that window began, whatever the oldest call was. And what
is put in is what the recorded calls of the window add up to *less what the scope holds already*, so that neither a
step of the wall clock nor the grouping matters.

Calls go in oldest first, each at its moment by today's wall clock, or up to a 4096th of its age later: calls closer
together are one row (a day of millions is some 70 000), and any window up to the one asked for holds what it should
to within a 4096th of its length. Not in is what was charged but not recorded yet, a batch as a rule.
"""

from __future__ import annotations

import sqlite3
from functools import lru_cache, partial

from mcpwatch.store import charges
from mcpwatch.store.patterns import binds

_FINEST = charges.SECOND_NS // 4096  # of calls less than two seconds old; twice as much at twice the age


def reach_back(db: sqlite3.Connection, scope: str, window_s: int, now: int, utc: int) -> None:
    """Make the scope's totals hold all of the window that ends `now`, which the wall clock calls `utc`."""
    base = charges.first_row(db, scope)
    if base is None:
        charges.begin(db, scope, now)
        base = (now, 0, 0, 0)
    elif scope == charges.ALL and not any(base[1:]):
        return  # never pruned: it begins with the file
    start = now - window_s * charges.SECOND_NS
    if base[0] <= start:
        return
    recorded = _recorded(db, scope, window_s, utc)
    last = charges.last_row(db, scope)
    missing = [sum(row[i] for row in recorded) - (last[i] - base[i]) for i in (1, 2, 3)]
    rows: list[charges.Charge] = []
    for moment, *amounts in recorded:
        calls, tokens, cost = (max(0, min(pair)) for pair in zip(amounts, missing, strict=True))
        if calls or tokens or cost:
            missing = [missing[0] - calls, missing[1] - tokens, missing[2] - cost]
            rows.append((moment + now - utc, calls, tokens, cost))
    charges.prepend(db, scope, rows, start)


def _recorded(db: sqlite3.Connection, scope: str, window_s: int, utc: int) -> list[charges.Charge]:
    """(UTC ns, calls, tokens, micro-dollars) of the scope's counted calls of the window, oldest first."""
    db.create_function("in_scope", 2, lru_cache(4096)(partial(binds, scope)), deterministic=True)
    parts = "".join(
        f" WHEN started_utc <= {utc - (charges.SECOND_NS << octave)}"
        f" THEN {octave << 56} + started_utc / {_FINEST << octave}"
        for octave in range(window_s.bit_length(), 0, -1)
    )
    return db.execute(
        "SELECT max(started_utc), sum(flags NOT LIKE 'retry%'), sum(tokens_in + tokens_out), sum(cost) FROM calls"
        " WHERE protected = 1 AND started_utc > ? AND outcome <> 'refused'"
        f" AND in_scope(server, tool) GROUP BY CASE{parts} ELSE started_utc / {_FINEST} END ORDER BY 1",
        (utc - window_s * charges.SECOND_NS,),
    ).fetchall()
