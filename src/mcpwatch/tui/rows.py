"""The rows of the screen: frozen and safe to draw; their filters and orders. No Textual."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from mcpwatch.guard.review import TOOL
from mcpwatch.store.levels import SAFE, UNSCANNED, Level, valid_score
from mcpwatch.store.scans import ScanProgress
from mcpwatch.tui import filters

ToolKey = tuple[str, str, str]  # server, kind, name: raw


class ToolLine(msgspec.Struct, frozen=True):
    key: ToolKey
    server: str
    kind: str
    name: str  # "(instructions)" for those
    level: Level
    score: float | None
    badges: tuple[str, ...]  # shown as flags: raw!, pin changes …
    state: str  # ok | error | BLOCKED | QUARANTINED | LOCKED | changed | gone | unlisted | –
    review: str  # "" | approved | blocked | changed (since another text was approved)
    why: str  # why the gate refuses it whatever the limits say; "" when it passes
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
    changed: bool = False  # since it was seen before, and not decided about

    @property
    def title(self) -> str:
        """The name, after its kind where it is no tool."""
        return self.name if self.kind in (TOOL, "instructions") else f"{self.kind} {self.name}"

    @property
    def counts(self) -> bool:
        """Whether it counts for a server's safety: what is gone does not, what was never judged does."""
        return self.listed or self.level is UNSCANNED

    @property
    def to_review(self) -> bool:
        """Whether a person should look at it: held, changed since it was approved, or changed into something that
        is not safe; and not decided about. Servers are updated all the time: a change alone is a mark."""
        changed = self.review == "changed" or (self.changed and self.level is not SAFE)
        return self.listed and self.review != "blocked" and (bool(self.why) or changed)

    def fields(self) -> dict[str, str]:
        flags = " ".join((*self.badges, "protected" if self.protected else ""))
        return {
            "tool": self.name,
            "server": self.server,
            "level": self.level.name,
            "state": self.state,
            "flag": flags,
            "kind": self.kind,
            "": f"{self.server}/{self.title} {self.level.name} {self.state} {flags}",
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
    scan: ScanProgress | None = None
    past: str = ""  # how it is configured past mcpwatch: unwatched | removed; "" for one of ours

    @property
    def ours(self) -> bool:
        """Whether it is one server, known through mcpwatch."""
        return bool(self.key) and not self.past


SORTS = ("severity", "calls", "tokens", "cost", "last", "p95", "name")


def filter_tools(lines: Iterable[ToolLine], terms: tuple[filters.Term, ...], server: str) -> list[ToolLine]:
    return [line for line in lines if (not server or line.key[0] == server) and filters.matches(terms, line.fields)]


def filter_calls(lines: Iterable[CallLine], terms: tuple[filters.Term, ...], server: str) -> list[CallLine]:
    return [line for line in lines if (not server or line.key[0] == server) and filters.matches(terms, line.fields)]


def sort_tools(lines: Iterable[ToolLine], by: str) -> list[ToolLine]:
    """Sorted; equal rows stay in the order of their names, so that rows do not jump about."""
    ordered = sorted(lines, key=lambda line: (line.server.casefold(), line.name.casefold(), line.key))
    keys = {
        "severity": lambda line: (not line.to_review, -line.level.rank, -(valid_score(line.score) or 0)),
        "calls": lambda line: -line.calls,
        "tokens": lambda line: -line.tokens,
        "cost": lambda line: -line.cost,
        "last": lambda line: -(line.last_utc or 0),
        "p95": lambda line: -(line.p95_ns or 0),
    }
    return sorted(ordered, key=keys[by]) if by in keys else ordered
