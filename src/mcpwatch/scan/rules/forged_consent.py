"""Consent nobody gave, and silence told as good manners: "the reader has agreed", "needs no mention"."""

from __future__ import annotations

from collections.abc import Iterator

from mcpwatch.scan.rules.base import Hit, Phrase, Rule, match_phrases
from mcpwatch.scan.rules.document import Document
from mcpwatch.scan.rules.tokens import END, LETTER

_TABLE = (
    Phrase("USER|WHO|TOOL .5 TAKES .3 CONSENTED", 32, "says that the user has agreed"),
    Phrase("USER|WHO CONSENTED", 32, "says that the user has agreed"),
    Phrase("SAFETY|OP|NOTICE .4 BE .3 CONSENTED", 34, "says that confirmation is not asked for"),
    Phrase("CONSENTED .4 WITH .3 USER", 26, "says that the user has agreed"),
    Phrase("CONTENT|GUIDE|RESPONSE|OP .4 TAKES|BE .3 CONSENTED", 26, "says that it has been approved"),
    Phrase("CONSENTED .4 ANY .3 OP|CALL|TOOL", 36, "says that the user has agreed to everything"),
    Phrase("ANY .3 OP|CALL|TOOL .6 CONSENTED", 36, "says that the user has agreed to everything"),
    Phrase("VIEW .10 LEFTOUT", 34, "leaves something out of what the user sees"),
    Phrase("LEFTOUT .4 FROM .3 VIEW|RESPONSE", 34, "leaves something out of what the user sees"),
    Phrase("APPROVES|GRANT ANY .2 OP|CALL|TOOL", 36, "approves every call"),
    Phrase("NONEED .6 NOTICE", 24, "says that nobody need be told"),
    Phrase("NOTICE .4 BE .2 NONEED", 24, "says that nobody need be told"),
    Phrase(
        "NONEED .4 NOTICE .6 USER|THIS|OP|CHANGES|DROPS|MOVES|PUT|SEND|REMOVE|RESPONSE",
        32,
        "says that nobody need be told",
    ),
    Phrase("USER|WHO|SLOT .5 NONEED .4 NOTICE", 38, "says that nobody need be told"),
    Phrase("NONEED .4 USER .4 NOTICE", 36, "says that the user need not be told"),
    Phrase("NOTICE .4 USER .5 NONEED", 36, "says that the user need not be told"),
    Phrase("NOTICE .5 SLOT|USER .6 LEFTOUT", 20, "leaves something out of what the user sees"),
    Phrase("SHOW|NOTICE|RESPONSE .10 USER|WHO|THIS .8 LEFTOUT", 30, "leaves something out of what the user sees"),
    Phrase("NOTICE .6 NONEED .3 USER", 34, "calls asking the user a nuisance"),
    Phrase("SAFETY|ASK .8 NONEED .4 USER|READERS", 30, "calls asking the user a nuisance"),
    Phrase("READERS .4 HIDDEN", 34, "tells of a silent step"),
    Phrase("HIDDEN .8 USER|WHO|SLOT .4 NOT .4 KNOW|NOTICE", 44, "tells of a silent step"),
    Phrase("MOVES|CHANGES|DROPS .4 HIDDEN", 34, "tells of a silent step"),
    Phrase("HIDDEN MOVES|CHANGES|DROPS", 36, "tells of a silent step"),
)
# "Only after the user has agreed" asks for consent.
_CONDITIONS = frozenset(LETTER[name] for name in ("WHEN", "AFTER", "UNLESS", "ONLY", "BEFORE", "MUST", "EVERY"))


def _check(document: Document) -> Iterator[Hit]:
    for hit in match_phrases(document, _TABLE, told=True):
        if not ("agreed" in hit.detail and _conditional(document, hit)):
            yield hit


def _conditional(document: Document, hit: Hit) -> bool:
    assert hit.text is not None
    classes = hit.text.tokens.classes
    index = next(i for i, span in enumerate(hit.text.tokens.spans) if span[0] == hit.start)
    start = classes.rfind(END, 0, index) + 1
    return not _CONDITIONS.isdisjoint(classes[max(start, index - 8) : index])


RULE = Rule(
    id="forged_consent",
    tier="soft",
    category="deception",
    why="Whether the user agrees, and what the user hears, is not for a tool's description to say.",
    check=_check,
    phrases=_TABLE,
    told=True,
)
