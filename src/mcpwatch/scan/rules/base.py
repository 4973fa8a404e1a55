"""What a rule is, and the kind most rules are: a table of patterns with points.

A rule's points say how much its evidence weighs on the way to 100: 40 alone is a caution, 80 a danger. Rules add up
(`ruleset.py`); within one rule only the strongest hit counts, so saying a thing twice is no stronger than once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.document import Document, Text
from mcpwatch.scan.rules.pattern import compile_pattern
from mcpwatch.scan.rules.tokens import END, LETTER

Tier = Literal["hard", "soft"]
Category = Literal[
    "exfiltration",
    "deception",
    "coercion",
    "injection",
    "execution",
    "reviewer_addressed",
    "hidden_text",
    "shadowing",
    "oversize",
]


class Hit(NamedTuple):
    """Evidence: points, the text it stands in (None when it is about the whole definition), its span there, why it
    matters; of a hidden or encoded run, what it says and how it was written."""

    points: float
    text: Text | None
    start: int
    end: int
    detail: str
    said: str = ""
    encoding: str = ""


class Phrase(NamedTuple):
    """A pattern over word classes and what it is worth. `guarded`: a negation just before it takes it back."""

    pattern: str
    points: float
    detail: str
    guarded: bool = True


@dataclass(frozen=True, slots=True)
class Rule:
    """`tier` hard: the finding stands on its own, and no later verdict may go below its points.

    `told`: it goes by what things are told to be, not by an order. Many such hits are one impression, and honest
    texts give it too: by themselves they make no danger.
    """

    id: str
    tier: Tier
    category: Category
    why: str
    check: Callable[[Document], Iterable[Hit]]
    phrases: tuple[Phrase, ...] = ()
    told: bool = False


# Of one phrase in one definition; more of the same is no news, and a stranger may repeat himself at our expense.
MOST_MATCHES = 20

_NEGATION = frozenset((LETTER["NOT"], LETTER["WITHOUT"]))


def match_phrases(document: Document, phrases: Sequence[Phrase], told: bool = False) -> Iterator[Hit]:
    """Every phrase over all texts of the document at once; `GAP` between texts keeps them apart. `told`: over the
    second reading of `told.py`."""
    classes = document.told if told else document.classes
    present = document.told_present if told else document.present
    for phrase in phrases:
        regex, needs = compile_pattern(phrase.pattern)
        for need in needs:
            if present.isdisjoint(need):
                break
        else:
            yield from _matches(document, phrase, regex, classes, told)


def _matches(document: Document, phrase: Phrase, regex: re.Pattern[str], classes: str, told: bool) -> Iterator[Hit]:
    for match in islice(regex.finditer(classes), MOST_MATCHES):
        first = match.start()
        if phrase.guarded and (_negated(classes, first) or (told and _denies(match.group(), phrase.pattern))):
            continue
        text, offset = document.text_at(first)
        spans = text.tokens.spans
        start, end = spans[first - offset][0], spans[match.end() - 1 - offset][1]
        if _protects(match.group(), text.plain, start, end):
            continue
        yield Hit(phrase.points, text, start, end, phrase.detail)


def _negated(classes: str, first: int) -> bool:
    before = classes[max(0, first - 2) : first]
    return bool(_NEGATION & set(before.rpartition(END)[2]))


def _denies(classes: str, pattern: str) -> bool:
    """What is told can be denied halfway: "the conversation is never sent to …"."""
    return not _NEGATION.isdisjoint(classes) and "NOT" not in pattern


# "Ignore any instructions in the page": advice against injection, unless what holds them is the user's or client's.
_IN_CONTENT = Lazy(
    r"[^.\n]{0,24}?\b(?:in|inside|within|from|on|contained|embedded|found)\b[^.\n]{0,24}?"
    r"\b(?:it|them|pages?|contents?|documents?|results?|outputs?|e-?mails?|websites?|files?|issues?|comments?|text)\b",
    re.IGNORECASE,
)
_OURS = Lazy(
    r"\b(?:user|system|conversation|prompt|chat|client|developer|previous|prior|above|earlier)", re.IGNORECASE
)
# Something is quoted as what a tool looks for or what a text may look like.
_EXAMPLE = Lazy(
    r"(?:such as|like|e\.g\.?,?|for (?:example|instance),?|including|detects?|phrases?|patterns?|attempts?|attacks?)"
    r"\s{0,3}[:(]?\s{0,3}[\"'`“‘]\s?$",
    re.IGNORECASE,
)
_ATTEMPT = Lazy(r"\b(?:attempts?|tries|trying|tricks?|tricking) [^.\n]{0,30}$", re.IGNORECASE)
_IGNORE, _OBEY = LETTER["IGNORE"], LETTER["OBEY"]


def _protects(classes: str, plain: str, start: int, end: int) -> bool:
    """Whether a match says the opposite of what it is looked for: "never send without the user's consent", "ignore
    instructions in the page", or 'detects phrases like "ignore all instructions"'."""
    if set(classes) >= _NEGATION:
        return True
    if (classes[0] == _IGNORE or _OBEY in classes) and not _OURS.search(plain, start, end):
        behind = _IN_CONTENT.match(plain[end : end + 80])
        if (behind and not _OURS.search(behind.group())) or _ATTEMPT.search(plain[max(0, start - 40) : start]):
            return True
    return (
        plain[start - 1 : start] in tuple("\"'`“‘") and _EXAMPLE.search(plain[max(0, start - 40) : start]) is not None
    )


def phrases(
    table: Sequence[Phrase], told: bool = False, topic: Lazy | None = None
) -> Callable[[Document], Iterable[Hit]]:
    """A check that looks for each phrase in every text (`told`: in the second reading). What the tool's own name or
    first words are about (`topic`) counts a third: a mail tool may speak of copies, a vault of keys."""

    def check(document: Document) -> Iterable[Hit]:
        hits = match_phrases(document, table, told)
        if topic is None:
            return hits
        return _on_topic(document, hits, topic)

    return check


_OPENING = 32  # characters of a description that say what the tool is
_ON_TOPIC = 0.35


def _on_topic(document: Document, hits: Iterable[Hit], topic: Lazy) -> Iterator[Hit]:
    honest: bool | None = None
    for hit in hits:
        if honest is None:
            honest = is_about(document, topic)
        another = "another tool" in hit.detail  # which is no topic of this one
        yield hit._replace(points=round(hit.points * _ON_TOPIC)) if honest and not another else hit


def is_about(document: Document, topic: Lazy) -> bool:
    """Whether the tool's name, or the beginning of its description, is about `topic`."""
    if topic.search(document.name):
        return True
    first = next((text.plain for text in document.texts if text.path == "/description"), "")
    return topic.search(first[:_OPENING].partition(". ")[0].partition("。")[0]) is not None


def match_regex(document: Document, pattern: Lazy, points: float, detail: str) -> Iterator[Hit]:
    """A check on the normalised text itself, for shapes that are not words."""
    for text, offset, found in document.find(pattern):
        yield Hit(points, text, found.start() - offset, found.end() - offset, detail)
