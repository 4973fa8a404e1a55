"""The LLM scanner in the state file: consent, the one worker that has it, what is left to judge, what it spent.

A worker has the scanner while it gives a sign of life (`report`) at least every `STALE_S`. One that could not ask
the model (no key, not opted in) gives way to one that can.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from mcpwatch.store.definitions import CHANGED, VERDICT_COLUMNS, inventory
from mcpwatch.store.levels import CAUTION_FROM
from mcpwatch.store.records import Definition, Verdict, counted
from mcpwatch.store.transaction import Transaction

STALE_S: Final = 30
ASK_AGAIN_S: Final = 30  # between two looks at one text that a person asks for: each costs money
KEPT_DAYS: Final = 400  # of spending
_SECOND_NS: Final = 1_000_000_000


class ScannerStatus(msgspec.Struct, frozen=True):
    """The scanner as a screen shows it.

    `state`: off (no worker is alive) | no-key | not-opted-in | bad-key | budget | failing | cancelled | running |
    idle; `detail` is a sentence for a person. `run_state`: "" | running | done | cancelled | stopped.
    """

    state: str = "off"
    detail: str = ""
    host: str = ""  # screen | gateway | command line
    pid: int = 0
    version: str = ""  # model and prompt of the verdicts it makes
    consent: str = ""  # "" (never asked) | agreed | declined | withdrawn
    consent_to: str = ""  # the model's server that was agreed to
    consent_utc: int = 0
    budget: int = 0  # tokens a UTC day
    spent: int = 0  # tokens today
    day: str = ""  # of `spent`, the newest one with any
    run_state: str = ""
    run_started_utc: int = 0
    run_ended_utc: int = 0


class ScanProgress(msgspec.Struct, frozen=True):
    """How far the model is with what one server lists: total = cached + scanned + failed + pending, always.

    `cached` was judged before this run, `failed` is unscanned and not due again yet, `flagged` of what is judged
    scores caution or danger.
    """

    server: str
    total: int
    cached: int
    scanned: int
    failed: int
    pending: int
    flagged: int


class Judged(msgspec.Struct, frozen=True):
    """One text on (or once on) a list, with one verdict on it; None when nobody has judged it."""

    server: str
    kind: str
    name: str
    fingerprint: str
    listed: bool
    decision: str  # "" | approved | blocked
    verdict: Verdict | None
    changed: bool = False  # another text stood under the name before, and nobody has decided about this one


# -- reads ---------------------------------------------------------------------------------------------

_STATUS = (
    "SELECT state, detail, host, pid, version, consent, consent_to, consent_utc, budget,"
    " (SELECT coalesce(sum(tokens), 0) FROM scan_spending WHERE day = d.day), coalesce(d.day, ''), run_state,"
    " run_started_utc, run_ended_utc, owner, beat_at FROM scanner, (SELECT max(day) AS day FROM scan_spending) d"
)


def read_status(db: sqlite3.Connection, now: int) -> ScannerStatus:
    """The status at ledger moment `now`."""
    *row, owner, beat_at = db.execute(_STATUS).fetchone()
    status = ScannerStatus(*row)
    if owner and now - beat_at <= STALE_S * _SECOND_NS:
        return status
    return msgspec.structs.replace(
        status,
        state="off",
        detail="",
        host="",
        pid=0,
        run_state="cancelled" if status.run_state == "running" else status.run_state,
    )


# Each text a server lists now, with what the model made of it. :version is the scanner's.
_TEXTS = (
    "SELECT l.server, l.fingerprint, min(l.kind) AS kind, min(l.name) AS name, max(l.first_utc) AS first_utc,"
    " v.score AS score, coalesce(a.run, 0) AS run, coalesce(a.failures, 0) AS failures,"
    " coalesce(a.due_at, 0) AS due_at, coalesce(a.requested_at, 0) AS requested_at,"
    " coalesce(v.version = :version AND v.score IS NOT NULL AND coalesce(a.requested_at, 0) = 0, 0) AS judged"
    " FROM listings l"
    " LEFT JOIN verdicts v ON v.fingerprint = l.fingerprint AND v.server = l.server AND v.producer = 'remote'"
    " LEFT JOIN scan_attempts a ON a.fingerprint = l.fingerprint AND a.server = l.server"
    " WHERE l.gone_utc IS NULL GROUP BY l.server, l.fingerprint"
)

# What was asked for first; then one of each server in turn, newest first, so that no server keeps others waiting.
_PENDING = (
    f"WITH texts AS ({_TEXTS}), todo AS (SELECT server, kind, name, fingerprint, requested_at = 0 AS unasked,"
    " row_number() OVER (PARTITION BY server ORDER BY requested_at = 0, first_utc DESC, kind DESC, name) AS turn"
    " FROM texts WHERE judged = 0 AND due_at <= :now"
    " AND (:servers IS NULL OR server IN (SELECT value FROM json_each(:servers))))"
    " SELECT t.server, t.kind, t.name, t.fingerprint, d.json FROM todo t JOIN definitions d"
    " ON d.fingerprint = t.fingerprint ORDER BY t.unasked, t.turn, t.server LIMIT :limit"
)


def read_pending(
    db: sqlite3.Connection, version: str, now: int, limit: int, servers: Sequence[str] | None
) -> list[tuple[str, Definition]]:
    """(server, definition) of what is listed, not judged by this version, and due; the most urgent first."""
    only = None if servers is None else json.dumps(list(servers))
    parameters = {"version": version, "now": now, "limit": limit, "servers": only}
    rows = db.execute(_PENDING, parameters).fetchall()
    return [(server, Definition(kind, name, fingerprint, text)) for server, kind, name, fingerprint, text in rows]


def read_progress(db: sqlite3.Connection, now: int) -> list[ScanProgress]:
    """Each server's, for the version the scanner last said it judges with."""
    version, run = db.execute("SELECT version, run FROM scanner").fetchone()
    rows = db.execute(
        "WITH texts AS (SELECT *, judged AND run = :run AND run > 0 AS fresh,"
        " failures > 0 AND due_at > :now AS waits"
        f" FROM ({_TEXTS})) SELECT server, count(*), sum(judged AND NOT fresh), sum(fresh),"
        " sum(NOT judged AND waits), sum(NOT judged AND NOT waits), sum(judged AND score >= :caution)"
        " FROM texts GROUP BY server ORDER BY server",
        {"version": version, "run": run, "now": now, "caution": CAUTION_FROM},
    ).fetchall()
    return [ScanProgress(*row) for row in rows]


