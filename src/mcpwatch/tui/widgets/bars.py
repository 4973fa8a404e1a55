"""The lines at the top and bottom of the main screen: header, footer, and the notice for a tiny terminal."""

from __future__ import annotations

from textual import events

from mcpwatch.clients.survey import Status
from mcpwatch.tui import fmt, keys
from mcpwatch.tui.cells import Line, Span, spread, width_of, wrap
from mcpwatch.tui.gateway_view import short as gateway_words
from mcpwatch.tui.levels import MARKS
from mcpwatch.tui.scan_text import short
from mcpwatch.tui.widgets.lines import Lines

LEAST = (60, 16)


class Header(Lines):
    def draw(self, width: int, height: int) -> list[Line]:
        host, model = self.host, self.host.model
        if model.error:
            state = ("▲ NO STATE", "danger")
        elif not model.ready:
            state = ("… READING", "dim")
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
        left: Line = [(" mcpwatch ", "accent"), (" ", "fg"), state, ("   ", "fg")]
        words: Line = [short(model.scan, model.scans.values())] if model.ready else []
        past, trouble = self._past(width), False
        if host.gateway is not None:
            said = gateway_words(host.gateway.view, host.gateway.now(), narrow=width < 100)
            trouble = said[1] == "caution"
            (past if said[1] == "danger" else words).insert(1 if trouble else 0, said)
        words, past = ([word for word in line if word[0]] for line in (words, past))
        time: Line = [(fmt.clock(host.now(), host.zone) + " ", "dim")]
        # What fits, the most telling last to go.
        for shown, right in (
            (counts, [*words, *past, *time]),
            (counts, [*words[1:], *past, *time]),
            *((("", [*words[1:], *past, *time]), ("", [*words[1:], *past])) if trouble else ()),
            (counts, [*past, *time]),
            (counts, past),
            ("", [*past, *time]),
            ("", past),
        ):
            line: Line = [*left, (shown, "dim")]
            tail = [span for word in right for span in (word, (" · ", "dim"))][:-1]
            if width_of(line) + width_of(tail) < width:
                break
        return [spread(line, tail, width)]

    def _past(self, width: int) -> list[Span]:
        """How many servers are configured past mcpwatch, or through another, and the key that shows them; the most
        telling count alone where there is no room."""
        configured = self.host.model.configured
        past = [entry for entry in configured if entry.to_wrap]
        removed = sum(1 for entry in past if entry.status is Status.REMOVED)
        drifted = sum(1 for entry in configured if entry.drifted)
        counts = (
            (removed, f"{fmt.plural(removed, 'wrapper')} removed"),
            (drifted, f"{drifted} drifted"),
            (len(past) - removed, f"{len(past) - removed} unwatched"),
        )
        said = " · ".join([text for count, text in counts if count][: 3 if width >= 80 else 1])
        if removed:
            return [(f" {said}: w ", "chip-danger")]
        return [(f"{said}: w", "caution")] if said else []


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
        while sum(len(key.label) + len(label) + 3 for key, label in shown) >= width and len(shown) > 1:
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


class ReviewBar(Lines):
    """What waits for a person's look: shown while there is anything."""

    def show(self) -> None:
        self.display = bool(self.host.model.to_review())
        self.redraw()

    def draw(self, width: int, height: int) -> list[Line]:
        waiting = self.host.model.to_review()
        if not waiting:
            return []
        keys: Line = [("n", "key"), (" goes there " if width >= 100 else " next ", "dim")]
        line: Line = [(f" ⚑ {len(waiting)} to review ", "chip-caution"), (" ", "fg")]
        left = width - width_of(line) - width_of(keys) - 4
        for i, tool in enumerate(waiting):
            mark = MARKS[tool.level]
            also = ", changed" if tool.why and tool.review == "changed" else ""
            spans: list[Span] = [
                (f"{mark.level.mark} ", mark.style),
                (f"{tool.server}/", "dim"),
                (tool.title, "fg"),
                (f" {tool.state}{also}  ", "danger" if tool.why else "caution"),
            ]
            if i and width_of(spans) > left:
                line.append(("…", "dim"))
                break
            line += spans
            left -= width_of(spans)
        return [spread(line, keys, width)]

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.host.action_next_problem()


class Notice(Lines):
    """What a person was told on starting, such as the demo's password; or what they must know since."""

    text_shown = ""
    style = "accent"

    def show(self) -> None:
        self.display = bool(self.text_shown)
        self.styles.height = max(1, len(self._wrapped(self.size.width or self.app.size.width)))
        self.redraw()

    def on_resize(self) -> None:
        self.styles.height = max(1, len(self._wrapped(self.size.width)))

    def _wrapped(self, width: int) -> list[str]:
        return wrap(self.text_shown, max(20, width - 2))[:3]

    def draw(self, width: int, height: int) -> list[Line]:
        return [[(" ", "fg"), (part, self.style)] for part in self._wrapped(width)]


class TooSmall(Lines):
    """Shown instead of everything when the terminal is too small to draw in."""

    def draw(self, width: int, height: int) -> list[Line]:
        policy = self.host.model.policy
        if self.host.model.error:
            state = ("STATE UNREADABLE", "danger")
        elif not self.host.model.ready:
            state = ("READING", "dim")
        elif policy.lock.locked:
            state = ("LOCKED", "locked")
        else:
            state = ("UNLOCKED", "bold")
        return [
            [(" ", "fg"), state, (f" · mcpwatch needs {LEAST[0]}×{LEAST[1]}, still enforcing", "fg")],
            [(" ctrl+k panic · ctrl+q quit", "dim")],
        ]
