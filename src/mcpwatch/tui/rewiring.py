"""What the screen does about the AI clients' own files: it keeps looking at them, and changes them when asked."""

from __future__ import annotations

from collections.abc import Sequence

from mcpwatch.clients.plan import Change
from mcpwatch.clients.survey import Status
from mcpwatch.tui import fmt
from mcpwatch.tui.client_rows import EntryKey
from mcpwatch.tui.reviewing import Reviewing
from mcpwatch.tui.screens.clients import ClientsScreen


class Rewiring(Reviewing):
    _told: frozenset[EntryKey] | None = None  # wrappers whose removal was said

    def on_mount(self) -> None:
        self.wiring.changed = self._clients_changed
        self.run_worker(self.wiring.run(), name="clients", group="hosted", exit_on_error=True)

    def _clients_changed(self) -> None:
        self.model.take_configured(self.wiring.entries)
        self._tell_removed()
        self._tell_screens("clients_changed")
        self.main.redraw()

    def _tell_removed(self) -> None:
        """Said when it happens; what was so before the screen is on the list only."""
        removed = frozenset(entry.key for entry in self.wiring.entries if entry.status is Status.REMOVED)
        told, self._told = self._told, removed
        names = [entry.name for entry in self.wiring.entries if told is not None and entry.key in removed - told]
        if names:
            self.say(f"Wrapper removed: {', '.join(names[:3])} no longer behind mcpwatch. w shows it.", "error")

    def action_clients(self) -> None:
        """At the server under the cursor, where it is one that is past mcpwatch."""
        if isinstance(self.screen, ClientsScreen):
            return
        server = self.main.servers.selected if self.screen is self.main and self.main.servers.has_focus else None
        name = server.name if server is not None and server.past else None
        at = next((entry.key for entry in self.wiring.entries if entry.past and entry.name == name), None)
        self.push_screen(ClientsScreen(self.wiring, at))

    def rewire(self, changes: Sequence[Change]) -> None:
        """Of the app and not of the screen that asked, so that closing that one stops nothing."""
        self.run_worker(self._rewire(changes), group="rewire", exit_on_error=True)

    async def _rewire(self, changes: Sequence[Change]) -> None:
        done = await self.wiring.apply(changes)
        written = [one for one in done if one.written]
        if not isinstance(self.screen, ClientsScreen):
            failed = len(done) - len(written)
            said = f"{fmt.plural(len(written), 'file')} changed" + (f", {failed} not" if failed else "")
            self.say(f"{said}: w tells more.", "warning" if failed else "information")
