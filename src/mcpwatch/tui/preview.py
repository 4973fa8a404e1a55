"""The one line that says what a call was about. Reads raw JSON previews; returns text that is not yet safe."""

from __future__ import annotations

from typing import Any

import msgspec

from mcpwatch.store.records import CallRow, Outcome
from mcpwatch.tui import fmt


def parse(raw: str) -> Any:
    """The JSON value of a preview, or None when it was cut or is not JSON."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _arguments(raw: str) -> str:
    value = parse(raw)
    if isinstance(value, dict) and isinstance(value.get("arguments"), dict):
        value = value["arguments"]
        return msgspec.json.encode(value).decode() if value else ""
    return raw


def _answer(raw: str) -> str:
    """The words of a tool's answer: its text blocks, else the error's message, else the JSON itself."""
    value = parse(raw)
    if not isinstance(value, dict):
        return raw
    message = value.get("message")
    if isinstance(message, str):
        code = value.get("code")
        return f"{code} {message}" if isinstance(code, int) else message
    content = value.get("content")
    if isinstance(content, list):
        texts = [c["text"] for c in content if isinstance(c, dict) and isinstance(c.get("text"), str)]
        if texts:
            return " ".join(texts)
    return raw


# The note of a refusal is written for the model; a person needs only this.
_REFUSED = {
    "panic": "locked by a person",
    "calls": "locked: the calls limit was passed",
    "tokens": "locked: the token limit was passed",
    "cost": "locked: the cost limit was passed",
    "replaced": "locked: the state file was replaced",
    "call-cap": "too large for a single call",
    "quarantined": "its definition is quarantined",
    "unlisted": "the server never listed it",
    "state": "the state file cannot be read",
    "too-many-open": "too many open requests",
}


def charged(row: CallRow) -> int | None:
    """Micro-dollars a call cost, also one whose answer broke the rules; None for what never took place."""
    if row.outcome == Outcome.REFUSED or (row.outcome == Outcome.VIOLATION and not row.tool):
        return None
    return row.cost


def why_refused(row: CallRow) -> str:
    """Why a call was refused, in a few words; "" for any other."""
    return _REFUSED.get(row.code, "refused") if row.outcome == Outcome.REFUSED else ""


def detail_of(row: CallRow) -> str:
    if row.outcome == Outcome.REFUSED and row.code in _REFUSED:
        return _REFUSED[row.code]
    if row.outcome in (Outcome.REFUSED, Outcome.VIOLATION, Outcome.CANCELLED, Outcome.TIMED_OUT) and row.note:
        return row.note
    if row.outcome == Outcome.PENDING:
        return _arguments(row.arguments)
    if row.outcome == Outcome.ERROR:
        return row.note or _answer(row.result)
    return f"{fmt.size(row.result_bytes)}  {_answer(row.result)}"
