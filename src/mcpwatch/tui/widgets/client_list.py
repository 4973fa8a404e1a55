"""The AI clients' files and the servers in them; a box before each that can be chosen."""

from __future__ import annotations

from textual import events

from mcpwatch.tui import fmt
from mcpwatch.tui.cells import Line, Span, fit, wrap
from mcpwatch.tui.client_rows import LOOKS, EntryKey, EntryLine, FileLine
from mcpwatch.tui.client_text import summary
from mcpwatch.tui.widgets.linelist import LineList
from mcpwatch.tui.wiring import Wiring

_WORD = 12  # mark, space, word
_BOX = 5


class ClientList(LineList[FileLine | EntryLine]):
    class Marked(LineList.Moved):
        """A click on the box of the row that has the cursor now."""

    def __init__(self, wiring: Wiring, *, id: str) -> None:
        super().__init__(id=id)
        self._wiring = wiring

    def row_key(self, row: FileLine | EntryLine) -> EntryKey:
        return row.key

    def titles(self) -> tuple[list[Span], list[Span]]:
        wiring = self._wiring
        right = [(f"{wiring.progress}… ", "caution")] if wiring.progress else summary(wiring.files)
        return [(" Clients ", "title")], right

    def foot(self) -> list[Span]:
        if not self.rows:
            return []
        chosen = len(self._wiring.chosen)
        spans: list[Span] = [(f" {chosen} selected ·", "accent")] if chosen else []
        return [*spans, (f" {self.cursor + 1} of {fmt.exact(len(self.rows))} ", "dim")]

    def nothing(self) -> list[str]:
        wiring = self._wiring
        if wiring.problem:
            return wrap(wiring.problem, max(20, self.size.width - 6))
        if not wiring.looked:
            return ["looking…"]
        return [
            "no AI client's configuration was found",
            "",
            "`mcpwatch clients --all` says where it is looked for;",
            "`mcpwatch wrap --file PATH` takes any other file",
        ]

    def row_line(self, row: FileLine | EntryLine, width: int) -> Line:
        if isinstance(row, FileLine):
            return self._file(row, width)
        look = LOOKS[row.status]
        box = "   "
        if row.wraps or row.unwraps:
            box = "[x]" if row.key in self._wiring.chosen else "[ ]"
        name = min(28, max(16, (width - _BOX - _WORD) // 3))
        style = look.style if row.wraps or row.unwraps else "dim"
        return [
            (f" {box} ", "accent" if box == "[x]" else "dim"),
            (fit(f"{look.mark} {look.word}", _WORD), style),
            (fit(row.name, name) + " ", "dim" if row.disabled else "fg"),
            (row.remark, "caution" if row.status.value in ("removed", "drifted") else "dim"),
        ]

    def _file(self, row: FileLine, width: int) -> Line:
        left: Line = [(f" {row.client}", "bold"), (f"  {row.where}", "dim")]
        if row.project:
            left.append((" (project)", "caution"))
        if row.error:
            return [*left, (f"  ✗ {row.error}", "danger")]
        if not row.entries:
            return [*left, ("  no servers", "dim")]
        return left

    def on_click(self, event: events.Click) -> None:
        """A click on a box marks it; elsewhere it moves the cursor."""
        super().on_click(event)
        if 1 <= event.x <= _BOX and 1 <= event.y <= min(len(self.rows) - self.top, self.page_rows):
            self.post_message(self.Marked(self))
