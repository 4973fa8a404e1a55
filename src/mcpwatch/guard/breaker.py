"""The choke point of every call: quarantined? protected? locked? within the limits? then charge and admit.

Check and charge are one write transaction of the state file, so that guards in any number share one budget.
While only observing, nothing waits for the disk: the lock is looked at, and charges travel with the next batch.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from mcpwatch.guard import refusal
from mcpwatch.guard.limits import breach, describe, format_value
from mcpwatch.guard.refusal import Refusal
from mcpwatch.store.charges import ALL
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.patterns import binds, covered
from mcpwatch.store.records import Call, Dimension, Limit, Policy, is_retry
from mcpwatch.store.transaction import Transaction

T = TypeVar("T")

BY = "mcpwatch"  # who locks by itself
_NAMES_KEPT = 4096  # names are the peer's to invent: caches by name are bounded
_POSITION = {Dimension.CALLS: 0, Dimension.TOKENS: 1, Dimension.COST: 2}
_CALLS, _TOKENS = Dimension.CALLS, Dimension.TOKENS  # a look at an enumeration's member costs 0.1 µs
_NEVER = 1 << 100  # above any limit


class _Undo:
    """Makes calls what they were, and owed again, if nothing of a transaction is kept."""

    __slots__ = ("_owed", "_taken", "seen")

    def __init__(self, owed: deque[Call], tx: Transaction) -> None:
        self._owed = owed
        self._taken: list[Call] = []
        self.seen: list[tuple[Call, bool, int, int]] = []  # calls as they were: what had been charged for them
        tx.on_rollback.append(self)

    def take(self) -> list[Call]:
        """All that is owed now."""
        taken, owed = self._taken, self._owed
        while owed:
            taken.append(owed.popleft())
        return taken

    def __call__(self) -> None:
        for call, charged, tokens, cost in reversed(self.seen):
            call.charged, call.charged_tokens, call.charged_cost = charged, tokens, cost
        self._owed.extendleft(reversed(self._taken))


class _ByName:
    """What one policy says of each tool asked about. A new policy gets a new one: a thread that still reckons with
    the old policy cannot leave its answer behind."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.protected: dict[str, bool] = {}
        self.limits: dict[str, tuple[tuple[str, int, Limit], ...]] = {}
        self.scopes: dict[str, tuple[str, ...]] = {}


class PolicyMoved(Exception):
    """The policy changed between the look and the transaction: look again, and decide anew."""


