"""A choice that is made for the user: rivals that fail, one's own product first, drawbacks left out."""

from __future__ import annotations

from mcpwatch.scan.rules.base import Phrase, Rule, phrases

_TABLE = (
    Phrase("ELSEWHERE .8 STALE", 32, "runs other tools down"),
    Phrase("OTHER .4 TOOL .8 STALE", 30, "runs other tools down"),
    Phrase("OTHER .3 TOOL .8 STALE .14 SETTLE|SELF", 42, "runs other tools down for its own sake"),
    Phrase("IDENT|TOOL .4 BE .4 STALE .8 STALE", 30, "says that another tool is out of order"),
    Phrase("IDENT|TOOL .4 BE .4 STALE .10 SETTLE|SELF", 34, "takes the place of another tool"),
    Phrase("ANY .6 SETTLE .3 THIS|SELF", 32, "takes the place of other tools"),
    Phrase("READERS .8 SETTLE .3 SELF|THIS", 42, "says that models choose it"),
    Phrase("SETTLE .3 SELF .10 USER", 40, "puts itself above the user's choice"),
    Phrase("SETTLE .4 SELF|THIS .10 EVEN|CONTAINS .6 USER", 42, "puts itself above the user's choice"),
    Phrase("OP .5 ELSEWHERE .6 SETTLE", 32, "takes the place of other tools"),
    Phrase("OP .8 TOOL .6 SETTLE", 34, "takes the place of other tools"),
    Phrase("SLANT .12 SLANT", 36, "slants what the user is shown"),
    Phrase("SLANT .14 CRITICISM|LEFTOUT", 38, "slants what the user is shown"),
    Phrase("CRITICISM .8 LEFTOUT|SLANT", 40, "leaves criticism out"),
    Phrase("LEFTOUT .6 CRITICISM", 32, "leaves criticism out"),
    Phrase("CRITICISM .6 CHANGES", 26, "falsifies a comparison"),
    Phrase("SHOW|SLANT WITH .1 SLANT", 30, "calls a slanted result neutral"),
)

RULE = Rule(
    id="slanted",
    tier="soft",
    category="deception",
    why="Which tool serves, and what is said against a product, is not for the tool or its maker to settle.",
    check=phrases(_TABLE, told=True),
    phrases=_TABLE,
    told=True,
)
