"""An order, something sensitive, and somewhere for it to go, in one sentence, in whatever words and order.

The phrases of other rules know the common ways to say it. This one asks only which kinds of words meet: polite
requests, policies, error messages and "for audit purposes" say the same thing differently.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mcpwatch.scan.rules.base import Hit, Rule
from mcpwatch.scan.rules.document import Document
from mcpwatch.scan.rules.tokens import END, LETTER


def _letters(names: str) -> frozenset[str]:
    return frozenset(LETTER[name] for name in names.split())


_ORDER: Final = _letters("MUST SHOULD NEED ALWAYS EVERY BEFORE FIRST ALSO HIDDEN OTHERWISE")
_MOVE: Final = _letters("SEND PUT ROUTE SAVE COPY")
_TAKE: Final = _letters("READ RUN")
_SENSITIVE: Final = _letters("SECRET CONTEXT LEAK")
_ALWAYS_SENSITIVE: Final = _letters("CONTEXT LEAK")
# Whose secret: "your API key" is a login, "any keys found", "the user's token" is not.
_WHOSE: Final = _letters("USER ANY OTHER CHAT HIDDEN")
_WHERE: Final = _letters("PARAM QUOTE IDENT SELF URL MAIL OUTSIDE SLOT PHONE")
_AWAY: Final = _letters("URL MAIL OUTSIDE PHONE")
_DENIED: Final = _letters("NOT WITHOUT")
_NEAR: Final = 12  # words
_MOST: Final = 20  # of either kind that are looked at in one sentence
_DETAIL: Final = "orders something sensitive to be passed on"


def _check(document: Document) -> Iterator[Hit]:
    if document.present.isdisjoint(_SENSITIVE):
        return
    for text in document.texts:
        start = 0
        for sentence in text.tokens.classes.split(END):
            if not _SENSITIVE.isdisjoint(sentence) and (found := _flow(sentence)):
                points, first, last = found
                spans = text.tokens.spans
                yield Hit(points, text, spans[start + first][0], spans[start + last][1], _DETAIL)
            start += len(sentence) + 1


def _flow(sentence: str) -> tuple[float, int, int] | None:
    """(points, first token, last token) of the moving that stands nearest to something sensitive."""
    moves = [place for place, letter in enumerate(sentence) if letter in _MOVE]
    things = [place for place, letter in enumerate(sentence) if letter in _SENSITIVE]
    gap, move, thing = min(
        ((abs(a - b), a, b) for a in moves[:_MOST] for b in things[:_MOST]), default=(_NEAR + 1, 0, 0)
    )
    if gap > _NEAR or not _DENIED.isdisjoint(sentence[max(0, move - 4) : move]):
        return None  # "never include passwords in the message"
    first, last = min(move, thing), max(move, thing)
    around = set(sentence[max(0, first - _NEAR) : last + _NEAR])
    order = around & _ORDER
    if not order or not (around & (_ALWAYS_SENSITIVE | _WHOSE)):
        return None
    points = (
        8.0 * bool(around & _AWAY)
        + 12
        + (14 if around & _WHERE else 0)
        + (8 if around & _TAKE else 0)
        + (6 if len(order) > 1 else 0)
    )
    return points, first, last


RULE = Rule(
    id="sensitive_flow",
    tier="soft",
    category="exfiltration",
    why="Whatever the pretext, the aim is that something of the user's goes where the user did not send it.",
    check=_check,
)
