"""Words put into the model's mouth: "display the message …", "end every reply with …", "always recommend …"."""

from __future__ import annotations

from mcpwatch.scan.rules.base import Phrase, Rule, phrases

_TABLE = (
    Phrase("! SHOW .3 RESPONSE QUOTE", 36, "dictates a message to the user"),
    Phrase("SHOW THE .2 RESPONSE COLON? QUOTE", 30, "dictates a message to the user"),
    Phrase("MUST|ALWAYS .3 SHOW|TELL .3 COLON? QUOTE", 26, "dictates words to the user"),
    Phrase("MUST|ALWAYS .4 SHOW|PUT|TELL .8 ANY .1 SUBSEQUENT? RESPONSE", 36, "claims every reply"),
    Phrase("ANY .1 SUBSEQUENT RESPONSE|OP", 24, "claims later replies"),
    Phrase("ALWAYS SHOW .4 THE", 22, "dictates what to recommend or say"),
    Phrase("! SHOW WITH QUOTE", 20, "dictates the reply"),
    Phrase("MUST .3 PUT .3 THE? .2 RESPONSE .3 COLON QUOTE", 34, "dictates a message"),
    Phrase("SHOW .3 THIS .2 WITH .2 QUOTE", 24, "dictates how to present a result"),
    Phrase("! SHOW ANY .2 RESPONSE .4 WITH", 24, "dictates every reply"),
    Phrase("ALWAYS SHOW .6 FIRST", 34, "dictates a ranking"),
    Phrase("SHOW ANY .3 WITH .3 RECOMMENDATION", 40, "puts advertising into replies"),
    Phrase("NOT .1 SHOW .4 FROM", 20, "keeps results back", guarded=False),
    Phrase("BEFORE .5 COMMA .2 SHOW THIS", 26, "dictates what to say first"),
    Phrase("! TELL .2 USER .5 NOT|NONE", 14, "dictates what to tell the user"),
    Phrase("CALL .14 AND SHOW QUOTE", 26, "dictates a message to the user"),
    Phrase("PROMO .3 RESPONSE", 34, "puts advertising into replies"),
    Phrase("USER .4 MUST .1 BE TELL", 36, "dictates what the user is told"),
    Phrase("MUST .3 BE .2 ONTOP", 38, "dictates a ranking"),
)

RULE = Rule(
    id="forced_speech",
    tier="soft",
    category="deception",
    why="What the model tells the user is its own; a tool that dictates it advertises, frightens or misleads.",
    check=phrases(_TABLE),
    phrases=_TABLE,
)
