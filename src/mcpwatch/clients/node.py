"""A configuration file as a tree that knows where everything stands in the text.

The three readers (`read_json`, `read_toml`, `read_yaml`) make it, the editor cuts and inserts by its positions. All
positions are indices into the text, ends exclusive.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

MAX_DEPTH = 100

Kind = Literal["map", "list", "string", "other"]


class Unreadable(Exception):
    """The file cannot be read as what it should be; `line` and `column` count from 1, 0 when unknown."""

    def __init__(self, text: str, line: int = 0, column: int = 0) -> None:
        super().__init__(f"line {line}, column {column}: {text}" if line else text)
        self.line = line
        self.column = column

    @classmethod
    def at(cls, text: str, source: str, position: int) -> Unreadable:
        """`text` said of a position in `source`."""
        before = source[:position].replace("\r\n", "\n").replace("\r", "\n")
        return cls(text, before.count("\n") + 1, len(before) - before.rfind("\n"))


@dataclass(slots=True)
class Member:
    """One `key: value` of a map. `name_start` is where the key's last part begins (TOML's `a.b.c = …`)."""

    key: str
    key_start: int
    name_start: int
    key_end: int
    node: Node


@dataclass(slots=True)
class Node:
    """A value. Of a map `flow` says whether it stands between braces, of a list whether between brackets; otherwise
    each part has a line of its own (block YAML, TOML tables)."""

    kind: Kind
    start: int
    end: int
    value: object = None  # the text of a string; for other scalars anything that tells them apart
    members: list[Member] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)
    flow: bool = True
    fixed: str = ""  # why this value must not be edited

    def get(self, key: str) -> Node | None:
        """The value of a key; the last one when it appears twice, as every JSON parser has it."""
        found = None
        for member in self.members:
            if member.key == key:
                found = member.node
        return found

    def member(self, key: str) -> Member | None:
        """The last member of that key."""
        found = None
        for member in self.members:
            if member.key == key:
                found = member
        return found

    def twice(self, *keys: str) -> str:
        """The first of `keys` (of all keys, when none is named) that appears more than once, or ""."""
        seen = set()
        for member in self.members:
            if member.key in seen and (not keys or member.key in keys):
                return member.key
            seen.add(member.key)
        return ""


def plain(node: Node) -> object:
    """The tree without its positions: equal for two files that say the same in the same order."""
    if node.kind == "map":
        return ("map", [(member.key, plain(member.node)) for member in node.members])
    if node.kind == "list":
        return ("list", [plain(item) for item in node.items])
    return (node.kind, node.value)
