"""The lines at the top and bottom of the main screen: header, footer, and the notice for a tiny terminal."""

from __future__ import annotations

from textual import events

from mcpwatch.tui import fmt, keys
from mcpwatch.tui.cells import Line, spread, width_of
from mcpwatch.tui.widgets.lines import Lines

LEAST = (60, 16)


class Header(Lines):
    def draw(self, width: int, height: int) -> list[Line]:
        host, model = self.host, self.host.model
        if model.error:
            state = ("▲ NO STATE", "danger")
        elif host.paused:
            state = ("■ PAUSED", "caution")
        else:
            state = ("● LIVE", "safe")
        servers = len({s.server for s in model.sessions if s.ended_utc is None})
        counts = " · ".join(
            (
                fmt.plural(model.clients(), "client"),
                fmt.plural(servers, "server"),
                fmt.plural(model.tool_count, "tool"),
            )
        )
        left: Line = [(" mcpwatch ", "accent"), (" ", "fg"), state, ("   ", "fg"), (counts, "dim")]
        time: Line = [(fmt.clock(host.now(), host.zone) + " ", "dim")]
        workers = " · ".join(f"{worker.name}: {worker.status}" for worker in host.workers_hosted)
        right: Line = [(f"{workers} · ", "dim"), *time] if workers else time
        return [spread(left, right if width_of(left) + width_of(right) < width else time, width)]


class Footer(Lines):
    """The keys that matter now. What does not fit goes, the least important first; a click presses the key."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._spots: list[tuple[int, int, str]] = []

    def draw(self, width: int, height: int) -> list[Line]:
        host = self.host
        policy = host.model.policy
        shown = keys.footer(
            locked=policy.lock.locked, armed=policy.armed, paused=host.paused, any_rows=not host.model.empty
        )
        while sum(len(key.label) + len(label) + 3 for key, label in shown) > width and len(shown) > 1:
            shown.remove(max(shown, key=lambda item: item[0].rank))
        line: Line = [(" ", "fg")]
        self._spots = []
        at = 1
        for key, label in shown:
            style = "danger" if key.id == "panic" else "key"
            line += [(key.label, style), (" ", "fg"), (label, "bold" if key.id == "panic" else "dim"), ("  ", "fg")]
            size = len(key.label) + 1 + len(label)
            self._spots.append((at, at + size, key.id))
            at += size + 2
        return [line]

    async def on_click(self, event: events.Click) -> None:
        for start, end, key in self._spots:
            if start <= event.x < end:
                await self.host.run_key(key)


class Notice(Lines):
    """What a person was told on starting, such as the demo's password."""

    text_shown = ""

    def draw(self, width: int, height: int) -> list[Line]:
        return [[(" ", "fg"), (self.text_shown, "accent")]]


class TooSmall(Lines):
    """Shown instead of everything when the terminal is too small to draw in."""

    def draw(self, width: int, height: int) -> list[Line]:
        policy = self.host.model.policy
        if self.host.model.error:
            state = ("STATE UNREADABLE", "danger")
        elif policy.lock.locked:
            state = ("LOCKED", "locked")
        else:
            state = ("UNLOCKED", "bold")
        return [
            [(" ", "fg"), state, (f" · mcpwatch needs {LEAST[0]}×{LEAST[1]}, still enforcing", "fg")],
            [(" ctrl+k panic · ctrl+q quit", "dim")],
        ]
