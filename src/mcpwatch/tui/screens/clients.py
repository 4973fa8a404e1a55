"""The AI clients on this machine: which of their servers pass through mcpwatch, and putting it in front of others.

A list of files and servers above, what would change below. Nothing is written before a dialogue that names the
files was answered; what is chosen and what came of it stays when the screen is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from textual import on
from textual.app import ComposeResult
from textual.screen import ModalScreen

from mcpwatch.clients.plan import Change
from mcpwatch.tui import keys
from mcpwatch.tui.cells import Line, wrap
from mcpwatch.tui.client_rows import EntryKey, EntryLine, FileLine, rows_of
from mcpwatch.tui.client_text import advice, done_lines, plan_lines
from mcpwatch.tui.screens.rewire import UnwrapScreen, WrapScreen
from mcpwatch.tui.widgets.client_list import ClientList
from mcpwatch.tui.widgets.linelist import LineList
from mcpwatch.tui.widgets.pager import Pager
from mcpwatch.tui.wiring import Action, Plan, Wiring

if TYPE_CHECKING:
    from mcpwatch.tui.app import McpWatchApp

HINT = "space select · enter wrap · u unwrap · a all · r look again · esc close"
_ON_FILES = {"mark", "mark_all", "again", "wrap", "unwrap"}  # actions
READING: Line = [("reading…", "dim")]
SETTLE_S = 0.1  # a cursor that runs through the list plans nothing on its way


class ClientsScreen(ModalScreen[None]):
    BINDINGS = keys.bindings("clients", "open")
    AUTO_FOCUS = ""
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012

    def __init__(self, wiring: Wiring, at: EntryKey | None = None) -> None:
        super().__init__()
        self._wiring = wiring
        self._at = at
        self.rows = ClientList(wiring, id="clients")
        self.preview = Pager("Preview", HINT if wiring.watch is not None else "esc close", id="preview")
        self._show_done = bool(wiring.done)
        self._busy = False

    @property
    def host(self) -> McpWatchApp:
        return cast("McpWatchApp", self.app)

    def compose(self) -> ComposeResult:
        yield self.rows
        yield self.preview

    async def on_mount(self) -> None:
        self._wiring.opened()
        self.rows.focus()
        self.call_after_refresh(self._begin)
        self.run_worker(self._wiring.look(anew=True), exit_on_error=True)

    def on_unmount(self) -> None:
        self._wiring.closed()

    def on_resize(self) -> None:
        self._show_preview()

    def clients_changed(self) -> None:
        """The files are other ones than before, or a change of them is under way."""
        first = not self.rows.rows
        self.rows.set_rows(rows_of(self._wiring.files))
        if first:
            self._begin()
        self.rows.redraw()
        self._show_preview()

    def _begin(self) -> None:
        """The cursor starts where it was asked for, or on what is worth a look."""
        if not self.rows.rows:
            self.rows.set_rows(rows_of(self._wiring.files))
        first = next((entry.key for entry in self._wiring.entries if entry.to_wrap), None)
        self.rows.begin_at(self._at or first)
        self._show_preview()

    # --- what the keys are about ---

    def _targets(self, action: Action) -> list[EntryKey]:
        """The servers chosen, or else under the cursor, to which it can be done."""
        chosen = self._wiring.chosen
        row = self.rows.selected
        if chosen:
            entries = [entry for entry in self._wiring.entries if entry.key in chosen]
        elif isinstance(row, FileLine):
            entries = list(row.entries)
        else:
            entries = [row] if row is not None else []
        return [entry.key for entry in entries if (entry.wraps if action == "wrap" else entry.unwraps)]

    # --- the lower pane ---

    def _show_preview(self) -> None:
        self.run_worker(self._preview, exclusive=True, group="preview")  # type: ignore[arg-type]

    async def _preview(self) -> None:
        wiring = self._wiring
        await asyncio.sleep(0)
        width = max(20, self.preview.size.width - 4)
        if wiring.progress or self._show_done:
            self.preview.set_lines("What was done", done_lines(wiring.done, wiring.progress, width))
            return
        action: Action = "wrap"
        targets = self._targets(action)
        if not targets:
            action, targets = "unwrap", self._targets("unwrap")
        lines = self._said(width)
        title = "Preview"
        if targets:
            self.preview.set_lines(title, [*lines, READING])
            await asyncio.sleep(SETTLE_S)
            self._show_plan(action, await wiring.plan(action, targets), lines)
        elif self.is_attached:
            self.preview.set_lines(title, lines)

    def _show_plan(self, action: Action, plan: Plan, above: Sequence[Line] = ()) -> None:
        if not self.is_attached:
            return
        width = max(20, self.preview.size.width - 4)
        lines = [*above, *plan_lines(plan, self._wiring.home, width, ascii=self.host.ascii)]
        title = "What wrapping would change" if action == "wrap" else "What unwrapping would change"
        self.preview.set_lines(title, lines)

    def _said(self, width: int) -> list[Line]:
        if self._wiring.chosen:
            return []
        said = advice(self.rows.selected)
        return [*[[(part, "fg")] for part in wrap(said, width)], []] if said else []

    @on(LineList.Moved)
    def _moved(self, event: LineList.Moved) -> None:
        if event.source is self.rows:
            self._forget_done()
            self._show_preview()

    def _forget_done(self) -> None:
        """What came of the last change was seen."""
        if not self._wiring.progress:
            self._show_done, self._wiring.done = False, []

    @on(ClientList.Marked)
    def _clicked(self) -> None:
        self.action_mark()

    # --- keys ---

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where nothing can be looked at, nothing is offered."""
        return self._wiring.watch is not None or action not in _ON_FILES

    def action_close(self) -> None:
        self.dismiss(None)

    def action_other(self) -> None:
        (self.preview if self.rows.has_focus else self.rows).focus()

    def action_mark(self) -> None:
        """The server under the cursor; on a file all that can be chosen of it, or none of it."""
        row, chosen = self.rows.selected, self._wiring.chosen
        entries = row.entries if isinstance(row, FileLine) else (row,) if row is not None else ()
        marked = {entry.key for entry in entries if entry.wraps or entry.unwraps}
        if not marked and isinstance(row, EntryLine):
            self.host.say(row.remark or "Nothing can be done to it here.")
        self._choose(chosen - marked if marked <= chosen else chosen | marked)

    def action_mark_all(self) -> None:
        """Every server of yours that is past mcpwatch; none, when all are chosen. A project's files are shared with
        others, so those are chosen one by one."""
        marked = {entry.key for entry in self._wiring.entries if entry.wraps and not entry.project}
        chosen = self._wiring.chosen
        if not marked and not chosen:
            self.host.say("All of yours that can be is behind mcpwatch.")
        self._choose(set() if marked <= chosen else chosen | marked)

    def _choose(self, keys: set[EntryKey]) -> None:
        self._wiring.chosen = keys
        self._forget_done()
        self.rows.redraw()
        self._show_preview()

    async def action_again(self) -> None:
        self._forget_done()
        await self._wiring.look(anew=True)
        self.clients_changed()

    def action_wrap(self) -> None:
        self._ask("wrap")

    def action_unwrap(self) -> None:
        self._ask("unwrap")

    @on(LineList.Chosen)
    def _chosen(self) -> None:
        self._ask("wrap")

    # --- changing ---

    def _ask(self, action: Action) -> None:
        if self._busy or self._wiring.progress:
            self.host.say("One change at a time: the last one is not done yet.")
            return
        targets = self._targets(action)
        if targets:
            self._busy = True
            self.preview.set_lines("Preview", [READING])
            self.run_worker(self._confirm(action, targets))
        elif action == "wrap":
            self.host.say("Nothing here to put mcpwatch in front of: select servers with space, or all with a.")
        else:
            self.host.say("Nothing here goes through this mcpwatch: select servers with space.")

    async def _confirm(self, action: Action, targets: list[EntryKey]) -> None:
        """Plans anew, so that what is asked about is what the files say now."""
        try:
            plan = await self._wiring.plan(action, targets, anew=True)
        finally:
            self._busy = False
        doing = [change for change in plan.changes if change.steps]
        if plan.problem or not doing:
            kept = (reason for change in plan.changes for _, reason in change.kept)
            why = plan.problem or next(kept, "the files changed meanwhile")
            self.host.say(f"Nothing to change: {why}.", "warning")
            self._show_preview()
            return

        self._show_plan(action, plan)

        def answered(yes: bool | None, doing: list[Change] = doing) -> None:
            if yes:
                self._show_done = True
                self.host.rewire(doing)
            else:
                self._show_preview()

        self.host.push_screen(WrapScreen(doing) if action == "wrap" else UnwrapScreen(doing), answered)
