"""Definitions, listings, verdicts and reviews: what was seen, what was judged, what a person decided."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from mcpwatch.store.records import Definition, Known, Verdict
from mcpwatch.store.transaction import Transaction

MAX_STORED_JSON = 1 << 20  # characters of one definition kept; a longer one is a finding and is cut
KEPT_PER_NAME = 50  # texts kept under one name of one server: a server that renames or rewrites cannot fill the disk

_NEWEST = (
    " l.last_utc = (SELECT max(m.last_utc) FROM listings m WHERE m.server = l.server AND m.kind = l.kind"
    " AND m.name = l.name)"
)
_SCORE = "(SELECT max(v.score) FROM verdicts v WHERE v.fingerprint = l.fingerprint AND v.server = l.server)"
_VERSION = (
    "(SELECT v.version FROM verdicts v WHERE v.fingerprint = l.fingerprint AND v.server = l.server"
    " AND v.producer = 'local')"
)
_DECISION = (
    "(SELECT r.decision FROM reviews r WHERE r.server = l.server AND r.kind = l.kind AND r.name = l.name"
    " AND r.fingerprint = l.fingerprint)"
)
_CHANGED = (
    "EXISTS (SELECT 1 FROM reviews r WHERE r.server = l.server AND r.kind = l.kind AND r.name = l.name"
    " AND r.decision = 'approved' AND r.fingerprint <> l.fingerprint)"
)
_KNOWN = (
    f"SELECT l.kind, l.name, l.fingerprint, {_SCORE}, coalesce({_DECISION}, ''), {_CHANGED},"
    f" coalesce({_VERSION}, '') FROM listings l WHERE l.server = ? AND l.gone_utc IS NULL AND {_NEWEST}"
)
_VERDICT_COLUMNS = "fingerprint, server, producer, version, score, reason, findings, error, tokens, utc"


def known(db: sqlite3.Connection, server: str) -> list[Known]:
    """What the server lists now, as far as was ever seen."""
    rows = db.execute(_KNOWN, (server,)).fetchall()
    return [Known(*row[:5], bool(row[5]), row[6]) for row in rows]


def inventory(db: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    """server → names of the tools it lists now."""
    names: dict[str, list[str]] = {}
    for server, name in db.execute(
        "SELECT server, name FROM listings WHERE kind = 'tool' AND gone_utc IS NULL ORDER BY server, name"
    ):
        names.setdefault(server, []).append(name)
    return {server: tuple(tools) for server, tools in names.items()}


def save_listed(tx: Transaction, server: str, found: Iterable[tuple[Definition, int]]) -> None:
    """Definitions seen on a list just now, each with its estimated tokens."""
    for definition, tokens in found:
        tx.db.execute(
            "INSERT OR IGNORE INTO definitions VALUES (?, ?, ?, ?, ?, ?)",
            (
                definition.fingerprint,
                definition.kind,
                definition.name,
                definition.json[:MAX_STORED_JSON],
                tokens,
                tx.utc,
            ),
        )
        key = (server, definition.kind, definition.name)
        tx.db.execute(
            "INSERT INTO listings VALUES (?, ?, ?, ?, ?5, ?5, NULL)"
            " ON CONFLICT (server, kind, name, fingerprint) DO UPDATE SET last_utc = ?5, gone_utc = NULL",
            (*key, definition.fingerprint, tx.utc),
        )
        tx.db.execute(
            "DELETE FROM listings WHERE server = ?1 AND kind = ?2 AND name = ?3 AND fingerprint NOT IN (SELECT"
            " fingerprint FROM listings WHERE server = ?1 AND kind = ?2 AND name = ?3 ORDER BY last_utc DESC LIMIT ?4)",
            (*key, KEPT_PER_NAME),
        )


def mark_gone(tx: Transaction, server: str, kind: str, listed: Iterable[tuple[str, str]]) -> None:
    """A complete list was seen: what is not on it, as (name, fingerprint), is gone."""
    here = set(listed)
    rows = tx.db.execute(
        "SELECT name, fingerprint FROM listings WHERE server = ? AND kind = ? AND gone_utc IS NULL", (server, kind)
    ).fetchall()
    for name, fingerprint in rows:
        if (name, fingerprint) not in here:
            tx.db.execute(
                "UPDATE listings SET gone_utc = ? WHERE server = ? AND kind = ? AND name = ? AND fingerprint = ?",
                (tx.utc, server, kind, name, fingerprint),
            )


def save_verdict(tx: Transaction, verdict: Verdict) -> None:
    """Replace the producer's verdict on this text. Guards look again when its score may change what passes."""
    old = tx.db.execute(
        "SELECT score FROM verdicts WHERE fingerprint = ? AND server = ? AND producer = ?",
        (verdict.fingerprint, verdict.server, verdict.producer),
    ).fetchone()
    tx.db.execute(
        f"INSERT OR REPLACE INTO verdicts ({_VERDICT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*msgspec.structs.astuple(verdict)[:9], verdict.utc or tx.utc),
    )
    if verdict.producer == "remote" and (old is None or old[0] != verdict.score):
        tx.changed()


