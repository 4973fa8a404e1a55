"""One line while unlocked, a frame of three when locked or when the state cannot be read."""

from __future__ import annotations

from mcpwatch.guard.refusal import PANIC_REASON
from mcpwatch.store.records import Dimension, Lock, Policy
from mcpwatch.tui import fmt
from mcpwatch.tui.cells import Line, fit, spread, wrap
from mcpwatch.tui.safe_text import safe_text
from mcpwatch.tui.widgets.lines import Lines

MOST_LINES = 3  # of a reason
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
        self.styles.height = len(self.draw(self.size.width or 80, 0))
        self.redraw()

    def draw(self, width: int, height: int) -> list[Line]:
        model = self.host.model
        if model.error:
            why = safe_text(model.error, limit=300, ascii=self.host.ascii)
            title = "STATE UNREADABLE: protected calls are refused"
            return self._frame(width, title, "", why, "", "`mcpwatch doctor` tells more · ? help")
        if model.policy.lock.locked:
            return self._locked(width, model.policy)
        if not model.ready:
            return [[(" … ", "dim"), ("reading the state file", "dim")]]
        return [self._unlocked(width, model.policy)]

    def _locked(self, width: int, policy: Policy) -> list[Line]:
        lock = policy.lock
        host = self.host
        when = fmt.moment(lock.since_utc, host.zone, host.now())
        since = fmt.age((host.now() - lock.since_utc) / 1e9)
        body = sentence(lock, ascii=host.ascii)
        refused = f"{fmt.plural(lock.refused, 'call')} refused since"
        leave = "U unlock · ? explains why"
        if not policy.has_password:
            leave = "no password set: U, then type UNLOCK · ? explains why"
        return self._frame(width, title_of(lock), f"{when}, {since} ago", body, refused, leave)

    def _frame(self, width: int, title: str, when: str, body: str, refused: str, leave: str) -> list[Line]:
        """Half blocks above and below, so that the box is solid in colour and still a box without."""
        right_end: Line = [(f" {when} ", "locked"), ("▄▄", "danger")] if when else [("▄▄", "danger")]
        upper = spread([("▄▄", "danger"), (f" {title} ", "locked")], right_end, width, ("▄", "danger"))
        lower = spread([("▀▀", "danger")], [(f" {leave} ", "locked"), ("▀▀", "danger")], width, ("▀", "danger"))
        tail = f"  {refused} " if refused else " "
        lines = wrap(body, width - 1 - len(tail))[:MOST_LINES]
        middle: list[Line] = [[(" " + fit(part, width - 1), "locked")] for part in lines[:-1]]
        middle.append([(" " + fit(lines[-1], width - 1 - len(tail)), "locked"), (tail, "locked")])
        return [upper, *middle, lower]

    def _unlocked(self, width: int, policy: Policy) -> Line:
        model = self.host.model
        line: Line = [(" ○ UNLOCKED ", "safe"), (" ", "fg")]
        if policy.armed:
            line.append(("ARMED", "bold"))
            missing = "nothing is protected" if not policy.protect else "" if policy.limits else "no limit is set"
            line.append((f", but {missing}", "caution") if missing else (": passing a limit locks", "fg"))
        else:
            times = fmt.plural(model.would_lock, "time")
            would = f", would have locked {times}" if model.would_lock else ""
            line += [("OBSERVING", "bold"), (f": limits are off{would}", "fg")]
            line.append((" · A arms", "dim"))
            if not policy.protect:
                line.append((" · nothing is protected", "caution"))
        if policy.strict:
            line.append((" · STRICT", "bold"))
        if not policy.has_password:
            line.append((" · no password set, P sets one", "caution" if policy.armed else "dim"))
        exempt = len(policy.exempt)
        if exempt:
            line.append((f" · {fmt.plural(exempt, 'pattern')} exempt", "dim"))
        keys: Line = [("ctrl+k", "danger"), (" panic ", "dim")]
        return spread(line, keys, width)
