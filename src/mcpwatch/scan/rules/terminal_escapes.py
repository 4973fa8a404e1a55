"""Escape sequences and control characters: they rewrite what a terminal shows of a definition."""

from __future__ import annotations

from collections.abc import Iterator

from mcpwatch.scan import normalise
from mcpwatch.scan.rules.base import Hit, Rule
from mcpwatch.scan.rules.document import MAX_CHARACTERS, MOST_MATCHES, Document


def _check(document: Document) -> Iterator[Hit]:
    for text in document.texts:
        if text.carrier or text.original.isprintable():
            continue
        original = text.original[:MAX_CHARACTERS]
        for start, end in normalise.escapes(original)[:MOST_MATCHES]:
            yield Hit(90, text, start, end, "holds a terminal escape sequence")
        for start, end in normalise.controls(original)[:MOST_MATCHES]:
            yield Hit(45, text, start, end, "holds control characters")


RULE = Rule(
    id="terminal_escapes",
    tier="hard",
    category="hidden_text",
    why="A definition is text; an escape sequence in it hides or forges what the reviewer sees.",
    check=_check,
)
