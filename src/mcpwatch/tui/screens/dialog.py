"""What every dialogue has in common: esc closes it, both panic keys work, and a secret is tried off the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget

from mcpwatch.guard.lock import Denied
from mcpwatch.store.database import StateError
from mcpwatch.tui import fmt, keys
from mcpwatch.tui.cells import Line
from mcpwatch.tui.safe_text import safe_text
from mcpwatch.tui.widgets.controls import Field, FlatButton, Prose, Words

if TYPE_CHECKING:
    from mcpwatch.tui.app import McpWatchApp


class Dialog(ModalScreen[bool]):
    """A framed box in the middle of the screen. Dismissed with whether something was done. Where it does not fit its
    body scrolls, and the hint and the buttons stay in sight."""

    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.bindings("dialog", "fields", "open"),
        Binding("enter", "go_on", "The next field", show=False, priority=True),
    ]
    HEADING = ""

    @property
    def host(self) -> McpWatchApp:
        return cast("McpWatchApp", self.app)

    def compose(self) -> ComposeResult:
        body = self.body()
        end = [widget for widget in body if widget.id == "hint" or widget.has_class("buttons")]
        box = Vertical(*[widget for widget in body if widget not in end], Vertical(*end, id="end"), id="box")
        box.border_title = Content(self.HEADING)
        yield box

    def body(self) -> list[Widget]:
        raise NotImplementedError

    @on(FlatButton.Pressed, "#cancel")
    def action_close(self) -> None:
        self.dismiss(False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter goes on only from a field that others follow; elsewhere it is the field's or the button's."""
        return action != "go_on" or (isinstance(self.focused, Field) and self.focused.goes_on)

    def action_go_on(self) -> None:
        self.focus_next()

    def policy_changed(self) -> None:
        """The lock or a limit changed while the dialogue is open."""

    @staticmethod
    def row(label: str, *widgets: Widget) -> Horizontal:
        words = Words()
        words.styles.width = 18
        words.set([(label, "fg")])
        return Horizontal(words, *widgets, classes="row")

    @staticmethod
    def buttons(*buttons: FlatButton) -> Horizontal:
        return Horizontal(*buttons, classes="buttons")


class Attempt(Dialog):
    """A dialogue whose end needs a secret: it counts failures, shows the wait, and never repeats what was typed."""

    def __init__(self) -> None:
        super().__init__()
        self.hint = Prose(id="hint")
        self._busy = self._next = self._allowed = False
        self._idle = asyncio.Event()
        self._message = ""
        self._failures = 0
        self._until = 0.0  # time.monotonic()

    def on_mount(self) -> None:
        self.set_interval(0.25, self._show_hint)
        self.call_after_refresh(self._show_hint)
        self.run_worker(self._read_throttle())

    @property
    def wait_s(self) -> float:
        return max(0.0, self._until - time.monotonic())

    async def _read_throttle(self) -> None:
        try:
            self._failures, wait = await self.host.source.throttle()
        except StateError as error:
            self._message = safe_text(str(error), limit=200)
            wait = 0.0
        self._until = time.monotonic() + wait
        self._show_hint()

    def say(self, message: str) -> None:
        self._message = message
        self._show_hint()

    def _show_hint(self) -> None:
        first: Line = [(f"✗ {self._message}", "danger")] if self._message else []
        second: Line = []
        if self._busy:
            first = [("checking…", "dim")]
        elif self.wait_s > 0:
            second = [(f"next try in {fmt.age(self.wait_s + 0.999)}", "caution")]
        if self._failures:
            second = [(f"{fmt.plural(self._failures, 'failed attempt')}", "caution"), *second]
            second = second if len(second) == 1 else [second[0], (" · ", "dim"), second[1]]
        self.hint.set(first, second)

    async def attempt(self, work: Callable[[], Awaitable[None]], *fields: Field) -> bool:
        """Runs `work` once; fields are cleared first, whatever comes of it. Returns whether it was allowed. One that
        comes while another is checked is tried when that one fails."""
        if self._next or (self._busy and not fields) or (not self._busy and self.wait_s > 0):
            self._show_hint()
            return False
        for field in fields:
            field.clear()
        if self._busy:
            self._next = True
            await self._idle.wait()
            self._next = False
            if self._allowed or self.wait_s > 0:
                return False
        self._busy, self._message = True, ""
        self._idle.clear()
        self._show_hint()
        try:
            await work()
            self._allowed = True
        except Denied as denied:
            # The wait is shown as it runs, so the sentence need not hold a number that stands still.
            said = {"wrong-password": "wrong password", "throttled": "too many wrong passwords"}
            self._message = said.get(denied.code) or safe_text(str(denied), limit=200)
            self._failures = denied.failures
            self._until = time.monotonic() + denied.wait_s
            return False
        except (StateError, ValueError) as error:
            self._message = safe_text(str(error), limit=200)
            return False
        finally:
            self._busy = False
            self._idle.set()
            if self.is_attached:
                self._show_hint()
                if fields:
                    fields[0].focus()
        return True
