"""Text pushed out of sight by a long run of blanks or line breaks."""

from __future__ import annotations

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.base import Rule, match_regex

_GAP = Lazy(r"\S[ \t\u00a0\u3000]{60,}[^\s|]|\S[ \t]*\n(?:[ \t]*\n){12,}[ \t]*\S")

RULE = Rule(
    id="padding",
    tier="soft",
    category="hidden_text",
    why="A person sees the first line in a narrow window; the rest is for the model only.",
    check=lambda document: match_regex(document, _GAP, 34, "hides text behind a long blank"),
)
