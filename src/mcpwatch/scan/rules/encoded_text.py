"""Prose in base64, hexadecimal, URL encoding, character codes: decoded by the normaliser and scanned as text of
its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcpwatch.scan.rules.base import Hit, Rule
from mcpwatch.scan.rules.document import Document


def _check(document: Document) -> Iterator[Hit]:
    for text, span in document.decoded:
        words = len(span.text.split())
        points = 42 if words >= 4 and span.encoding != "URL encoding" else 12
        detail = f"carries text in {span.encoding}"
        yield Hit(points, text, span.start, span.end, detail, span.text, span.encoding)


RULE = Rule(
    id="encoded_text",
    tier="soft",
    category="hidden_text",
    why="Encoded prose is for a reader that decodes and against one that does not.",
    check=_check,
)
