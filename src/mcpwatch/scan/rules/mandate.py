"""A tool that makes itself compulsory: before any other tool, in every session, instead of all others."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.base import Hit, Phrase, Rule, match_phrases
from mcpwatch.scan.rules.document import Document

_TABLE = (
    Phrase("BEFORE .3 ANY .2 OTHER .3 TOOL|OP|MUST", 38, "puts itself before every other tool"),
    Phrase("FIRST BEFORE .3 ANY .2 OTHER", 40, "puts itself before every other tool"),
    Phrase("BEFORE .3 ANY .4 TOOL|OP .6 MUST|ALWAYS|FIRST", 26, "puts itself before every operation"),
    Phrase("MUST|ALWAYS .5 BEFORE .3 ANY .4 OP|TOOL", 24, "puts itself before every operation"),
    Phrase("MUST .3 BE .2 CALL .3 FIRST .6 ANY|OTHER", 34, "demands to be first"),
    Phrase("MUST|ALWAYS .3 CALL THIS .2 FIRST", 26, "demands to be first"),
    Phrase("! CALL THIS .2 FIRST", 20, "asks to be first"),
    Phrase("FIRST .2 ANY .3 OP|RESPONSE", 20, "demands to be first in every session"),
    Phrase("NOT .1 CALL .2 ANY? .1 OTHER .4 TOOL", 40, "forbids other tools", guarded=False),
    Phrase("NOT .2 CALL .2 OTHER .3", 26, "forbids alternatives", guarded=False),
    Phrase("IGNORE .2 ANY? .2 OTHER", 42, "orders other tools to be ignored"),
    Phrase("CALL THIS .2 RATHER|INSTEAD .1 ANY? OTHER", 42, "replaces other tools"),
    Phrase("CALL THIS .2 NOT .2 OTHER|ANY", 34, "replaces other tools"),
    Phrase("CALL THIS .3 OVER .2 ANY? .2 OTHER", 34, "replaces other tools"),
    Phrase("OVER .2 ANY .2 OTHER", 28, "puts itself over all others"),
    Phrase("NOT .1 CALL .3 IDENT|TOOL .4 ALWAYS .2 CALL THIS", 40, "replaces another tool", guarded=False),
    Phrase("THIS .3 MUST .3 OF ANY .6 OP|TOOL", 24, "makes itself compulsory"),
    Phrase("MUST .3 CALL THIS TOOL .4 OF ANY", 30, "makes itself compulsory"),
    Phrase("WITHOUT .2 EXCEPTION", 26, "allows no exception", guarded=False),
    Phrase("NOT OTHER .3 TOOL", 30, "forbids other tools", guarded=False),
    Phrase("NOT OTHER .2 TOOL .2 UNTIL_DONE", 42, "forbids other tools", guarded=False),
    Phrase("START .3 ANY .2 CHAT", 26, "demands a call in every session"),
    Phrase("ANY .1 CHAT .4 MUST|FIRST|BEFORE", 28, "demands a call in every session"),
    Phrase("MUST|FIRST .6 ANY .1 CHAT", 28, "demands a call in every session"),
    Phrase("WHEN|EVERY .6 BE .2 CALL .4 THIS .4 MUST", 14, "demands to be called"),
    Phrase("CALL ME", 28, "asks to be picked"),
    Phrase("RATHER CALL .6 COMMA .1 ALWAYS|MUST .2 CALL THIS", 38, "replaces another tool"),
    Phrase("ALWAYS|MUST .2 CALL|RUN SELF .14 BEFORE .2 IDENT", 36, "puts itself before another tool"),
    Phrase("CALL|CHOOSE THIS .3 EVEN .6 USER", 42, "puts itself above the user's choice"),
    Phrase("AFTER|BEFORE|EVERY ANY? .2 RESPONSE COMMA? .2 CALL SELF", 36, "demands a call for every message"),
    Phrase("ALWAYS .1 CALL THIS TOOL", 14, "demands to be used"),
)

# "Before any other tool of this server", "before any other Shopify tool": a claim on its siblings.
_OWN = Lazy(
    r"\s{0,3}(?:(?:tools?|operations?|calls?|functions?)\s{1,3})?(?:of|in|on|from|provided by)"
    r"\s{1,3}(?:this|the same|our)"
    r"\s{1,3}(?:\w{1,20}\s{1,3})?(?:server|toolset|integration|connector|app|plugin|api|package|suite|mcp)\b",
    re.IGNORECASE,
)
_FAMILY = Lazy(r"\bother\s{1,3}[A-Z][\w-]{1,30}\s{1,3}(?:tools?|operations?|functions?)$")
_SIBLINGS = 0.4


def _check(document: Document) -> Iterator[Hit]:
    for hit in match_phrases(document, _TABLE):
        assert hit.text is not None
        plain = hit.text.plain
        own = _OWN.match(plain[hit.end : hit.end + 80]) or _FAMILY.search(plain[hit.start : hit.end])
        yield hit._replace(points=hit.points * _SIBLINGS) if own else hit


RULE = Rule(
    id="mandate",
    tier="soft",
    category="coercion",
    why=(
        "Advice about the order of calls within one server is normal; a claim on every tool and every request is not."
    ),
    check=_check,
    phrases=_TABLE,
)
