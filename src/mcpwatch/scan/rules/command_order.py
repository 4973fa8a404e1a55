"""Orders to run a command the user never asked for."""

from __future__ import annotations

from mcpwatch.scan.rules.base import Phrase, Rule, phrases

_TABLE = (
    Phrase("MUST|ALWAYS|FIRST|SHOULD .4 RUN|CALL .6 COMMAND", 34, "orders a command to be run"),
    Phrase("! RUN .4 COMMAND .4 COLON", 32, "orders a command line to be run"),
    Phrase("RUN .6 COMMAND .4 COLON .6 SHELL|READ|PIPE|LEAK|REMOVE", 44, "orders a command line to be run"),
    Phrase("MUST .4 RUN .4 COLON", 30, "orders something to be run"),
    Phrase("ANY .3 COMMAND .6 MUST|ALWAYS .4 PUT", 44, "changes every command"),
    Phrase("PUT .5 LINE? .5 TO .3 LEAK", 36, "orders a change to a start-up file"),
    Phrase("! RUN .3 ANY .3 COMMAND", 30, "orders any command to be run"),
    Phrase("WHEN|EVERY|BEFORE .6 PUT .3 LINE .6 SHELL", 40, "plants a command line"),
    Phrase("PUT .6 TO .4 LEAK", 36, "orders a change to a start-up file"),
    Phrase("AFTER|BEFORE|WHEN|EVERY .4 COMMA .1 RUN COLON", 36, "orders something to be run"),
)

RULE = Rule(
    id="command_order",
    tier="soft",
    category="execution",
    why="A tool runs its own code; text that makes the model run a shell line is a way round that.",
    check=phrases(_TABLE),
    phrases=_TABLE,
)
