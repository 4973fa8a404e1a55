"""TOML, located. The standard library says whether a file is valid and what it means; this finds where it says so.

It reads valid TOML only, so it need not judge; that it read the same as the standard library is checked.
"""

from __future__ import annotations

import re
import tomllib

from mcpwatch.clients.node import Member, Node, Unreadable

_SPACE = re.compile(r"[ \t]*+")
_BLANK = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+"{3,5}'
    r"|'''(?:[^']|'(?!''))*+'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*+"'
    r"|'[^'\n]*+'",
    re.DOTALL,
)
_OTHER = re.compile(r"[^,\]}#\r\n]+")
_WHERE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def read(text: str) -> Node:
    """The tree of a TOML document, its tables put together. Raises Unreadable."""
    try:
        meaning = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = _WHERE.search(str(error))
        what = f"not valid TOML: {_WHERE.sub('', str(error))}"
        if where is None or where[1] is None:
            raise Unreadable.at(what, text, len(text)) from error
        raise Unreadable(what, int(where[1]), int(where[2])) from error
    except RecursionError as error:
        raise Unreadable("not readable: nested too deep") from error
    root = _Reader(text).document()
    if _meaning(root) != _comparable(meaning):
        raise Unreadable("not readable: its parts cannot be told apart with certainty")
    return root


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text

    def document(self) -> Node:
        root = Node("map", 0, len(self.text), flow=False)
        table = root
        position = self.blank(0)
        while position < len(self.text):
            if self.text[position] == "[":
                table, position = self.header(root, position)
            else:
                position = self.pair(table, position)
            position = self.blank(position)
        return root

    def blank(self, position: int) -> int:
        match = _BLANK.match(self.text, position)
        assert match is not None
        return match.end()

    def space(self, position: int) -> int:
        match = _SPACE.match(self.text, position)
        assert match is not None
        return match.end()

    def header(self, root: Node, start: int) -> tuple[Node, int]:
        """`[a.b]` or `[[a.b]]`: the table it opens, and where it ends."""
        brackets = 2 if self.text.startswith("[[", start) else 1
        parts, end = self.key(self.space(start + brackets))
        end = self.space(end) + brackets
        table = root
        for i, (name, part_start, part_end) in enumerate(parts):
            last = i == len(parts) - 1
            found = table.get(name)
            if last and brackets == 2:
                if found is None:
                    found = Node("list", start, end, flow=False)
                    table.members.append(Member(name, part_start, part_start, part_end, found))
                found.items.append(Node("map", start, end, flow=False))
            elif found is None:
                found = Node("map", start, end, flow=False)
                table.members.append(Member(name, part_start, part_start, part_end, found))
            table = found.items[-1] if found.kind == "list" else found
        return table, end

    def key(self, position: int) -> tuple[list[tuple[str, int, int]], int]:
        """The parts of a dotted key with their positions, and where it ends."""
        parts = []
        while True:
            match = _STRING.match(self.text, position) or _BARE.match(self.text, position)
            if match is None:
                raise Unreadable.at("not readable: a key is missing here", self.text, position)
            name = _decoded(match.group()) if self.text[position] in "\"'" else match.group()
            parts.append((name, position, match.end()))
            dot = self.space(match.end())
            if not self.text.startswith(".", dot):
                return parts, match.end()
            position = self.space(dot + 1)

    def pair(self, table: Node, start: int) -> int:
        """`a.b = value` into the table; where it ends."""
        parts, end = self.key(start)
        node = self.value(self.space(self.space(end) + 1))
        for name, part_start, part_end in parts[:-1]:
            found = table.get(name)
            if found is None:
                found = Node("map", start, node.end, flow=table.flow)
                table.members.append(Member(name, start, part_start, part_end, found))
            table = found
        name, part_start, part_end = parts[-1]
        table.members.append(Member(name, start, part_start, part_end, node))
        return node.end

    def value(self, position: int) -> Node:
        first = self.text[position : position + 1]
        if first == "[":
            return self.array(position)
        if first == "{":
            return self.inline(position)
        match = _STRING.match(self.text, position)
        if match is not None:
            return Node("string", position, match.end(), _decoded(match.group()))
        match = _OTHER.match(self.text, position)
        if match is None:
            raise Unreadable.at("not readable: a value is missing here", self.text, position)
        token = match.group().rstrip()
        return Node("other", position, position + len(token), token)

    def array(self, start: int) -> Node:
        items = []
        position = self.blank(start + 1)
        while not self.text.startswith("]", position):
            items.append(self.value(position))
            position = self.blank(items[-1].end)
            if self.text.startswith(",", position):
                position = self.blank(position + 1)
        return Node("list", start, position + 1, items=items)

    def inline(self, start: int) -> Node:
        table = Node("map", start, start)
        position = self.blank(start + 1)
        while not self.text.startswith("}", position):
            position = self.blank(self.pair(table, position))
            if self.text.startswith(",", position):
                position = self.blank(position + 1)
        table.end = position + 1
        return table


def _decoded(token: str) -> str:
    value = tomllib.loads(f"x = {token}")["x"]
    assert isinstance(value, str)
    return value


def _meaning(node: Node) -> object:
    if node.kind == "map":
        return {member.key: _meaning(member.node) for member in node.members}
    if node.kind == "list":
        return [_meaning(item) for item in node.items]
    if node.kind == "string":
        return node.value
    return _comparable(tomllib.loads(f"x = {node.value}")["x"])


def _comparable(value: object) -> object:
    """Numbers and dates by their type and text: 1 is not 1.0, and nan is itself."""
    if isinstance(value, dict):
        return {key: _comparable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_comparable(inner) for inner in value]
    return value if isinstance(value, str) else (type(value).__name__, repr(value))
