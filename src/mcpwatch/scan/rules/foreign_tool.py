"""Orders about a tool of another server. The proxy knows every server's tools, so it knows whose tool a text
speaks of.

Naming a sibling is advice and takes weight away; naming another server's tool beside an order is shadowing.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcpwatch.scan.rules.base import Hit, Rule
from mcpwatch.scan.rules.document import Document
from mcpwatch.scan.rules.name_collision import fold
from mcpwatch.scan.rules.tokens import END, LETTER

_ORDERS = frozenset(
    LETTER[name]
    for name in [
        "MUST",
        "ALWAYS",
        "NOT",
        "FIRST",
        "INSTEAD",
        "ROUTE",
        "SET",
        "PUT",
        "SEND",
        "IGNORE",
        "GONE",
        "UPGRADED",
        "BEFORE",
        "AFTER",
        "WHEN",
        "REGARDLESS",
    ]
)
# Too plain to tell a tool from an English word.
_SHORTEST = 5


def _check(document: Document) -> Iterator[Hit]:
    if not document.context.others:
        return
    own = {fold(name) for name in document.context.own} | {fold(document.name)}
    foreign = {
        fold(name): (server, name)
        for server, names in document.context.others.items()
        for name in names
        if len(name) >= _SHORTEST and ("_" in name or "-" in name or not name.islower())
    }
    for text in document.texts:
        for written, index in text.tokens.names.items():
            folded = fold(written)
            owner = foreign.get(folded) if folded not in own else None
            if owner is None:
                continue
            classes = text.tokens.classes
            start = classes.rfind(END, 0, index) + 1
            stop = classes.find(END, index)
            orders = len(_ORDERS & set(classes[start : stop if stop >= 0 else len(classes)]))
            points = 45 if orders >= 2 else 30 if orders else 8
            span = text.tokens.spans[index]
            detail = f"speaks of {owner[1][:80]!r}, a tool of server {owner[0][:60]!r}"
            yield Hit(points, text, *span, detail + (", and gives orders about it" if orders else ""))


RULE = Rule(
    id="foreign_tool",
    tier="soft",
    category="shadowing",
    why="No server has a reason to say how another server's tools are to be called.",
    check=_check,
)
