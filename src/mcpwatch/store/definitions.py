"""Definitions, listings, verdicts and reviews: what was seen, what was judged, what a person decided."""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterable, Sequence

import msgspec

from mcpwatch.store.forgetting import forget_excess
from mcpwatch.store.records import Definition, SeenText, ServerDefinitions, Verdict
from mcpwatch.store.transaction import Transaction

UNREAD_JSON = 2000  # characters kept of a text that was not read
MAX_STORED_JSON = 1 << 20  # characters of one definition kept; a longer one is a finding and is cut
KEPT_PER_NAME = 50  # texts kept under one name of one server: a server that renames or rewrites cannot fill the disk

VERDICT_COLUMNS = "fingerprint, server, producer, version, score, reason, findings, capabilities, error, tokens, utc"


# Whether another text stood under the name of the listing `l` before it, whatever anybody decided about that one.
# A look into the primary key: at most KEPT_PER_NAME rows.
CHANGED = (
    "EXISTS (SELECT 1 FROM listings o WHERE o.server = l.server AND o.kind = l.kind AND o.name = l.name"
    " AND o.fingerprint <> l.fingerprint AND o.last_utc < l.last_utc)"
)


def read_definitions(db: sqlite3.Connection, server: str) -> ServerDefinitions:
    """What is known about one server's definitions, of one transaction the caller holds."""
    listed = db.execute(
        "SELECT kind, name, fingerprint FROM listings WHERE server = ? AND gone_utc IS NULL", (server,)
    ).fetchall()
    gone = db.execute(
        "SELECT kind, name, fingerprint, max(last_utc) FROM listings WHERE server = ?1 AND (kind, name) NOT IN"
        " (SELECT kind, name FROM listings WHERE server = ?1 AND gone_utc IS NULL) GROUP BY kind, name",
        (server,),
    ).fetchall()
    scores: dict[str, float] = {}
    versions: dict[str, str] = {}
    for fingerprint, producer, version, score in db.execute(
        "SELECT fingerprint, producer, version, score FROM verdicts WHERE server = ?", (server,)
    ):
        if producer == "local":
            versions[fingerprint] = version
        if score is not None:
            scores[fingerprint] = max(score, scores.get(fingerprint, 0.0))
    reviews = db.execute(
        "SELECT kind, name, fingerprint, decision FROM reviews WHERE server = ?", (server,)
    ).fetchall()
    return ServerDefinitions(
        listed=tuple(listed),
        gone=tuple((kind, name, fingerprint) for kind, name, fingerprint, _ in gone),
        scores=scores,
        versions=versions,
        reviews={(kind, name, fingerprint): decision for kind, name, fingerprint, decision in reviews},
        inventory={other: names for other, names in inventory(db).items() if other != server},
    )


def definitions_in(tx: Transaction, server: str) -> ServerDefinitions:
    """The same, consistent with what the transaction writes."""
    return read_definitions(tx.db, server)


