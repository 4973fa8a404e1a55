"""How many texts are kept of one server: one that lists new names again and again must not fill the disk.

What is forgotten counts as never seen: listed again, it is judged again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from mcpwatch.store.levels import DANGER_FROM

KEPT_TEXTS = 10_000  # of one server, over all kinds
LIST_TEXTS = 2000  # of one list: more than is read of it
KEPT_CHARACTERS = 32 << 20  # likewise, of their JSON
UNREAD = "unread"  # version of a verdict on a text that no rules have judged: its list is too long
_LEFT = 0.9  # of either, so that not every list brings the work again

Key = tuple[str, str, str, str]
"""server, kind, name, fingerprint"""


def forget_excess(db: sqlite3.Connection, server: str) -> int:
    """Forget what the server has too much of. Returns how many texts.

    First what no verdict calls dangerous, and of that what is off the lists; of each the longest unseen. What is held
    only because its list was too long counts as what it is, not read. Never a text under a name about which a person
    decided, and the lists of now are shorter than the bound.
    """
    rows = db.execute(
        "SELECT l.kind, l.name, l.fingerprint, coalesce(length(d.json), 0),"
        " EXISTS (SELECT 1 FROM reviews r WHERE r.server = l.server AND r.kind = l.kind AND r.name = l.name)"
        " FROM listings l LEFT JOIN definitions d ON d.fingerprint = l.fingerprint WHERE l.server = ?1"
        " ORDER BY EXISTS (SELECT 1 FROM verdicts v WHERE v.fingerprint = l.fingerprint AND v.server = l.server"
        "  AND v.score >= ?2 AND v.version <> ?3), l.gone_utc IS NULL, l.last_utc, l.name",
        (server, DANGER_FROM, UNREAD),
    ).fetchall()
    texts, characters = len(rows), sum(row[3] for row in rows)
    if texts <= KEPT_TEXTS and characters <= KEPT_CHARACTERS:
        return 0
    dropped: list[Key] = []
    for kind, name, fingerprint, length, decided in rows:
        if texts <= KEPT_TEXTS * _LEFT and characters <= KEPT_CHARACTERS * _LEFT:
            break
        if not decided:
            dropped.append((server, kind, name, fingerprint))
            texts, characters = texts - 1, characters - length
    drop(db, dropped)
    return len(dropped)


def drop(db: sqlite3.Connection, texts: Iterable[Key]) -> None:
    """Forget these texts, with what was made of them; the text itself unless another server lists it."""
    texts = list(texts)
    db.executemany("DELETE FROM listings WHERE server = ? AND kind = ? AND name = ? AND fingerprint = ?", texts)
    servers = listing_servers(db)
    for server, kind, name, fingerprint in texts:
        db.execute("DELETE FROM verdicts WHERE fingerprint = ? AND server = ?", (fingerprint, server))
        db.execute("DELETE FROM scan_attempts WHERE server = ? AND fingerprint = ?", (server, fingerprint))
        query = "SELECT 1 FROM listings WHERE server = ? AND kind = ? AND name = ? AND fingerprint = ?"
        if not any(db.execute(query, (other, kind, name, fingerprint)).fetchone() for other in servers):
            db.execute("DELETE FROM definitions WHERE fingerprint = ?", (fingerprint,))


def listing_servers(db: sqlite3.Connection) -> list[str]:
    """The servers that list or listed something: one step in the primary key each."""
    rows = db.execute(
        "WITH RECURSIVE s(server) AS (SELECT min(server) FROM listings UNION ALL"
        " SELECT (SELECT min(server) FROM listings l WHERE l.server > s.server) FROM s WHERE s.server IS NOT NULL)"
        " SELECT server FROM s WHERE server IS NOT NULL"
    ).fetchall()
    return [server for (server,) in rows]
