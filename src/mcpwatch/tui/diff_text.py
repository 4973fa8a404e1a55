"""What changed between two texts of a definition, field by field, as lines that read without colour."""

from __future__ import annotations

import re

from mcpwatch.protocol.diff import Change, field_changes
from mcpwatch.tui import fmt
from mcpwatch.tui.cells import Line, Span
from mcpwatch.tui.definition import indented
from mcpwatch.tui.safe_text import safe_text

MOST = 8000  # characters of one side of a change
MOST_CHANGES = 200
_WORDS = re.compile(r"\s+|[^\s]+")


def change_lines(old: str, new: str, width: int, *, ascii: bool = False) -> list[Line]:
    """Every field that differs: its path, then `-` what it was and `+` what it is, the words that differ marked."""
    changes = field_changes(old, new)
    lines: list[Line] = []
    for change in changes[:MOST_CHANGES]:
        path = safe_text(change.path, limit=200, lines="show", ascii=ascii) or "the whole text"
        word = "added" if change.old is None else "removed" if change.new is None else "changed"
        lines += [[(path, "bold"), (f"  {word}", "dim")], *_sides(change, width, ascii), []]
    if len(changes) > MOST_CHANGES:
        lines.append([(f"… and {fmt.plural(len(changes) - MOST_CHANGES, 'more field')}", "caution")])
    return lines or [[("no field differs", "dim")]]


def _sides(change: Change, width: int, ascii: bool) -> list[Line]:
    old, new = change.old, change.new
    start, end = _shared(old, new) if old is not None and new is not None else (0, 0)
    lines: list[Line] = []
    for sign, value, name in (("-", old, "old"), ("+", new, "new")):
        if value is None:
            continue
        parts = (value[:start], value[start : len(value) - end], value[len(value) - end :])
        spans: list[Span] = [
            (_safe(part, ascii), f"diff-{name}-mark" if i == 1 and (start or end) else f"diff-{name}")
            for i, part in enumerate(parts)
            if part
        ]
        if not spans:
            spans = [("(empty)", "dim")]
        lines += indented(spans, width, "  ", (f"{sign} ", f"diff-{name}"))
    return lines


def _safe(text: str, ascii: bool) -> str:
    return safe_text(text, limit=MOST, lines="keep", ascii=ascii)


def _shared(old: str, new: str) -> tuple[int, int]:
    """How many characters at the two ends the texts have in common, in whole words."""
    one, two = _WORDS.findall(old), _WORDS.findall(new)
    most = min(len(one), len(two))
    head = next((i for i in range(most) if one[i] != two[i]), most)
    tail = next((i for i in range(most - head) if one[-1 - i] != two[-1 - i]), most - head)
    return sum(map(len, one[:head])), sum(map(len, one[len(one) - tail :]))
