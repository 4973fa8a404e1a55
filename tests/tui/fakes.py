"""A state that stands still: records made by hand, a clock that only moves when told, changes written down."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from mcpwatch.guard.limits import DEFAULTS
from mcpwatch.guard.lock import Denied
from mcpwatch.store.database import StateError
from mcpwatch.store.records import (
    AuditRow,
    CallRow,
    Dimension,
    Limit,
    Lock,
    Policy,
    SeenText,
    Session,
    ToolRow,
    Usage,
    Verdict,
)
from mcpwatch.store.scans import Judged, ScannerStatus, ScanProgress
from mcpwatch.tui.source import Text
from tui import definitions
from tui.moments import NOW, SECOND, ZONE
from tui.records import background, call_row, session_row, story, tool_row

__all__ = ["NOW", "SECOND", "ZONE", "Clock", "FakeSource", "busy_source", "call_row", "session_row", "tool_row"]


class Clock:
    def __init__(self, now: int = NOW) -> None:
        self.at = now

    def __call__(self) -> int:
        return self.at


class FakeSource:
    """A DataSource in memory. `changes` lists what was asked for; `password` is what unlocks."""

    def __init__(self) -> None:
        self.now_policy = Policy(limits=DEFAULTS, version=1)
        self.used = {Dimension.CALLS: 0, Dimension.TOKENS: 0, Dimension.COST: 0}
        self.steps: dict[Dimension, list[int]] = {}
        self.call_rows: list[CallRow] = []
        self.tool_rows: list[ToolRow] = []
        self.session_rows: list[Session] = []
        self.audit_rows: list[AuditRow] = []
        self.text_rows: dict[tuple[str, str, str], list[SeenText]] = {}
        self.verdict_rows: dict[tuple[str, str], list[Verdict]] = {}
        self.judged_rows: list[Judged] = []
        self.scan_status = ScannerStatus()
        self.scan_rows: list[ScanProgress] = []
        self.password: str | None = None
        self.failures = 0
        self.wait = 0.0
        self.error: StateError | None = None
        self.asked: list[tuple[object, ...]] = []
        self.reads: dict[str, int] = {}
        self.hold: asyncio.Event | None = None  # while set and not fired, a password check does not end
        self._version = 1
        self._seen = 0

    def touch(self) -> None:
        """Something was written."""
        self._version += 1

    def set_policy(self, **changes: object) -> None:
        self.now_policy = msgspec.structs.replace(self.now_policy, version=self.now_policy.version + 1, **changes)
        self.touch()

    def lock_now(
        self, code: str = "calls", reason: str = "31 calls in the last minute, limit 30", **more: object
    ) -> None:
        if code == "calls":
            self.used[Dimension.CALLS] = 30
        lock = Lock(locked=True, code=code, reason=reason, by="mcpwatch", since_utc=NOW - 11 * SECOND, refused=4)
        self.set_policy(lock=msgspec.structs.replace(lock, **more))

    def _read(self, name: str) -> None:
        self.reads[name] = self.reads.get(name, 0) + 1
        if self.error is not None:
            raise self.error

    async def open(self) -> None:
        self._read("open")

    async def close(self) -> None:
        return

    async def replaced(self) -> bool:
        return False

    async def changed(self) -> bool:
        self._read("changed")
        changed, self._seen = self._seen != self._version, self._version
        return changed

    async def policy(self) -> Policy:
        self._read("policy")
        return msgspec.structs.replace(self.now_policy, has_password=self.password is not None)

    async def usages(self) -> tuple[Usage, ...]:
        self._read("usages")
        return tuple(Usage(limit, self.used[limit.dimension]) for limit in self.now_policy.limits)

    async def history(self, limit: Limit, buckets: int) -> list[int]:
        self._read("history")
        return self.steps.get(limit.dimension, [0] * buckets)[:buckets]

    async def throttle(self) -> tuple[int, float]:
        return self.failures, self.wait

    async def calls_since(self, rev: int, limit: int) -> list[CallRow]:
        self._read("calls_since")
        return sorted((row for row in self.call_rows if row.rev > rev), key=lambda row: row.rev)[:limit]

    async def latest_calls(self, limit: int) -> list[CallRow]:
        self._read("latest_calls")
        return self.call_rows[-limit:]

    async def call(self, call: int) -> CallRow | None:
        self._read("call")
        return next((row for row in self.call_rows if row.id == call), None)

    async def sessions(self) -> list[Session]:
        self._read("sessions")
        return self.session_rows

    async def tools(self) -> list[ToolRow]:
        self._read("tools")
        return self.tool_rows

    async def texts(self, server: str, kind: str, name: str) -> list[SeenText]:
        self._read("texts")
        return self.text_rows.get((server, kind, name), [])

    async def verdicts(self, server: str, fingerprint: str) -> list[Verdict]:
        self._read("verdicts")
        return self.verdict_rows.get((server, fingerprint), [])

    async def judged(self, server: str | None = None) -> list[Judged]:
        self._read("judged")
        return self.judged_rows

    async def audit_since(self, seq: int, limit: int) -> list[AuditRow]:
        return [row for row in self.audit_rows if row.seq > seq][:limit]

    async def scanner(self) -> ScannerStatus:
        return self.scan_status

    async def scan_progress(self) -> list[ScanProgress]:
        return self.scan_rows

    # --- changes ---

    async def _check(self, secret: str | None) -> None:
        if self.hold is not None:
            await self.hold.wait()
        if self.password is not None and secret != self.password:
            self.failures += 1
            self.wait = 0.0 if self.failures < 3 else 4.0
            raise Denied("wrong-password", "wrong password", wait_s=self.wait, failures=self.failures)

    async def lock(self, reason: str) -> None:
        self._read("lock")
        self.asked.append(("lock", reason))
        self.lock_now("panic", reason or "panic key", by="screen", since_utc=NOW, refused=0)

    async def unlock(self, secret: str, keep_window: bool) -> None:
        self.asked.append(("unlock", keep_window))
        if self.password is None and secret != "UNLOCK":
            raise Denied("type-unlock", "no password is set: type the word UNLOCK to unlock")
        await self._check(secret)
        self.set_policy(lock=Lock())

    async def set_password(self, new: str, again: str, current: str | None) -> None:
        self.asked.append(("password",))
        await self._check(current)
        self.password = new
        self.set_policy()

    async def arm(self) -> None:
        self.asked.append(("arm",))
        self.set_policy(armed=True)

    async def observe(self, secret: str | None) -> None:
        self.asked.append(("observe",))
        await self._check(secret)
        self.set_policy(armed=False)

    async def set_limits(self, limits: Sequence[Limit], secret: str | None) -> None:
        self.asked.append(("limits", *limits))
        old = {limit.key: limit for limit in self.now_policy.limits}
        if any(limit.key in old and limit.maximum > old[limit.key].maximum for limit in limits):
            await self._check(secret)
        self.set_policy(limits=tuple({**old, **{limit.key: limit for limit in limits}}.values()))

    # --- definitions ---

    def review(self, text: Text, review: str) -> None:
        self.tool_rows = [
            msgspec.structs.replace(row, review=review) if (row.server, row.kind, row.name) == text[:3] else row
            for row in self.tool_rows
        ]
        self.set_policy()

    def _held(self, text: Text) -> bool:
        row = next(row for row in self.tool_rows if (row.server, row.kind, row.name) == text[:3])
        return row.review == "blocked" or (row.score or 0) >= 80 or self.now_policy.strict

    async def set_strict(self, on: bool, secret: str | None) -> None:
        self.asked.append(("strict", on))
        if not on:
            await self._check(secret)
        self.set_policy(strict=on)

    async def approve(self, texts: Sequence[Text], secret: str | None) -> None:
        self.asked.append(("approve", *texts))
        if any(self._held(text) for text in texts):
            await self._check(secret)
        for text in texts:
            self.review(text, "approved")

    async def block(self, text: Text) -> None:
        self.asked.append(("block", text))
        self.review(text, "blocked")

    async def take_back(self, text: Text, secret: str | None) -> None:
        self.asked.append(("take back", text))
        await self._check(secret)
        self.review(text, "")

    async def rescan(self, server: str, fingerprints: Sequence[str] | None) -> tuple[int, float]:
        self.asked.append(("rescan", server, tuple(fingerprints) if fingerprints is not None else None))
        return (len(fingerprints) if fingerprints is not None else 3), 0.0

    async def consent(self, answer: str, destination: str) -> None:
        self.asked.append(("consent", answer, destination))
        self.scan_status = msgspec.structs.replace(self.scan_status, consent=answer, consent_to=destination)
        self.touch()


WAVE = [
    0,
    1,
    1,
    2,
    1,
    3,
    2,
    4,
    5,
    3,
    2,
    1,
    0,
    0,
    1,
    2,
    3,
    5,
    6,
    4,
    3,
    2,
    2,
    1,
    0,
    1,
    2,
    4,
    6,
    7,
    5,
    3,
    2,
    1,
    1,
    0,
    1,
    3,
    4,
    5,
]


def busy_source() -> FakeSource:
    """A working day: four servers, all levels, a few failures."""
    source = FakeSource()
    source.password = "correct horse"
    source.now_policy = msgspec.structs.replace(source.now_policy, armed=True)
    source.used = {Dimension.CALLS: 18, Dimension.TOKENS: 81_400, Dimension.COST: 420_000}
    source.steps = {
        Dimension.CALLS: WAVE,
        Dimension.TOKENS: [n * 900 for n in WAVE[::-1]],
        Dimension.COST: [n * 10_000 for n in (*WAVE[7:], *WAVE[:7])],
    }
    source.session_rows = [
        session_row(1, "github"), session_row(2, "filesystem"), session_row(3, "mail-bridge", "cursor"),
        session_row(4, "postgres"),
    ]  # fmt: skip
    minute = 60 * SECOND

    def used(calls: int, tokens: int, ago: int, outcome: str = "ok", **more: object) -> dict[str, object]:
        return {"calls": calls, "tokens": tokens, "last_utc": NOW - ago, "last_outcome": outcome, **more}

    source.tool_rows = [
        tool_row("github", "create_or_update_file", score=97.0, definition_tokens=212,
                 **used(3, 4100, 2 * SECOND, "refused", refused=1)),
        tool_row("github", "search_code", score=46.0, fingerprint="46b0", **used(212, 31_000, 0)),
        tool_row("github", "get_file_contents", score=3.0, review="approved", **used(88, 22_400, 14 * SECOND)),
        tool_row("github", "list_issues", score=4.0, review="approved", **used(33, 8800, 2 * minute)),
        tool_row("github", "merge_pull_request", score=12.0),
        tool_row("filesystem", "write_file", score=8.0, review="changed", fingerprint="c4d17e90aa55b3e2",
                 **used(6, 1900, minute)),
        tool_row("filesystem", "move_file", score=6.0, **used(1, 200, 31 * minute)),
        tool_row("filesystem", "read_text_file", score=0.0, protected=False, **used(190, 44_000, SECOND)),
        tool_row("filesystem", "list_directory", score=0.0, protected=False, **used(75, 6300, SECOND)),
        tool_row("mail-bridge", "send_mail", **used(2, 800, 4 * minute, "error", errors=1)),
        tool_row("mail-bridge", "list_threads", **used(11, 9600, 3 * minute)),
        tool_row("mail-bridge", "get_attachment\x1b[8m"),
        tool_row("postgres", "query", score=12.0, **used(54, 12_200, 9 * SECOND)),
        tool_row("postgres", "list_schemas", score=0.0, **used(4, 600, 20 * minute)),
        tool_row("mail-bridge", "weekly_digest", kind="prompt", score=62.0, fingerprint="70c2"),
        tool_row("postgres", "postgres://main/schema", kind="resource", score=0.0),
    ]  # fmt: skip
    source.text_rows, source.verdict_rows = dict(definitions.TEXTS), dict(definitions.VERDICTS)
    source.judged_rows = definitions.judged()
    source.scan_status = ScannerStatus(
        state="running", host="screen", pid=4000, version=definitions.LLM, consent="agreed",
        consent_to="https://api.mistral.ai", consent_utc=NOW - 86400 * SECOND, budget=200_000, spent=61_400,
        day="2026-09-21", run_state="running", run_started_utc=NOW - 40 * SECOND,
    )  # fmt: skip
    source.scan_rows = [
        ScanProgress("filesystem", 4, 3, 1, 0, 0, 0), ScanProgress("github", 5, 2, 2, 0, 1, 2),
        ScanProgress("mail-bridge", 4, 0, 0, 1, 3, 0), ScanProgress("postgres", 3, 3, 0, 0, 0, 0),
    ]  # fmt: skip
    source.audit_rows = [AuditRow(1, NOW - minute, "mcpwatch", "would-lock", "calls/60s: 31 over 30")]
    source.call_rows = [*(background(n) for n in range(80, 108)), *story()]
    return source
