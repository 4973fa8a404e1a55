"""One call in full."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from mcpwatch.store.database import StateError
from mcpwatch.store.records import CallRow, Outcome
from mcpwatch.tui import fmt, keys
from mcpwatch.tui.cells import Line, wrap
from mcpwatch.tui.definition import heading
from mcpwatch.tui.preview import charged, parse, why_refused
from mcpwatch.tui.rows import CallLine
from mcpwatch.tui.safe_text import safe_text
from mcpwatch.tui.tool_text import field
from mcpwatch.tui.widgets.pager import Pager

MOST = 200_000  # characters of a preview that are looked at


def pretty(raw: str, width: int, *, ascii: bool = False) -> list[Line]:
    """A JSON preview, indented when it is whole, as it is when it was cut."""
    value: Any = parse(raw)
    text = raw if value is None else msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    shown = safe_text(text, limit=MOST, lines="keep", ascii=ascii)
    return [[("  ", "fg"), (part, "fg")] for part in wrap(shown, max(20, width - 4))] if raw else [[("  –", "dim")]]


class DetailScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.bindings("pager", "open"),
        ("y", "app.copy", "Copy"),
        ("t", "tool", "The definition it called"),
    ]

    def __init__(self, subject: CallLine, *, zone: Any, now: int, ascii: bool) -> None:
        super().__init__()
        self.subject = subject
        self._zone, self._now, self._ascii = zone, now, ascii
        self._pager = Pager("…", "j k scroll · t definition · y copy · esc close", id="pager")
        self._row: CallRow | None = None
        self._missing = ""

    def compose(self) -> ComposeResult:
        yield self._pager

    async def on_mount(self) -> None:
        self._pager.focus()
        try:
            self._row = await self.app.source.call(self.subject.id)  # type: ignore[attr-defined]
        except StateError as error:
            self._missing = safe_text(str(error), limit=300)
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def action_close(self) -> None:
        self.dismiss(None)

    def action_tool(self) -> None:
        host = self.app
        if (line := host.model.tool(self.subject.key)) is not None:  # type: ignore[attr-defined]
            host.open_tool(line)  # type: ignore[attr-defined]

    def _show(self) -> None:
        width = self._pager.size.width - 2
        self._pager.set_lines("Call", self._call(self.subject, width))

    def _safe(self, raw: str) -> str:
        return safe_text(raw, limit=300, lines="show", ascii=self._ascii)

    def _call(self, line: CallLine, width: int) -> list[Line]:
        row = self._row
        lines: list[Line] = [
            [],
            [(f"{line.server}/", "dim"), (line.what, "bold"), ("  ", "fg"), (line.status, line.style)],
            [],
        ]
        if row is None:
            return [*lines, [(self._missing or "this call is no longer in the state file", "caution")]]
        protected = "protected" if row.protected else "not protected: not counted against limits"
        lines += [
            field("when", fmt.moment(row.started_utc, self._zone, self._now)),
            field("method", self._safe(row.method) + (" (asked by the server)" if row.from_server else "")),
            field("client", self._safe(f"{row.client_name} {row.client_version}".strip()) or fmt.NONE),
            field("protocol", self._safe(row.protocol) or fmt.NONE),
            field("took", fmt.duration(row.duration_ns)),
            field("sizes", f"{fmt.size(row.arguments_bytes)} sent, {fmt.size(row.result_bytes)} received"),
            field("tokens", f"{fmt.exact(row.tokens_in)} in, {fmt.exact(row.tokens_out)} out"
                            + (f", by {self._safe(row.tokens_method)}" if row.tokens_method else "")),
            field("cost", f"{fmt.NONE} (not charged)" if (cost := charged(row)) is None else fmt.money(cost)),
            field("protection", protected),
        ]  # fmt: skip
        if why := why_refused(row):
            lines.insert(2, field("refused", f"{why} ({self._safe(row.code)})", "danger"))
            lines.insert(3, [])
        elif row.code:
            lines.append(field("code", self._safe(row.code)))
        if row.note:
            note = safe_text(row.note, limit=2000, ascii=self._ascii)
            parts = wrap(note, max(20, width - 16))
            name = "the model was told" if row.outcome == Outcome.REFUSED else "note"
            lines += [[], heading(name.capitalize()), *([("  " + part, line.style)] for part in parts)]
        if line.badges:
            lines.append(field("flags", " ".join(line.badges), "caution"))
        lines += [[], heading("Arguments"), *pretty(row.arguments, width, ascii=self._ascii)]
        lines += [[], heading("Result"), *pretty(row.result, width, ascii=self._ascii), []]
        return lines