def inventory(db: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    """server → names of the tools it lists now."""
    names: dict[str, list[str]] = {}
    for server, name in db.execute(
        "SELECT server, name FROM listings WHERE kind = 'tool' AND gone_utc IS NULL ORDER BY server, name"
    ):
        names.setdefault(server, []).append(name)
    return {server: tuple(tools) for server, tools in names.items()}


def save_listed(
    tx: Transaction, server: str, found: Iterable[tuple[Definition, int]], unread: Container[str] = ()
) -> None:
    """Definitions seen on a list just now, each with its estimated tokens. Of those whose fingerprint is among the
    `unread` only the beginning is kept, until they are read."""
    new = False
    for definition, tokens in found:
        text = definition.json[: UNREAD_JSON if definition.fingerprint in unread else MAX_STORED_JSON]
        known = (definition.fingerprint, definition.kind, definition.name, text, tokens, tx.utc)
        added = tx.db.execute("INSERT OR IGNORE INTO definitions VALUES (?, ?, ?, ?, ?, ?)", known).rowcount > 0
        if not added and len(text) > UNREAD_JSON:
            added = _completed(tx.db, definition.fingerprint, text)
        new = new or added
        key = (server, definition.kind, definition.name)
        tx.db.execute(
            "INSERT INTO listings VALUES (?, ?, ?, ?, ?5, ?5, NULL)"
            " ON CONFLICT (server, kind, name, fingerprint) DO UPDATE SET last_utc = ?5, gone_utc = NULL",
            (*key, definition.fingerprint, tx.utc),
        )
        tx.db.execute(
            "DELETE FROM listings WHERE server = ?1 AND kind = ?2 AND name = ?3 AND fingerprint NOT IN"
            " (SELECT fingerprint FROM listings WHERE server = ?1 AND kind = ?2 AND name = ?3"
            " ORDER BY last_utc DESC LIMIT ?4)",
            (*key, KEPT_PER_NAME),
        )
    if new:
        forget_excess(tx.db, server)


def _completed(db: sqlite3.Connection, fingerprint: str, text: str) -> bool:
    """A text of which only the beginning was kept has been read. What a model said of the beginning goes."""
    done = db.execute(
        "UPDATE definitions SET json = ?2 WHERE fingerprint = ?1 AND length(json) = ?3",
        (fingerprint, text, UNREAD_JSON),
    ).rowcount
    if done:
        db.execute("DELETE FROM verdicts WHERE fingerprint = ? AND producer = 'remote'", (fingerprint,))
    return done > 0


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
    """Replace the producer's verdict on this text. Guards look again when its score may change what passes.

    A failure never takes the place of a score: the score stays, with the version that made it, beside the error.
    """
    key = (verdict.fingerprint, verdict.server, verdict.producer)
    old = tx.db.execute(
        "SELECT score FROM verdicts WHERE fingerprint = ? AND server = ? AND producer = ?", key
    ).fetchone()
    if verdict.score is None and old is not None and old[0] is not None:
        tx.db.execute(
            "UPDATE verdicts SET error = ? WHERE fingerprint = ? AND server = ? AND producer = ?",
            (verdict.error, *key),
        )
        return
    tx.db.execute(
        f"INSERT OR REPLACE INTO verdicts ({VERDICT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*msgspec.structs.astuple(verdict)[:-1], verdict.utc or tx.utc),
    )
    if verdict.producer == "remote" and (old is None or old[0] != verdict.score):
        tx.changed()


def verdicts(db: sqlite3.Connection, server: str, fingerprint: str) -> list[Verdict]:
    """All verdicts on one text, local first."""
    rows = db.execute(
        f"SELECT {VERDICT_COLUMNS} FROM verdicts WHERE server = ? AND fingerprint = ? ORDER BY producer",
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


def texts(db: sqlite3.Connection, server: str, kind: str, name: str) -> list[SeenText]:
    """Every text seen under a name, oldest first. The last is the one that counts now."""
    rows = db.execute(
        "SELECT l.fingerprint, d.json, l.first_utc, l.last_utc, l.gone_utc, coalesce(r.decision, ''), r.utc"
        " FROM listings l JOIN definitions d ON d.fingerprint = l.fingerprint LEFT JOIN reviews r"
        " ON r.server = l.server AND r.kind = l.kind AND r.name = l.name AND r.fingerprint = l.fingerprint"
        " WHERE l.server = ? AND l.kind = ? AND l.name = ? ORDER BY l.gone_utc IS NULL, l.last_utc, l.first_utc",
        (server, kind, name),
    ).fetchall()
    return [SeenText(*row) for row in rows]


def text_before(texts: Sequence[SeenText], text: SeenText) -> SeenText | None:
    """What a text is compared with: the newest other one that was approved, else the one listed before it."""
    others = [other for other in texts if other.fingerprint != text.fingerprint]
    approved = [other for other in others if other.decision == "approved"]
    if approved:
        return max(approved, key=lambda other: other.decided_utc or 0)
    earlier = [other for other in others if other.last_utc < text.last_utc]
    return max(earlier, key=lambda other: other.last_utc, default=None)
