"""One call or one tool, in full."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from mcpwatch.store.database import StateError
from mcpwatch.store.records import CallRow
from mcpwatch.tui import fmt, keys
from mcpwatch.tui.cells import Line, wrap
from mcpwatch.tui.levels import MARKS
from mcpwatch.tui.model import CallLine, ToolLine
from mcpwatch.tui.preview import parse
from mcpwatch.tui.safe_text import safe_text
from mcpwatch.tui.widgets.pager import Pager

MOST = 200_000  # characters of a preview that are looked at


def field(name: str, value: str, style: str = "fg") -> Line:
    return [(f"{name:<14}", "dim"), (value, style)]


def heading(text: str) -> Line:
    return [(text, "accent")]


def pretty(raw: str, width: int, *, ascii: bool = False) -> list[Line]:
    """A JSON preview, indented when it is whole, as it is when it was cut."""
    value: Any = parse(raw)
    text = raw if value is None else msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    shown = safe_text(text, limit=MOST, lines="keep", ascii=ascii)
    return [[("  ", "fg"), (part, "fg")] for part in wrap(shown, max(20, width - 4))] if raw else [[("  –", "dim")]]


class DetailScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.bindings("dialog", "open"),
        ("q", "close", "Close"),
        ("y", "app.copy", "Copy"),
    ]

    def __init__(self, subject: ToolLine | CallLine, *, zone: Any, now: int, ascii: bool) -> None:
        super().__init__()
        self.subject = subject
        self._zone, self._now, self._ascii = zone, now, ascii
        self._pager = Pager("…", "j k scroll · y copy · esc close", id="pager")
        self._row: CallRow | None = None
        self._missing = ""

    def compose(self) -> ComposeResult:
        yield self._pager

    async def on_mount(self) -> None:
        self._pager.focus()
        if isinstance(self.subject, CallLine):
            try:
                self._row = await self.app.source.call(self.subject.id)  # type: ignore[attr-defined]
            except StateError as error:
                self._missing = safe_text(str(error), limit=300)
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def action_close(self) -> None:
        self.dismiss(None)

    def _show(self) -> None:
        width = self._pager.size.width - 2
        if isinstance(self.subject, CallLine):
            self._pager.set_lines("Call", self._call(self.subject, width))
        else:
            self._pager.set_lines("Tool", self._tool(self.subject, width))

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
            field("cost", fmt.money(row.cost)),
            field("protection", protected),
        ]  # fmt: skip
        if row.code:
            lines.append(field("code", self._safe(row.code)))
        if row.note:
            note = safe_text(row.note, limit=2000, ascii=self._ascii)
            parts = wrap(note, max(20, width - 16))
            lines += [field("note" if i == 0 else "", part, line.style) for i, part in enumerate(parts)]
        if line.badges:
            lines.append(field("flags", " ".join(line.badges), "caution"))
        lines += [[], heading("Arguments"), *pretty(row.arguments, width, ascii=self._ascii)]
        lines += [[], heading("Result"), *pretty(row.result, width, ascii=self._ascii), []]
        return lines

    def _tool(self, line: ToolLine, width: int) -> list[Line]:
        mark = MARKS[line.level]
        score = "no score yet" if line.score is None else f"score {line.score:.0f} of 100"
        advice = f" · {line.level.advice}" if line.level.advice else ""
        lines: list[Line] = [
            [],
            [(f"{line.server}/", "dim"), (line.name, "bold")],
            [],
            [*field("safety", f"{mark.level.mark} {mark.word}", mark.style), (f"  {score}{advice}", "dim")],
            field("state", line.state),
            field("kind", line.kind),
            field("protection", "protected" if line.protected else "exempt: neither counted nor refused"),
            field("calls", f"{fmt.exact(line.calls)}, {fmt.plural(line.errors, 'error')}, {line.refused} refused"),
            field("tokens", fmt.exact(line.tokens)),
            field("cost", fmt.money(line.cost)),
            field("p95", fmt.duration(line.p95_ns)),
            field("last call", fmt.moment(line.last_utc, self._zone, self._now) if line.last_utc else fmt.NONE),
            field("in context", f"{fmt.plural(line.definition_tokens, 'token')} for its definition"),
            field("fingerprint", line.fingerprint[:16] or "never listed by the server"),
        ]
        if "raw!" in line.badges:
            lines += [
                [],
                [("! A name holds hidden characters; they are spelled out.", "caution")],
            ]
        return [*lines, []]