class Breaker:
    """Decides about the calls of one server. Methods raise StateError; the gate turns that into a refusal.

    The ledger is the breaker's alone: changes are noticed when another connection commits them.
    """

    def __init__(self, server: str, ledger: Ledger, measure: Callable[[Sequence[Call]], object]) -> None:
        self._server = server
        self.ledger = ledger
        self._measure = measure
        self._owed: deque[Call] = deque()  # admitted or answered, not yet (fully) charged
        self.owe = self._owed.append  # the call's answer has arrived: its size is charged with the next transaction
        self._looking = threading.Lock()  # held only to swap the policy, never while the ledger is asked
        self.seen: bytes | int = -1  # the ledger's news at the last look; the policy is as new, or newer
        self._policy = Policy(version=-1)
        self._by_name = _ByName(self._policy)
        self._capped = False
        self._floors: dict[str, int] = {}  # a limit's key → its scope's total when a window, since passed by, began
        self._would_lock: set[str] = set()  # keys of the limits that observing finds passed

    # -- policy ----------------------------------------------------------------------------------------

    def policy(self) -> Policy:
        """The policy in force now: 0.5 µs when nothing was committed since the last look."""
        news = self.ledger.news()
        if news != self.seen:
            found = None
            if self.ledger.policy_version() != self._policy.version:
                found = self.ledger.policy()
            with self._looking:
                if found is not None and found.version >= self._policy.version:
                    self._adopt(found)  # else a transaction of ours has seen a newer one
                self.seen = news
        return self._policy

    def policy_for(self, tool: str) -> Policy:
        """As `policy`, but without a look of its own where the transaction that charges the call will look."""
        known = self._policy
        if known.armed and not known.lock.locked and self.protected(tool):
            return known
        # The policy is read after the look: whoever adopts a newer one says so last.
        return self._policy if self.ledger.news() == self.seen else self.policy()

    @property
    def armed(self) -> bool:
        """Whether the limits were enforced at the last look."""
        return self._policy.armed

    def _adopt(self, policy: Policy) -> None:
        old = self._policy
        self._policy = policy
        self._floors = {}  # a new limit's past may have been put in
        self._capped = policy.call_cap_tokens is not None or policy.call_cap_cost is not None
        if (policy.protect, policy.exempt, policy.limits) != (old.protect, old.exempt, old.limits):
            self._by_name = _ByName(policy)

    def _refresh(self, tx: Transaction) -> Policy:
        """The policy as this transaction sees it; read afresh after a rollback."""
        if tx.policy_version() != self._policy.version:
            found = tx.policy()
            with self._looking:
                self._adopt(found)
            tx.on_rollback.append(self._doubt)
        return self._policy

    def _doubt(self) -> None:
        with self._looking:
            self.seen, self._policy = -1, msgspec.structs.replace(self._policy, version=-1)

    def protected(self, tool: str) -> bool:
        """Whether the user's patterns protect this tool."""
        of = self._by_name
        known = of.protected.get(tool)
        if known is None:
            known = covered(of.policy.protect, of.policy.exempt, self._server, tool)
            _keep(of.protected, tool, known)
        return known

    def _limits(self, tool: str) -> tuple[tuple[str, int, Limit], ...]:
        """(key, position of its dimension, limit) of each limit on this tool, in the order they are checked."""
        of = self._by_name
        known = of.limits.get(tool)
        if known is None:
            mine = (x for x in of.policy.limits if binds(x.scope, self._server, tool))
            known = tuple((x.key, _POSITION[x.dimension], x) for x in mine)
            _keep(of.limits, tool, known)
        return known

    def _scopes(self, tool: str) -> tuple[str, ...]:
        of = self._by_name
        known = of.scopes.get(tool)
        if known is None:
            known = tuple(dict.fromkeys([ALL, *(limit.scope for _, _, limit in self._limits(tool))]))
            _keep(of.scopes, tool, known)
        return known

    # -- admitting -------------------------------------------------------------------------------------

    def decide(self, call: Call) -> Refusal | None:
        """`admit` under whatever policy is in force, for callers with nothing else to check under it."""
        while True:
            try:
                return self.admit(call, self.policy_for(call.tool))
            except PolicyMoved:
                self.policy()

    def admit(self, call: Call, policy: Policy) -> Refusal | None:
        """Decide about one call under the policy just looked up, and charge it. Sets `call.protected`.

        Raises PolicyMoved, with nothing done, when the policy has changed since.
        """
        call.protected = self.protected(call.tool)
        if not call.protected:
            return None
        if policy.lock.locked:
            call.lock_utc = policy.lock.since_utc
            return refusal.locked(policy.lock, f"{self._server}/{call.tool}")
        if not policy.armed:
            self._owed.append(call)
            return None
        self._measure((call,))
        with self.ledger.transaction() as tx:
            return self._admit(tx, call, policy)

    def _admit(self, tx: Transaction, call: Call, policy: Policy) -> Refusal | None:
        if tx.policy_version() != policy.version:
            raise PolicyMoved
        undo = _Undo(self._owed, tx)
        if self._owed:
            self._settle(tx, policy, undo)
        if self._capped:
            too_large = self._above_cap(call)
            if too_large is not None:
                return too_large
        floors = self._floors
        for key, _, limit in self._limits(call.tool):
            amount = _amount(call, limit.dimension)
            total = tx.total(limit)
            if total - floors.get(key, -_NEVER) + amount <= limit.maximum:
                continue  # the window holds no more than this, and is not looked into
            used = tx.used(limit, policy.epoch_at)
            if breach(limit, used + amount):
                return self._trip(tx, limit, used + amount, f"{self._server}/{call.tool}")
            floors[key] = total - used
        undo.seen.append((call, call.charged, call.charged_tokens, call.charged_cost))
        calls, tokens, cost = _take_due(call)
        tx.charge(self._scopes(call.tool), calls=calls, tokens=tokens, cost=cost)
        tx.only_charges(policy.version)
        return None

    def _above_cap(self, call: Call) -> Refusal | None:
        name = f"{self._server}/{call.tool}"
        tokens, cost = self._policy.call_cap_tokens, self._policy.call_cap_cost
        if tokens is not None and call.tokens_in > tokens:
            said = format_value(Dimension.TOKENS, call.tokens_in)
            return refusal.over_call_cap(name, f"{said} tokens", f"{format_value(Dimension.TOKENS, tokens)} tokens")
        if cost is not None and call.cost > cost:
            said = format_value(Dimension.COST, call.cost)
            return refusal.over_call_cap(name, said, format_value(Dimension.COST, cost))
        return None

    def _trip(self, tx: Transaction, limit: Limit, used: int, name: str) -> Refusal:
        reason = describe(limit, used)
        tx.lock(str(limit.dimension), reason, BY, refused=1)
        tx.audit(BY, "lock", f"{reason} ({name})")
        lock = self._refresh(tx).lock
        return refusal.locked(lock, name, limit=limit.key, used=used, maximum=limit.maximum)

    # -- charging --------------------------------------------------------------------------------------

    def inherit(self, earlier: Breaker) -> None:
        """Take over what an earlier breaker of this session had not charged when its file failed. If that file was
        replaced while it was armed or locked, this one is locked: only a person takes a lock or a limit away."""
        known = earlier._policy
        if earlier.ledger.replaced() and (known.armed or known.lock.locked):
            was = "locked" if known.lock.locked else "armed"
            reason = f"the state file was taken away or replaced while it was {was}; look at limits and password"
            with self.ledger.transaction() as tx:
                if not tx.policy().lock.locked:
                    tx.lock("replaced", reason, BY)
                    tx.audit(BY, "lock", f"{reason} ({self._server})")
        self._owed.extend(earlier._owed)

    def settle(self, tx: Transaction) -> None:
        """Charge all that is owed, in one row a scope. While observing, mark what would have locked."""
        if self._owed:
            policy = self._refresh(tx)
            self._settle(tx, policy, _Undo(self._owed, tx))

    def _settle(self, tx: Transaction, policy: Policy, undo: _Undo) -> None:
        observing = not policy.armed and not policy.lock.locked
        windows: dict[str, _Window] = {}
        tools: dict[str, tuple[list[int], list[_Window]]] = {}
        sums: dict[tuple[str, ...], list[int]] = {}
        owed, remember = undo.take(), undo.seen.append
        self._measure(owed)
        for call in owed:
            tokens = call.tokens_in + call.tokens_out
            if call.charged and tokens <= call.charged_tokens and call.cost <= call.charged_cost:
                continue  # owed twice: its answer came before it was settled
            fresh = observing and not call.charged
            remember((call, call.charged, call.charged_tokens, call.charged_cost))
            due = _take_due(call)
            known = tools.get(call.tool)
            if known is None:
                scopes = self._scopes(call.tool)
                known = sums.setdefault(scopes, [0, 0, 0]), []
                if observing:
                    for key, position, limit in self._limits(call.tool):
                        if key not in windows:
                            windows[key] = _Window(key, position, limit, tx.used(limit, policy.epoch_at))
                        known[1].append(windows[key])
                tools[call.tool] = known
            total = known[0]
            total[0] += due[0]
            total[1] += due[1]
            total[2] += due[2]
            for window in known[1]:
                window.used = used = window.used + due[window.position]
                if fresh:
                    if used > window.most:
                        fresh = False
                        self._mark_would_lock(tx, call, window)
                    elif self._would_lock:
                        self._would_lock.discard(window.key)
        for scopes, (calls, tokens, cost) in sums.items():
            if calls or tokens or cost:
                tx.charge(scopes, calls=calls, tokens=tokens, cost=cost)

    def _mark_would_lock(self, tx: Transaction, call: Call, window: _Window) -> None:
        call.flags = f"{call.flags},{window.flag}" if call.flags else window.flag
        if window.key not in self._would_lock:
            self._would_lock.add(window.key)
            tx.audit(BY, "would-lock", f"{describe(window.limit, window.used)} ({self._server}/{call.tool})")


