"""A8: windows are exact and sliding, whatever happens: against a model that keeps a list and adds it up."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mcpwatch.guard import lock
from mcpwatch.store import charges
from mcpwatch.store.patterns import matches
from mcpwatch.store.records import Call, Dimension, Limit
from store.stepped import PASSWORD, SECOND, Guarded, Machine

SCOPES = ("*/*", "a/*", "*/x")
WINDOWS = (1, 60, 3600, 86_400)
KEEPER = 86_399
ORDER = {Dimension.CALLS: 0, Dimension.TOKENS: 1, Dimension.COST: 2}

limits = st.builds(
    Limit, st.sampled_from(Dimension), st.integers(0, 40), st.sampled_from(WINDOWS), st.sampled_from(SCOPES)
)
amounts = st.integers(0, 12)
lengths = st.one_of(
    st.sampled_from([w * SECOND for w in WINDOWS]),
    st.integers(0, 90).map(lambda s: s * SECOND),
    st.integers(0, 3 * 86_400).map(lambda s: s * SECOND),
)


@dataclass
class Charge:
    at: int
    server: str
    tool: str
    amounts: tuple[int, int, int]


@dataclass
class Asked:
    """A call the breaker admitted, and what the model has charged for it."""

    call: Call
    server: str
    counted: bool = False
    charged: list[int] = field(default_factory=lambda: [0, 0])


class Windows(RuleBasedStateMachine):
    @initialize(first=st.lists(limits, max_size=4), armed=st.booleans())
    def start(self, first: list[Limit], armed: bool) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.machine = Machine()
        self.guards = {name: self.opened(name) for name in "ab"}
        self.person = self.guards["a"].person
        lock.set_password(self.person, PASSWORD, PASSWORD, None, by="test")
        for limit in self.person.policy().limits:
            lock.remove_limit(self.person, limit.key, PASSWORD, by="test")
        # A scope is charged from its first limit on: each has one nothing ever reaches, so that the model may
        # count from here.
        self.limits: dict[str, Limit] = {}
        self.set([Limit(Dimension.CALLS, 10**9, KEEPER, scope) for scope in SCOPES])
        self.set(first)
        self.charges: list[Charge] = []
        self.owed: dict[str, list[Asked]] = {"a": [], "b": []}
        self.asked: list[Asked] = []
        self.epoch = 0
        self.locked = ""
        self.armed = armed
        if armed:
            lock.arm(self.person, by="test")

    def opened(self, server: str) -> Guarded:
        guarded = Guarded(Path(self.folder.name) / "state" / "state.db", server, self.machine)
        guarded.step = 10  # rows of one transaction lie a few nanoseconds apart
        return guarded

    def set(self, new: list[Limit]) -> None:
        lock.set_limits(self.person, new, PASSWORD, by="test")
        self.limits |= {limit.key: limit for limit in new}

    def teardown(self) -> None:
        if hasattr(self, "guards"):
            for guarded in self.guards.values():
                guarded.close()
            self.folder.cleanup()

    # -- the model -------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return self.machine.boottime

    def used(self, limit: Limit) -> int:
        start = max(self.now - limit.window_s * SECOND, self.epoch)
        return sum(
            charge.amounts[ORDER[limit.dimension]]
            for charge in self.charges
            if charge.at > start and matches(limit.scope, charge.server, charge.tool)
        )

    def settle(self, server: str) -> None:
        for asked in self.owed[server]:
            self.charge(asked)
        self.owed[server].clear()

    def charge(self, asked: Asked) -> None:
        call = asked.call
        tokens = max(0, call.tokens_in + call.tokens_out - asked.charged[0])
        cost = max(0, call.cost - asked.charged[1])
        self.charges.append(Charge(self.now, asked.server, call.tool, (int(not asked.counted), tokens, cost)))
        asked.counted = True
        asked.charged = [asked.charged[0] + tokens, asked.charged[1] + cost]

    # -- what happens ----------------------------------------------------------------------------------

    @rule(server=st.sampled_from("ab"), tool=st.sampled_from("xy"), tokens=amounts, cost=amounts)
    def ask(self, server: str, tool: str, tokens: int, cost: int) -> None:
        call, refused = self.guards[server].ask(tool, tokens=tokens, cost=cost)
        asked = Asked(call, server)
        if self.locked:
            assert refused is not None and refused.code == self.locked
            return
        if not self.armed:
            assert refused is None
            self.owed[server].append(asked)
            self.asked.append(asked)
            return
        self.settle(server)
        ordered = sorted(
            self.limits.values(), key=lambda x: (ORDER[x.dimension], x.scope != "*/*", x.scope, x.window_s)
        )
        for limit in ordered:
            if not matches(limit.scope, server, tool):
                continue
            used = self.used(limit) + (1, tokens, cost)[ORDER[limit.dimension]]
            if used > limit.maximum or limit.maximum == 0:
                assert refused is not None and (refused.limit, refused.used) == (limit.key, used)
                self.locked = str(limit.dimension)
                return
        assert refused is None
        self.charge(asked)
        self.asked.append(asked)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), tokens=amounts, cost=amounts)
    def answer(self, data: st.DataObject, tokens: int, cost: int) -> None:
        asked = data.draw(st.sampled_from(self.asked[-4:]))
        self.guards[asked.server].answered(asked.call, tokens=tokens, cost=cost)
        self.owed[asked.server].append(asked)

    @rule(server=st.sampled_from("ab"))
    def write_a_batch(self, server: str) -> None:
        self.guards[server].settle()
        self.settle(server)

    @rule(nanoseconds=lengths)
    def wait(self, nanoseconds: int) -> None:
        self.machine.advance(nanoseconds)

    @rule(seconds=st.integers(-(10**7), 10**7))
    def step_the_wall_clock(self, seconds: int) -> None:
        self.machine.wall += seconds * SECOND

    @rule(limit=limits)
    def set_a_limit(self, limit: Limit) -> None:
        self.set([limit])

    @precondition(lambda self: any(x.window_s != KEEPER for x in self.limits.values()))
    @rule(data=st.data())
    def remove_a_limit(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(k for k, x in self.limits.items() if x.window_s != KEEPER)))
        lock.remove_limit(self.person, key, PASSWORD, by="test")
        del self.limits[key]

    @rule()
    def panic(self) -> None:
        lock.lock(self.person, by="test")
        self.locked = "panic"

    @precondition(lambda self: self.locked)
    @rule(keep_window=st.booleans())
    def unlock(self, keep_window: bool) -> None:
        lock.unlock(self.person, PASSWORD, by="test", keep_window=keep_window)
        self.locked = ""
        if not keep_window:
            self.epoch = self.now

    @rule(armed=st.booleans())
    def switch(self, armed: bool) -> None:
        if armed:
            lock.arm(self.person, by="test")
        else:
            lock.observe(self.person, PASSWORD, by="test")
        self.armed = armed

    @rule(server=st.sampled_from("ab"))
    def restart_a_guard(self, server: str) -> None:
        self.write_a_batch(server)
        old = self.guards[server]
        self.guards[server] = self.opened(server)
        self.person = self.guards[server].person
        self.asked = [asked for asked in self.asked if asked.server != server]
        old.close()

    @rule()
    def prune(self) -> None:
        longest = max(limit.window_s for limit in self.limits.values())
        with self.person.transaction() as tx:
            charges.forget_before(tx.db, tx.now - 2 * longest * SECOND, 3)

    @invariant()
    def every_window_holds_what_the_list_says(self) -> None:
        if hasattr(self, "limits"):
            usages = {usage.limit.key: usage.used for usage in self.person.usages()}
            assert usages == {key: self.used(limit) for key, limit in self.limits.items()}
            assert self.person.policy().lock.code == self.locked


TestWindows = Windows.TestCase
TestWindows.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
