"""Leaving while clients are attached, or while the demo plays."""

from __future__ import annotations

from textual import on
from textual.widget import Widget

from mcpwatch.tui import fmt
from mcpwatch.tui.screens.dialog import Dialog
from mcpwatch.tui.widgets.controls import FlatButton, Prose


class QuitScreen(Dialog):
    HEADING = "Quit"

    def body(self) -> list[Widget]:
        sessions = fmt.plural(len(self.host.model.sessions), "session")
        if self.host.demo:
            said = "The demo ends with this screen: its agent, its servers and its state go away."
            words = Prose([(f"{said} Nothing of yours was touched.", "fg")])
        else:
            words = Prose(
                [(f"{sessions} under guard. Only this screen closes:", "fg")],
                [("protection stays on, and so does a lock.", "bold")],
            )
        self._cancel_button = FlatButton("Cancel", "esc", id="cancel")
        return [words, self.buttons(self._cancel_button, FlatButton("Quit", "ctrl+q", id="ok"))]

    def on_mount(self) -> None:
        self._cancel_button.focus()

    @on(FlatButton.Pressed, "#ok")
    def _ok(self) -> None:
        self.dismiss(True)
