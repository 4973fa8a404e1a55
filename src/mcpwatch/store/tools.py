"""Every definition a server lists, or that was called without being listed, with its use and newest verdict."""

from __future__ import annotations

import sqlite3
from typing import Any

from mcpwatch.store import queries
from mcpwatch.store.definitions import CHANGED
from mcpwatch.store.patterns import covered
from mcpwatch.store.records import ToolRow
from mcpwatch.store.transaction import read_policy
from mcpwatch.store.usage import usage_name

# The newest text under each name; `others` counts approvals given to other texts of the same name.
_LISTED = (
    "SELECT l.server, l.kind, l.name, l.fingerprint, l.gone_utc IS NULL, d.tokens,"
    " (SELECT max(v.score) FROM verdicts v WHERE v.fingerprint = l.fingerprint AND v.server = l.server),"
    " (SELECT r.decision FROM reviews r WHERE r.server = l.server AND r.kind = l.kind AND r.name = l.name"
    "  AND r.fingerprint = l.fingerprint),"
    " (SELECT count(*) FROM reviews r WHERE r.server = l.server AND r.kind = l.kind AND r.name = l.name"
    "  AND r.decision = 'approved' AND r.fingerprint <> l.fingerprint) AS others,"
    f" {CHANGED} AS changed"
    " FROM listings l JOIN definitions d ON d.fingerprint = l.fingerprint"
    " WHERE l.last_utc = (SELECT max(m.last_utc) FROM listings m WHERE m.server = l.server AND m.kind = l.kind"
    "  AND m.name = l.name)"
)

_UNUSED = (0, 0, 0, 0, 0, 0, "")


def read_tools(db: sqlite3.Connection) -> list[ToolRow]:
    """All tools, listed ones first within a server's order of names."""
    policy = read_policy(db)
    usage: dict[tuple[str, str], tuple[Any, ...]] = {
        (row[0], row[1]): row[2:] for row in db.execute(queries.TOOL_USAGE)
    }
    rows: list[ToolRow] = []

    def add(
        server: str,
        kind: str,
        name: str,
        fingerprint: str,
        listed: bool,
        score: float | None,
        review: str,
        definition_tokens: int,
        changed: bool,
    ) -> None:
        used = usage.pop((server, usage_name(name)), _UNUSED) if kind == "tool" else _UNUSED
        calls, errors, refused, tokens, cost, last_utc, last_outcome = used
        rows.append(
            ToolRow(
                server=server, kind=kind, name=name, fingerprint=fingerprint, listed=listed, score=score,
                review=review, calls=calls, errors=errors, refused=refused, tokens=tokens, cost=cost,
                last_utc=last_utc or None, last_outcome=last_outcome, definition_tokens=definition_tokens,
                protected=covered(policy.protect, policy.exempt, server, name), changed=changed,
            )
        )  # fmt: skip

    for server, kind, name, fingerprint, listed, tokens, score, decision, others, changed in db.execute(
        _LISTED
    ).fetchall():
        review = decision or ("changed" if others else "")
        add(server, kind, name, fingerprint, bool(listed), score, review, tokens, bool(changed and not decision))
    for server, name in list(usage):
        if name:
            add(server, "tool", name, "", False, None, "", 0, False)
    rows.sort(key=lambda row: (row.server, row.kind, row.name))
    return rows