def read_spending(db: sqlite3.Connection, day: str) -> tuple[int, dict[str, int]]:
    """(tokens of that UTC day, server → definitions it had judged that day)."""
    rows = db.execute("SELECT server, definitions, tokens FROM scan_spending WHERE day = ?", (day,)).fetchall()
    return sum(row[2] for row in rows), {server: definitions for server, definitions, _ in rows}


def read_inventory(db: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    """server → names of the tools it lists now."""
    return inventory(db)


def read_judged(db: sqlite3.Connection, server: str | None = None, *, gone: bool = False) -> list[Judged]:
    """Everything listed (`gone`: or once listed) with each verdict on it: worst text first, local before remote."""
    columns = ", ".join(f"v.{column}" for column in VERDICT_COLUMNS.split(", "))
    rows = db.execute(
        f"SELECT l.server, l.kind, l.name, l.fingerprint, l.gone_utc IS NULL, coalesce(r.decision, ''),"
        f" {CHANGED}, {columns}"
        " FROM listings l LEFT JOIN verdicts v ON v.fingerprint = l.fingerprint AND v.server = l.server"
        " LEFT JOIN reviews r ON r.server = l.server AND r.kind = l.kind AND r.name = l.name"
        "  AND r.fingerprint = l.fingerprint"
        " WHERE (:server IS NULL OR l.server = :server) AND (:gone OR l.gone_utc IS NULL)"
        " ORDER BY max(coalesce(v.score, -1)) OVER (PARTITION BY l.server, l.kind, l.name, l.fingerprint) DESC,"
        " l.server, l.kind, l.name, l.fingerprint, v.producer",
        {"server": server, "gone": gone},
    ).fetchall()
    return [
        Judged(s, k, n, f, bool(listed), d, Verdict(*verdict) if verdict[0] else None, bool(changed and not d))
        for s, k, n, f, listed, d, changed, *verdict in rows
    ]


def knows_command(db: sqlite3.Connection, fingerprint: str) -> bool:
    """Whether the user let exactly this command be started before."""
    return db.execute("SELECT 1 FROM started_commands WHERE fingerprint = ?", (fingerprint,)).fetchone() is not None


# -- what the user decides -----------------------------------------------------------------------------


def set_consent(tx: Transaction, answer: str, destination: str, *, by: str) -> None:
    """Whether definitions may leave the machine for the server `destination`: agreed, declined or withdrawn."""
    tx.db.execute("UPDATE scanner SET consent = ?, consent_to = ?, consent_utc = ?", (answer, destination, tx.utc))
    tx.audit(by, "llm-consent", f"{answer}: {destination}")


def request_scan(tx: Transaction, server: str, fingerprints: Iterable[str] | None, *, by: str) -> tuple[int, float]:
    """Have the model look again at these texts of a server; None for all it lists.

    Returns (how many were taken, seconds until the next of those that were looked at too recently may be).
    """
    wanted = set(fingerprints) if fingerprints is not None else None
    taken, wait = 0, 0
    for fingerprint, last in tx.db.execute(
        "SELECT DISTINCT l.fingerprint, max(coalesce(a.looked_at, 0), coalesce(a.requested_at, 0)) FROM listings l"
        " LEFT JOIN scan_attempts a ON a.fingerprint = l.fingerprint AND a.server = l.server"
        " WHERE l.server = ? AND l.gone_utc IS NULL",
        (server,),
    ).fetchall():
        if wanted is not None and fingerprint not in wanted:
            continue
        too_soon = last + ASK_AGAIN_S * _SECOND_NS - tx.now if last else 0
        if too_soon > 0:
            wait = min(wait, too_soon) if wait else too_soon
            continue
        tx.db.execute(
            "INSERT INTO scan_attempts (server, fingerprint, requested_at) VALUES (?1, ?2, ?3)"
            " ON CONFLICT DO UPDATE SET requested_at = ?3, due_at = 0, failures = 0",
            (server, fingerprint, tx.now),
        )
        taken += 1
    if taken:
        tx.audit(by, "rescan", f"{server}: {counted(taken, 'definition')}")
    return taken, wait / _SECOND_NS


def remember_command(tx: Transaction, fingerprint: str, server: str, *, by: str) -> None:
    """The user lets exactly this command be started."""
    tx.db.execute("INSERT OR REPLACE INTO started_commands VALUES (?, ?, ?)", (fingerprint, server, tx.utc))
    tx.audit(by, "start-command", f"{server} {fingerprint[:12]}")


# -- the worker ----------------------------------------------------------------------------------------


def report(
    tx: Transaction,
    owner: str,
    *,
    pid: int,
    host: str,
    able: bool,
    state: str,
    detail: str,
    version: str,
    budget: int,
    alive: Callable[[int], bool],
) -> bool:
    """A worker's sign of life. Whether it has the scanner; where another one does, nothing is written.

    `alive(pid)` says whether a process runs, so that one that died is not waited for.
    """
    held, other, could, beat_at, run_state = tx.db.execute(
        "SELECT owner, pid, able, beat_at, run_state FROM scanner"
    ).fetchone()
    if held and held != owner:
        fresh = tx.now - beat_at <= STALE_S * _SECOND_NS and (other == pid or alive(other))
        if fresh and (could or not able):
            return False
        if run_state == "running":
            _end_run(tx, "cancelled")
    # A worker that could not ask says no version: what was judged before stays what progress counts by.
    tx.db.execute(
        "UPDATE scanner SET owner = ?, pid = ?, host = ?, able = ?, beat_at = ?, state = ?, detail = ?,"
        " version = coalesce(nullif(?, ''), version), budget = ?",
        (owner, pid, host, int(able), tx.now, state, detail, version, budget),
    )
    return True


def holds(tx: Transaction, owner: str) -> bool:
    """Whether this worker still has the scanner."""
    held: str = tx.db.execute("SELECT owner FROM scanner").fetchone()[0]
    return held == owner


def release(tx: Transaction, owner: str) -> None:
    """Give the scanner back, if it is this worker's."""
    if holds(tx, owner):
        if tx.db.execute("SELECT run_state FROM scanner").fetchone()[0] == "running":
            _end_run(tx, "cancelled")
        tx.db.execute("UPDATE scanner SET owner = '', pid = 0, host = '', able = 0, state = 'off', detail = ''")


def begin_run(tx: Transaction, owner: str) -> int:
    """A run of this worker's begins; its number, or 0 when another one has the scanner."""
    if not holds(tx, owner):
        return 0
    tx.db.execute(
        "UPDATE scanner SET run = run + 1, run_state = 'running', run_started_utc = ?, run_ended_utc = 0", (tx.utc,)
    )
    run: int = tx.db.execute("SELECT run FROM scanner").fetchone()[0]
    return run


def end_run(tx: Transaction, owner: str, state: str) -> None:
    """A run of this worker's has ended: done, cancelled or stopped. Forgets attempts at what is no longer listed."""
    if holds(tx, owner):
        _end_run(tx, state)
        tx.db.execute(
            "DELETE FROM scan_attempts WHERE NOT EXISTS (SELECT 1 FROM listings l WHERE"
            " l.server = scan_attempts.server AND l.fingerprint = scan_attempts.fingerprint AND l.gone_utc IS NULL)"
        )


def _end_run(tx: Transaction, state: str) -> None:
    tx.db.execute("UPDATE scanner SET run_state = ?, run_ended_utc = ?", (state, tx.utc))


def succeeded(tx: Transaction, server: str, fingerprint: str, run: int) -> None:
    """The model has judged a text."""
    tx.db.execute(
        "INSERT INTO scan_attempts (server, fingerprint, run, looked_at) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT DO UPDATE SET run = ?3, looked_at = ?4, failures = 0, due_at = 0, requested_at = 0",
        (server, fingerprint, run, tx.now),
    )


def failed(tx: Transaction, server: str, fingerprint: str, waits_s: Sequence[float], least_s: float = 0.0) -> None:
    """The model has not judged a text. It is due again after the wait for so many failures in a row, at least
    after `least_s`."""
    row = tx.db.execute(
        "SELECT failures FROM scan_attempts WHERE server = ? AND fingerprint = ?", (server, fingerprint)
    ).fetchone()
    failures = (row[0] if row else 0) + 1
    wait_s = max(waits_s[min(failures, len(waits_s)) - 1], least_s)
    tx.db.execute(
        "INSERT INTO scan_attempts (server, fingerprint, looked_at, failures, due_at) VALUES (?1, ?2, ?3, ?4, ?5)"
        " ON CONFLICT DO UPDATE SET looked_at = ?3, failures = ?4, due_at = ?5",
        (server, fingerprint, tx.now, failures, tx.now + int(wait_s * _SECOND_NS)),
    )


def spend(tx: Transaction, day: str, server: str, *, definitions: int, tokens: int) -> None:
    """Add to what the scanner used on that UTC day."""
    tx.db.execute(
        "INSERT INTO scan_spending VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT DO UPDATE SET definitions = definitions + ?3, tokens = tokens + ?4",
        (day, server, definitions, tokens),
    )
    tx.db.execute(
        "DELETE FROM scan_spending WHERE day < (SELECT min(day) FROM"
        " (SELECT DISTINCT day FROM scan_spending ORDER BY day DESC LIMIT ?))",
        (KEPT_DAYS,),
    )
