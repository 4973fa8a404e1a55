"""The servers; the cursor chooses whose tools and calls are shown."""

from __future__ import annotations

from mcpwatch.clients.survey import Status
from mcpwatch.tui.cells import Line, Span, fit
from mcpwatch.tui.client_rows import LOOKS
from mcpwatch.tui.levels import MARKS
from mcpwatch.tui.rows import ServerLine
from mcpwatch.tui.scan_text import done
from mcpwatch.tui.widgets.linelist import LineList


class ServerList(LineList[ServerLine]):
    def row_key(self, row: ServerLine) -> str:
        return row.key

    def titles(self) -> tuple[list[Span], list[Span]]:
        n = sum(1 for row in self.rows if row.ours)
        return [(" 1 Servers ", "title")], [(f"{n} ", "dim")]

    def foot(self) -> list[Span]:
        return []

    def row_line(self, row: ServerLine, width: int) -> Line:
        count = fit(str(row.tools), 4, right=True) + " "
        if not row.key:
            return [(" ∗ ", "dim"), (fit(row.name, width - 8), "bold"), (count, "dim")]
        if row.past:
            look = LOOKS[Status.REMOVED if row.past == "removed" else Status.UNWATCHED]
            shown = fit(row.name, width - len(row.past) - 5)
            return [(f" {look.mark} ", look.style), (shown + " ", "dim"), (f"{row.past} ", look.style)]
        mark = MARKS[row.level]
        # The first part of "claude-code" says enough in so narrow a column.
        client = row.client.split("-")[0] if row.live else "ended"
        if row.scan is not None and row.scan.pending and self.host.model.scan.state == "running":
            client = f"{done(row.scan)}/{row.scan.total}"
        names = width - 8
        name = min(max(len(row.name), 10), names)
        rest = names - name - 1
        line: Line = [(f" {mark.level.mark} ", mark.style), (fit(row.name, name), "fg" if row.live else "dim")]
        line.append((" " + fit(client, rest) if rest > 3 else " " * (rest + 1), "dim"))
        return [*line, (count, "dim")]
