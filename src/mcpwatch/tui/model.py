"""What the screen shows, as plain frozen rows: records come in, safe text comes out. No Textual.

Every string that came over the wire is made safe here, once, when it arrives. The raw names stay only in `key`
fields, which find rows again and are never drawn.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence

from mcpwatch.guard.review import TOOL, held
from mcpwatch.protocol.methods import CALL, LISTEN
from mcpwatch.store.levels import UNSCANNED, Level, level_of
from mcpwatch.store.records import AuditRow, CallRow, Outcome, Policy, Session, ToolRow, Usage
from mcpwatch.store.scans import ScannerStatus, ScanProgress
from mcpwatch.tui.client_rows import EntryLine, past_servers
from mcpwatch.tui.preview import charged, detail_of
from mcpwatch.tui.rows import CallLine, ServerLine, ToolKey, ToolLine, sort_tools
from mcpwatch.tui.safe_text import is_plain, safe_text

MAX_CALLS = 2000
NAMELESS = "(no name)"
_SAMPLES = 200  # durations kept per tool for its 95th percentile


_STATUS: dict[str, tuple[str, str, str]] = {
    Outcome.PENDING: ("→", "pending", "dim"),
    Outcome.OK: ("←", "ok", "fg"),
    Outcome.ERROR: ("←", "ERROR", "caution"),
    Outcome.REFUSED: ("■", "REFUSED", "danger"),
    Outcome.CANCELLED: ("■", "CANCELLED", "caution"),
    Outcome.TIMED_OUT: ("■", "NO ANSWER", "caution"),
    Outcome.VIOLATION: ("■", "VIOLATION", "danger"),
}


class Model:
    def __init__(self, *, ascii: bool = False) -> None:
        self._ascii = ascii
        self.policy = Policy()
        self.error = ""  # why the state cannot be read, "" while it can
        self.usages: tuple[Usage, ...] = ()
        self.history: dict[str, list[int]] = {}
        self.sessions: list[Session] = []
        self.ready = False  # the state has been read once
        self.would_lock = 0  # times a limit was passed since the limits were last armed or observed
        self.audit_seq = 0
        self.scan = ScannerStatus()
        self.scans: dict[str, ScanProgress] = {}
        self.rev = 0
        self.arrived = 0  # calls seen since the start
        self.calls_version = self.tools_version = 0
        self.configured: Sequence[EntryLine] = ()  # what the clients' files start, where that is known
        self._calls: dict[int, CallLine] = {}
        self._order: list[tuple[int, int]] = []  # (utc, id), oldest first
        self._tool_rows: list[ToolRow] = []
        self._tools: list[ToolLine] = []
        self._lines: dict[ToolKey, ToolLine] = {}
        self._durations: dict[ToolKey, deque[int]] = defaultdict(lambda: deque(maxlen=_SAMPLES))
        self._timed: set[ToolKey] = set()  # tools with durations since their lines were made
        self._review: tuple[int, list[ToolLine]] | None = None
        self._news = False  # a verdict, a decision or a text is another one than before
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
        twins = self._twins(rows)
        kept = {
            (line.key, line.fingerprint): (row, line) for row, line in zip(self._tool_rows, self._tools, strict=True)
        }
        lines = []
        for row in rows:
            key = (row.server, row.kind, row.name)
            before = kept.get((key, row.fingerprint))
            if before is not None and key not in twins and key not in self._timed and before[0] == row:
                lines.append(before[1])
                continue
            lines.append(self._tool_line(row, twins.get(key, "")))
            self._news = self._news or before is None or _judgement(before[0]) != _judgement(row)
        self._news = self._news or len(rows) != len(self._tool_rows)
        self._timed.clear()
        self._tool_rows, self._tools = list(rows), lines
        self._lines = {line.key: line for line in lines}
        self.tools_version += 1

    def _twins(self, rows: Sequence[ToolRow]) -> dict[ToolKey, str]:
        """Names listed more than once, with what holds any of their texts: the gate refuses by the name."""
        found: dict[ToolKey, list[str]] = {}
        seen: set[ToolKey] = set()
        for row in rows:
            key = (row.server, row.kind, row.name)
            if key in seen:
                found[key] = []
            seen.add(key)
        for row in rows if found else ():
            key = (row.server, row.kind, row.name)
            if key in found:
                found[key].append(self._why_held(row))
        return {key: next(filter(None, whys), "") for key, whys in found.items()}

    def take_audit(self, rows: Iterable[AuditRow]) -> None:
        for row in rows:
            self.audit_seq = max(self.audit_seq, row.seq)
            if row.action == "would-lock":
                self.would_lock += 1
            elif row.action in ("arm", "observe"):
                self.would_lock = 0

    def take_scan(self, status: ScannerStatus, progress: Sequence[ScanProgress]) -> None:
        scans = {row.server: row for row in progress}
        if (status, scans) != (self.scan, self.scans):
            self.scan, self.scans = status, scans
            self._news = True
            self.tools_version += 1

    def take_news(self) -> bool:
        """Whether definitions, verdicts or decisions changed since this was last asked."""
        news, self._news = self._news, False
        return news

    def successor(self) -> Model:
        """For another state file: nothing of the old one is kept, and everything is drawn anew."""
        fresh = Model(ascii=self._ascii)
        fresh.policy, fresh.configured = self.policy, self.configured
        fresh.calls_version, fresh.tools_version = self.calls_version + 1, self.tools_version + 1
        return fresh

    def take_sessions(self, sessions: Sequence[Session]) -> None:
        self.sessions = list(sessions)

    def take_configured(self, entries: Sequence[EntryLine]) -> None:
        self.configured = tuple(entries)
        self.tools_version += 1

    def _call_line(self, row: CallRow) -> CallLine:
        arrow, status, style = _STATUS.get(row.outcome, ("·", row.outcome, "fg"))
        if row.outcome == Outcome.PENDING and row.method == LISTEN:
            status = "open"  # it is answered when it ends
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
            what=self.name(row.tool) or (NAMELESS if row.method == CALL else self.name(row.method)),
            method=self.name(row.method),
            arrow=arrow,
            duration_ns=row.duration_ns,
            tokens=row.tokens_in + row.tokens_out,
            cost=charged(row) or 0,
            outcome=self.name(row.outcome),
            status=self.name(status),
            style=style,
            detail=safe_text(detail_of(row), limit=300, ascii=self._ascii),
            badges=tuple(safe_text(flag, limit=40, ascii=self._ascii) for flag in flags),
            protected=row.protected,
            counted=row.protected and row.outcome != Outcome.REFUSED,
            level=self._lines[key].level if key in self._lines else UNSCANNED,
        )

    def _tool_line(self, row: ToolRow, twin: str = "") -> ToolLine:
        key = (row.server, row.kind, row.name)
        why = self._why_held(row) or twin
        badges = []
        if self._hidden(row.name) or self._hidden(row.server):
            badges.append("raw!")
        if row.changed or row.review in ("changed", "approved"):
            badges.append("pin" if row.review == "approved" else "Δ")
        if not row.protected and row.kind == TOOL:
            badges.append("free")
        return ToolLine(
            key=key,
            server=self.name(row.server),
            kind=self.name(row.kind),
            name=(self.name(row.name) or NAMELESS) if row.kind != "instructions" else "(instructions)",
            level=level_of(row.score),
            score=row.score,
            badges=tuple(badges),
            state=self._tool_state(row, why),
            review=self.name(row.review),
            why=why,
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
            changed=row.changed,
        )

    def _why_held(self, row: ToolRow) -> str:
        """What the gate says of it."""
        if not row.listed:
            unlisted = self.policy.strict and row.kind == TOOL
            return "strict mode refuses what the server does not list" if unlisted else ""
        return held(
            score=row.score,
            decision=row.review if row.review in ("approved", "blocked") else "",
            changed=row.review == "changed",
            strict=self.policy.strict,
        )

    def _tool_state(self, row: ToolRow, why: str) -> str:
        if why and row.listed:
            return "BLOCKED" if row.review == "blocked" else "QUARANTINED"
        if self.policy.lock.locked and row.protected and row.kind == TOOL:
            return "LOCKED"
        if not row.listed:
            return "unlisted" if not row.fingerprint else "gone"
        if row.changed or row.review == "changed":
            return "changed"
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
        twins = self._twins(self._tool_rows)
        self._tools = [
            self._tool_line(row, twins.get((row.server, row.kind, row.name), "")) for row in self._tool_rows
        ]
        self._lines = {line.key: line for line in self._tools}
        self._news = True
        self.tools_version += 1

    def calls(self) -> list[CallLine]:
        """Newest first."""
        return [self._calls[key] for _, key in reversed(self._order)]

    def tools(self) -> list[ToolLine]:
        return self._tools

    def tool(self, key: ToolKey) -> ToolLine | None:
        return self._lines.get(key)

    def tool_row(self, line: ToolLine) -> ToolRow | None:
        """The record behind a line, for what leaves the screen."""
        return next((r for r, x in zip(self._tool_rows, self._tools, strict=True) if x.key == line.key), None)

    def level_counts(self) -> dict[Level, int]:
        """How many definitions are of each level: those that are listed, and those that are called all the same."""
        counts: dict[Level, int] = defaultdict(int)
        for line in self._tools:
            if line.counts:
                counts[line.level] += 1
        return counts

    def to_review(self) -> list[ToolLine]:
        """What a person should look at, the worst first."""
        if self._review is None or self._review[0] != self.tools_version:
            found = sort_tools((line for line in self._tools if line.to_review), "severity")
            self._review = (self.tools_version, found)
        return self._review[1]

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
            if line.kind == TOOL and line.listed:
                tools[server] += 1
            if not line.counts:
                continue
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
                scan=self.scans.get(raw),
            )
            for raw in names
        ]
        total = ServerLine("", "all servers", "", any(s.live for s in lines), sum(tools.values()), UNSCANNED)
        past = past_servers(self.configured)
        alarming = [line for line in past if line.past == "removed"]
        return [total, *alarming, *lines, *(line for line in past if line not in alarming)]

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


def _judgement(row: ToolRow) -> tuple[object, ...]:
    return row.score, row.review, row.listed, row.changed
