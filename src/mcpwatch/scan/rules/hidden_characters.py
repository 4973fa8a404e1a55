"""Text nobody sees: tag characters, direction overrides, zero-width characters inside words, variation selectors.

A screen draws none of it and a model reads all of it. What the hidden characters spell is scanned as a text of
its own, so a
hidden order also fires the rule for that order.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcpwatch.scan.rules.base import Hit, Rule
from mcpwatch.scan.rules.document import Document

_POINTS = {
    "tag characters": 90,
    "direction override": 85,
    "direction embedding": 55,
    "zero-width characters": 50,
    "variation selectors": 50,
}


def _check(document: Document) -> Iterator[Hit]:
    for text, hidden in document.hidden:
        points = 90 if hidden.text else _POINTS[hidden.kind]
        detail = f"hides {hidden.kind}" + (f" that spell {hidden.text[:120]!r}" if hidden.text else "")
        yield Hit(points, text, hidden.start, hidden.end, detail, hidden.text, hidden.kind if hidden.text else "")


RULE = Rule(
    id="hidden_characters",
    tier="hard",
    category="hidden_text",
    why="Characters a person cannot see and a model can read have no honest use in a definition.",
    check=_check,
)
