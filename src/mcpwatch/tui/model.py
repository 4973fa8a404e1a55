"""What the screen shows, as plain frozen rows: records come in, safe text comes out. No Textual.

Every string that came over the wire is made safe here, once, when it arrives. The raw names stay only in `key`
fields, which find rows again and are never drawn.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence

import msgspec

from mcpwatch.store.levels import UNSCANNED, Level, level_of
from mcpwatch.store.records import CallRow, Outcome, Policy, Session, ToolRow, Usage
from mcpwatch.tui import filters
from mcpwatch.tui.preview import detail_of
from mcpwatch.tui.safe_text import is_plain, safe_text

MAX_CALLS = 2000
_SAMPLES = 200  # durations kept per tool for its 95th percentile

ToolKey = tuple[str, str, str]  # server, kind, name: raw


class ToolLine(msgspec.Struct, frozen=True):
    key: ToolKey
    server: str
    kind: str
    name: str
    level: Level
    score: float | None
    badges: tuple[str, ...]  # shown as flags: raw!, pin changes …
    state: str  # ok | error | HELD | BLOCKED | changed | gone | –
    calls: int
    errors: int
    refused: int
    tokens: int
    cost: int
    p95_ns: int | None
    last_utc: int | None
    definition_tokens: int
    protected: bool
    listed: bool
    fingerprint: str

    def fields(self) -> dict[str, str]:
        flags = " ".join((*self.badges, "protected" if self.protected else ""))
        return {
            "tool": self.name,
            "server": self.server,
            "level": self.level.name,
            "state": self.state,
            "flag": flags,
            "kind": self.kind,
            "": f"{self.server}/{self.name} {self.level.name} {self.state} {flags}",
        }


class CallLine(msgspec.Struct, frozen=True):
    id: int
    utc: int
    key: ToolKey
    server: str
    client: str
    what: str  # the tool, or the method where there is none
    method: str
    arrow: str  # → pending, ← answered, ■ refused or ended by us, ▲ from the server
    duration_ns: int | None
    tokens: int
    cost: int
    outcome: str
    status: str  # one word
    style: str
    detail: str
    badges: tuple[str, ...]
    protected: bool
    counted: bool
    level: Level

    def fields(self) -> dict[str, str]:
        return {
            "tool": self.what,
            "server": self.server,
            "client": self.client,
            "level": self.level.name,
            "state": f"{self.status} {self.outcome}",
            "flag": " ".join(self.badges),
            "dir": "in server" if self.arrow == "▲" else "out client",
            "": f"{self.server}/{self.what} {self.client} {self.status} {self.method} {self.detail}",
        }


class ServerLine(msgspec.Struct, frozen=True):
    key: str  # raw name; "" for all servers
    name: str
    client: str
    live: bool
    tools: int
    level: Level


_STATUS: dict[str, tuple[str, str, str]] = {
    Outcome.PENDING: ("→", "pending", "dim"),
    Outcome.OK: ("←", "ok", "fg"),
    Outcome.ERROR: ("←", "ERROR", "caution"),
    Outcome.REFUSED: ("■", "REFUSED", "danger"),
    Outcome.CANCELLED: ("■", "CANCELLED", "caution"),
    Outcome.TIMED_OUT: ("■", "NO ANSWER", "caution"),
    Outcome.VIOLATION: ("■", "VIOLATION", "danger"),
}
SORTS = ("severity", "calls", "tokens", "cost", "last", "p95", "name")


class Model:
    def __init__(self, *, ascii: bool = False) -> None:
        self._ascii = ascii
        self.policy = Policy()
        self.error = ""  # why the state cannot be read, "" while it can
        self.usages: tuple[Usage, ...] = ()
        self.history: dict[str, list[int]] = {}
        self.sessions: list[Session] = []
        self.would_lock = 0
        self.rev = 0
        self.arrived = 0  # calls seen since the start
        self.calls_version = self.tools_version = 0
        self._calls: dict[int, CallLine] = {}
        self._order: list[tuple[int, int]] = []  # (utc, id), oldest first
        self._tool_rows: list[ToolRow] = []
        self._tools: list[ToolLine] = []
        self._levels: dict[ToolKey, Level] = {}
        self._durations: dict[ToolKey, deque[int]] = defaultdict(lambda: deque(maxlen=_SAMPLES))
        self._timed: set[ToolKey] = set()  # tools with durations since their lines were made
        self._names: dict[str, str] = {}
        self._badges: dict[str, bool] = {}

    # --- what came over the wire, made safe ---

    def name(self, raw: str) -> str:
        """A server's, client's or tool's name, safe and short. Names repeat, so each is cleaned once."""
        shown = self._names.get(raw)
        if shown is None:
            if len(self._names) > 20_000:
                self._names.clear()
            shown = self._names[raw] = safe_text(raw, limit=200, lines="show", ascii=self._ascii)
        return shown

    def _hidden(self, raw: str) -> bool:
        if raw not in self._badges:
            if len(self._badges) > 20_000:
                self._badges.clear()
            self._badges[raw] = not is_plain(raw)
        return self._badges[raw]

    # --- records in ---

    def take_policy(self, policy: Policy) -> None:
        self.policy, self.error = policy, ""

    def take_calls(self, rows: Iterable[CallRow]) -> int:
        """Adds or replaces calls; returns how many were new."""
        new = 0
        for row in rows:
            self.rev = max(self.rev, row.rev)
            line = self._call_line(row)
            if row.id not in self._calls:
                new += 1
                self.arrived += 1
                insort(self._order, (row.started_utc, row.id))
                if "would-lock" in row.flags:
                    self.would_lock += 1
            self._calls[row.id] = line
            if row.duration_ns is not None and row.outcome in (Outcome.OK, Outcome.ERROR):
                self._durations[line.key].append(row.duration_ns)
                self._timed.add(line.key)
            self.calls_version += 1
        while len(self._order) > MAX_CALLS:
            _, gone = self._order.pop(0)
            del self._calls[gone]
        return new

    def take_tools(self, rows: Sequence[ToolRow]) -> None:
        """Rows that are as before, and have no new durations, keep their line."""
        kept = {line.key: (row, line) for row, line in zip(self._tool_rows, self._tools, strict=True)}
        lines = []
        for row in rows:
            key = (row.server, row.kind, row.name)
            before = kept.get(key)
            same = before is not None and key not in self._timed and before[0] == row
            lines.append(before[1] if same and before is not None else self._tool_line(row))
        self._timed.clear()
        self._tool_rows, self._tools = list(rows), lines
        self._levels = {line.key: line.level for line in lines}
        self.tools_version += 1

    def take_sessions(self, sessions: Sequence[Session]) -> None:
        self.sessions = list(sessions)

    def _call_line(self, row: CallRow) -> CallLine:
        arrow, status, style = _STATUS.get(row.outcome, ("·", row.outcome, "fg"))
        if row.from_server and row.outcome in (Outcome.PENDING, Outcome.OK):
            arrow = "▲"
        key = (row.server, "tool", row.tool)
        flags = ["would lock" if flag.startswith("would-lock") else flag for flag in row.flags.split(",") if flag]
        if self._hidden(row.tool) or self._hidden(row.server):
            flags.append("raw!")
        return CallLine(
            id=row.id,
            utc=row.started_utc,
            key=key,
            server=self.name(row.server),
            client=self.name(row.client_name),
            what=self.name(row.tool or row.method),
            method=self.name(row.method),
            arrow=arrow,
            duration_ns=row.duration_ns,
            tokens=row.tokens_in + row.tokens_out,
            cost=row.cost,
            outcome=self.name(row.outcome),
            status=self.name(status),
            style=style,
            detail=safe_text(detail_of(row), limit=300, ascii=self._ascii),
            badges=tuple(safe_text(flag, limit=40, ascii=self._ascii) for flag in flags),
            protected=row.protected,
            counted=row.protected and row.outcome != Outcome.REFUSED,
            level=self._levels.get(key, UNSCANNED),
        )

    def _tool_line(self, row: ToolRow) -> ToolLine:
        key = (row.server, row.kind, row.name)
        badges = []
        if self._hidden(row.name) or self._hidden(row.server):
            badges.append("raw!")
        if row.review in ("changed", "approved"):
            badges.append("Δ" if row.review == "changed" else "pin")
        if not row.protected:
            badges.append("free")
        return ToolLine(
            key=key,
            server=self.name(row.server),
            kind=self.name(row.kind),
            name=self.name(row.name),
            level=level_of(row.score),
            score=row.score,
            badges=tuple(badges),
            state=self._tool_state(row),
            calls=row.calls,
            errors=row.errors,
            refused=row.refused,
            tokens=row.tokens,
            cost=row.cost,
            p95_ns=self._p95(key),
            last_utc=row.last_utc or None,
            definition_tokens=row.definition_tokens,
            protected=row.protected,
            listed=row.listed,
            fingerprint=row.fingerprint,
        )

    def _tool_state(self, row: ToolRow) -> str:
        if row.review in ("blocked", "quarantined"):
            return "BLOCKED"
        if self.policy.lock.locked and row.protected:
            return "HELD"
        if row.review == "changed":
            return "changed"
        if not row.listed:
            return "unlisted" if not row.fingerprint else "gone"
        return self.name(row.last_outcome) or "–"

    def _p95(self, key: ToolKey) -> int | None:
        samples = self._durations.get(key)
        if not samples:
            return None
        ordered = sorted(samples)
        return ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]

    # --- rows out ---

    def relock(self) -> None:
        """The lock or the policy changed: what it says about each tool changes with it."""
        self._tools = [self._tool_line(row) for row in self._tool_rows]
        self.tools_version += 1

    def calls(self) -> list[CallLine]:
        """Newest first."""
        return [self._calls[key] for _, key in reversed(self._order)]

    def tools(self) -> list[ToolLine]:
        return self._tools

    def call(self, call: int) -> CallLine | None:
        return self._calls.get(call)

    @property
    def empty(self) -> bool:
        return not (self._order or self._tools or self.sessions)

    @property
    def tool_count(self) -> int:
        return sum(1 for row in self._tool_rows if row.kind == "tool" and row.listed)

    def clients(self) -> int:
        return len({(s.client_name or s.pid) for s in self.sessions if s.ended_utc is None})

    def servers(self) -> list[ServerLine]:
        tools: dict[str, int] = defaultdict(int)
        worst: dict[str, Level] = {}
        for line in self._tools:
            server = line.key[0]
            if line.kind == "tool" and line.listed:
                tools[server] += 1
            best = worst.get(server)
            worst[server] = line.level if best is None or line.level.rank > best.rank else best
        live = {s.server: s for s in self.sessions if s.ended_utc is None}
        names = sorted({*tools, *worst, *live}, key=str.casefold)
        lines = [
            ServerLine(
                key=raw,
                name=self.name(raw),
                client=self.name(live[raw].client_name) if raw in live else "",
                live=raw in live,
                tools=tools[raw],
                level=worst.get(raw, UNSCANNED),
            )
            for raw in names
        ]
        total = ServerLine("", "all servers", "", any(s.live for s in lines), sum(tools.values()), UNSCANNED)
        return [total, *lines]

    def rate(self, now: int, window_ns: int = 60_000_000_000) -> int:
        """Calls in the last minute, of those kept."""
        n = 0
        for utc, _ in reversed(self._order):
            if utc <= now - window_ns:
                break
            n += 1
        return n

    def top_tools(self, window_s: int, until_utc: int, n: int = 3) -> tuple[list[tuple[str, int]], int]:
        """The tools that were called most in the window that ended at `until_utc`, and the window's total."""
        since = until_utc - window_s * 1_000_000_000
        found: dict[str, int] = defaultdict(int)
        for utc, key in self._order:
            line = self._calls[key]
            if since < utc <= until_utc and line.counted:
                found[f"{line.server}/{line.what}"] += 1
        ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
        return ordered[:n], sum(found.values())


