"""JSON with comments and trailing commas (JSONC), located: every client's dialect is between the two."""

from __future__ import annotations

import json
import re

from mcpwatch.clients.node import MAX_DEPTH, Member, Node, Unreadable

_BLANK = re.compile(r"(?:[ \t\r\n]++|//[^\r\n]*+|/\*(?:[^*]|\*(?!/))*+\*/)*+")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*+"')
_OTHER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)(?!\w)")


def read(text: str) -> Node:
    """The tree of a JSON document; an empty map for a file with nothing in it. Raises Unreadable."""
    reader = _Reader(text)
    start = reader.blank(0)
    if start == len(text):
        return Node("map", start, start)
    root = reader.value(start, 0)
    rest = reader.blank(root.end)
    if rest < len(text):
        raise reader.error("nothing may follow the document's end", rest)
    return root


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text

    def error(self, what: str, position: int) -> Unreadable:
        return Unreadable.at(f"not valid JSON: {what}", self.text, position)

    def blank(self, position: int) -> int:
        """Where the next thing that is not white space or a comment begins."""
        match = _BLANK.match(self.text, position)
        assert match is not None
        end = match.end()
        if self.text.startswith("/*", end):
            raise self.error("the comment has no end", end)
        return end

    def value(self, position: int, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self.error(f"nested more than {MAX_DEPTH} deep", position)
        first = self.text[position : position + 1]
        if first == "{":
            return self.map(position, depth)
        if first == "[":
            return self.list(position, depth)
        if first == '"':
            value, end = self.string(position)
            return Node("string", position, end, value)
        match = _OTHER.match(self.text, position)
        if match is None:
            raise self.error("a value is missing here" if first else "the file ends too early", position)
        return Node("other", position, match.end(), match.group())

    def string(self, position: int) -> tuple[str, int]:
        match = _STRING.match(self.text, position)
        if match is None:
            raise self.error("this string has no end, or a character that must be escaped", position)
        return json.loads(match.group()), match.end()

    def map(self, start: int, depth: int) -> Node:
        members = []
        position = self.blank(start + 1)
        while not self.text.startswith("}", position):
            if not self.text.startswith('"', position):
                raise self.error("a key in double quotes, or }, is missing here", position)
            key, key_end = self.string(position)
            colon = self.blank(key_end)
            if not self.text.startswith(":", colon):
                raise self.error("a colon is missing here", colon)
            node = self.value(self.blank(colon + 1), depth + 1)
            members.append(Member(key, position, position, key_end, node))
            position = self.separator(node.end, "}")
        return Node("map", start, position + 1, members=members)

    def list(self, start: int, depth: int) -> Node:
        items = []
        position = self.blank(start + 1)
        while not self.text.startswith("]", position):
            items.append(self.value(position, depth + 1))
            position = self.separator(items[-1].end, "]")
        return Node("list", start, position + 1, items=items)

    def separator(self, position: int, close: str) -> int:
        """Past the comma, or at the closing bracket."""
        position = self.blank(position)
        if self.text.startswith(",", position):
            return self.blank(position + 1)
        if not self.text.startswith(close, position):
            raise self.error(f"a comma or {close} is missing here", position)
        return position
