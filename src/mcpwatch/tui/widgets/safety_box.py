"""How many definitions are of which level, and how far the LLM is: under the servers, where there is room."""

from __future__ import annotations

from mcpwatch.tui.cells import Line, bar, fit_line, spread
from mcpwatch.tui.levels import MARKS
from mcpwatch.tui.scan_text import done, state_words, sums
from mcpwatch.tui.widgets.lines import Lines

HEIGHT = 8


class SafetyBox(Lines):
    def draw(self, width: int, height: int) -> list[Line]:
        inner = width - 2
        body = [*self._levels(inner), *self._model(inner)]
        upper = spread([("╭─", "frame"), (" Safety ", "title")], [("─╮", "frame")], width, ("─", "frame"))
        lower: Line = [("╰" + "─" * inner + "╯", "frame")]
        return [upper, *([("│", "frame"), *fit_line(line, inner), ("│", "frame")] for line in body), lower]

    def _levels(self, inner: int) -> list[Line]:
        counts = self.host.model.level_counts()
        lines: list[Line] = []
        for level, mark in sorted(MARKS.items(), key=lambda item: -item[0].rank):
            n = counts.get(level, 0)
            lines.append(
                [
                    (f" {level.mark} {mark.word:<10}", mark.style if n else "dim"),
                    (f"{n:>{inner - 14}} ", "bold" if n else "dim"),
                ]
            )
        return lines

    def _model(self, inner: int) -> list[Line]:
        model = self.host.model
        words, style = state_words(model.scan)
        row = sums(model.scans.values())
        if model.scan.state not in ("running", "idle") or not row.total:
            return [[(" LLM ", "dim"), (words, style)], [(" L", "key"), (" tells more", "dim")]]
        full, empty = bar(100.0 * done(row) / row.total, inner - 2)
        count = f"{done(row)}/{row.total} "
        return [
            spread([(" LLM ", "dim"), (words, style)], [(count, "dim")], inner),
            [(" ", "fg"), (full, "accent" if model.scan.state == "running" else "spark"), (empty, "track")],
        ]
