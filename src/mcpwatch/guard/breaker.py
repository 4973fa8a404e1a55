"""The choke point of every call: quarantined? protected? locked? within the limits? then charge and admit.

Check and charge are one write transaction of the state file, so that guards in any number share one budget.
While only observing, nothing waits for the disk: the lock is looked at, and charges travel with the next batch.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from functools import partial

from mcpwatch.guard import refusal
from mcpwatch.guard.limits import breach, describe, format_value
from mcpwatch.guard.refusal import Refusal
from mcpwatch.store.charges import ALL
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.patterns import covered, matches
from mcpwatch.store.records import Call, Dimension, Limit, Policy
from mcpwatch.store.transaction import Transaction

BY = "mcpwatch"  # who locks by itself
_NAMES_KEPT = 4096  # names are the peer's to invent: caches by name are bounded
_POSITION = {Dimension.CALLS: 0, Dimension.TOKENS: 1, Dimension.COST: 2}


class Breaker:
    """Decides about the calls of one server. Methods raise StateError; the gate turns that into a refusal.

    The ledger is the breaker's alone: changes are noticed when another connection commits them.
    """

    def __init__(self, server: str, ledger: Ledger, measure: Callable[[Call], None]) -> None:
        self._server = server
        self._ledger = ledger
        self._measure = measure
        self._owed: deque[Call] = deque()  # admitted or answered, not yet (fully) charged
        self._looking = threading.Lock()
        self._seen = -1  # PRAGMA data_version at the last look
        self._policy = Policy(version=-1)
        self._limits_of: dict[str, tuple[Limit, ...]] = {}
        self._protected: dict[str, bool] = {}
        self._would_lock: set[str] = set()  # keys of the limits that observing finds passed

    # -- policy ----------------------------------------------------------------------------------------

    def policy(self) -> Policy:
        """The policy in force now: 4 µs when nothing was committed since the last look."""
        with self._looking:
            version = self._ledger.data_version()
            if version != self._seen:
                self._adopt(self._ledger.policy())
                self._seen = version
            return self._policy

    def _adopt(self, policy: Policy) -> None:
        old = self._policy
        if (policy.protect, policy.exempt, policy.limits) != (old.protect, old.exempt, old.limits):
            self._limits_of.clear()
            self._protected.clear()
        self._policy = policy

    def _refresh(self, tx: Transaction) -> Policy:
        """The policy as this transaction sees it; read afresh after a rollback."""
        with self._looking:
            if tx.policy_version() != self._policy.version:
                self._adopt(tx.policy())
                tx.on_rollback.append(self._doubt)
            return self._policy

    def _doubt(self) -> None:
        self._seen = -1

    def protected(self, tool: str) -> bool:
        """Whether the user's patterns protect this tool."""
        known = self._protected.get(tool)
        if known is None:
            known = covered(self._policy.protect, self._policy.exempt, self._server, tool)
            if len(self._protected) > _NAMES_KEPT:
                self._protected.clear()
            self._protected[tool] = known
        return known

    def _limits(self, tool: str) -> tuple[Limit, ...]:
        known = self._limits_of.get(tool)
        if known is None:
            known = tuple(x for x in self._policy.limits if matches(x.scope, self._server, tool))
            if len(self._limits_of) > _NAMES_KEPT:
                self._limits_of.clear()
            self._limits_of[tool] = known
        return known

    def _scopes(self, tool: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys([ALL, *(x.scope for x in self._limits(tool))]))

    # -- admitting -------------------------------------------------------------------------------------

    def admit(self, call: Call) -> Refusal | None:
        """Decide about one call and charge it. Sets `call.protected`."""
        policy = self.policy()
        call.protected = self.protected(call.tool)
        if not call.protected:
            return None
        name = f"{self._server}/{call.tool}"
        if policy.lock.locked:
            call.lock_utc = policy.lock.since_utc
            return refusal.locked(policy.lock, name)
        if not policy.armed:
            self._owed.append(call)
            return None
        self._measure(call)
        with self._ledger.transaction() as tx:
            return self._admit(tx, call, name)

    def _admit(self, tx: Transaction, call: Call, name: str) -> Refusal | None:
        policy = self._refresh(tx)
        call.protected = self.protected(call.tool)
        if not call.protected:
            return None
        if policy.lock.locked:
            call.lock_utc = policy.lock.since_utc
            return refusal.locked(policy.lock, name)
        self.settle(tx)
        if not policy.armed:
            self._owed.append(call)
            return None
        too_large = self._above_cap(call, name)
        if too_large is not None:
            return too_large
        for limit in self._limits(call.tool):
            used = tx.used(limit, policy.epoch_at) + _amount(call, limit.dimension)
            if breach(limit, used):
                return self._trip(tx, limit, used, name)
        calls, tokens, cost = self._due(tx, call)
        tx.charge(self._scopes(call.tool), calls=calls, tokens=tokens, cost=cost)
        return None

    def _above_cap(self, call: Call, name: str) -> Refusal | None:
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

    def owe(self, call: Call) -> None:
        """The call's answer has arrived: its size is charged with the next transaction."""
        self._owed.append(call)

    def inherit(self, earlier: Breaker) -> None:
        """Take over what an earlier breaker of this session had not charged when its file failed."""
        self._owed.extend(earlier._owed)

    def settle(self, tx: Transaction) -> None:
        """Charge all that is owed, in one row a scope. While observing, mark what would have locked."""
        policy = self._policy
        observing = not policy.armed and not policy.lock.locked
        used: dict[Limit, int] = {}
        sums: dict[tuple[str, ...], list[int]] = {}
        while self._owed:
            call = self._owed.popleft()
            tx.on_rollback.append(partial(self._owed.appendleft, call))
            self._measure(call)
            first = not call.charged
            due = self._due(tx, call)
            total = sums.setdefault(self._scopes(call.tool), [0, 0, 0])
            for i, amount in enumerate(due):
                total[i] += amount
            if observing:
                for limit in self._limits(call.tool):
                    if limit not in used:
                        used[limit] = tx.used(limit, policy.epoch_at)
                    used[limit] += due[_POSITION[limit.dimension]]
                if first:
                    self._mark_would_lock(tx, call, used)
        for scopes, (calls, tokens, cost) in sums.items():
            if calls or tokens or cost:
                tx.charge(scopes, calls=calls, tokens=tokens, cost=cost)

    def _due(self, tx: Transaction, call: Call) -> tuple[int, int, int]:
        """What the call has used beyond what was charged for it, now charged. A charge is never reduced."""
        before = call.charged, call.charged_tokens, call.charged_cost
        tokens = max(0, call.tokens_in + call.tokens_out - call.charged_tokens)
        cost = max(0, call.cost - call.charged_cost)
        calls = 0 if call.charged or "retry" in call.flags else 1
        call.charged = True
        call.charged_tokens += tokens
        call.charged_cost += cost

        def undo() -> None:
            call.charged, call.charged_tokens, call.charged_cost = before

        tx.on_rollback.append(undo)
        return calls, tokens, cost

    def _mark_would_lock(self, tx: Transaction, call: Call, used: dict[Limit, int]) -> None:
        for limit in self._limits(call.tool):
            if not breach(limit, used[limit]):
                self._would_lock.discard(limit.key)
                continue
            call.flags = ",".join(filter(None, (call.flags, f"would-lock:{limit.key}")))
            if limit.key not in self._would_lock:
                self._would_lock.add(limit.key)
                tx.audit(BY, "would-lock", f"{describe(limit, used[limit])} ({self._server}/{call.tool})")
            return


def _amount(call: Call, dimension: Dimension) -> int:
    """What this call adds to a window before its answer is known."""
    if dimension is Dimension.CALLS:
        return 0 if "retry" in call.flags else 1
    return call.tokens_in if dimension is Dimension.TOKENS else call.cost
