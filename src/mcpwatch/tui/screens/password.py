"""Setting or changing the password."""

from __future__ import annotations

from textual import on
from textual.widget import Widget

from mcpwatch.tui.screens.dialog import Attempt
from mcpwatch.tui.widgets.controls import Field, FlatButton, Prose, Words

LEAST = 8


class PasswordScreen(Attempt):
    """Twice the new one, and the current one when there is one. With `arm` it arms the limits afterwards."""

    def __init__(self, *, arm: bool = False) -> None:
        super().__init__()
        self._arm = arm

    @property
    def HEADING(self) -> str:  # type: ignore[override]
        return "Change the password" if self.host.model.policy.has_password else "Set a password"

    def body(self) -> list[Widget]:
        self._has = self.host.model.policy.has_password
        why = "It is asked for whatever loosens: unlocking, raising a limit, observing."
        if self._arm:
            why = "Arming needs a password: without one, nobody could prove to be you when it locks. " + why
        self._current = Field(password=True, id="current", goes_on=True)
        self._new = Field(password=True, id="new", goes_on=True)
        self._again = Field(password=True, id="again")
        self._live = Words(height=1)
        return [
            Prose([(why, "fg")]),
            *([self.row("Current password", self._current)] if self._has else []),
            self.row("New password", self._new),
            self.row("The same again", self._again),
            self._live,
            self.hint,
            self.buttons(FlatButton("Cancel", "esc", id="cancel"), FlatButton("Set", "enter", id="ok")),
        ]

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self._current if self._has else self._new)
        self.call_after_refresh(self._check)

    @on(Field.Changed)
    def _check(self) -> None:
        new, again = self._new.value, self._again.value
        if len(new) < LEAST:
            self._live.set([(f"at least {LEAST} characters; {len(new)} so far", "dim")])
        elif again and not new.startswith(again):
            self._live.set([("! the two differ", "caution")])
        elif again != new:
            self._live.set([("now the same again", "dim")])
        else:
            self._live.set([("✓ the two are the same", "safe")])

    @on(FlatButton.Pressed, "#ok")
    @on(Field.Submitted)
    def _submit(self) -> None:
        fields = [*([self._current] if self._has else []), self._new, self._again]
        if not all(field.value for field in fields):
            return
        self.run_worker(self._set(self._new.value, self._again.value, self._current.value if self._has else None))

    async def _set(self, new: str, again: str, current: str | None) -> None:
        fields = [*([self._current] if self._has else []), self._new, self._again]
        if await self.attempt(lambda: self.host.source.set_password(new, again, current), *fields):
            self.host.say("The password is set.")
            self.dismiss(True)
