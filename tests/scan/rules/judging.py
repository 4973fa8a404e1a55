"""How the tests of single rules ask: which points does one rule give a description, or a whole definition?"""

from __future__ import annotations

from typing import Any

from mcpwatch.scan.rules.base import Hit, Rule
from mcpwatch.scan.rules.document import Context, Document


def strongest(
    rule: Rule, definition: str | dict[str, Any], *, name: str = "helper", context: Context | None = None
) -> Hit | None:
    """The strongest hit of `rule` on a definition, or on a tool with this description."""
    if isinstance(definition, str):
        definition = {"name": name, "description": definition}
    document = Document(definition, "tool", "server", context or Context())
    return max(rule.check(document), key=lambda hit: hit.points, default=None)


def points(
    rule: Rule, definition: str | dict[str, Any], *, name: str = "helper", context: Context | None = None
) -> float:
    hit = strongest(rule, definition, name=name, context=context)
    return hit.points if hit else 0.0
