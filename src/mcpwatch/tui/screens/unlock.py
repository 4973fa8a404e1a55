"""Unlock: why it is locked, what tripped it, and the password."""

from __future__ import annotations

from textual import on
from textual.widget import Widget

from mcpwatch.store.records import Dimension, Limit
from mcpwatch.tui import fmt
from mcpwatch.tui.cells import Line, fit
from mcpwatch.tui.screens.dialog import Attempt
from mcpwatch.tui.widgets.controls import Choice, Field, FlatButton, Prose
from mcpwatch.tui.widgets.lock_banner import sentence


class UnlockScreen(Attempt):
    HEADING = "Unlock"

    def body(self) -> list[Widget]:
        policy = self.host.model.policy
        self._word = not policy.has_password
        self._why = Prose(id="why")
        self._field = Field(password=not self._word, id="secret", placeholder="type UNLOCK" if self._word else "")
        self._after = Choice(
            "count only calls made from now on",
            "keep the window (it may lock again at once)",
            id="after",
        )
        return [
            self._why,
            self.row("Type UNLOCK" if self._word else "Password", self._field),
            self.hint,
            self._after,
            self.buttons(FlatButton("Cancel", "esc", id="cancel"), FlatButton("Unlock", "enter", id="ok")),
        ]

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self._field)
        self.call_after_refresh(self._show_why)
        # The calls that tripped it may arrive after the lock, and refusals go on.
        self.set_interval(0.5, self._show_why)

    def _show_why(self) -> None:
        host = self.host
        lock = host.model.policy.lock
        if not lock.locked:
            return
        when = fmt.moment(lock.since_utc, host.zone, host.now())
        text = sentence(lock, ascii=host.ascii)
        text = f"Locked {when}: {text}"
        lines: list[Line] = [[(text, "fg")]]
        lines.append([(f"{fmt.plural(lock.refused, 'call')} refused since then.", "dim")])
        if self._word:
            lines.append([("No password is set: a person at a terminal types the word.", "caution")])
        else:
            lines += self._tripped(lock.code, lock.since_utc)
        self._why.set(*lines)

    def _tripped(self, code: str, since_utc: int) -> list[Line]:
        model = self.host.model
        limits = [u.limit for u in model.usages if u.limit.dimension == code]
        if not limits:
            return []
        limit: Limit = min(limits, key=lambda x: x.window_s)
        top, total = model.top_tools(limit.window_s, since_utc)
        width = 34 if self.size.width >= 72 else 22
        unit = "calls" if limit.dimension == Dimension.CALLS else "calls counted"
        return [
            [("  ", "fg"), (fit(name, width), "fg"), (f" {n:>4}", "bold"), (f" of {total} {unit}", "dim")]
            for name, n in top
        ]

    def policy_changed(self) -> None:
        if not self.host.model.policy.lock.locked and not self._busy:
            self.dismiss(False)

    @on(FlatButton.Pressed, "#ok")
    @on(Field.Submitted, "#secret")
    def _submit(self) -> None:
        secret = self._field.value
        if not secret:
            self._field.focus()
            return
        self.run_worker(self._unlock(secret))

    async def _unlock(self, secret: str) -> None:
        keep = self._after.chosen == 1
        if await self.attempt(lambda: self.host.source.unlock(secret, keep), self._field):
            self.host.clear_notifications()
            self.host.say("Unlocked. " + ("The windows keep what they hold." if keep else "Windows start anew."))
            self.dismiss(True)
