"""A7, A8, A9, A11: whatever limits are set, in whatever order and at whatever moments, no past call counts twice:
against a list of the calls, added up."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from mcpwatch.guard import lock
from mcpwatch.store import charges
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.patterns import matches
from mcpwatch.store.records import Dimension, Limit
from store.stepped import SECOND, Machine

SCOPES = ("*/*", "a/*", "*/x", "b/y")
WINDOWS = (1, 2, 7, 60, 90, 300, 3600, 7200, 40_000, 86_400)
WAITS = (0, 1000, SECOND // 100, SECOND, 20 * SECOND, 400 * SECOND, 5000 * SECOND)
NEVER = 10**9


@dataclass
class Made:
    """A call: when it began and was answered on the ledger's clock, and what it used then."""

    server: str
    tool: str
    row: int
    began: int
    tokens_in: int
    cost: int
    answered: int = 0
    tokens_out: int = 0

    def used(self, dimension: Dimension, began_after: int, answered_after: int) -> int:
        """What of it is later than these moments."""
        if dimension is Dimension.TOKENS:
            return self.tokens_in * (self.began > began_after) + self.tokens_out * (self.answered > answered_after)
        return (1 if dimension is Dimension.CALLS else self.cost) * (self.began > began_after)


class World:
    """A state file, the calls made on it, and a person who sets limits."""

    def __init__(self, path: Path, seed: int) -> None:
        self.pick = random.Random(seed)
        self.machine = Machine()
        self.ledger = Ledger.open(path, time_source=self.machine.source)
        self.calls: list[Made] = []
        self.limits: dict[str, Limit] = {}
        for limit in self.ledger.policy().limits:
            lock.remove_limit(self.ledger, limit.key, None, by="test")

    def scopes(self, call: Made) -> list[str]:
        mine = {limit.scope for limit in self.limits.values()} | {charges.ALL}
        return [scope for scope in mine if matches(scope, call.server, call.tool)]

    def call(self) -> None:
        pick, self_at = self.pick, self.machine
        self_at.advance(pick.randrange(100, 5000))
        row = len(self.calls) + 1
        made = Made(
            pick.choice("ab"), pick.choice("xy"), row, self_at.boottime, pick.randrange(30), pick.randrange(9)
        )
        self.calls.append(made)
        with self.ledger.transaction() as tx:
            made.began = tx.now
            tx.charge(self.scopes(made), calls=1, tokens=made.tokens_in, cost=made.cost)
            tx.db.execute(
                "INSERT INTO calls VALUES (?, ?, 1, ?, 'tools/call', ?, 0, 1, ?, NULL, 0, 0, ?, 0, '', ?, 'ok', '',"
                " '', '', '', '')",
                (row, row, made.server, made.tool, tx.utc, made.tokens_in, made.cost),
            )

    def answer(self) -> None:
        made = self.pick.choice(self.calls[-5:])
        if made.answered:
            return
        self.machine.advance(self.pick.randrange(100, 5000))
        with self.ledger.transaction() as tx:
            made.answered, made.tokens_out = tx.now, self.pick.randrange(50)
            tx.charge(self.scopes(made), calls=0, tokens=made.tokens_out, cost=0)
            tx.db.execute("UPDATE calls SET tokens_out = ? WHERE id = ?", (made.tokens_out, made.row))

    def wait(self) -> None:
        self.machine.advance(self.pick.choice(WAITS))

    def step_the_clock(self) -> None:
        self.machine.wall += self.pick.choice((-1, 1)) * self.pick.choice(
            (1000, SECOND, 4000 * SECOND, 10**5 * SECOND)
        )

    def jitter(self) -> None:
        self.machine.wall += self.pick.randrange(-3000, 3000)

    def set_limits(self) -> None:
        pick = self.pick
        new = [
            Limit(pick.choice(list(Dimension)), pick.choice((NEVER, NEVER - 1)), pick.choice(WINDOWS), scope)
            for scope in pick.choices(SCOPES, k=pick.choice((1, 1, 3)))
        ]
        before = self.used()
        lock.set_limits(self.ledger, new, None, by="test")
        self.limits = {limit.key: limit for limit in self.ledger.policy().limits}
        after = self.used()
        assert {key: after[key] for key in before} == before, "a limit that is set changes no other one's figure"

    def remove_a_limit(self) -> None:
        if self.limits:
            key = self.pick.choice(sorted(self.limits))
            lock.remove_limit(self.ledger, key, None, by="test")
            del self.limits[key]

    def prune(self) -> None:
        longest = max((limit.window_s for limit in self.limits.values()), default=3600)
        with self.ledger.transaction() as tx:
            while charges.forget_before(tx.db, tx.now - 2 * longest * SECOND, 500):
                pass

    def used(self) -> dict[str, int]:
        return {usage.limit.key: usage.used for usage in self.ledger.usages()}

    def expected(self, limit: Limit, began_after: int, answered_after: int) -> int:
        return sum(
            call.used(limit.dimension, began_after, answered_after)
            for call in self.calls
            if matches(limit.scope, call.server, call.tool)
        )


ACTS = ("call",) * 8 + ("answer",) * 4 + ("wait",) * 4 + ("set_limits",) * 3 + ("remove_a_limit", "prune", "jitter")


@pytest.mark.parametrize("seed", range(12))
def test_every_limit_holds_its_window_of_the_calls(path: Path, seed: int) -> None:
    """At least all that began in the window, at most what lies in one longer by a 4096th."""
    world = World(path, seed)
    world.call()
    for _ in range(150):
        getattr(world, world.pick.choice(ACTS))()
        now, jitter = world.ledger.clock.now(), 10**6
        for key, used in world.used().items():
            limit = world.limits[key]
            start = now - limit.window_s * SECOND
            earlier = start - limit.window_s * SECOND // 4096 - jitter
            least = sum(
                call.used(limit.dimension, start + jitter, 0)
                for call in world.calls
                if call.began > start + jitter and matches(limit.scope, call.server, call.tool)
            )
            assert least <= used <= world.expected(limit, earlier, earlier), (seed, key)
    world.ledger.close()


@pytest.mark.parametrize("seed", range(12))
def test_a_step_of_the_clock_makes_no_call_count_twice(path: Path, seed: int) -> None:
    world = World(path, seed)
    world.call()
    for _ in range(150):
        getattr(world, world.pick.choice((*ACTS, "step_the_clock", "step_the_clock")))()
        for key, used in world.used().items():
            assert 0 <= used <= world.expected(world.limits[key], 0, 0), (seed, key)
    world.ledger.close()
