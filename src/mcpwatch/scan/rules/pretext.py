"""The reason given with an order: compliance, audit, integrity, maintenance; and "this is mandatory for all
requests".
"""

from __future__ import annotations

from mcpwatch.scan.rules.base import Phrase, Rule, phrases

_TABLE = (
    Phrase("OF|DUE .6 REASON|SAFETY .12 MUST|ALWAYS", 24, "orders in the name of compliance"),
    Phrase("MUST|ALWAYS .12 TO|OF|DUE .6 REASON", 22, "orders in the name of compliance"),
    Phrase("THIS BE .2 MUST .6 ANY", 24, "declares itself mandatory for all requests"),
    Phrase("THIS .3 BE .2 MUST .5 TO|OF", 12, "declares itself mandatory"),
    Phrase("OP .2 MUST .6 SAFETY|REASON", 16, "demands a check"),
    Phrase("TO .2 MAINTAIN .4 SAFETY|REASON", 10, "pleads compliance"),
    Phrase("THIS .3 MAINTAIN .8 SAFETY|REASON", 12, "pleads compliance"),
    Phrase("OTHERWISE .8 FAIL|NOT", 16, "threatens with failure"),
    Phrase("WITHOUT THIS .6 FAIL|BE", 8, "threatens with failure"),
    Phrase("ANY .3 DATA .3 BE .1 FAIL", 20, "threatens with loss"),
    Phrase("THIS BE .3 BANNER", 10, "calls itself important"),
    Phrase("OF .2 PURPOSE", 10, "gives a reason for an order"),
    Phrase("COMMA? PURPOSE .10 BE", 6, "gives a reason for an order"),
    Phrase("THIS .3 BE .2 FAIL .2 WITHOUT", 18, "threatens with failure"),
)

RULE = Rule(
    id="pretext",
    tier="soft",
    category="deception",
    why="Attacks without trigger words still need a pretext. Half a signal: it counts beside an order.",
    check=phrases(_TABLE),
    phrases=_TABLE,
)
