"""Calls, tokens and money against their limits: number, limit, percent, bar, history, mark.

The bar stops at its end; the numbers do not. A limit of 0 counts as fully used.
"""

from __future__ import annotations

from mcpwatch.store.records import Dimension, Usage
from mcpwatch.tui import fmt
from mcpwatch.tui.cells import Line, Span, bar, fit, sparkline
from mcpwatch.tui.widgets.lines import Lines

WARN_PERCENT = 80
BUCKETS = 40
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
        if not mine:
            return [name, ("no limit", "dim")]
        usage = max(mine, key=lambda u: (u.percent, u.limit.scope == "*/*"))
        return self._meter(name, usage, len(mine), width)

    def _meter(self, name: Span, usage: Usage, of: int, width: int) -> Line:
        limit = usage.limit
        wide = width >= 100
        used = fmt.amount(limit.dimension, usage.used)
        maximum = fmt.amount(limit.dimension, limit.maximum)
        style = self._style(usage)
        numbers = f"{used:>8} / {maximum:<8}" if wide else f"{used:>7}/{maximum:<6}"
        percent = f"{usage.percent:.0f}%" if usage.percent < 99_999.5 else ">99999%"
        full, empty = bar(usage.percent, 28 if wide else 14)
        line: Line = [
            name,
            (numbers, "fg"),
            (fit(fmt.window(limit.window_s), 6 if wide else 5), "dim"),
            ("▕", "dim"),
            (full, style),
            (empty, "track"),
            ("▏", "dim"),
            (fit(percent, 7, right=True), style),
            ("  ", "fg"),
        ]
        history = self.host.model.history.get(limit.key, [])
        spark = sparkline(history, 36 if wide else 8)
        line += [(spark, "spark"), ("  ", "fg")]
        mark = self._mark(usage, wide)
        if mark:
            line.append((mark, style))
        elif of > 1:
            line.append((f"fullest of {of} limits", "dim"))
        if limit.scope != "*/*" and wide:
            line.append((f" {self.host.model.name(limit.scope)}", "dim"))
        return line

    def _style(self, usage: Usage) -> str:
        if usage.percent >= 100:
            return "danger"
        return "caution" if usage.percent >= WARN_PERCENT else "safe"

    def _mark(self, usage: Usage, wide: bool) -> str:
        policy = self.host.model.policy
        limit = usage.limit
        if policy.lock.locked and policy.lock.code == limit.dimension:
            return "!! tripped the lock" if wide else "!! tripped lock"
        if limit.maximum == 0:
            return "!! blocks all" if policy.armed else "!! would block all"
        if usage.percent >= 100:
            return "!! at the limit" if policy.armed else "!! would lock"
        return f"!  over {WARN_PERCENT}%" if usage.percent >= WARN_PERCENT else ""
