"""Markup that claims authority: `<IMPORTANT>…</IMPORTANT>`, `<!-- … -->`, translated tags.

The tag alone weighs little (people do write `<IMPORTANT>` round a type note, and some servers structure long
texts with
`<examples>`); an order inside it weighs.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.base import Hit, Rule
from mcpwatch.scan.rules.document import Document, Text
from mcpwatch.scan.rules.tokens import LETTER

_CLAIMS = (
    "important|system|secret|hidden|instructions?|admin|critical|priority|urgent|override|mandatory"
    "|directive|internal|private"
    "|confidential|required?|requirement|assistant|developer|rules?|note_to_(?:ai|model|assistant)|ai|llm"
    "|policy|security|warning"
    "|importante|sistema|oculto|secreto|wichtig|versteckt|caché|système|важно|система|скрыто|중요|비밀|시스템|重要"
    "|隐藏|秘密|系统|システム|指示|極秘"
)
_TAG = Lazy(
    rf"<\s{{0,4}}((?:[\w-]{{1,30}}[ _-])?(?:{_CLAIMS})(?:[ _-][\w-]{{1,30}}){{0,2}})\s{{0,4}}>", re.IGNORECASE
)
_BRACKET = Lazy(
    r"\[{1,3}\s*(?:(?:important|hidden|secret|system|internal|admin|override|critical|role|metadata"
    r"|emergency|configuration)[ _-]*){1,3}"
    r"(?:instructions?|directive|note|message|override|requirement|prompt|context|update|command)?\s*[:\]]",
    re.IGNORECASE,
)
_UNSEEN = Lazy(
    r"<[a-z]{1,12}\s[^<>]{0,200}?(?:\bhidden\b|display\s{0,2}:\s{0,2}none|visibility\s{0,2}:\s{0,2}hidden"
    r"|font-size\s{0,2}:\s{0,2}0|opacity\s{0,2}:\s{0,2}0(?!\.))[^<>]{0,200}>",
    re.IGNORECASE,
)
# A link nobody refers to: what Markdown has for comments.
_REFERENCE = Lazy(r"\[(?://|comment)\]: # ?([^\n]{1,600})")
_INSIDE = 1500
_MOST = 50
# Classes that make the inside of a tag an order to the reader rather than a note on a type.
_ORDERS = frozenset(
    LETTER[name]
    for name in [
        "READ",
        "SEND",
        "ROUTE",
        "IGNORE",
        "BYPASS",
        "TELL",
        "LEAK",
        "SECRET",
        "CONTEXT",
        "HIDDEN",
        "HIDE",
        "MAIL",
        "URL",
        "HARM",
        "GRANT",
        "REGARDLESS",
        "COMMAND",
        "CALL",
    ]
)


def _check(document: Document) -> Iterator[Hit]:
    for text in document.texts:
        if "<" in text.plain:
            yield from _comments(text)
            yield from _tags(text)
            for match in islice(_UNSEEN.finditer(text.plain), _MOST):
                yield Hit(45, text, *match.span(), "hides text in markup that is not shown")
        if "[//]: #" in text.plain or "[comment]: #" in text.plain:
            yield from _markdown_comments(text)
        if "[" in text.plain and (found := _BRACKET.search(text.plain)):
            orders = _orders(text, found.end(), found.end() + 400)
            yield Hit(15 + 10 * min(3, orders), text, *found.span(), "claims authority in brackets")


def _comments(text: Text) -> Iterator[Hit]:
    start = text.plain.find("<!--")
    for _ in range(_MOST):
        if start < 0:
            return
        stop = text.plain.find("-->", start + 4)
        end = stop if stop >= 0 else len(text.plain)
        if text.plain[start + 4 : end].strip():
            orders = _orders(text, start + 4, min(end, start + _INSIDE))
            yield Hit(
                45 if orders else 25, text, start, min(end + 3, len(text.plain)), "hides text in a markup comment"
            )
        start = text.plain.find("<!--", end)


def _markdown_comments(text: Text) -> Iterator[Hit]:
    for match in islice(_REFERENCE.finditer(text.plain), _MOST):
        orders = _orders(text, match.start(1), match.end(1))
        yield Hit(45 if orders else 25, text, *match.span(), "hides text in a markup comment")


def _tags(text: Text) -> Iterator[Hit]:
    lowered = text.plain.lower()
    for match in islice(_TAG.finditer(text.plain), _MOST):
        claim = match.group(1)
        if claim.islower() and f"</{claim}" not in lowered:
            continue
        close = lowered.find("</", match.end(), match.end() + _INSIDE)
        end = close if close >= 0 else min(len(text.plain), match.end() + 300)
        points = 12 + 12 * min(3, _orders(text, match.end(), end))
        yield Hit(points, text, match.start(), end, f"wraps text in <{claim[:40]}>")


def _orders(text: Text, start: int, end: int) -> int:
    """How many different classes of orders stand between two positions of the text."""
    spans = text.tokens.spans
    first, last = bisect_left(spans, (start, 0)), bisect_left(spans, (end, 0))
    return len(_ORDERS.intersection(text.tokens.classes[first:last]))


RULE = Rule(
    id="pseudo_tags",
    tier="soft",
    category="injection",
    why="No client defines these tags; they borrow the look of the system's own voice.",
    check=_check,
)
