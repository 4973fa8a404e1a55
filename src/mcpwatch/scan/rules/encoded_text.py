"""Prose in base64, hexadecimal, URL encoding, character codes: decoded by the normaliser and scanned as text of
its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.base import Hit, Rule
from mcpwatch.scan.rules.document import Document

_CODEC = Lazy(
    r"base_?64|encod|decod|hex|escape|jwt|rot_?13|cipher|caesar|leet|revers|obfuscat|palindrom", re.IGNORECASE
)
_EXAMPLE = Lazy(r"\b(?:becomes|examples?|e\.g|returns?|outputs?|encoded (?:as|to)|looks like)\b", re.IGNORECASE)


def _check(document: Document) -> Iterator[Hit]:
    for text, span in document.decoded:
        words = len(span.text.split())
        points = 42 if words >= 4 and span.encoding != "URL encoding" else 12
        # What a tool that encodes gives as an example. What it says is read all the same.
        if _CODEC.search(document.name) or _EXAMPLE.search(text.plain[max(0, span.start - 60) : span.start]):
            points = 12
        detail = f"carries text in {span.encoding}"
        yield Hit(points, text, span.start, span.end, detail, span.text, span.encoding)


RULE = Rule(
    id="encoded_text",
    tier="soft",
    category="hidden_text",
    why="Encoded prose is for a reader that decodes and against one that does not.",
    check=_check,
)
