"""One breaker, several threads: the relay's two directions, the recorder and the watcher."""

from __future__ import annotations

import threading
from pathlib import Path

from mcpwatch.guard import lock
from mcpwatch.guard.breaker import Breaker
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Call
from store.stepped import Guarded, calls, measured

ROUNDS = 400


def test_looking_at_the_policy_and_admitting_never_wait_for_each_other_in_a_circle(guard, path: Path) -> None:
    """Failed once: policy() took its own lock, then the ledger's; admit() took them the other way round."""
    guarded: Guarded = guard(calls(10**9))
    breaker = Breaker("github", Ledger.open(path, time_source=guarded.machine.source), measured)
    stop = threading.Event()
    seen: list[int] = []

    def look() -> None:
        while not stop.is_set():
            seen.append(breaker.policy().version)

    def change() -> None:
        while not stop.is_set():
            with guarded.person.transaction() as tx:
                tx.changed()

    threads = [threading.Thread(target=work, daemon=True) for work in (look, look, change)]
    admitted: list[bool] = []

    def admit() -> None:
        for _ in range(ROUNDS):
            call = Call(method="tools/call", tool="search")
            admitted.append(breaker.decide(call) is None)

    admitting = threading.Thread(target=admit, daemon=True)
    for thread in (*threads, admitting):
        thread.start()
    admitting.join(60)
    stuck = admitting.is_alive()
    stop.set()
    assert not stuck, "two threads wait for each other"
    for thread in threads:
        thread.join(60)
    assert admitted == [True] * ROUNDS
    assert guarded.used("calls/60s") == ROUNDS


def test_a_policy_that_was_rolled_back_is_forgotten(guard) -> None:
    guarded: Guarded = guard(calls(5))

    class Failed(Exception):
        pass

    try:
        with guarded.ledger.transaction() as tx:
            tx.set_flag("armed", False)
            assert not guarded.breaker._refresh(tx).armed
            raise Failed
    except Failed:
        pass
    assert guarded.breaker.policy().armed


def test_owed_charges_survive_a_transaction_that_fails(guard) -> None:
    """Nothing is charged twice and nothing is lost when a batch is rolled back."""
    guarded: Guarded = guard(calls(100), armed=False)
    for _ in range(3):
        assert guarded.passes(tokens=7)

    class Failed(Exception):
        pass

    for _ in range(2):
        try:
            with guarded.person.transaction() as tx:
                guarded.breaker.settle(tx)
                raise Failed
        except Failed:
            pass
        assert guarded.used("calls/60s") == 0
    guarded.settle()
    guarded.settle()
    assert guarded.used("calls/60s") == 3


def test_a_lock_that_could_not_be_written_is_tried_again(guard) -> None:
    """The breach is refused, the lock rolled back with its transaction: the next call finds the breach again."""
    guarded: Guarded = guard(calls(1))
    assert guarded.passes()

    class Failed(Exception):
        pass

    call = Call(method="tools/call", tool="search")
    try:
        with guarded.ledger.transaction() as tx:
            assert guarded.breaker._admit(tx, call, guarded.breaker.policy()) is not None
            raise Failed
    except Failed:
        pass
    assert not guarded.person.policy().lock.locked
    _, refused = guarded.ask()
    assert refused is not None and refused.code == "calls"
    assert guarded.person.policy().lock.locked
    lock.unlock(guarded.person, "correct horse battery", by="test")
    assert guarded.passes()
