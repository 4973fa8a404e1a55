"""Calls, tokens and money against their limits: number, limit, percent, bar, history, mark.

The bar stops at its end; the numbers do not. A limit of 0 counts as fully used.
"""

from __future__ import annotations

from mcpwatch.store.records import Dimension, Usage
from mcpwatch.tui import fmt
from mcpwatch.tui.cells import Line, Span, bar, fit, fit_line, sparkline, width_of
from mcpwatch.tui.widgets.lines import Lines

WARN_PERCENT = 80
BUCKETS = 32
_WORDS = 18  # cells for what is said behind the history
_NAMES = {Dimension.CALLS: "CALLS", Dimension.TOKENS: "TOKENS", Dimension.COST: "COST"}


class Meters(Lines):
    """One line a dimension: its fullest limit."""

    def draw(self, width: int, height: int) -> list[Line]:
        model = self.host.model
        return [self._line(dimension, width, lost=bool(model.error)) for dimension in Dimension]

    def _line(self, dimension: Dimension, width: int, *, lost: bool) -> Line:
        mine = [usage for usage in self.host.model.usages if usage.limit.dimension == dimension]
        name: Span = (f" {_NAMES[dimension]:<7}", "bold")
        if lost:
            return [name, ("unknown: the state cannot be read", "dim")]
        if not self.host.model.ready:
            return [name, ("reading…", "dim")]
        if not mine:
            return [name, ("no limit", "dim")]
        usage = max(mine, key=lambda u: (u.percent, u.limit.scope == "*/*"))
        return self._meter(name, usage, len(mine), width)

    def _meter(self, name: Span, usage: Usage, of: int, width: int) -> Line:
        limit = usage.limit
        wide = width >= 100
        used = fmt.amount(limit.dimension, usage.used)
        maximum = fmt.amount(limit.dimension, limit.maximum)
        mark, words = self._mark(usage)
        style = {"!!": "danger", "!": "caution"}.get(mark, "safe")
        numbers = f"{used:>7} / {maximum}" if wide else f"{used:>6}/{maximum}"
        full, empty = bar(usage.percent, 24 if wide else 14)
        line: Line = [
            name,
            *fit_line([(numbers, "fg"), (fmt.window(limit.window_s), "dim")], 23 if wide else 17),
            ("▕", "dim"),
            (full, style),
            (empty, "track"),
            ("▏", "dim"),
            (fit(percent_text(usage.percent), 6, right=True), style),
            (f" {mark:<3}", style),
        ]
        if width >= 70:
            room = max(8, min(32, width - width_of(line) - _WORDS)) if wide else 8
            line += [(sparkline(self.host.model.history.get(limit.key, []), room), "spark"), ("  ", "fg")]
        if limit.scope != "*/*":
            line.append((self.host.model.name(limit.scope), style if mark else "dim"))
        elif words:
            line.append((words, style))
        elif of > 1:
            line.append((f"fullest of {of}", "dim"))
        return line

    def _mark(self, usage: Usage) -> tuple[str, str]:
        """`!` from the warning share on, `!!` where calls are refused; and why, in words."""
        policy = self.host.model.policy
        limit = usage.limit
        if policy.lock.locked and policy.lock.code == limit.dimension:
            return "!!", "tripped the lock"
        if limit.maximum == 0:
            return "!!", "blocks all" if policy.armed else "would block all"
        if usage.percent >= 100:
            return "!!", "at the limit" if policy.armed else "would lock"
        return ("!", f"over {WARN_PERCENT}%") if usage.percent >= WARN_PERCENT else ("", "")


def percent_text(percent: float) -> str:
    """Rounded down, so that 100% is said only of a limit that is reached."""
    return f"{int(percent)}%" if percent < 100_000 else ">99999%"
