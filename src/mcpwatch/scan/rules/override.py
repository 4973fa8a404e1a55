"""Orders to drop the instructions a model already has: "ignore all previous instructions", "disregard the rules
above".
"""

from __future__ import annotations

from mcpwatch.scan.rules.base import Phrase, Rule, phrases

_TABLE = (
    Phrase("IGNORE|BYPASS .3 PREV .3 RULES|SAFETY|CONTEXT", 60, "orders the model to drop earlier instructions"),
    Phrase("IGNORE .2 ANY .2 RULES", 50, "orders the model to drop its instructions"),
    Phrase("IGNORE|BYPASS .3 SAFETY .2 RULES", 50, "orders the model to drop safety rules"),
    Phrase("IGNORE .2 AGENT|USER .3 RULES", 50, "orders the model to drop its instructions"),
    Phrase("! IGNORE .3 RULES", 40, "orders the model to disregard instructions"),
    Phrase("NOT .1 OBEY .4 RULES", 45, "orders the model not to follow instructions", guarded=False),
    Phrase("THIS .2 IGNORE .2 ANY .3 RULES", 50, "claims to overrule other instructions"),
    Phrase("IGNORE .2 ANY .1 OTHER .3 RULES|TOOL", 45, "claims to overrule other instructions"),
    Phrase("TAKES .2 PRECEDENCE .2 OVER? .4 RULES|SAFETY|ANY", 45, "claims precedence over other instructions"),
    Phrase("GONE|NOT .3 OBEY .4 RULES|PREV|BANNER", 46, "releases the model from its instructions", guarded=False),
    Phrase("IGNORE THE|ANY|AGENT? BANNER? PREV? RULES|CONTEXT", 40, "orders the model to drop its instructions"),
    Phrase("! IGNORE .4 CONTEXT", 44, "orders the model to drop its system prompt"),
    Phrase("RESPONSE|RULES|TOOL .6 PRECEDENCE .3 USER|RULES|ANY", 46, "claims precedence over the user"),
    Phrase("OBEY .5 RULES|RESPONSE|DATA .5 THIS|TOOL|RESPONSE", 26, "orders the model to obey a result"),
    Phrase("OBEY WHATEVER", 40, "orders the model to obey whatever a result says"),
    Phrase("TREAT .4 RULES .6 FROM|WITH .4 BANNER|USER|ROLE", 40, "gives a result the rank of an instruction"),
    Phrase("TREAT .3 THIS|RESPONSE|DATA .6 FROM|WITH .4 BANNER|ROLE|USER", 40, "gives a result the rank of an order"),
    Phrase("RULES .3 RESPONSE|DATA .6 WITH|FROM .4 BANNER", 36, "gives a result the rank of an instruction"),
    Phrase("IGNORE ANY .2 AGENT", 46, "orders the model to forget what it was told"),
    Phrase("IGNORE CONTEXT", 46, "orders the model to forget what it was told"),
    Phrase("OBEY TO? THIS TOOL", 38, "orders the model to obey the tool alone"),
    Phrase("THIS|RESPONSE .5 MUST .2 BE .1 OBEYED .8 USER", 40, "puts its result above the user"),
    Phrase("EVEN .3 THIS? .1 CONFLICTS .4 USER|RULES|PREV", 42, "puts itself above the user"),
)

RULE = Rule(
    id="override",
    tier="hard",
    category="injection",
    why="A tool has no say over the instructions a model was given.",
    check=phrases(_TABLE),
    phrases=_TABLE,
)
