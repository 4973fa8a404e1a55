"""Orders to switch safety off: disable guardrails, skip confirmation, grant unrestricted access, trust all input."""

from __future__ import annotations

from mcpwatch.scan.rules.base import Phrase, Rule, phrases

_TABLE = (
    Phrase("! BYPASS .3 SAFETY|RULES|REASON", 28, "orders safety measures off"),
    Phrase("IGNORE|BYPASS .2 ANY .3 SAFETY|RULES|REASON", 40, "orders all safety measures off"),
    Phrase("NOT .1 ASK .3 SAFETY", 38, "orders the model not to ask for confirmation", guarded=False),
    Phrase("! CALL|RUN .6 WITHOUT .2 USER? .2 SAFETY|ASK", 34, "orders execution without confirmation"),
    Phrase("! CALL|RUN .6 WITHOUT .2 ROLE|RULES|SAFETY", 30, "orders execution without restrictions"),
    Phrase("! GRANT .4 ROLE", 34, "orders elevated access"),
    Phrase("MUST .2 ROLE", 22, "demands elevated privileges"),
    Phrase("TRUST .2 ANY .3 PARAM|OP|USER|COMMAND|DATA", 34, "orders blind trust"),
    Phrase("TRUST .2 TOOL .3", 20, "asks to be trusted"),
    Phrase("BYPASS .3 SAFETY .4 WHEN|EVERY", 22, "switches safety off on a condition"),
    Phrase("ROLE MODE", 25, "announces an unrestricted mode"),
    Phrase("AGENT .3 TAKES ROLE", 30, "tells the model it has more rights"),
    Phrase("AGENT .1 TAKES ROLE", 44, "tells the model it has more rights"),
    Phrase("AGENT .2 ROLE", 30, "tells the model it has more rights"),
    Phrase("AGENT BE .2 GRANT .3 WITHOUT|ROLE|TO", 30, "tells the model it may act freely"),
    Phrase("CALL .6 SECRET .4 WITHOUT .1 ASK", 42, "uses a secret without asking"),
    Phrase("GRANT .4 BEHALF", 26, "approves on the user's behalf"),
)

RULE = Rule(
    id="safety_off",
    tier="soft",
    category="injection",
    why="Whether a call needs a confirmation is for the user and the client to say, never for the text of a tool.",
    check=phrases(_TABLE),
    phrases=_TABLE,
)
