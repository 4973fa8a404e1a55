"""Helpers of the store's and the guard's tests: clocks that are stepped by hand, and calls with known amounts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mcpwatch.guard.breaker import Breaker
from mcpwatch.guard.refusal import Refusal
from mcpwatch.store.clock import TimeSource
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Call, Dimension, Limit

SECOND = 1_000_000_000
START_UTC = 1_800_000_000 * SECOND
PASSWORD = "correct horse battery"


@dataclass
class Machine:
    """A machine's clocks. Time passes only by `advance`; only the wall clock can be stepped."""

    boottime: int = 5_000 * SECOND
    wall: int = START_UTC
    boot: str = "boot-1"
    source: TimeSource = field(init=False)

    def __post_init__(self) -> None:
        self.source = TimeSource(lambda: self.boottime, lambda: self.wall, lambda: self.boot)

    def advance(self, nanoseconds: int) -> None:
        self.boottime += nanoseconds
        self.wall += nanoseconds

    def reboot(self, *, wall: int) -> None:
        self.boot += "'"
        self.boottime = 3 * SECOND
        self.wall = wall


def measured(call: Call) -> None:
    """The tests' calls come with their amounts."""


class Guarded:
    """A breaker of one server on a state file, and a person's ledger beside it."""

    step = 1  # nanoseconds before every act

    def __init__(self, path: Path, server: str = "github", machine: Machine | None = None) -> None:
        self.path = path
        self.machine = machine or Machine()
        self.ledger = Ledger.open(path, time_source=self.machine.source)
        self.person = Ledger.open(path, time_source=self.machine.source)
        self.breaker = Breaker(server, self.ledger, measured)

    def ask(
        self, tool: str = "search", *, tokens: int = 0, cost: int = 0, flags: str = ""
    ) -> tuple[Call, Refusal | None]:
        """One call, a step after whatever was before."""
        self.machine.advance(self.step)
        call = Call(method="tools/call", tool=tool, tokens_in=tokens, cost=cost, flags=flags)
        return call, self.breaker.decide(call)

    def passes(self, tool: str = "search", *, tokens: int = 0, cost: int = 0) -> bool:
        return self.ask(tool, tokens=tokens, cost=cost)[1] is None

    def answered(self, call: Call, *, tokens: int = 0, cost: int | None = None) -> None:
        """The call's answer came, this large."""
        call.tokens_out = tokens
        call.cost = call.cost if cost is None else cost
        self.breaker.owe(call)

    def settle(self) -> None:
        """What the recorder does with the next batch."""
        self.machine.advance(self.step)
        with self.person.transaction() as tx:
            self.breaker.settle(tx)

    def used(self, key: str) -> int:
        return {usage.limit.key: usage.used for usage in self.person.usages()}[key]

    def close(self) -> None:
        self.ledger.close()
        self.person.close()


def calls(maximum: int, window_s: int = 60, scope: str = "*/*") -> Limit:
    return Limit(Dimension.CALLS, maximum, window_s, scope)


def tokens(maximum: int, window_s: int = 3600, scope: str = "*/*") -> Limit:
    return Limit(Dimension.TOKENS, maximum, window_s, scope)


def cost(maximum: int, window_s: int = 3600, scope: str = "*/*") -> Limit:
    return Limit(Dimension.COST, maximum, window_s, scope)
