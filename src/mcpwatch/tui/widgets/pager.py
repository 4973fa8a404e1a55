"""A framed text to scroll through."""

from __future__ import annotations

from textual import events

from mcpwatch.tui.cells import Line, Span, width_of
from mcpwatch.tui.widgets.linelist import LineList


class Pager(LineList[tuple[int, Line]]):
    def __init__(self, title: str, hint: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title, self._hint = title, hint

    def set_lines(self, title: str, lines: list[Line]) -> None:
        self._title = title
        self.set_rows(list(enumerate(lines)))

    def row_key(self, row: tuple[int, Line]) -> int:
        return row[0]

    def row_line(self, row: tuple[int, Line], width: int) -> Line:
        return [(" ", "fg"), *row[1]]

    def titles(self) -> tuple[list[Span], list[Span]]:
        end = self.top + self.page_rows
        more = f"{min(end, len(self.rows))} of {len(self.rows)} lines " if len(self.rows) > self.page_rows else ""
        return [(f" {self._title} ", "title")], [(more, "dim")] if more else []

    def foot(self) -> list[Span]:
        """The keys; where there is no room for all, those before the last give way."""
        parts = self._hint.split(" · ")
        while len(parts) > 2 and width_of([(" · ".join(parts), "dim")]) + 6 > self.size.width:
            del parts[-2]
        return [(f" {' · '.join(parts)} ", "dim")] if self._hint else []

    def nothing(self) -> list[str]:
        return [""]

    def cursor_style(self) -> str:
        return ""

    def _clamp(self) -> None:
        self.top = max(0, min(self.cursor, len(self.rows) - self.page_rows))
        self.cursor = self.top

    def action_edge(self, end: int) -> None:
        self._go(0 if end < 0 else len(self.rows))

    def on_click(self, event: events.Click) -> None:
        event.stop()
