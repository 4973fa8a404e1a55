"""Orders to keep something from the user: "do not tell the user", "never mention this", "silently"."""

from __future__ import annotations

from mcpwatch.scan.rules.base import Phrase, Rule, phrases

_TABLE = (
    Phrase("NOT .2 TELL .3 USER", 46, "orders the model to keep the user in the dark", guarded=False),
    Phrase("NOT .2 TELL .2 THIS", 44, "orders the model not to mention it", guarded=False),
    Phrase(
        "NOT .2 TELL .5 SET|SWAP|OP|RULES|READ|ROUTE|TOOL",
        34,
        "orders the model not to mention a step",
        guarded=False,
    ),
    Phrase("NOT .1 SHOW .3 THIS .6 USER", 42, "orders the model not to show it to the user", guarded=False),
    Phrase("NOT .1 SHOW|PUT THIS .2 RULES|OP", 44, "orders the model not to show an instruction", guarded=False),
    Phrase("NOT .2 BE .1 TELL|SHOW .6 USER|RESPONSE", 44, "says it must not be disclosed", guarded=False),
    Phrase("NOT .1 SHOW .3 TO .2 USER", 26, "orders the model not to show something to the user", guarded=False),
    Phrase("WITHOUT .2 TELL|ASK .2 USER", 40, "acts without telling the user", guarded=False),
    Phrase("WITHOUT .3 USER .1 KNOW", 42, "acts without the user knowing", guarded=False),
    Phrase("USER .1 MUST|SHOULD .1 NOT .2 KNOW|TELL|SHOW", 42, "keeps the user from knowing", guarded=False),
    Phrase("! HIDDEN .1 READ|SEND|PUT|CALL|RUN|SET|SWAP|ROUTE", 40, "orders a silent step"),
    Phrase("HIDDEN .1 READ|SEND|PUT|CALL|RUN|SET|SWAP|ROUTE", 30, "describes a silent step"),
    Phrase("! READ|SEND|PUT|CALL|RUN|SET|SWAP|ROUTE .6 HIDDEN", 36, "orders a silent step"),
    Phrase("! HIDE .3 THIS|OP .5 USER", 42, "orders the model to hide it"),
    Phrase("! HIDE .4 FROM .2 USER", 44, "orders the model to hide it from the user"),
    Phrase("KEEP THIS .3 HIDE|SECRET", 40, "orders secrecy"),
    Phrase("HIDE .1 RULES", 40, "carries a hidden instruction"),
    Phrase(
        "NOT|WITHOUT .4 TELL .4 USER|REVIEWER", 44, "orders the model to keep the user in the dark", guarded=False
    ),
    Phrase("! NOT|WITHOUT TELL .1 THIS?", 34, "orders the model not to bring it up", guarded=False),
    Phrase("NOT|WITHOUT LET .3 USER|READER .4 TELL|KNOW", 42, "keeps the user from finding out", guarded=False),
    Phrase("! OMIT|BYPASS .2 ANY .2 MENTION|TELL", 40, "orders facts to be left out"),
    Phrase("HIDDEN COLON", 32, "announces a silent step", guarded=False),
    Phrase("NOT MUST .3 TELL", 42, "says nobody is to be told", guarded=False),
    Phrase("USER .3 NOT .3 KNOW", 38, "keeps the user from knowing", guarded=False),
    Phrase("MUST .2 KEEP .2 HIDE|HIDDEN", 38, "demands secrecy"),
    Phrase("KEEP .2 HIDE|HIDDEN .2 TO|FROM .2 USER", 40, "keeps something from the user"),
    Phrase("REMOVE|BYPASS|OMIT .10 BEFORE .3 USER .2 KNOW", 42, "removes something before the user sees it"),
    Phrase("BEFORE .2 USER .1 KNOW", 24, "acts before the user sees it"),
    Phrase("MUST|SHOULD .3 BE? .1 OMIT .4 FROM", 34, "orders something to be left out"),
    Phrase("RESPONSE|DATA|OP .8 MUST|SHOULD .2 BE OMIT", 32, "orders something to be left out"),
)

RULE = Rule(
    id="concealment",
    tier="soft",
    category="deception",
    why=(
        "An honest tool has nothing to hide from the person it serves; concealment is what attacks in "
        "the wild have in common."
    ),
    check=phrases(_TABLE),
    phrases=_TABLE,
)
