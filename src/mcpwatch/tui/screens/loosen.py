"""Dialogues that only ask for the password, or without one for a typed word, before they loosen something."""

from __future__ import annotations

from textual import on
from textual.widget import Widget

from mcpwatch.tui.rows import ToolLine
from mcpwatch.tui.screens.dialog import Attempt
from mcpwatch.tui.source import Text
from mcpwatch.tui.widgets.controls import Field, FlatButton, Prose


class LoosenScreen(Attempt):
    WORD = ""  # what is typed where no password is set
    BUTTON = ""

    def why(self) -> str:
        """What it does, in a sentence or two."""
        raise NotImplementedError

    async def work(self, secret: str | None) -> None:
        raise NotImplementedError

    def done(self) -> str:
        raise NotImplementedError

    def body(self) -> list[Widget]:
        self._has = self.host.model.policy.has_password
        self._field = Field(password=self._has, id="secret", placeholder="" if self._has else f"type {self.WORD}")
        return [
            Prose([(self.why(), "fg")]),
            self.row("Password" if self._has else f"Type {self.WORD}", self._field),
            self.hint,
            self.buttons(FlatButton("Cancel", "esc", id="cancel"), FlatButton(self.BUTTON, "enter", id="ok")),
        ]

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self._field)

    @on(FlatButton.Pressed, "#ok")
    @on(Field.Submitted, "#secret")
    def _submit(self) -> None:
        typed = self._field.value
        if not typed:
            self._field.focus()
        elif not self._has and typed != self.WORD:
            self._field.clear()
            self.say(f"that is not the word {self.WORD}")
        else:
            self.run_worker(self._loosen(typed if self._has else None))

    async def _loosen(self, secret: str | None) -> None:
        if await self.attempt(lambda: self.work(secret), self._field):
            self.host.say(self.done())
            self.dismiss(True)


class ObserveScreen(LoosenScreen):
    """From armed back to observing."""

    HEADING, WORD, BUTTON = "Observe only", "OBSERVE", "Observe"

    def why(self) -> str:
        return "Limits stop refusing calls. Usage is still metered, and the panic lock still works."

    async def work(self, secret: str | None) -> None:
        await self.host.source.observe(secret)

    def done(self) -> str:
        return "Observing: limits are off."


class StrictOffScreen(LoosenScreen):
    HEADING, WORD, BUTTON = "Leave strict mode", "LOOSEN", "Leave it"

    def why(self) -> str:
        return (
            "Suspicious and changed definitions pass again, flagged, and tools that were never listed can be called."
            " Dangerous ones stay quarantined."
        )

    async def work(self, secret: str | None) -> None:
        await self.host.source.set_strict(False, secret)

    def done(self) -> str:
        return "Strict mode is off."


class UnblockScreen(LoosenScreen):
    """Takes a block back: the definition is judged by its score again."""

    HEADING, WORD, BUTTON = "Unblock", "UNBLOCK", "Unblock"

    def __init__(self, line: ToolLine) -> None:
        super().__init__()
        self._line = line
        server, kind, name = line.key
        self._text: Text = (server, kind, name, line.fingerprint)

    def why(self) -> str:
        line = self._line
        then = "it stays quarantined for its score" if line.level.name == "danger" else "it passes again"
        return f"You blocked {line.server}/{line.title}. Without the block {then}."

    async def work(self, secret: str | None) -> None:
        await self.host.source.take_back(self._text, secret)

    def done(self) -> str:
        return f"No longer blocked: {self._line.server}/{self._line.title}."
