"""Frames nobody may read: what can still be told of them, so that whoever waits for one is not left waiting.

Nothing is passed on the strength of what is found here. It only ends a question with an error.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from mcpwatch.protocol.lenient import find_id

READ: Final = 1 << 20
"""Bytes of a frame that are looked at; of a longer one only the edges, should its id not be among them."""

_EDGE: Final = 4096
_TOKENS: Final = 1 << 17  # strings and brackets looked at: some 50 ms
_MOST: Final = 1024  # objects in a line; a batch has no more members

_START: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*+(\[\s*+\{|\{)")
_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[][{}]', re.DOTALL)
_SCALAR: Final = re.compile(rb'\s*+:\s*+(-?[0-9][0-9.eE+-]*+|"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^\s,{}\[\]]*+)', re.DOTALL)


class Sketch(msgspec.Struct, gc=False):
    """One object of a line. `id` is raw; None when there is none, or when there are several that differ."""

    id: bytes | None = None
    asks: bool = False  # it has a method
    answers: bool = False  # it has a result or an error
    rpc: bool = False  # it calls itself JSON-RPC

    def take(self, key: bytes, line: bytes, end: int) -> None:
        """A member: its key, as it is written in quotes, and where its colon is looked for."""
        scalar = _SCALAR.match(line, end)
        if scalar is None:
            return
        name = _name(key)
        if name == "id":
            value = scalar.group(1)
            self.id = value if self.id in (None, value) else b""
        folded = name.casefold()
        self.asks = self.asks or folded == "method"
        self.answers = self.answers or folded in ("result", "error")
        self.rpc = self.rpc or folded == "jsonrpc"


def sketches(line: bytes) -> list[Sketch]:
    """What each object in the line is, as far as it can be told; nothing for a line that is no attempt at JSON-RPC.

    A line that only quotes a frame (a log line on stdout, say) is none.
    """
    start = _START.match(line)
    if start is None:
        return []
    level = 2 if start.group(1)[:1] == b"[" else 1
    found: list[Sketch] = []
    depth = 0
    for n, token in enumerate(_TOKEN.finditer(line, start.start(1), READ)):
        first = line[token.start()]
        if first in b"{[":
            depth += 1
            if depth == level and first == 123:
                found.append(Sketch())
        elif first != 34:
            depth -= 1
        elif depth == level and found:
            found[-1].take(token.group(), line, token.end())
        if n > _TOKENS or len(found) > _MOST:
            break
    if len(found) == 1 and found[0].id is None and len(line) > READ:
        found[0].id = find_id(line[:_EDGE], line[-_EDGE:])
    for one in found:
        one.id = one.id or None
    return [one for one in found if one.rpc or one.asks or one.answers]


def _name(key: bytes) -> str:
    try:
        return msgspec.json.decode(key, type=str)
    except (msgspec.MsgspecError, UnicodeError):
        return key.decode(errors="replace")
