"""One line while unlocked, a frame of three when locked or when the state cannot be read."""

from __future__ import annotations

from mcpwatch.guard.refusal import PANIC_REASON
from mcpwatch.store.records import Dimension, Lock, Policy
from mcpwatch.tui import fmt
from mcpwatch.tui.cells import Line, Span, fit, spread, width_of
from mcpwatch.tui.safe_text import safe_text
from mcpwatch.tui.widgets.lines import Lines

_DIMENSIONS = {d.value for d in Dimension}


def title_of(lock: Lock) -> str:
    """What the frame is headed with: a person's key reads differently from a limit."""
    return "PANIC LOCK" if lock.code == "panic" else "LOCKED"


def sentence(lock: Lock, *, ascii: bool = False) -> str:
    """Why it is locked, in words."""
    reason = safe_text(lock.reason, limit=300, ascii=ascii)
    if lock.code == "panic":
        by = safe_text(lock.by, limit=60, ascii=ascii)
        where = {"screen": "at the screen", "command line": "on the command line"}.get(lock.by, f"({by})")
        text = f"stopped by a person {where}"
        return text if lock.reason == PANIC_REASON else f"{text}: {reason}"
    if lock.code in _DIMENSIONS:
        return f"limit passed: {reason}"
    return reason


class LockBanner(Lines):
    @property
    def alarm(self) -> bool:
        model = self.host.model
        return bool(model.error) or model.policy.lock.locked

    def show(self) -> None:
        self.set_class(self.alarm, "-alarm")
        self.redraw()

    def draw(self, width: int, height: int) -> list[Line]:
        model = self.host.model
        if model.error:
            return self._frame(
                width,
                "STATE UNREADABLE",
                f"protected calls are refused · {safe_text(model.error, limit=300, ascii=self.host.ascii)}",
                "",
                "mcpwatch doctor tells more · ? help",
            )
        if model.policy.lock.locked:
            return self._locked(width, model.policy)
        return [self._unlocked(width, model.policy)]

    def _locked(self, width: int, policy: Policy) -> list[Line]:
        lock = policy.lock
        host = self.host
        when = fmt.moment(lock.since_utc, host.zone, host.now())
        since = fmt.age((host.now() - lock.since_utc) / 1e9)
        body = f"{sentence(lock, ascii=host.ascii)} · {when} ({since} ago)"
        refused = f"{fmt.plural(lock.refused, 'call')} refused since"
        leave = "U unlock · ? explains why"
        if not policy.has_password:
            leave = "no password set: U, then type UNLOCK · ? explains why"
        return self._frame(width, title_of(lock), body, refused, leave)

    def _frame(self, width: int, title: str, body: str, right: str, leave: str) -> list[Line]:
        edge = "locked-frame"
        head: Line = [("▛▀▀", edge), (f" {title} ", "locked+reverse"), ("▀" * max(0, width - len(title) - 6), edge)]
        tail: Span = (f" {right} ▐" if right else " ▐", edge)
        inner = width - 2 - width_of([tail])
        middle: Line = [("▌ ", edge), (fit(body, inner), "locked"), tail]
        foot = spread([("▙", edge)], [(f" {leave} ", "locked"), ("▄▟", edge)], width, ("▄", edge))
        return [[*head, ("▜", edge)], middle, foot]

    def _unlocked(self, width: int, policy: Policy) -> Line:
        model = self.host.model
        line: Line = [(" ○ UNLOCKED ", "safe"), (" ", "fg")]
        if policy.armed:
            text = "limits are armed" if policy.limits else "armed, but no limit is set"
            line.append((text, "fg" if policy.limits else "caution"))
        else:
            times = fmt.plural(model.would_lock, "time")
            would = f", would have locked {times}" if model.would_lock else ""
            line += [("OBSERVING", "bold"), (f": limits are off{would}", "fg")]
            line.append((" · A arms", "dim"))
        if not policy.has_password:
            line.append((" · no password set, P sets one", "caution" if policy.armed else "dim"))
        exempt = len(policy.exempt)
        if exempt:
            line.append((f" · {fmt.plural(exempt, 'pattern')} exempt", "dim"))
        keys: Line = [("ctrl+k", "danger"), (" panic ", "dim")]
        return spread(line, keys, width)