class _Window:
    """What one limit's window holds while many calls are settled."""

    __slots__ = ("flag", "key", "limit", "most", "position", "used")

    def __init__(self, key: str, position: int, limit: Limit, used: int) -> None:
        self.key, self.position, self.limit, self.used = key, position, limit, used
        self.flag = f"would-lock:{key}"
        self.most = limit.maximum or -1  # over it is a breach; a limit of 0 blocks a call of nothing too


def _keep(cache: dict[str, T], tool: str, value: T) -> None:
    if len(cache) > _NAMES_KEPT:
        cache.clear()
    cache[tool] = value


def _take_due(call: Call) -> tuple[int, int, int]:
    """What the call has used beyond what was charged for it, now charged. A charge is never reduced."""
    tokens = call.tokens_in + call.tokens_out - call.charged_tokens
    tokens = tokens if tokens > 0 else 0
    cost = call.cost - call.charged_cost
    cost = cost if cost > 0 else 0
    calls = 0 if call.charged or is_retry(call) else 1
    call.charged = True
    call.charged_tokens += tokens
    call.charged_cost += cost
    return calls, tokens, cost


def _amount(call: Call, dimension: Dimension) -> int:
    """What this call adds to a window before its answer is known."""
    if dimension is _CALLS:
        return 0 if is_retry(call) else 1
    return call.tokens_in if dimension is _TOKENS else call.cost
