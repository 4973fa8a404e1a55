"""A framed list with a cursor, drawn line by line: a DataTable refresh costs nine times as much.

The frame carries the titles, so a list is one widget and repaints only the rows that changed.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Generic, TypeVar

from textual import events
from textual.message import Message

from mcpwatch.tui import keys
from mcpwatch.tui.cells import Line, Span, fit_line, spread, width_of
from mcpwatch.tui.widgets.lines import Lines

Row = TypeVar("Row")


class LineList(Lines, Generic[Row], can_focus=True):
    BINDINGS = keys.bindings("list")

    class Chosen(Message):
        """Enter, or a click on the row that has the cursor."""

        def __init__(self, source: LineList[Any]) -> None:
            super().__init__()
            self.source = source

        @property
        def control(self) -> LineList[Any]:
            return self.source

    class Moved(Message):
        """The cursor went to another row because of the user."""

        def __init__(self, source: LineList[Any]) -> None:
            super().__init__()
            self.source = source

        @property
        def control(self) -> LineList[Any]:
            return self.source

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.rows: Sequence[Row] = ()
        self.cursor = 0
        self.top = 0
        self.touched = False  # somebody moved the cursor

    # --- for subclasses ---

    def row_key(self, row: Row) -> Hashable:
        raise NotImplementedError

    def row_line(self, row: Row, width: int) -> Line:
        raise NotImplementedError

    def head(self, width: int) -> Line | None:
        return None

    def titles(self) -> tuple[list[Span], list[Span]]:
        """What stands at the left and at the right of the upper edge."""
        return [], []

    def foot(self) -> list[Span]:
        """What stands at the right of the lower edge."""
        return []

    def cursor_style(self) -> str:
        return "cursor" if self.has_focus else "cursor-blur"

    def nothing(self) -> list[str]:
        """Lines shown when there are no rows."""
        return ["nothing yet"]

    # --- rows and cursor ---

    def set_rows(self, rows: Sequence[Row], *, stick: bool = False) -> None:
        """New rows. The cursor stays on its row wherever that went; with `stick` it stays at the first."""
        if stick:
            self.cursor = self.top = 0
        elif self.rows and self.cursor < len(self.rows):
            key = self.row_key(self.rows[self.cursor])
            above = self.cursor - self.top
            at = next((i for i, row in enumerate(rows) if self.row_key(row) == key), None)
            if at is not None:
                self.cursor, self.top = at, at - above
        self.rows = rows
        self._clamp()
        self.redraw()

    @property
    def selected(self) -> Row | None:
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    @property
    def page_rows(self) -> int:
        return max(1, self.size.height - 2 - (1 if self.head(self.size.width - 2) is not None else 0))

    def _clamp(self) -> None:
        self.cursor = max(0, min(self.cursor, len(self.rows) - 1))
        page = self.page_rows
        self.top = min(self.top, self.cursor, max(0, len(self.rows) - page))
        self.top = max(self.top, self.cursor - page + 1, 0)

    def _go(self, to: int) -> None:
        before = self.cursor
        self.cursor = to
        self.touched = True
        self._clamp()
        self.redraw()
        if self.cursor != before:
            self.post_message(self.Moved(self))

    def go_to(self, key: Hashable) -> None:
        """The cursor goes to the row with this key, if it is there."""
        if (at := self._at(key)) is not None:
            self._go(at)

    def begin_at(self, key: Hashable) -> None:
        """The cursor stands there, and nobody moved it."""
        if (at := self._at(key)) is not None:
            self.cursor = at
            self._clamp()
            self.redraw()

    def _at(self, key: Hashable) -> int | None:
        return next((i for i, row in enumerate(self.rows) if self.row_key(row) == key), None)

    def action_move(self, by: int) -> None:
        self._go(self.cursor + by)

    def action_page(self, by: int) -> None:
        self._go(self.cursor + by * self.page_rows)

    def action_edge(self, end: int) -> None:
        self._go(0 if end < 0 else len(self.rows) - 1)

    def action_choose(self) -> None:
        if self.selected is not None:
            self.post_message(self.Chosen(self))

    # --- mouse ---

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._go(self.cursor + 3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._go(self.cursor - 3)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        first = 1 if self.head(self.size.width - 2) is None else 2
        at = self.top + event.y - first
        if not first <= event.y < self.size.height - 1 or at >= len(self.rows):
            return
        if at == self.cursor and event.chain == 2:
            self.action_choose()
        else:
            self._go(at)

    # --- drawing ---

    def on_resize(self) -> None:
        self._clamp()

    def draw(self, width: int, height: int) -> list[Line]:
        inner = width - 2
        frame = "frame-focus" if self.has_focus else "frame"
        edge: Span = ("│", frame)
        out: list[Line] = [self._upper(width, frame)]
        if (head := self.head(inner)) is not None:
            out.append([edge, *fit_line(head, inner, "head"), edge])
        page = height - 1 - len(out)
        if not self.rows:
            out.extend(self._nothing(inner, page, edge))
        over = self.cursor_style()
        for i in range(self.top, min(self.top + page, len(self.rows))):
            line = fit_line(self.row_line(self.rows[i], inner), inner)
            if over and i == self.cursor:
                line = [(text, f"{style}+{over}") for text, style in line]
            out.append([edge, *line, edge])
        while len(out) < height - 1:
            out.append([edge, (" " * inner, "fg"), edge])
        out.append(self._lower(width, frame))
        return out

    def _nothing(self, inner: int, page: int, edge: Span) -> list[Line]:
        lines = self.nothing()[:page]
        above = max(0, (page - len(lines)) // 3)
        padded = [""] * above + lines
        return [[edge, *fit_line([(line.center(inner), "dim")], inner), edge] for line in padded]

    def _upper(self, width: int, frame: str) -> Line:
        left, right = self.titles()
        line: Line = [("╭─", frame)]
        if left:
            title = "title-focus" if self.has_focus else "title"
            line += [(text, title if style == "title" else style) for text, style in left]
        shown = len(right)
        while right and (width_of(line) + width_of(right) + 5 > width or right[-1][0] == " · "):
            right = right[:-1]  # what says the least stands last
        right = right if len(right) in (0, shown) else [*right, (" ", frame)]
        tail: Line = [(" ", frame), *right, ("─╮", frame)] if right else [("─╮", frame)]
        return spread(line, tail, width, ("─", frame))

    def _lower(self, width: int, frame: str) -> Line:
        foot = self.foot()
        tail: Line = [(" ", frame), *foot, ("─╯", frame)] if foot else [("─╯", frame)]
        return spread([("╰", frame)], tail, width, ("─", frame))
