"""Praise aimed at the model's choice: "the world's best tool", "trusted by experts", names like `best_search`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.base import Hit, Rule
from mcpwatch.scan.rules.document import Document
from mcpwatch.scan.rules.tokens import LETTER

# Points for one, two, three, four or more different words of praise.
_POINTS = (0, 8, 24, 42, 52)
_NAME = Lazy(
    r"^(?:the_)?(?:world_?s_)?(?:best|ultimate|premium|superior|greatest|perfect|elite|number_?one"
    r"|top_rated|revolutionary|unbeatable|supreme)"
    r"_(?!practice|effort|match|bid|ask|price|time|fit|seller|day)(?:[a-z0-9]+_?)+$|_(?:best|superior|ultimate)_tool$",
    re.IGNORECASE,
)
_STRONG_NAME = Lazy(
    r"^(?:the_)?best_(?:tool|google|search|create|get|web|playwright|file|read|fetch|weather|maps?|send|[a-z]+_(?:tool|search|server))",
    re.IGNORECASE,
)


def _check(document: Document) -> Iterator[Hit]:
    letter = LETTER["HYPE"]
    said: dict[str, tuple[int, int]] = {}
    where = None
    for text in document.texts:
        start = text.tokens.classes.find(letter)
        while start >= 0:
            said.setdefault(text.tokens.words[start], text.tokens.spans[start])
            where = where or text
            start = text.tokens.classes.find(letter, start + 1)
    if where is not None:
        spans = [where.tokens.spans[i] for i, found in enumerate(where.tokens.classes) if found == letter]
        detail = "praises itself to the model: " + ", ".join(sorted(said)[:6])
        yield Hit(_POINTS[min(len(said), 4)], where, spans[0][0], spans[-1][1], detail)
    name = document.name.replace("-", "_")
    for text in document.texts:
        if text.path == "/name" and _NAME.search(name):
            yield Hit(42 if _STRONG_NAME.search(name) else 22, text, 0, len(text.plain), "praises itself in its name")


RULE = Rule(
    id="hype",
    tier="soft",
    category="deception",
    why="Models pick tools by their descriptions; praise without content manipulates the choice.",
    check=_check,
)
