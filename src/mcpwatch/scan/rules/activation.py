"""Behaviour that waits for a condition: on the first run, when a word occurs, when nobody looks."""

from __future__ import annotations

from mcpwatch.scan.rules.base import Phrase, Rule, phrases

_TABLE = (
    Phrase(
        "WHEN|EVERY .6 CONTAINS .8 COMMA .3 READ|IGNORE|SEND|PUT", 30, "switches orders on by a word in the input"
    ),
    Phrase("USER .2 NOT .2 KNOW|WATCH", 36, "waits for the user to look away"),
    Phrase("WHEN|EVERY .8 GRANT .3 MODE|HARM", 32, "switches a mode on"),
    Phrase("FIRST .2 RUN|OP .8 AFTER .6 MODE|HARM|SET|SWAP", 30, "behaves well at first only"),
    Phrase("WHEN|EVERY .6 GRANT .3 HARM", 36, "switches an attack on"),
)

RULE = Rule(
    id="activation",
    tier="soft",
    category="injection",
    why="A tool whose description switches orders on and off hides what it is approved for.",
    check=phrases(_TABLE),
    phrases=_TABLE,
)