def verdicts(db: sqlite3.Connection, server: str, fingerprint: str) -> list[Verdict]:
    """All verdicts on one text, local first."""
    rows = db.execute(
        f"SELECT {_VERDICT_COLUMNS} FROM verdicts WHERE server = ? AND fingerprint = ? ORDER BY producer",
        (server, fingerprint),
    ).fetchall()
    return [Verdict(*row) for row in rows]


def decide(tx: Transaction, server: str, kind: str, name: str, fingerprint: str, decision: str, by: str) -> None:
    """Record what a person decided about exactly this text: approved, blocked, or "" to take it back."""
    key = (server, kind, name, fingerprint)
    tx.db.execute("DELETE FROM reviews WHERE server = ? AND kind = ? AND name = ? AND fingerprint = ?", key)
    if decision:
        tx.db.execute("INSERT INTO reviews VALUES (?, ?, ?, ?, ?, ?, ?)", (*key, decision, by, tx.utc))
    tx.changed()
    tx.audit(by, decision or "unreviewed", f"{server}/{name} {fingerprint[:12]}")


def history(db: sqlite3.Connection, server: str, kind: str, name: str) -> list[tuple[str, str, int, int, int | None]]:
    """Every text seen under a name, oldest first: (fingerprint, canonical JSON, first UTC, last UTC, gone UTC)."""
    return db.execute(
        "SELECT l.fingerprint, d.json, l.first_utc, l.last_utc, l.gone_utc FROM listings l"
        " JOIN definitions d ON d.fingerprint = l.fingerprint"
        " WHERE l.server = ? AND l.kind = ? AND l.name = ? ORDER BY l.first_utc, l.last_utc",
        (server, kind, name),
    ).fetchall()


def last_approved(db: sqlite3.Connection, server: str, kind: str, name: str) -> tuple[str, str] | None:
    """(fingerprint, canonical JSON) of the text a person approved last under this name, or None."""
    row: tuple[str, str] | None = db.execute(
        "SELECT r.fingerprint, d.json FROM reviews r JOIN definitions d ON d.fingerprint = r.fingerprint"
        " WHERE r.server = ? AND r.kind = ? AND r.name = ? AND r.decision = 'approved' ORDER BY r.utc DESC LIMIT 1",
        (server, kind, name),
    ).fetchone()
    return row


def unjudged(db: sqlite3.Connection, producer: str, version: str, limit: int) -> list[tuple[str, Definition]]:
    """Listed definitions this version of the producer has not judged (errors count as not judged), as (server, it)."""
    rows = db.execute(
        "SELECT l.server, l.kind, l.name, l.fingerprint, d.json FROM listings l"
        " JOIN definitions d ON d.fingerprint = l.fingerprint"
        " LEFT JOIN verdicts v ON v.fingerprint = l.fingerprint AND v.server = l.server AND v.producer = ?1"
        " WHERE l.gone_utc IS NULL AND (v.version IS NULL OR v.version <> ?2 OR v.score IS NULL)"
        " ORDER BY l.server, l.name LIMIT ?3",
        (producer, version, limit),
    ).fetchall()
    return [(server, Definition(kind, name, fingerprint, json)) for server, kind, name, fingerprint, json in rows]
