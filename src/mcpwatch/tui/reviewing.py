"""What the keys do about definitions: approve, block, compare, rescan, strict mode, findings, the LLM scanner."""

from __future__ import annotations

from mcpwatch.guard.lock import Denied
from mcpwatch.store.database import StateError
from mcpwatch.tui import fmt
from mcpwatch.tui.following import Following
from mcpwatch.tui.rows import CallLine, ToolKey, ToolLine
from mcpwatch.tui.scan_text import why_no_verdict
from mcpwatch.tui.screens.approve import ApproveScreen, text_of
from mcpwatch.tui.screens.approve_server import ApproveServerScreen
from mcpwatch.tui.screens.diff import DiffScreen
from mcpwatch.tui.screens.findings import FindingsScreen
from mcpwatch.tui.screens.loosen import StrictOffScreen, UnblockScreen
from mcpwatch.tui.screens.scan import OptInScreen, ScanScreen
from mcpwatch.tui.screens.tool import ToolScreen


class Reviewing(Following):
    _asked = False  # the opt-in question was put once on this screen

    def _target(self) -> ToolLine | None:
        """The definition the keys are about: of the open screen, or under the cursor."""
        key: ToolKey | None = getattr(self.screen, "tool_key", None)
        if key is not None:
            return self.model.tool(key)
        if self.screen is not self.main:
            return None
        subject = self.main.under_cursor
        return self.model.tool(subject.key) if isinstance(subject, CallLine) else subject

    def _known(self) -> ToolLine | None:
        """The target, if there is a text to decide about; else says why not."""
        line = self._target()
        if line is None:
            self.say("Put the cursor on a tool first.")
        elif not line.fingerprint:
            self.say(f"{line.server} never listed {line.title}: there is no text to decide about.")
            return None
        return line

    def open_tool(self, line: ToolLine) -> None:
        self.push_screen(ToolScreen(line))

    def action_approve(self) -> None:
        if self.screen is self.main and self.main.servers.has_focus:
            server = self.main.servers.selected
            if server is None or not server.ours:
                self.say("Put the cursor on a server that is behind mcpwatch, or on a tool.")
            else:
                self.push_screen(ApproveServerScreen(server.key, self.model.tools()))
        elif (line := self._known()) is not None:
            self.push_screen(ApproveScreen(line))

    async def action_block(self) -> None:
        line = self._known()
        if line is None:
            return
        if line.review == "blocked":
            self.push_screen(UnblockScreen(line))
            return
        try:
            await self.source.block(text_of(line))
        except (Denied, StateError) as error:
            self.say(str(error), "error")
        else:
            self.say(f"Blocked: {line.server}/{line.title}. b takes it back.", "warning")

    def action_diff(self) -> None:
        if (line := self._known()) is not None and not isinstance(self.screen, DiffScreen):
            self.push_screen(DiffScreen(line))

    async def action_rescan(self) -> None:
        """The tool under the cursor, or all of the server under it."""
        if self.screen is self.main and self.main.servers.has_focus:
            server = self.main.servers.selected
            key, fingerprints = (server.key if server is not None and server.ours else ""), None
            if not key:
                self.say("Put the cursor on a server that is behind mcpwatch, or on a tool.")
                return
        else:
            line = self._known()
            if line is None:
                return
            key, fingerprints = line.key[0], [line.fingerprint]
        await self._rescan(key, fingerprints)

    async def _rescan(self, server: str, fingerprints: list[str] | None) -> None:
        state = self.model.scan.state
        if state in ("off", "no-key", "not-opted-in", "bad-config", "bad-key"):
            self.say(f"The rules have judged it. The LLM is {why_no_verdict(self.model.scan)}.", "warning")
            return
        try:
            taken, wait = await self.source.rescan(server, fingerprints)
        except (Denied, StateError) as error:
            self.say(str(error), "error")
            return
        if self.scanner is not None:
            self.scanner.resume()
        if taken:
            self.say(f"The LLM looks again at {fmt.plural(taken, 'definition')} of {self.model.name(server)}.")
        elif wait:
            self.say(f"Looked at just now: again in {fmt.age(wait + 0.999)}.")
        else:
            self.say("Nothing of it is on the server's list.")

    async def action_strict(self) -> None:
        if self.model.policy.strict:
            self.push_screen(StrictOffScreen())
            return
        try:
            await self.source.set_strict(True, None)
        except (Denied, StateError) as error:
            self.say(str(error), "error")
        else:
            self.say("Strict: suspicious and changed definitions are held, unlisted tools refused.", "warning")

    def action_findings(self) -> None:
        if not isinstance(self.screen, FindingsScreen):
            self.push_screen(FindingsScreen())

    def action_scanner(self) -> None:
        self.push_screen(ScanScreen())

    async def _tick(self) -> None:
        await super()._tick()
        self._ask_once()

    def _ask_once(self) -> None:
        """Whether definitions may go to the model: asked when there is a key and something to judge, and once."""
        scanner = self.scanner
        if (
            self._asked
            or scanner is None
            or not scanner.wants_consent
            or self.model.scan.consent
            or self.screen is not self.main
            or self.main.field.has_focus
            or not self.model.tools()
        ):
            return
        self._asked = True
        self.push_screen(OptInScreen())
