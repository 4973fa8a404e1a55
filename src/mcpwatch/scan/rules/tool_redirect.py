"""Claims about other tools: deprecated for security reasons, disabled for maintenance, upgraded; therefore use
mine.
"""

from __future__ import annotations

from mcpwatch.scan.rules.base import Phrase, Rule, phrases

_TABLE = (
    Phrase(
        "IDENT|SELF|THIS .3 GONE .3 DUE|OF .4 SAFETY|REASON|GONE|UPGRADED",
        42,
        "claims a tool is out of order for a scare reason",
    ),
    Phrase("TOOL .3 BE .3 GONE .6 SAFETY|REASON|DUE", 40, "claims a tool is out of order"),
    Phrase("IDENT .2 TOOL .3 UPGRADED", 28, "claims another tool was changed"),
    Phrase("THE IDENT QUOTE? TOOL .3 BE .3 UPGRADED .3 WITH|OF", 34, "claims another tool was changed"),
    Phrase("TOOL .2 BE UPGRADED", 20, "claims a tool was changed"),
    Phrase("MUST .2 ROUTE .8 IDENT|TOOL|OUTSIDE|URL", 40, "orders calls to be redirected"),
    Phrase("! ROUTE .2 ANY .4 OP|TOOL|RESPONSE", 36, "orders calls to be redirected"),
    Phrase("RATHER CALL .4 IDENT|TOOL .6 ROUTE|SEND|ALWAYS|MUST|PUT", 42, "redirects another tool's calls"),
    Phrase("GONE .10 CALL .3 IDENT .3 INSTEAD", 12, "points to a replacement"),
    Phrase("PREV .3 TOOL .3 BE .2 GONE", 30, "claims other tools are out of order"),
    Phrase("OTHER .3 TOOL .3 GONE", 36, "claims other tools are worse or gone"),
    Phrase("OTHER|PREV .3 TOOL .3 GONE|BAD", 40, "claims other tools are wrong or gone"),
    Phrase("ROUTE .3 ANY .4 THIS|SELF|IDENT", 40, "orders calls to be redirected"),
    Phrase("! ROUTE .4 OP|TOOL|RESPONSE|DATA", 24, "orders calls to be redirected"),
    Phrase("CALL THIS OVER .2 ANY .3 TOOL", 44, "puts itself above all others"),
    Phrase("IDENT .3 SWAP .2 SELF", 24, "claims to stand in for another tool"),
    Phrase("ANY .4 MUST .2 PUT|SEND|ROUTE|CALL .2 SELF", 40, "orders calls to be redirected"),
    Phrase("OTHER|REST .2 BE GONE", 32, "claims the others are gone"),
)

RULE = Rule(
    id="tool_redirect",
    tier="soft",
    category="coercion",
    why=(
        "A server can speak for its own tools only. A plain deprecation note weighs little; one with a "
        "scare and an order weighs."
    ),
    check=phrases(_TABLE),
    phrases=_TABLE,
)
