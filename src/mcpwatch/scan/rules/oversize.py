"""A definition beyond what is read: more characters, strings or levels than any honest tool has.

It is held like poison: otherwise padding would switch the scanner off.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcpwatch.scan.rules.base import Hit, Rule
from mcpwatch.scan.rules.document import Document


def _check(document: Document) -> Iterator[Hit]:
    for reason in document.over:
        yield Hit(85, None, 0, 0, f"is too large to read whole: {reason}")


RULE = Rule(
    id="oversize",
    tier="hard",
    category="oversize",
    why="What was not read cannot be called safe.",
    check=_check,
)
