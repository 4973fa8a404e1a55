"""The LLM scanner in words: its state, why there is no verdict, how far it is. No Textual."""

from __future__ import annotations

from collections.abc import Iterable

from mcpwatch.store.scans import ScannerStatus, ScanProgress
from mcpwatch.tui import fmt

# state → (a few words, style, why a definition has no verdict of the model)
_STATES: dict[str, tuple[str, str, str]] = {
    "off": ("off", "dim", "off: no scanner runs"),
    "no-key": ("no key", "dim", "off: no MISTRAL_API_KEY"),
    "not-opted-in": ("not opted in", "dim", "off: nothing leaves this machine (L asks)"),
    "bad-config": ("bad config", "caution", "off: the configuration cannot be used"),
    "bad-key": ("bad key", "danger", "off: the key was rejected"),
    "budget": ("budget spent", "caution", "waits: today's budget is spent"),
    "failing": ("failing, waits", "caution", "waits: the model's server fails"),
    "cancelled": ("cancelled", "caution", "cancelled; s goes on with it"),
    "running": ("running", "accent", "waits for its turn"),
    "idle": ("idle", "dim", "not judged; it is tried again"),
}


def state_words(status: ScannerStatus) -> tuple[str, str]:
    """The state in a few words, and their style."""
    words, style, _ = _STATES.get(status.state, (status.state, "caution", ""))
    return words, style


def why_no_verdict(status: ScannerStatus) -> str:
    return _STATES.get(status.state, ("", "", status.state))[2]


def sums(rows: Iterable[ScanProgress]) -> ScanProgress:
    """All servers' together."""
    rows = list(rows)

    def total(name: str) -> int:
        return sum(getattr(row, name) for row in rows)

    return ScanProgress("", *(total(name) for name in ("total", "cached", "scanned", "failed", "pending", "flagged")))


def done(row: ScanProgress) -> int:
    """Definitions that are through: judged before or now, or failed and not due again."""
    return row.cached + row.scanned + row.failed


def short(status: ScannerStatus, rows: Iterable[ScanProgress]) -> tuple[str, str]:
    """For the header: `LLM running 12/40`."""
    words, style = state_words(status)
    if status.state in ("running", "idle"):
        row = sums(rows)
        words = f"{words} {done(row)}/{row.total}" if row.total else words
    return f"LLM {words}", style


def spending(status: ScannerStatus) -> str:
    return f"{fmt.count_short(status.spent)} of {fmt.count_short(status.budget)} tokens today"
