"""Every action by name."""

from __future__ import annotations

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from mcpwatch.tui import keys
from mcpwatch.tui.cells import Line, Span, fit
from mcpwatch.tui.keys import Key
from mcpwatch.tui.widgets.controls import Field
from mcpwatch.tui.widgets.linelist import LineList


def search(text: str) -> list[Key]:
    """The actions whose name or description holds every word, those named so first."""
    words = text.casefold().split()
    found = [
        key
        for key in keys.KEYS
        if key.palette and all(w in f"{key.id} {key.help} {key.label}".casefold() for w in words)
    ]
    return sorted(found, key=lambda key: not (words and (key.id.startswith(words[0]) or key.label == text.strip())))


class Actions(LineList[Key]):
    def row_key(self, row: Key) -> str:
        return row.id

    def row_line(self, row: Key, width: int) -> Line:
        label: Line = [(fit(row.label, 8, right=True) + " ", "key")]
        return [(" ", "fg"), (fit(row.id, 10), "bold"), (fit(row.help, width - 21) + " ", "fg"), *label]

    def cursor_style(self) -> str:
        return "cursor"

    def titles(self) -> tuple[list[Span], list[Span]]:
        return [], []

    def nothing(self) -> list[str]:
        return ["no such action"]


class PaletteScreen(ModalScreen[str]):
    """Dismissed with the id of the chosen key, or "" for none."""

    BINDINGS = keys.bindings("dialog")

    def compose(self) -> ComposeResult:
        self._field = Field(id="command", placeholder="an action: lock, limits, theme …")
        self._list = Actions(id="actions")
        self._list.can_focus = False
        box = Vertical(self._field, self._list, id="box")
        box.border_title = Content("Actions")
        yield box

    def on_mount(self) -> None:
        self._list.set_rows(search(""))
        self.set_focus(self._field)

    def action_close(self) -> None:
        self.dismiss("")

    @on(Field.Changed)
    def _search(self) -> None:
        self._list.set_rows(search(self._field.value), stick=True)

    def on_key(self, event: events.Key) -> None:
        if event.key in ("up", "down"):
            event.stop()
            self._list.action_move(1 if event.key == "down" else -1)

    @on(Field.Submitted)
    @on(LineList.Chosen)
    def _choose(self) -> None:
        if (key := self._list.selected) is not None:
            self.dismiss(key.id)
