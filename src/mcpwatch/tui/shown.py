"""What is shown of a definition before somebody decides: all of it, or how much is left out. No Textual.

What comes in and what goes out is raw: whoever draws it makes it safe.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

from mcpwatch.protocol.diff import Change
from mcpwatch.store.definitions import MAX_STORED_JSON, UNREAD_JSON
from mcpwatch.tui import fmt

MOST_TEXT = 250_000  # characters drawn at once; a definition that the rules read whole has far fewer
SAME = 200  # characters shown of what both sides of a change share, on either side of the difference
DEEPEST = 12  # levels that are indented: with more, a deep schema would be mostly blanks
NOT_KEPT = "The rest of this text was not kept, and is not shown."

_WORDS = re.compile(r"\s+|[^\s]+")
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^"{}\[\],:]+')
_SCHEMAS = (("inputSchema", "Input schema"), ("outputSchema", "Output schema"))
_TEXTS = ("description", "instructions")


class Room:
    """How many characters may still be shown, and how many were not."""

    def __init__(self, left: int = MOST_TEXT) -> None:
        self.left = left
        self.hidden = 0

    def take(self, text: str) -> str:
        """As much of the text as there is room for."""
        part = text[: self.left]
        self.left -= len(part)
        self.hidden += len(text) - len(part)
        return part


def not_shown(characters: int) -> str:
    return f"{fmt.plural(characters, 'character')} {'is' if characters == 1 else 'are'} not shown."


def parse(text: str) -> Any:
    """The definition, or its text where that is no whole JSON (a text over the cap is kept cut)."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text


def whole(text: str) -> bool:
    """Whether all of a text was kept: of one that was not read, or is too large, only the beginning is."""
    return len(text) not in (UNREAD_JSON, MAX_STORED_JSON) or not isinstance(parse(text), str)


class Section(NamedTuple):
    title: str
    text: str
    is_json: bool = False


def sections(value: Any) -> list[Section]:
    """The whole definition: its prose first, then its schemas, then whatever else it holds."""
    if not isinstance(value, dict):
        return [Section("Text", value) if isinstance(value, str) else Section("Text", pretty(value), True)]
    found = [Section(key.capitalize(), value[key]) for key in _TEXTS if isinstance(value.get(key), str)]
    shown = {key for key in _TEXTS if isinstance(value.get(key), str)}
    for key, title in _SCHEMAS:
        if key in value:
            found.append(Section(title, pretty(value[key]), True))
            shown.add(key)
    rest = {key: item for key, item in value.items() if key not in shown}
    return [*found, Section("The rest of it", pretty(rest), True)] if rest else found


def pretty(value: Any) -> str:
    """JSON, one item a line, indented down to `DEEPEST` levels: its length stays in proportion to the text."""
    out: list[str] = []
    depth, last = 0, ""
    for token in _TOKENS.findall(msgspec.json.encode(value).decode()):
        closes = token in ("}", "]")
        depth -= closes
        if (last in ("{", "[", ",") and not closes) or (closes and last not in ("{", "[")):
            out.append("\n" + "  " * min(depth, DEEPEST))
        out.append(": " if token == ":" else token)
        depth += token in ("{", "[")
        last = token
    return "".join(out)


class Difference(NamedTuple):
    """A change as it is shown. Each side, where it is there: what both share before the difference, the difference,
    what both share after it. `before` and `after` say how many more characters they share there."""

    old: tuple[str, str, str] | None
    new: tuple[str, str, str] | None
    before: int
    after: int


def difference(change: Change) -> Difference:
    """The two sides of a change; only what both share is cut."""
    old, new = change.old, change.new
    start, end = _shared(old, new) if old is not None and new is not None else (0, 0)
    before = start - SAME if start > 2 * SAME else 0
    after = end - SAME if end > 2 * SAME else 0

    def side(value: str | None) -> tuple[str, str, str] | None:
        if value is None:
            return None
        last = len(value) - end
        return value[before:start], value[start:last], value[last : len(value) - after]

    return Difference(side(old), side(new), before, after)


def the_same(characters: int) -> str:
    return f"… {fmt.plural(characters, 'character')} the same …"


def _shared(old: str, new: str) -> tuple[int, int]:
    """How many characters at the two ends the texts have in common, in whole words."""
    one, two = _WORDS.findall(old), _WORDS.findall(new)
    most = min(len(one), len(two))
    head = next((i for i in range(most) if one[i] != two[i]), most)
    tail = next((i for i in range(most - head) if one[-1 - i] != two[-1 - i]), most - head)
    return sum(map(len, one[:head])), sum(map(len, one[len(one) - tail :]))
