"""Edits of one entry as cuts and insertions in the text; everything else keeps its bytes.

Wrapping inserts our words in front of the arguments and moves the command's own text behind them; unwrapping is the
inverse, computed from the wrapped entry alone. `document.Document.edit` checks each time that it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mcpwatch.clients.entry import Form
from mcpwatch.clients.node import Member, Node
from mcpwatch.clients.table import Format

_COMMENT = {
    "json": re.compile(r"//[^\r\n]*|/\*.*?\*/", re.DOTALL),
    "toml": re.compile(r"#[^\r\n]*"),
    "yaml": re.compile(r"#[^\r\n]*"),
}
_ONE_BREAK = re.compile(r"[ \t]*(?:\r\n|\n|\r)[ \t]*")
_NEWLINE = re.compile(r"\r\n|\n|\r")


class NotEditable(Exception):
    """An edit that would not come out right: why, in a few words."""


@dataclass(frozen=True)
class Splice:
    """Replace `text[start:end]`; with start == end an insertion."""

    start: int
    end: int
    text: str = ""


def splice(text: str, splices: Sequence[Splice]) -> str:
    """The text with all splices made; they must not overlap."""
    parts, position = [], 0
    for cut in sorted(splices, key=lambda cut: (cut.start, cut.end)):
        if cut.start < position:
            raise NotEditable("its parts lie within each other")
        parts += [text[position : cut.start], cut.text]
        position = cut.end
    return "".join([*parts, text[position:]])


@dataclass(frozen=True)
class Editor:
    """Edits of entries of one file."""

    text: str
    format: Format

    def wrap(self, form: Form, program: str, name: str) -> list[Splice]:
        """Put `program run --name NAME --` in front of what the entry starts."""
        if form.array:
            return [self._put_first(form.command.node, [_string(w) for w in (program, "run", "--name", name, "--")])]
        command = form.command.node
        own = self.text[command.start : command.end]
        replaced = Splice(command.start, command.end, _string(program))
        if form.args is not None:
            words = [_string(w) for w in ("run", "--name", name, "--")]
            return [replaced, self._put_first(form.args.node, [*words, own])]
        words = [_string(w) for w in ("run", f"--name={name}", "--")]
        return [replaced, self._add_member(form.holder, form.command, "args", f"[{', '.join([*words, own])}]")]

    def repair(self, form: Form, program: str) -> list[Splice]:
        """Let a wrapped entry start this program instead."""
        first = form.words[0]
        return [Splice(first.start, first.end, _string(program))]

    def unwrap(self, form: Form, count: int, joined: bool) -> list[Splice]:
        """Take the first `count` words away; what follows is the entry's own command."""
        if form.array:
            return self._drop_first(form.command.node, count)
        if form.args is None:
            raise NotEditable("its arguments are not a list")
        own, command = form.words[count], form.command.node
        restored = Splice(command.start, command.end, self.text[own.start : own.end])
        nothing_left = len(form.words) == count + 1
        if nothing_left and (joined or not form.args.node.flow):
            return [restored, *self._drop_member(form.holder, form.args)]
        return [restored, *self._drop_first(form.args.node, count)]

    def replace(self, node: Node, value: str) -> list[Splice]:
        """Write another address in the place of this one, and in the same way: with its quotes, or without. A query
        that stays is not touched, however it is written."""
        written, old = self.text[node.start : node.end], str(node.value)
        query = old.partition("?")[2]
        if not query or not value.endswith((f"?{query}", f"&{query}")):
            query = ""
        old, value = old.removesuffix(query), value.removesuffix(query)
        end = written.find("?") + 1 if query else len(written)
        for style in _STYLES:
            closing = len(style("")) // 2 if query else 0
            if style(old)[: len(style(old)) - closing] == written[:end]:
                return [Splice(node.start, node.start + end, style(value)[: len(style(value)) - closing])]
        raise NotEditable("its address is written in an unusual way")

    # Lists

    def _put_first(self, node: Node, words: Sequence[str]) -> Splice:
        if node.flow:
            after = "," if node.items else ""
            return Splice(node.start + 1, node.start + 1, ", ".join(words) + after)
        dash = self._dash(node, 0)
        gap = self._newline() + " " * self._column(dash)
        return Splice(dash, dash, "".join(f"- {word}{gap}" for word in words))

    def _drop_first(self, node: Node, count: int) -> list[Splice]:
        left = len(node.items) - count
        if not node.flow:
            return [Splice(self._dash(node, 0), self._dash(node, count))]
        last = node.items[count - 1].end
        comma = self._comma(last, node.items[count].start if left else node.end - 1)
        if comma is None:
            return [Splice(node.start + 1, last)]
        if self.text[last:comma].strip():  # a comment
            return [Splice(node.start + 1, last), Splice(comma, comma + 1)]
        return [Splice(node.start + 1, comma + 1)]

    def _dash(self, node: Node, index: int) -> int:
        """Where the dash of an item of a block list stands: all stand in one column."""
        if self.text[node.start : node.start + 1] != "-":
            raise NotEditable("its argument list is written in an unusual way")
        column = self._column(node.start)
        line = self._line_start(node.items[index].start)
        dash = line + column
        blank = index == 0 or not self.text[line:dash].strip()
        if self.text[dash : dash + 1] != "-" or not blank:
            raise NotEditable("its argument list is written in an unusual way")
        return dash

    # Maps

    def _add_member(self, holder: Node, command: Member, key: str, value: str) -> Splice:
        prefix = self.text[command.key_start : command.name_start]
        written = (
            f'"{key}": ' if self.format == "json" else f"{prefix}{key} = " if self.format == "toml" else f"{key}: "
        )
        if holder.flow:
            end = command.node.end
            return Splice(end, end, f", {written}{value}")
        at = command.key_start
        indent = self.text[self._line_start(at) : at] if self.format == "toml" else " " * self._column(at)
        return Splice(at, at, f"{written}{value}{self._newline()}{indent}")

    def _drop_member(self, holder: Node, member: Member) -> list[Splice]:
        start, end = member.key_start, self._end(member.node)
        others = sorted(holder.members, key=lambda other: other.key_start)
        place = next(i for i, other in enumerate(others) if other is member)
        before = others[place - 1].node.end if place else None
        after = others[place + 1].key_start if place + 1 < len(others) else None
        if not holder.flow:
            if after is not None and _ONE_BREAK.fullmatch(self.text, end, after):
                return [Splice(start, after)]
            return [Splice(*self._whole_lines(start, end))]
        if before is not None:
            comma = self._comma(before, start)
            if comma is not None and not (self.text[before:comma] + self.text[comma + 1 : start]).strip():
                return [Splice(before, end)]
            return [Splice(start, end)] if comma is None else [Splice(comma, comma + 1), Splice(start, end)]
        return [Splice(start, after if after is not None else end)]

    def _end(self, node: Node) -> int:
        """Where a value's last character is: a block list's own end lies beyond what follows it."""
        return node.items[-1].end if node.kind == "list" and not node.flow and node.items else node.end

    def _whole_lines(self, start: int, end: int) -> tuple[int, int]:
        line = self._line_start(start)
        if self.text[line:start].strip():
            raise NotEditable("its arguments share a line with something else")
        newline = _NEWLINE.search(self.text, end)
        return line, newline.end() if newline else len(self.text)

    # Text

    def _comma(self, start: int, end: int) -> int | None:
        """The comma between two values, comments aside."""
        gap = _COMMENT[self.format].sub(lambda match: " " * len(match.group()), self.text[start:end])
        found = gap.find(",")
        return None if found < 0 else start + found

    def _line_start(self, position: int) -> int:
        return max(self.text.rfind("\n", 0, position), self.text.rfind("\r", 0, position)) + 1

    def _column(self, position: int) -> int:
        return position - self._line_start(position)

    def _newline(self) -> str:
        found = _NEWLINE.search(self.text)
        return found.group() if found else "\n"


def _string(text: str) -> str:
    """A string as JSON, TOML and YAML all write it."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


# How an address may be written: JSON's way, JSON's with \\/ for /, between apostrophes, with no quotes (YAML).
_STYLES: tuple[Callable[[str], str], ...] = (
    _string,
    lambda text: _string(text).replace("/", "\\/"),
    lambda text: f"'{text}'",
    lambda text: text,
)