def filter_tools(lines: Iterable[ToolLine], terms: tuple[filters.Term, ...], server: str) -> list[ToolLine]:
    """Tools, and whatever else a server lists that needs a look."""
    return [
        line
        for line in lines
        if (line.kind == "tool" or line.level.rank > UNSCANNED.rank or line.state in ("BLOCKED", "changed"))
        and (not server or line.key[0] == server)
        and filters.matches(terms, line.fields)
    ]


def filter_calls(lines: Iterable[CallLine], terms: tuple[filters.Term, ...], server: str) -> list[CallLine]:
    return [line for line in lines if (not server or line.key[0] == server) and filters.matches(terms, line.fields)]


def sort_tools(lines: Iterable[ToolLine], by: str) -> list[ToolLine]:
    """Sorted; equal rows stay in the order of their names, so that rows do not jump about."""
    ordered = sorted(lines, key=lambda line: (line.server.casefold(), line.name.casefold(), line.key))
    keys = {
        "severity": lambda line: -line.level.rank,
        "calls": lambda line: -line.calls,
        "tokens": lambda line: -line.tokens,
        "cost": lambda line: -line.cost,
        "last": lambda line: -(line.last_utc or 0),
        "p95": lambda line: -(line.p95_ns or 0),
    }
    return sorted(ordered, key=keys[by]) if by in keys else ordered
