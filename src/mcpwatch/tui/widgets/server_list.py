"""The servers; the cursor chooses whose tools and calls are shown."""

from __future__ import annotations

from rich.cells import cell_len

from mcpwatch.clients.survey import Status
from mcpwatch.tui.cells import Line, Span, fit
from mcpwatch.tui.client_rows import LOOKS
from mcpwatch.tui.levels import MARKS
from mcpwatch.tui.rows import ServerLine
from mcpwatch.tui.scan_text import done
from mcpwatch.tui.widgets.linelist import LineList

_WIDE = 50


class ServerList(LineList[ServerLine]):
    def row_key(self, row: ServerLine) -> str:
        return row.key

    def titles(self) -> tuple[list[Span], list[Span]]:
        n = sum(1 for row in self.rows if row.ours)
        return [(" 1 Servers ", "title")], [(f"{n} ", "dim")]

    def foot(self) -> list[Span]:
        """Where in the list one is, when there is more than is seen."""
        n = len(self.rows)
        return [(f"{self.cursor + 1} of {n} ", "dim")] if n > self.page_rows else []

    def row_line(self, row: ServerLine, width: int) -> Line:
        count = fit(str(row.tools), 4, right=True) + " "
        if not row.key:
            return [(" ∗ ", "dim"), (fit(row.name, width - 8), "bold"), (count, "dim")]
        if row.past:
            look = LOOKS[Status.REMOVED if row.past == "removed" else Status.UNWATCHED]
            left = width - len(row.past) - 5
            name = min(self._names(width), left) if width >= _WIDE else left
            client = f" {row.client}" if name < left else ""
            shown: Line = [(fit(row.name, name), "dim"), (fit(client, left - name) + " ", "dim")]
            return [(f" {look.mark} ", look.style), *shown, (f"{row.past} ", look.style)]
        mark = MARKS[row.level]
        client = row.client if width >= _WIDE else row.client.split("-")[0]  # "claude" says enough of "claude-code"
        client = client if row.live else "ended"
        if row.scan is not None and row.scan.pending and self.host.model.scan.state == "running":
            client = f"{done(row.scan)}/{row.scan.total}"
        # Where there is room the clients stand in one column, else each as far right as it goes.
        name = self._names(width) if width >= _WIDE else min(cell_len(row.name), width - 8)
        rest = width - 8 - name - 1
        line: Line = [(f" {mark.level.mark} ", mark.style), (fit(row.name, name), "fg" if row.live else "dim")]
        line.append((" " + fit(client, rest, right=width < _WIDE) if rest > 3 else " " * (rest + 1), "dim"))
        return [*line, (count, "dim")]

    def _names(self, width: int) -> int:
        """Cells for names: those of the longest, so that what follows stands in one column."""
        longest = max((cell_len(row.name) for row in self.rows if row.ours), default=0)
        return min(max(longest, 10), width - 8)
