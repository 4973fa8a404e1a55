"""The controls of dialogues: a button, a choice, a field. Flat, one line high, told apart without colour."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.widgets import Input

from mcpwatch.tui.cells import Line, wrap_spans
from mcpwatch.tui.widgets.lines import Lines


class FlatButton(Lines, can_focus=True):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "press", "Press", show=False)]

    class Pressed(Message):
        def __init__(self, button: FlatButton) -> None:
            super().__init__()
            self.button = button

        @property
        def control(self) -> FlatButton:
            return self.button

    def __init__(self, label: str, hint: str = "", *, id: str) -> None:
        super().__init__(id=id)
        self._label, self._hint = label, hint
        self.styles.width = len(label) + 4 + (len(hint) + 1 if hint else 0)

    def draw(self, width: int, height: int) -> list[Line]:
        style = "title-focus" if self.has_focus else "bold"
        return [[(f"[ {self._label} ]", style), (f" {self._hint}", "dim")]]

    def action_press(self) -> None:
        self.post_message(self.Pressed(self))

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.focus()
        self.action_press()


class Choice(Lines, can_focus=True):
    """One of a few lines: `(•) this`, `( ) that`."""

    PICKS: ClassVar[dict[str, int]] = {"up": -1, "k": -1, "down": 1, "j": 1, "space": 1}

    def __init__(self, *options: str, id: str) -> None:
        super().__init__(id=id)
        self._options = options
        self.chosen = 0
        self.styles.height = len(options)

    def draw(self, width: int, height: int) -> list[Line]:
        return [
            [
                (f"{'(•)' if i == self.chosen else '( )'} {option}", "title-focus")
                if self.has_focus and i == self.chosen
                else (f"{'(•)' if i == self.chosen else '( )'} {option}", "fg" if i == self.chosen else "dim")
            ]
            for i, option in enumerate(self._options)
        ]

    def on_key(self, event: events.Key) -> None:
        """Not as bindings: those are looked up when the key has come up to the app, and the focus may have moved."""
        if (by := self.PICKS.get(event.key)) is not None:
            event.stop()
            self.chosen = (self.chosen + by) % len(self._options)
            self.redraw()

    def on_click(self, event: events.Click) -> None:
        event.stop()
        if event.y < len(self._options):
            self.chosen = event.y
            self.focus()
            self.redraw()


class Field(Input):
    """A one-line text field between two bars, so that it shows without colour. It keeps no history and suggests
    nothing; a password field shows bullets and cannot be copied from. From one that `goes_on`, enter leads to the
    next, and the dialogue sees to that."""

    EDITS: ClassVar[dict[str, str]] = {
        key: binding.action
        for binding in Input.BINDINGS
        if isinstance(binding, Binding) and binding.action != "submit"
        for key in binding.key.split(",")
    }

    def __init__(
        self, value: str = "", *, password: bool = False, id: str, placeholder: str = "", goes_on: bool = False
    ) -> None:
        super().__init__(
            value, password=password, id=id, placeholder=placeholder, compact=True, select_on_focus=False
        )
        self.goes_on = goes_on

    def on_mount(self) -> None:
        self.cursor_blink = False

    async def on_key(self, event: events.Key) -> None:
        """What edits is done in turn with what is typed: a binding comes after all the letters of one read."""
        if action := self.EDITS.get(event.key):
            event.stop()
            event.prevent_default()
            await self.run_action(action)

    def action_copy(self) -> None:
        if not self.password:
            super().action_copy()

    def action_cut(self) -> None:
        if not self.password:
            super().action_cut()


class Words(Lines):
    """Plain lines of text in named styles, set from outside."""

    def __init__(self, *, id: str | None = None, height: int = 1) -> None:
        super().__init__(id=id)
        self._lines: list[Line] = []
        self.styles.height = height

    def set(self, *lines: Line) -> None:
        self._lines = list(lines)
        self.redraw()

    def draw(self, width: int, height: int) -> list[Line]:
        return self._lines


class Prose(Words):
    """Lines that break at words to whatever width there is, and are as high as that takes."""

    def __init__(self, *lines: Line, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines = list(lines)
        self.styles.height = "auto"

    def set(self, *lines: Line) -> None:
        if list(lines) != self._lines:
            super().set(*lines)
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.draw(width, 0))

    def draw(self, width: int, height: int) -> list[Line]:
        return [part for line in self._lines for part in wrap_spans(line, max(1, width))]
