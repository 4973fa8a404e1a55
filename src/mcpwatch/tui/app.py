"""The screen: reads the state file four times a second, draws what changed, and carries out what a person decides.

The lock is looked at more often than the tick (`POLL_S`), and shown at once. Nothing here is needed for protection:
guards enforce whether or not a screen is open.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import ClassVar, Literal

from textual.app import App
from textual.binding import Binding, BindingType
from textual.filter import LineFilter, Monochrome
from textual.worker import WorkerFailed

from mcpwatch.guard.lock import Denied
from mcpwatch.store.database import StateError
from mcpwatch.store.paths import state_dir
from mcpwatch.store.records import Policy
from mcpwatch.tui import crash, keys, palette
from mcpwatch.tui.copying import copy_json
from mcpwatch.tui.line_filters import Ascii, NoColour, Scrub
from mcpwatch.tui.model import MAX_CALLS, CallLine, Model, ToolLine
from mcpwatch.tui.safe_text import safe_text
from mcpwatch.tui.screens.confirm import QuitScreen
from mcpwatch.tui.screens.detail import DetailScreen
from mcpwatch.tui.screens.help import HelpScreen
from mcpwatch.tui.screens.limits import LimitsScreen
from mcpwatch.tui.screens.main import MainScreen
from mcpwatch.tui.screens.palette import PaletteScreen
from mcpwatch.tui.screens.password import ObserveScreen, PasswordScreen
from mcpwatch.tui.screens.unlock import UnlockScreen
from mcpwatch.tui.source import DataSource, StateSource
from mcpwatch.tui.widgets.meters import BUCKETS
from mcpwatch.tui.widgets.onboarding import SNIPPET
from mcpwatch.tui.workers import HostedWorker, default_workers

POLL_S = 0.075  # how often the lock is looked at
TICK_S = 0.25  # how often the rest is drawn
SLOW_S = 1.0  # how often what moves by itself (windows, history) is read again
RETRY_S = 1.0  # how soon an unreadable state is tried again


class McpWatchApp(App[int], inherit_bindings=False):
    CSS_PATH = "app.tcss"
    TITLE = "mcpwatch"
    ENABLE_COMMAND_PALETTE = False
    NOTIFICATION_TIMEOUT = 4
    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.bindings("everywhere"),
        Binding("ctrl+c", "app.hint_quit", "How to quit", show=False, system=True),
    ]

    def __init__(
        self,
        source: DataSource,
        *,
        ascii: bool = False,
        theme: str = "dark",
        notice: str = "",
        now: Callable[[], int] = time.time_ns,
        zone: tzinfo | None = None,
        price_per_1k: float = 0.003,
        workers: Sequence[HostedWorker] | None = None,
        crash_folder: Path | None = None,
        tune_gc: bool = False,
    ) -> None:
        self.palette_version = 0
        self.palette = palette.styles(palette.THEMES[0], no_color=False)
        super().__init__()
        self.source = source
        self.ascii = ascii
        self.notice = safe_text(notice, limit=200, ascii=ascii)
        self.now, self.zone = now, zone
        self.price_per_1k = price_per_1k
        self.workers_hosted = tuple(default_workers() if workers is None else workers)
        self.model = Model(ascii=ascii)
        self.paused = False
        self.ticks = 0  # for tests: how many times the screen has caught up with the state
        self.crash_line = ""  # what is left to say on the terminal after a failure
        self._crash_folder = crash_folder
        self._tune_gc = tune_gc
        self._dirty = True
        self._slow_at = 0.0
        self._line_filters = [
            *([NoColour()] if self.no_color else []),
            Scrub(),
            *([Ascii()] if ascii else []),
        ]
        for known in palette.THEMES:
            self.register_theme(known)
        self.theme = f"mcpwatch-{theme}" if theme in palette.NAMES else palette.THEMES[0].name
        self._refresh_palette()
        self.main = MainScreen()

    # --- looks ---

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*(f for f in super().get_line_filters() if not isinstance(f, Monochrome)), *self._line_filters]

    def _refresh_palette(self) -> None:
        self.palette = palette.styles(self.current_theme, no_color=self.no_color)
        self.palette_version += 1

    def _watch_theme(self, theme_name: str) -> None:
        super()._watch_theme(theme_name)
        self._refresh_palette()
        if self.is_running:
            for screen in self.screen_stack:
                screen.refresh(repaint=True, recompose=False)
                for widget in screen.query("*"):
                    widget.refresh()

    def action_theme(self) -> None:
        names = [theme.name for theme in palette.THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)]

    def say(self, text: str, severity: Literal["information", "warning", "error"] = "information") -> None:
        """A short message. Never what somebody typed."""
        self.notify(safe_text(text, limit=300, ascii=self.ascii), severity=severity, markup=False)

    # --- life ---

    def on_mount(self) -> None:
        self.push_screen(self.main)
        for worker in self.workers_hosted:
            self.run_worker(worker.run(), name=worker.name, group="hosted", exit_on_error=True)
        self.run_worker(self._follow_state(), name="state", group="state", exit_on_error=True)

    async def on_unmount(self) -> None:
        with contextlib.suppress(StateError):
            await self.source.close()

    async def _follow_state(self) -> None:
        tick_at = 0.0
        while True:
            try:
                await self.source.open()
                await self._look()
                if time.monotonic() >= tick_at:
                    tick_at = time.monotonic() + TICK_S
                    await self._tick()
            except StateError as error:
                await self._state_lost(error)
                await asyncio.sleep(RETRY_S)
                continue
            await asyncio.sleep(POLL_S)

    async def _look(self) -> None:
        """Whether anything was written; a lock shows at once."""
        if not await self.source.changed():
            return
        self._dirty = True
        self._take_policy(await self.source.policy())

    def _take_policy(self, policy: Policy) -> None:
        before, error = self.model.policy, self.model.error
        self.model.take_policy(policy)
        if policy == before and not error:
            return
        if policy.lock.locked != before.lock.locked or policy.version != before.version:
            self.model.relock()
        self._show_lock()
        if policy.lock.locked and not before.lock.locked:
            self.bell()
            if self.ticks and self.screen is not self.main:
                self.say(f"LOCKED: {policy.lock.reason}", "error")

    def _show_lock(self) -> None:
        if not self.main.is_attached:
            return
        with self.batch_update():
            self.main.redraw_lock()
        for screen in self.screen_stack:
            changed = getattr(screen, "policy_changed", None)
            if changed is not None:
                changed()

    async def _state_lost(self, error: StateError) -> None:
        """Never show old numbers as live: say why, and try again."""
        self.model.error = str(error)
        self.model.usages = ()
        self._dirty = True
        self._slow_at = 0.0
        with contextlib.suppress(StateError):
            await self.source.close()
        self._show_lock()
        self.main.redraw()
        self.ticks += 1

    async def _tick(self) -> None:
        slow = time.monotonic() >= self._slow_at
        if slow:
            self._slow_at = time.monotonic() + SLOW_S
            if await self.source.replaced():
                raise StateError("the state file was moved or replaced")
        if self._dirty:
            self._dirty = False
            await self._read_increments()
        if slow or self.ticks == 0:
            self.model.usages = await self.source.usages()
            shown = self.model.usages[:16]
            self.model.history = {u.limit.key: await self.source.history(u.limit, BUCKETS) for u in shown}
        self.main.redraw()
        self.ticks += 1
        if self.ticks == 2 and self._tune_gc:
            # A full collection over Textual's objects stops the loop for up to 300 ms: set them aside.
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 20, 100)

    async def _read_increments(self) -> None:
        model, source = self.model, self.source
        model.usages = await source.usages()
        model.take_sessions(await source.sessions())
        rows = await source.latest_calls(MAX_CALLS) if not model.rev else await source.calls_since(model.rev, 500)
        model.take_calls(rows)
        if len(rows) >= 500:
            self._dirty = True
        model.take_tools(await source.tools())

    async def action_quit(self) -> None:
        self.exit(0)

    # --- what the keys do ---

    async def run_key(self, key: str) -> None:
        """The action of a key by its id, for the footer and the palette."""
        await self.run_action(keys.BY_ID[key].action, self.main)

    async def action_panic(self) -> None:
        try:
            await self.source.lock("")
        except StateError as error:
            self.say(f"The lock was not written: {error}. Guards refuse protected calls anyway.", "error")
            return
        with contextlib.suppress(StateError):
            self._take_policy(await self.source.policy())
        self._dirty = True
        self.say("Locked. Nothing protected runs until you unlock.", "warning")

    def action_unlock(self) -> None:
        if self.model.policy.lock.locked:
            self.push_screen(UnlockScreen())
        else:
            self.say("Nothing is locked.")

    def action_limits(self) -> None:
        self.push_screen(LimitsScreen())

    def action_password(self) -> None:
        self.push_screen(PasswordScreen())

    async def action_arm(self) -> None:
        policy = self.model.policy
        if policy.armed:
            self.push_screen(ObserveScreen())
        elif policy.has_password:
            await self._arm()
        else:
            self.push_screen(PasswordScreen(arm=True), self._armed_after)

    async def _armed_after(self, done: bool | None) -> None:
        if done:
            await self._arm()

    async def _arm(self) -> None:
        try:
            await self.source.arm()
        except (Denied, StateError) as error:
            self.say(str(error), "error")
        else:
            self.say("Armed: passing a limit locks.")

    def action_help(self) -> None:
        self.push_screen(HelpScreen())

    def action_command(self) -> None:
        self.push_screen(PaletteScreen(), self._chosen)

    async def _chosen(self, key: str | None) -> None:
        if key:
            await self.run_key(key)

    def open_detail(self, subject: ToolLine | CallLine) -> None:
        self.push_screen(DetailScreen(subject, zone=self.zone, now=self.now(), ascii=self.ascii))

    def action_filter(self) -> None:
        if not self.model.empty:
            self.main.open_filter()

    def action_clear(self) -> None:
        self.main.clear()

    def action_sort(self) -> None:
        self.main.next_sort()

    def action_pause(self) -> None:
        self.paused = not self.paused
        self.main.pause()

    def action_follow(self) -> None:
        self.main.follow()

    def action_pane(self, name: str) -> None:
        self.main.focus_pane(name)

    def action_next_pane(self, by: int) -> None:
        self.main.next_pane(by)

    async def action_copy(self) -> None:
        subject = self.screen.subject if isinstance(self.screen, DetailScreen) else self.main.under_cursor
        if self.model.empty:
            text = SNIPPET
        elif subject is None:
            return
        else:
            row = await self.source.call(subject.id) if isinstance(subject, CallLine) else subject
            text = copy_json(row if row is not None else subject)
        self.copy_to_clipboard(text)
        self.say(f"Copied {len(text)} characters.")

    def action_leave(self) -> None:
        if self.model.sessions:
            self.push_screen(QuitScreen(), self._leave)
        else:
            self.exit(0)

    def _leave(self, sure: bool | None) -> None:
        if sure:
            self.exit(0)

    def action_hint_quit(self) -> None:
        self.say("ctrl+q quits; protection stays on.")

    # --- failing ---

    def _handle_exception(self, error: Exception) -> None:
        """One line on the terminal, the traceback without locals in a private file."""
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
            cause = error.error if isinstance(error, WorkerFailed) else error
            self.crash_line = crash.report(cause, self._crash_folder or state_dir())
        self._close_messages_no_wait()


def run_app(
    *,
    state: Path | None = None,
    ascii: bool = False,
    mouse: bool = True,
    theme: str | None = None,
    notice: str = "",
    price_per_1k: float = 0.003,
    workers: Sequence[HostedWorker] | None = None,
) -> int:
    """Runs the screen until the user leaves; returns the exit code. `state` is the state file, `notice` a line that
    stays on the screen (the demo's password)."""
    app = McpWatchApp(
        StateSource(state),
        ascii=ascii,
        theme=theme or os.environ.get("MCPWATCH_THEME", "dark"),
        notice=notice,
        price_per_1k=price_per_1k,
        workers=workers,
        crash_folder=state.parent if state else None,
        tune_gc=True,
    )
    app.run(mouse=mouse)
    if app.crash_line:
        sys.stderr.write(f"{app.crash_line}\n")
    return app.return_code or 0
