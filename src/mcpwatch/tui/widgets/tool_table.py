"""The tools of every server, coloured by level. Columns give way as the pane narrows."""

from __future__ import annotations

from mcpwatch.store.levels import DANGER
from mcpwatch.tui import fmt
from mcpwatch.tui.cells import Line, Span, fit
from mcpwatch.tui.levels import MARKS
from mcpwatch.tui.rows import ToolLine
from mcpwatch.tui.widgets.linelist import LineList

# name, cells, right-aligned, least inner width at which it is shown
_COLUMNS = (
    ("FLAG", 5, False, 66),
    ("CALLS", 5, True, 0),
    ("TOKENS", 6, True, 80),
    ("P95", 5, True, 100),
    ("LAST", 4, True, 0),
    ("STATE", 11, False, 0),
)
_LEVEL = 14  # gutter, mark, space, word, score
_STATE_STYLE = {
    **dict.fromkeys(("BLOCKED", "QUARANTINED"), "danger"),
    **dict.fromkeys(("LOCKED", "changed", "error", "refused", "unlisted", "gone"), "caution"),
}


class ToolTable(LineList[ToolLine]):
    title = "all servers"
    sort = "severity"
    total = 0
    paused = False
    filter_text = ""

    def row_key(self, row: ToolLine) -> tuple[object, ...]:
        return row.key, row.fingerprint

    def titles(self) -> tuple[list[Span], list[Span]]:
        left: list[Span] = [(" 2 Tools ", "title")]
        if self.title != "all servers":
            left.append((f"· {self.title} ", "accent"))
        state: list[Span] = [("paused ", "caution")] if self.paused else []
        if self.host.model.error:
            state = [("not live ", "danger")]
        return left, [*state, (f"sort: {self.sort} ▾ ", "dim")]

    def foot(self) -> list[Span]:
        shown = len(self.rows)
        spans: list[Span] = []
        if self.filter_text:
            spans.append((f" filter: {self.filter_text} · ", "accent"))
        if shown:
            spans.append((f"{self.cursor + 1} of {shown}", "dim"))
        if self.total != shown:
            spans.append((f" · {self.total} in all" if shown else f"none of {self.total}", "dim"))
        return [*spans, (" ", "dim")] if spans else []

    def nothing(self) -> list[str]:
        if not self.host.model.ready:
            return ["reading…"]
        chosen = self.host.main.servers.selected
        if chosen is not None and chosen.past:
            return ["its calls do not pass through mcpwatch", "w shows why, and puts a guard in front of it"]
        if self.total:
            return ["nothing matches the filter", "esc clears it"]
        return ["no tool definitions yet", "they appear when a client lists a server's tools"]

    def _layout(self, width: int) -> tuple[int, int, list[tuple[str, int, bool, int]]]:
        """Cells for the server, cells for the tool, and the columns shown. A server of 0 cells: merged names."""
        columns = [c for c in _COLUMNS if width >= c[3] or c[0].lower() == self.sort]
        left = width - _LEVEL - 1 - sum(c[1] + 1 for c in columns)
        if width < 80:
            return 0, min(left - 1, 60), columns
        server = min(14, left // 3)
        return server, min(left - server - 2, 48), columns

    def head(self, width: int) -> Line:
        server, tool, columns = self._layout(width)
        names = fit("SERVER", server) + " " + fit("TOOL", tool) if server else fit("SERVER/TOOL", tool)
        cells = "".join(fit(name, size, right=right) + " " for name, size, right, _ in columns)
        return [(fit(" SAFETY", _LEVEL), "head"), (" " + names + " ", "head"), (cells, "head")]

    def row_line(self, row: ToolLine, width: int) -> Line:
        server, tool, columns = self._layout(width)
        mark = MARKS[row.level]
        word = f"{mark.level.mark} {mark.word}"
        score = "" if row.score is None else f"{row.score:.0f}"
        line: Line = [(mark.gutter, mark.style), (word, "chip-danger" if mark.level is DANGER else mark.style)]
        line.append((f"{score:>{_LEVEL - 1 - len(word)}} ", mark.style))
        name = row.title
        if server:
            line += [(fit(row.server, server) + " ", "dim"), (fit(name, tool) + " ", "fg")]
        else:
            shown = fit(f"{row.server}/{name}", tool)
            cut = min(len(row.server) + 1, len(shown))
            line += [(shown[:cut], "dim"), (shown[cut:] + " ", "fg")]
        values = {
            "FLAG": (" ".join(row.badges), "caution" if "raw!" in row.badges or "Δ" in row.badges else "dim"),
            "CALLS": (fmt.count_short(row.calls), "fg" if row.calls else "dim"),
            "TOKENS": (fmt.count_short(row.tokens) if row.tokens else fmt.NONE, "fg" if row.tokens else "dim"),
            "P95": (fmt.duration(row.p95_ns), "dim"),
            "LAST": (self._age(row.last_utc), "dim"),
            "STATE": (row.state, _STATE_STYLE.get(row.state, "dim")),
        }
        for column, size, right, _ in columns:
            text, style = values[column]
            line.append((fit(text, size, right=right) + " ", style))
        return line

    def _age(self, utc: int | None) -> str:
        return fmt.age((self.host.now() - utc) / 1e9) if utc else fmt.NONE
