"""The screen: reads the state file four times a second, draws what changed, and carries out what a person decides.

Nothing here is needed for protection: guards enforce whether or not a screen is open. `Shell` is the app without
its keys, `Following` keeps it up to date, `Reviewing` has the keys about definitions, `Rewiring` those
about the clients' files; here are the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from mcpwatch.guard.lock import Denied
from mcpwatch.scan.export import findings_of, json_lines
from mcpwatch.store.database import StateError
from mcpwatch.tui import fmt, keys, saving
from mcpwatch.tui.copying import copy_json
from mcpwatch.tui.hangup import end_with_terminal
from mcpwatch.tui.model import MAX_CALLS
from mcpwatch.tui.rewiring import Rewiring
from mcpwatch.tui.rows import CallLine, ToolLine
from mcpwatch.tui.screens.detail import DetailScreen
from mcpwatch.tui.screens.findings import FindingsScreen
from mcpwatch.tui.screens.help import HelpScreen
from mcpwatch.tui.screens.limits import LimitsScreen
from mcpwatch.tui.screens.loosen import ObserveScreen
from mcpwatch.tui.screens.palette import PaletteScreen
from mcpwatch.tui.screens.password import PasswordScreen
from mcpwatch.tui.screens.unlock import UnlockScreen
from mcpwatch.tui.serving import Serving
from mcpwatch.tui.source import StateSource
from mcpwatch.tui.widgets.onboarding import SNIPPET
from mcpwatch.tui.wiring import Wiring
from mcpwatch.tui.workers import HostedWorker, default_workers


class McpWatchApp(Serving, Rewiring):
    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.bindings("everywhere"),
        Binding("ctrl+c", "app.hint_quit", "How to quit", show=False, system=True),
    ]

    async def run_key(self, key: str) -> None:
        """The action of a key by its id, for the footer and the palette."""
        await self.run_action(keys.BY_ID[key].action, self.main)

    # --- protection ---

    async def action_panic(self) -> None:
        self._silent_lock = not self.model.policy.lock.locked
        try:
            await self.source.lock("")
        except StateError as error:
            self._silent_lock = False
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

    # --- looking ---

    def action_help(self) -> None:
        self.push_screen(HelpScreen())

    def action_command(self) -> None:
        self.push_screen(PaletteScreen(), self._chosen)

    async def _chosen(self, key: str | None) -> None:
        if key:
            await self.run_key(key)

    def open_detail(self, subject: ToolLine | CallLine) -> None:
        if isinstance(subject, ToolLine):
            self.open_tool(subject)
        else:
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

    def action_next_problem(self) -> None:
        self.main.next_problem()

    # --- copies and exports ---

    async def action_copy(self) -> None:
        if self.model.empty:
            text = SNIPPET
        elif (record := await self._record()) is None:
            return
        else:
            text = copy_json(record)
        self.copy_to_clipboard(text)
        said = f"Copied {fmt.plural(len(text), 'character')}."
        with contextlib.suppress(OSError):
            path = await asyncio.to_thread(saving.write_copy, self.files, text)
            said = f"{said} If your terminal does not take copies: {path}"
        self.say(said)

    async def _record(self) -> Any:
        """The record behind what the cursor is on."""
        subject = getattr(self.screen, "subject", None) or self._target_call() or self._target()
        if isinstance(subject, CallLine):
            with contextlib.suppress(StateError):
                return await self.source.call(subject.id) or subject
        return self.model.tool_row(subject) if isinstance(subject, ToolLine) else subject

    def _target_call(self) -> CallLine | None:
        subject = self.main.under_cursor if self.screen is self.main else None
        return subject if isinstance(subject, CallLine) else None

    async def action_export(self) -> None:
        """The list that has the focus, as it is filtered, one JSON object a line."""
        try:
            what, lines = await self._export()
            path = await asyncio.to_thread(saving.write_export, self.files, what, lines)
        except StateError as error:
            self.say(str(error), "error")
        except OSError as error:
            self.say(f"Nothing was written: {error.strerror or error}.", "error")
        else:
            self.say(f"{fmt.plural(len(lines), 'line')} of {what} written to {path}")

    async def _export(self) -> tuple[str, list[str]]:
        if isinstance(self.screen, FindingsScreen):
            shown = {(*row.key, row.fingerprint) for row in self.screen.findings.rows}
            judged = [
                row
                for row in await self.source.judged()
                if (row.server, row.kind, row.name, row.fingerprint) in shown and row.verdict is not None
            ]
            found = [
                f for row in judged if row.verdict for f in findings_of(row.verdict, kind=row.kind, name=row.name)
            ]
            return "findings", list(json_lines(found))
        if self.screen is self.main and self.main.calls.has_focus:
            ids = {line.id for line in self.main.calls.rows}
            rows = await self.source.latest_calls(MAX_CALLS)
            return "calls", [saving.json_line(row) for row in rows if row.id in ids]
        tools = [self.model.tool_row(line) for line in self.main.tools.rows]
        return "tools", [saving.json_line(row) for row in tools if row is not None]


def run_app(
    *,
    state: Path | None = None,
    ascii: bool = False,
    mouse: bool = True,
    theme: str | None = None,
    notice: str = "",
    price_per_1k: float = 0.003,
    workers: Sequence[HostedWorker] | None = None,
    demo: bool = False,
) -> int:
    """Runs the screen until the user leaves; returns the exit code. `state` is the state file, `notice` a line that
    stays on the screen (the demo's password). A demo hosts no workers and says that quitting ends it."""
    if workers is None:
        workers = () if demo else default_workers(state)
    app = McpWatchApp(
        StateSource(state),
        ascii=ascii,
        theme=theme or os.environ.get("MCPWATCH_THEME", "dark"),
        notice=notice,
        price_per_1k=price_per_1k,
        workers=workers,
        files=state.parent if state else None,
        tune_gc=True,
        demo=demo,
        wiring=None if demo else Wiring.here(),
    )
    end_with_terminal()
    app.run(mouse=mouse)
    if app.crash_line:
        sys.stderr.write(f"{app.crash_line}\n")
    return app.return_code or 0
