"""The question before clients' files are changed: which files, which servers, and where the copies are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.widget import Widget

from mcpwatch.clients.plan import Change
from mcpwatch.tui import fmt, keys
from mcpwatch.tui.cells import Line
from mcpwatch.tui.client_rows import where
from mcpwatch.tui.safe_text import safe_text
from mcpwatch.tui.screens.dialog import Dialog
from mcpwatch.tui.widgets.controls import Field, FlatButton, Prose

MOST = 6  # files named one by one
WORD = "UNWRAP"


class Rewire(Dialog):
    """Dismissed with whether to go ahead."""

    def __init__(self, changes: Sequence[Change]) -> None:
        super().__init__()
        self._changes = changes

    def says(self) -> list[str]:
        raise NotImplementedError

    def _words(self) -> Prose:
        ascii = self.host.ascii
        lines: list[Line] = []
        for change in self._changes[:MOST]:
            path = where(str(change.file.path), self.host.wiring.home, ascii=ascii)
            names = ", ".join(safe_text(s.server.name, limit=40, lines="show", ascii=ascii) for s in change.steps)
            said = f"  {fmt.plural(len(change.steps), 'server')}: {names}"
            lines += [[(change.file.client.name, "bold"), (f"  {path}", "fg")], [(said, "dim")]]
        if len(self._changes) > MOST:
            lines.append([(f"and {fmt.plural(len(self._changes) - MOST, 'other file')}", "fg")])
        for said in self.says():
            lines += [[], [(said, "fg")]]
        return Prose(*lines)

    def _title(self, verb: str) -> str:
        n = sum(len(change.steps) for change in self._changes)
        return f"{verb} {fmt.plural(n, 'server')} in {fmt.plural(len(self._changes), 'file')}?"


class WrapScreen(Rewire):
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings("dialog", "open"), ("ctrl+s", "wrap", "Wrap")]

    def body(self) -> list[Widget]:
        self.HEADING = self._title("Put mcpwatch in front of")
        self._cancel_button = FlatButton("Cancel", "esc", id="cancel")
        return [self._words(), self.buttons(self._cancel_button, FlatButton("Wrap", "ctrl+s", id="ok"))]

    def says(self) -> list[str]:
        said = ["A copy of each file stays beside it, and unwrapping restores every byte."]
        if any(change.file.scope == "project" for change in self._changes):
            said.append("A project's file is often shared: others then need mcpwatch at the same path.")
        return said

    def on_mount(self) -> None:
        self._cancel_button.focus()

    @on(FlatButton.Pressed, "#ok")
    def action_wrap(self) -> None:
        self.dismiss(True)


class UnwrapScreen(Rewire):
    """Loosens, so it ends in a typed word: a terminal's replies can arrive as key presses."""

    def body(self) -> list[Widget]:
        self.HEADING = self._title("Take mcpwatch away from")
        self._field = Field(id="word", placeholder=f"type {WORD}")
        self._hint = Prose(id="hint")
        return [
            self._words(),
            self.row(f"Type {WORD}", self._field),
            self._hint,
            self.buttons(FlatButton("Cancel", "esc", id="cancel"), FlatButton("Unwrap", "enter", id="ok")),
        ]

    def says(self) -> list[str]:
        return [
            "Their calls are then neither seen nor limited nor refused, whatever is locked."
            " A copy of each file stays beside it."
        ]

    def on_mount(self) -> None:
        self.set_focus(self._field)

    @on(FlatButton.Pressed, "#ok")
    @on(Field.Submitted, "#word")
    def _submit(self) -> None:
        if self._field.value == WORD:
            self.dismiss(True)
        elif self._field.value:
            self._field.clear()
            self._hint.set([(f"✗ that is not the word {WORD}", "danger")])
            self._field.focus()
