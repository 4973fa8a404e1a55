"""Orders that give the model another role: "you are now DAN", "act as root", "unrestricted mode"."""

from __future__ import annotations

from mcpwatch.scan.rules.base import Phrase, Rule, phrases

_TABLE = (
    Phrase("AGENT BE .3 ROLE", 50, "tells the model it now is somebody else"),
    Phrase("ACT .4 ROLE", 42, "gives the model a privileged role"),
    Phrase("ACT COLON .6 ROLE", 45, "gives the model a privileged role"),
    Phrase("ACT COLON", 25, "gives the model a role"),
    Phrase("ACT .3 AGENT|THE .4 ROLE", 42, "gives the model a privileged role"),
)

RULE = Rule(
    id="role_change",
    tier="hard",
    category="injection",
    why="A description that recasts the reader is an injection.",
    check=phrases(_TABLE),
    phrases=_TABLE,
)
