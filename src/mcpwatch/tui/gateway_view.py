"""What the proxy worker knows of the gateway, and how that is said. No Textual, no I/O."""

from __future__ import annotations

from typing import Literal

import msgspec

from mcpwatch.relay.gateway_control import Found
from mcpwatch.tui import fmt
from mcpwatch.tui.cells import Line, fit, wrap
from mcpwatch.tui.safe_text import safe_text

Phase = Literal[
    "looking", "unneeded", "config", "no-state", "starting", "up", "silent", "waiting", "stopping", "stopped"
]


class GatewayView(msgspec.Struct, frozen=True):
    """Times are seconds of `time.monotonic()`."""

    phase: Phase = "looking"
    servers: dict[str, str] = {}  # of the configuration: name → URL
    port: int = 0  # of the configuration; 0: any
    config_problem: str = ""
    found: Found = Found("none")
    seen_at: float = 0.0  # when it last answered; when its silence began
    ours: bool = False  # this screen started it
    service: bool = False  # systemd or launchd runs it
    failures: int = 0
    retry_at: float = 0.0
    why: str = ""  # what went wrong
    advice: str = ""  # what a person can do about it
    log: str = ""  # path of its log, "" where it has none

    @property
    def is_up(self) -> bool:
        return self.phase == "up"

    @property
    def problems(self) -> dict[str, str]:
        """server → why nothing reaches it."""
        return self.found.health.problems if self.found.health is not None else {}

    def uptime(self, now: float) -> float:
        health = self.found.health
        return health.uptime_s + now - self.seen_at if health is not None else 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next try."""
        return max(0.0, self.retry_at - now)


def short(view: GatewayView, now: float, *, narrow: bool = False) -> tuple[str, str]:
    """For the header, "" when there is nothing to say; and the style."""
    match view.phase:
        case "starting" | "stopping":
            return f"gateway {view.phase}", "accent"
        case "up" if view.problems and narrow:
            return "gateway problem: H", "caution"
        case "up" if view.problems:
            return f"gateway up, {fmt.plural(len(view.problems), 'problem')}: H", "caution"
        case "up":
            return "gateway up", "dim"
        case "silent":
            return f"gateway silent{'' if narrow else f' {fmt.age(now - view.seen_at)}'}: H", "danger"
        case "waiting":
            again = "" if narrow else f", again in {fmt.age(view.wait(now) + 0.999)}"
            return f"gateway down{again}: H", "danger"
        case "stopped":
            return "gateway stopped: H", "caution"
        case "config":
            return "gateway: bad config", "caution"
    return "", "dim"


def state_words(view: GatewayView, now: float) -> tuple[str, str]:
    """The state in a line, and its style."""
    tries = fmt.plural(view.failures, "failure")
    match view.phase:
        case "looking":
            return "looking for it", "dim"
        case "unneeded":
            return "not needed: no HTTP servers configured", "dim"
        case "config":
            return "not started: the configuration cannot be used", "caution"
        case "no-state":
            return "unknown: the state file cannot be read", "caution"
        case "starting":
            return "starting", "accent"
        case "up":
            by = "your session's service" if view.service else "started by this screen" if view.ours else ""
            return "up" + (f" · {by}" if by else ""), "safe"
        case "silent":
            return f"silent for {fmt.age(now - view.seen_at)}: its process lives, but does not answer", "caution"
        case "waiting":
            after = f" · {tries}" if view.failures else ""
            return f"down · next start in {fmt.age(view.wait(now) + 0.999)}{after}", "danger"
        case "stopping":
            return "stopping", "accent"
    return "stopped by you · s starts it", "caution"


def facts(view: GatewayView, now: float, width: int, *, ours_version: str, ascii: bool = False) -> list[Line]:
    """State, address, counts, and the servers with what is wrong with each."""

    def fact(name: str, value: str, style: str = "fg") -> list[Line]:
        parts = wrap(value, max(20, width - 12))
        return [[(f"{name if not i else '':<12}", "dim"), (part, style)] for i, part in enumerate(parts)]

    def safe(text: str, limit: int = 300) -> str:
        return safe_text(text, limit=limit, ascii=ascii)

    words, style = state_words(view, now)
    lines: list[Line] = [[], *fact("gateway", words, style)]
    row, health = view.found.row, view.found.health
    if row.word:
        lines += fact("address", f"{safe(view.found.url)}/<server>/mcp")
    if health is not None:
        lines += fact("process", f"{health.pid} · up for {fmt.age(view.uptime(now))}")
        requests = fmt.plural(health.streams, "request")
        lines += fact("traffic", f"{fmt.plural(health.sessions, 'session')} · {requests} under way")
        if health.version != ours_version:
            said = f"it is mcpwatch {safe(health.version, 40)}, this screen {ours_version}: r restarts it"
            lines += fact("version", said, "caution")
        if view.port and row.port != view.port:
            lines += fact("port", f"the configuration says {view.port}: r restarts it there", "caution")
    elif row.word:
        lines += fact("process", str(row.pid))
    if view.why:
        lines += fact("why", safe(view.why), "caution")
    if view.advice:
        lines += fact("to do", safe(view.advice), "bold")
    if view.config_problem:
        lines += fact("config", safe(view.config_problem), "caution")
    return [*lines, [], *_servers(view, width, ascii=ascii)]


def _servers(view: GatewayView, width: int, *, ascii: bool) -> list[Line]:
    """Those it serves; while none is up, those it would serve."""
    serving = view.found.health.servers if view.found.health is not None else {}
    known = view.servers | serving
    names = sorted(known.keys() | view.problems.keys(), key=str.casefold)
    if not names:
        said = "No [servers.NAME] with a url in config.toml: there is nothing for a gateway to do."
        return [[(part, "dim")] for part in wrap(said, width)]
    size = min(24, max(len(name) for name in names))
    lines: list[Line] = []
    for name in names:
        problem = view.problems.get(name, "")
        mark = ("! ", "caution") if problem else ("✓ ", "safe") if name in serving else ("· ", "dim")
        shown = safe_text(name, limit=80, lines="show", ascii=ascii)
        url = safe_text(known.get(name, ""), limit=200, ascii=ascii)
        lines.append([mark, (fit(shown, size) + "  ", "bold"), (url, "fg")])
        parts = wrap(safe_text(problem, limit=300, ascii=ascii), max(20, width - 4)) if problem else []
        lines += [[("    ", "fg"), (part, "caution")] for part in parts]
    return lines


def log_lines(text: list[str], width: int, *, ascii: bool = False) -> list[Line]:
    """The tail of the log, wrapped, the newest last."""
    shown = (safe_text(line, limit=2000, ascii=ascii) for line in text)
    return [[(part, "fg" if not i else "dim")] for line in shown for i, part in enumerate(wrap(line, max(20, width)))]
