"""One definition in full, with the keys that decide about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.screen import ModalScreen

from mcpwatch.store.database import StateError
from mcpwatch.tui import keys
from mcpwatch.tui.cells import Line
from mcpwatch.tui.rows import ToolKey, ToolLine
from mcpwatch.tui.safe_text import safe_text
from mcpwatch.tui.tool_text import Dossier, Look, tool_lines
from mcpwatch.tui.widgets.pager import Pager

if TYPE_CHECKING:
    from mcpwatch.tui.app import McpWatchApp


async def dossier_of(host: McpWatchApp, line: ToolLine) -> Dossier:
    """What the state file knows about a definition. Raises StateError."""
    texts = await host.source.texts(*line.key)
    verdicts = await host.source.verdicts(line.key[0], line.fingerprint) if line.fingerprint else []
    return Dossier(line, tuple(texts), tuple(verdicts))


def look_of(host: McpWatchApp, width: int) -> Look:
    return Look(
        width=width,
        zone=host.zone,
        now=host.now(),
        ascii=host.ascii,
        policy=host.model.policy,
        scan=host.model.scan,
    )


class ReviewScreen(ModalScreen[None]):
    """A pager about one definition, which follows what is decided about it."""

    BINDINGS = keys.bindings("pager", "review", "open")
    TITLE_SHOWN = ""
    HINT = ""

    def __init__(self, line: ToolLine) -> None:
        super().__init__()
        self.tool_key: ToolKey = line.key
        self._line = line
        self._dossier: Dossier | None = None
        self._error = ""
        self._pager = Pager("…", self.HINT, id="pager")

    @property
    def host(self) -> McpWatchApp:
        return cast("McpWatchApp", self.app)

    def compose(self) -> ComposeResult:
        yield self._pager

    def on_mount(self) -> None:
        self._pager.focus()
        self.definitions_changed()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def definitions_changed(self) -> None:
        self.run_worker(self._read, exclusive=True, group="read")  # type: ignore[arg-type]

    policy_changed = definitions_changed

    async def _read(self) -> None:
        self._line = self.host.model.tool(self.tool_key) or self._line
        try:
            self._dossier = await dossier_of(self.host, self._line)
            self._error = ""
        except StateError as error:
            self._error = safe_text(str(error), limit=300)
        self.call_after_refresh(self._show)

    def action_close(self) -> None:
        self.dismiss(None)

    def lines(self, dossier: Dossier, width: int) -> list[Line]:
        raise NotImplementedError

    def _show(self) -> None:
        if not self.is_attached:
            return
        width = self._pager.size.width - 4
        if self._error:
            self._pager.set_lines(self.TITLE_SHOWN, [[], [(self._error, "caution")]])
        elif self._dossier is not None:
            self._pager.set_lines(self.TITLE_SHOWN, self.lines(self._dossier, width))


class ToolScreen(ReviewScreen):
    TITLE_SHOWN = "Definition"
    HINT = "a approve · b block · d diff · s rescan · y copy · esc close"

    @property
    def subject(self) -> ToolLine:
        return self._line

    def lines(self, dossier: Dossier, width: int) -> list[Line]:
        return tool_lines(dossier, look_of(self.host, width))
