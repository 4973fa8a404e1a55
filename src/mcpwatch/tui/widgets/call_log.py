"""The live log of calls, newest first."""

from __future__ import annotations

from mcpwatch.tui import fmt
from mcpwatch.tui.cells import Line, Span, fit
from mcpwatch.tui.rows import CallLine
from mcpwatch.tui.widgets.linelist import LineList

_LOUD = {"raw!", "would lock", "unlisted", "late"}


class CallLog(LineList[CallLine]):
    following = True
    paused = False
    unseen = 0  # arrived while paused
    rate = 0
    total = 0

    def row_key(self, row: CallLine) -> int:
        return row.id

    def titles(self) -> tuple[list[Span], list[Span]]:
        right: list[Span]
        if self.host.model.error:
            right = [("not live ", "danger")]
        elif self.paused:
            right = [("paused", "caution"), (f": {fmt.exact(self.unseen)} new · p resumes ", "dim")]
        else:
            right = [("following ▾ " if self.following else "f follows ", "dim")]
            right.append((f"· {self.rate}/min ", "dim"))
        return [(" 3 Calls ", "title")], right

    def foot(self) -> list[Span]:
        if not self.rows:
            return []
        more = f" · {fmt.exact(self.total)} in all" if self.total != len(self.rows) else ""
        return [(f" {self.cursor + 1} of {fmt.exact(len(self.rows))}{more} ", "dim")]

    def nothing(self) -> list[str]:
        if not self.host.model.ready:
            return ["reading…"]
        return ["nothing matches the filter", "esc clears it"] if self.total else ["no calls yet"]

    def _layout(self, width: int) -> tuple[int, int, int, int]:
        """Cells for time, client, server and call; 0 leaves the column out."""
        if width >= 96:
            return 12, 11, 12, 22
        return 10, 0, 0, min(30, max(14, width - 48))

    def head(self, width: int) -> Line:
        time, client, server, call = self._layout(width)
        names = [fit("TIME", time + 2)]
        names += [fit("CLIENT", client)] if client else []
        names += [fit("SERVER", server)] if server else []
        names += [fit("CALL" if server else "SERVER/CALL", call), fit("TOOK", 6, right=True)]
        names += [fit("TOKENS", 6, right=True)] if server else []
        names += [fit("STATUS", 9), "DETAIL"]
        return [(" " + " ".join(names), "head")]

    def row_line(self, row: CallLine, width: int) -> Line:
        time, client, server, call = self._layout(width)
        host = self.host
        moment = fmt.clock(row.utc, host.zone, ms=True)
        line: Line = [(" " + fit(moment if time == 12 else moment[:-2], time), "dim")]
        line.append((f" {row.arrow} ", row.style))
        if client:
            line.append((fit(row.client or fmt.NONE, client) + " ", "dim"))
        if server:
            line += [(fit(row.server, server) + " ", "dim"), (fit(row.what, call) + " ", "fg")]
        else:
            shown = fit(f"{row.server}/{row.what}", call)
            cut = min(len(row.server) + 1, len(shown))
            line += [(shown[:cut], "dim"), (shown[cut:] + " ", "fg")]
        took = row.duration_ns
        if took is None and row.outcome == "pending" and row.status != "open":
            text = "…" + fmt.duration(max(0, host.now() - row.utc))
        else:
            text = fmt.duration(took)
        line.append((fit(text, 6, right=True) + " ", "dim"))
        if server:
            line.append((fit(fmt.count_short(row.tokens) if row.tokens else fmt.NONE, 6, right=True) + " ", "dim"))
        line.append((fit(row.status, 9) + " ", row.style))
        if row.badges:
            loud = not _LOUD.isdisjoint(row.badges)
            line.append((" ".join(row.badges) + " ", "caution" if loud else "dim"))
        line.append((row.detail, "dim"))
        return line
