"""Approving and blocking definitions: always one exact text, named by its fingerprint."""

from __future__ import annotations

from mcpwatch.guard.lock import Denied, make_change
from mcpwatch.guard.review import held
from mcpwatch.store.definitions import decide, definitions_in
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.transaction import Transaction


def approve(
    ledger: Ledger, server: str, kind: str, name: str, fingerprint: str, secret: str | None, *, by: str
) -> None:
    """Let exactly this text pass. Asks for the password when it is held now, or unscanned. Raises Denied."""
    _decide(ledger, server, kind, name, fingerprint, "approved", secret, by)


def frees(ledger: Ledger, server: str, kind: str, name: str, fingerprint: str) -> bool:
    """Whether approving this text lets something pass that is held now, or unscanned."""
    with ledger.transaction() as tx:
        return _loosens(tx, server, kind, name, fingerprint, "approved")


def block(ledger: Ledger, server: str, kind: str, name: str, fingerprint: str, *, by: str) -> None:
    """Quarantine exactly this text, whatever its score."""
    _decide(ledger, server, kind, name, fingerprint, "blocked", None, by)


def take_back(
    ledger: Ledger, server: str, kind: str, name: str, fingerprint: str, secret: str | None, *, by: str
) -> None:
    """Undo an approval or a block. Undoing a block asks for the password."""
    _decide(ledger, server, kind, name, fingerprint, "", secret, by)


def _decide(
    ledger: Ledger, server: str, kind: str, name: str, fingerprint: str, decision: str, secret: str | None, by: str
) -> None:
    def loosens(tx: Transaction) -> bool:
        return _loosens(tx, server, kind, name, fingerprint, decision)

    def change(tx: Transaction) -> None:
        if not tx.has_seen(server, kind, name, fingerprint):
            raise Denied("invalid", f"{server} never listed this text under the name {name!r}")
        decide(tx, server, kind, name, fingerprint, decision, by)

    make_change(ledger, secret, decision or "unreview", by, loosens, change)


def _loosens(tx: Transaction, server: str, kind: str, name: str, fingerprint: str, decision: str) -> bool:
    known = definitions_in(tx, server)
    now = known.reviews.get((kind, name, fingerprint), "")
    if decision == "approved" and now != "approved" and fingerprint not in known.scores:
        return True  # what is not judged yet may turn out dangerous, and would pass all the same
    others = any(
        (k, n) == (kind, name) and f != fingerprint and d == "approved" for (k, n, f), d in known.reviews.items()
    )

    def why_held(decided: str) -> str:
        return held(
            score=known.scores.get(fingerprint),
            decision=decided,
            changed=others and decided != "approved",
            strict=tx.policy().strict,
        )

    return bool(why_held(now)) and not why_held(decision)
