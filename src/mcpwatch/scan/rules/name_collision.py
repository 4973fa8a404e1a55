"""The same or a look-alike name: twice in one list, or as a tool of another server.

One letter apart (length six or more), or the same once case, separators and look-alike letters are folded.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcpwatch.scan import normalise
from mcpwatch.scan.rules.base import Hit, Rule
from mcpwatch.scan.rules.document import Document

# Names so plain that two honest servers have them.
_COMMON = frozenset(
    [
        "search",
        "fetch",
        "query",
        "list",
        "get",
        "read",
        "write",
        "run",
        "execute",
        "help",
        "status",
        "ping",
        "echo",
        "add",
        "create",
        "delete",
        "update",
    ]
)
_FOLD = str.maketrans("01", "ol", "_-. ")


def _check(document: Document) -> Iterator[Hit]:
    if not document.name or document.kind not in ("tool", "prompt"):
        return
    if document.kind == "tool" and document.context.own.count(document.name) > 1:
        yield Hit(60, None, 0, 0, f"is listed more than once as {document.name[:80]!r}")
    for server, names in document.context.others.items():
        for name in names:
            if name == document.name:
                points = 15 if name.lower() in _COMMON else 30
                yield Hit(points, None, 0, 0, f"has the name of a tool of server {server[:60]!r}: {name[:80]!r}")
            elif _alike(name, document.name):
                yield Hit(40, None, 0, 0, f"is named almost like {name[:80]!r} of server {server[:60]!r}")


def _alike(one: str, two: str) -> bool:
    if abs(len(one) - len(two)) > 3:
        return False
    first, second = fold(one), fold(two)
    if first == second:
        # Case and separators only: `read_file` and `readFile` are two styles of one honest name.
        return normalise.plain(one) != one or normalise.plain(two) != two or _digits(one) != _digits(two)
    return min(len(first), len(second)) >= 8 and _one_apart(first, second) and not _plural(first, second)


def fold(name: str) -> str:
    return normalise.plain(name).lower().translate(_FOLD)


def _digits(name: str) -> str:
    return "".join(char for char in name if char.isdigit())


def _plural(one: str, two: str) -> bool:
    """`list_issue` and `list_issues`, or a trailing number, are ordinary."""
    longer, shorter = (one, two) if len(one) > len(two) else (two, one)
    return longer in (shorter + "s", shorter + "es") or one[-1:].isdigit() or two[-1:].isdigit()


def _one_apart(one: str, two: str) -> bool:
    """One letter changed, added, left out, or two neighbours exchanged."""
    if len(one) > len(two):
        one, two = two, one
    at = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), len(one))
    if len(one) == len(two):
        if one[at + 1 :] == two[at + 1 :]:
            return True
        return one[at : at + 2] == two[at : at + 2][::-1] and one[at + 2 :] == two[at + 2 :]
    return len(two) - len(one) == 1 and one[at:] == two[at + 1 :]


RULE = Rule(
    id="name_collision",
    tier="hard",
    category="shadowing",
    why="A client that merges lists may call the wrong one; a look-alike counts on it.",
    check=_check,
)
