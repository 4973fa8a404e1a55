"""What changed between two texts of a definition, field by field, as lines that read without colour."""

from __future__ import annotations

from mcpwatch.protocol.diff import Change, field_changes
from mcpwatch.tui import fmt
from mcpwatch.tui.cells import Line, Span
from mcpwatch.tui.definition import indented
from mcpwatch.tui.safe_text import safe_text
from mcpwatch.tui.shown import Room, difference, not_shown, the_same


def change_lines(old: str, new: str, width: int, *, ascii: bool = False, room: Room | None = None) -> list[Line]:
    """Every field that differs: its path, then `-` what it was and `+` what it is, the words that differ marked.
    What there is no `room` for is counted."""
    room = Room() if room is None else room
    hidden, fields = room.hidden, 0
    lines: list[Line] = []
    for change in field_changes(old, new):
        if room.left:
            lines += [*_path(change, width, ascii, room), *_sides(change, width, ascii, room), []]
        else:
            fields += 1
            room.take(change.path + (change.old or "") + (change.new or ""))
    if room.hidden > hidden:
        more = f"{fmt.plural(fields, 'more field')}; " if fields else ""
        lines.append([(f"! {more}{not_shown(room.hidden - hidden)}", "caution")])
    return lines or [[("no field differs", "dim")]]


def _path(change: Change, width: int, ascii: bool, room: Room) -> list[Line]:
    path = room.take(change.path)
    path = safe_text(path, limit=len(path), lines="show", ascii=ascii) or "the whole text"
    word = "added" if change.old is None else "removed" if change.new is None else "changed"
    return indented([(path, "bold"), (f"  {word}", "dim")], width, "")


def _sides(change: Change, width: int, ascii: bool, room: Room) -> list[Line]:
    parts = difference(change)
    lines: list[Line] = []
    if parts.before:
        lines.append([("  ", "fg"), (_dots(parts.before, ascii), "dim")])
    for sign, side, name in (("-", parts.old, "old"), ("+", parts.new, "new")):
        if side is None:
            continue
        shared = bool(side[0] or side[2])
        spans: list[Span] = [
            (_safe(room.take(part), ascii), f"diff-{name}-mark" if i == 1 and shared else f"diff-{name}")
            for i, part in enumerate(side)
            if part
        ]
        if not spans:
            spans = [("(empty)", "dim")]
        lines += indented(spans, width, "  ", (f"{sign} ", f"diff-{name}"))
    if parts.after:
        lines.append([("  ", "fg"), (_dots(parts.after, ascii), "dim")])
    return lines


def _dots(characters: int, ascii: bool) -> str:
    return the_same(characters).replace("…", "~") if ascii else the_same(characters)


def _safe(text: str, ascii: bool) -> str:
    return safe_text(text, limit=len(text), lines="keep", ascii=ascii)
