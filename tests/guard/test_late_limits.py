"""A8: a limit added late counts what was used before it, neither less nor more."""

from __future__ import annotations

from pathlib import Path

from guard.gates import Relay
from mcpwatch.guard import lock
from mcpwatch.store import charges
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Call, Limit
from servers.processes import wait_until
from store.stepped import PASSWORD, SECOND, Machine, calls, tokens


def used(ledger: Ledger, limit: Limit) -> int:
    return {usage.limit: usage.used for usage in ledger.usages()}[limit]


def test_a_new_scope_begins_with_what_its_tools_used(path: Path, ledger: Ledger) -> None:
    with Relay(path) as relay, Relay(path, server="other") as other:
        for _ in range(5):
            relay.pass_through("search")
            relay.pass_through("read")
            other.pass_through("search")
    for limit, expected in (
        (calls(9, 60, "github/search"), 5),
        (calls(9, 60, "*/search"), 10),
        (calls(9, 60, "x/*"), 0),
    ):
        lock.set_limits(ledger, [limit], None, by="test")
        assert used(ledger, limit) == expected
    with Relay(path) as relay:
        relay.pass_through("search")
    assert used(ledger, calls(9, 60, "github/search")) == 6


def test_refused_and_unprotected_calls_are_not_among_them(path: Path, ledger: Ledger) -> None:
    lock.exempt(ledger, "github/free", None, by="test")
    with Relay(path) as relay:
        relay.pass_through("free")
        relay.pass_through("search")
        lock.lock(ledger, by="test")
        assert relay.ask("search")[1] is not None
    limit = calls(9, 60, "github/*")
    lock.set_limits(ledger, [limit], None, by="test")
    assert used(ledger, limit) == 1


def test_further_rounds_are_no_further_calls(path: Path, ledger: Ledger) -> None:
    """Failed once: of a limit set late, each round of one call was a call."""
    with Relay(path) as relay:
        relay.pass_through()
        for _ in range(3):
            further = Call(method="tools/call", tool="search", arguments=b"{}", arguments_bytes=2, flags="retry")
            assert relay.gate.admit(further) is None
            relay.answer(further)
    limit = calls(9, 60, "github/*")
    lock.set_limits(ledger, [limit], None, by="test")
    assert used(ledger, limit) == 1
    assert [(tool.name, tool.calls) for tool in ledger.tools()] == [("search", 1)]


def test_a_call_whose_answer_broke_the_rules_is_among_them(path: Path, ledger: Ledger) -> None:
    """Failed once: a server could have its calls vanish from every limit set later."""
    with Relay(path) as relay:
        for outcome in ("violation", "ok", "error"):
            call, refused = relay.ask()
            assert refused is None
            relay.answer(call, outcome=outcome)
    limit = calls(9, 60, "github/*")
    lock.set_limits(ledger, [limit], None, by="test")
    assert used(ledger, limit) == 3


def test_a_scope_may_hold_the_word_for_a_further_round(path: Path, ledger: Ledger, own_configuration: Path) -> None:
    """Failed once: a call marked "would-lock:…@github/retry_*" was taken for one, and lost its own price."""
    own_configuration.write_text('[[prices]]\npattern = "github/*"\nper_call = 2.0\n')
    lock.set_limits(ledger, [calls(0, 60, "github/retry_*")], None, by="test")
    with Relay(path) as relay:
        for _ in range(2):  # so far apart that a call is settled before it is answered
            call, refused = relay.ask("retry_job")
            assert refused is None
            wait_until(lambda: "would-lock" in call.flags, "the call to be settled")  # noqa: B023
            relay.answer(call)
    assert [(tool.name, tool.calls) for tool in ledger.tools()] == [("retry_job", 2)]
    assert all(row.cost >= 2_000_000 for row in ledger.latest_calls(9) if row.tool)


def test_a_longer_window_of_a_scope_that_has_one_reaches_back(path: Path, ledger: Ledger) -> None:
    with Relay(path) as relay:
        for _ in range(4):
            relay.pass_through()
    short, day = calls(99, 1, "github/*"), calls(99, 86_400, "github/*")
    with ledger.transaction() as tx:  # as if those calls were an hour old
        tx.db.execute("UPDATE calls SET started_utc = started_utc - 3600 * 1000000000")
    lock.set_limits(ledger, [short], None, by="test")
    assert used(ledger, short) == 0
    with Relay(path) as relay:
        relay.pass_through()
    lock.set_limits(ledger, [day], None, by="test")
    assert used(ledger, day) == 5
    assert used(ledger, short) <= 1


def test_a_longer_window_after_pruning_counts_its_window_and_not_all_history(path: Path, ledger: Ledger) -> None:
    """Failed once: with no charge left before its start, a window held everything ever charged."""
    with Relay(path) as relay:
        for _ in range(6):
            relay.pass_through()
    with ledger.transaction() as tx:
        tx.charge(["*/*"], calls=0, tokens=0, cost=0)
        while charges.forget_before(tx.db, tx.now, 100):
            pass
        assert tx.db.execute("SELECT count(*) FROM charges").fetchone()[0] == 1
    with ledger.transaction() as tx:  # two of them were made before the day
        tx.db.execute(
            "UPDATE calls SET started_utc = started_utc - 2 * 86400 * 1000000000 WHERE id & 4294967295 <= 2"
        )
    day = calls(99, 86_400)
    lock.set_limits(ledger, [day], None, by="test")
    assert used(ledger, day) == 4
    assert used(ledger, Limit(day.dimension, 30, 60)) <= 6
    with Relay(path) as relay:
        relay.pass_through()
    assert used(ledger, day) == 5


def test_a_limit_taken_away_and_set_again_misses_nothing(path: Path, ledger: Ledger) -> None:
    limit = tokens(10**6, 60, "github/*")
    spent = 0
    for step in range(3):
        if step != 1:
            lock.set_limits(ledger, [limit], None, by="test")
        with Relay(path) as relay:
            call = relay.pass_through()
        spent += call.tokens_in + call.tokens_out
        if step == 0:
            lock.remove_limit(ledger, limit.key, None, by="test")
    assert used(ledger, limit) == spent > 0


def test_changing_a_limit_counts_nothing_twice(path: Path, ledger: Ledger) -> None:
    lock.set_password(ledger, PASSWORD, PASSWORD, None, by="test")
    limit = calls(50, 60, "github/*")
    with Relay(path) as relay:
        for _ in range(3):
            relay.pass_through()
        for maximum in (50, 40, 30, 60):
            limit = calls(maximum, 60, "github/*")
            lock.set_limits(ledger, [limit, calls(maximum, 3600)], PASSWORD, by="test")
    assert used(ledger, limit) == 3
    assert used(ledger, calls(60, 3600)) == 3


def test_further_limits_of_a_scope_count_nothing_again(path: Path, ledger: Ledger) -> None:
    """Failed once: each further window or dimension put the calls of the first group in anew, and could lock."""
    with Relay(path) as relay:
        for _ in range(40):
            made = relay.pass_through()
    size = made.tokens_in + made.tokens_out
    with ledger.transaction() as tx:  # as if they were 150 ms apart
        tx.db.execute("UPDATE calls SET started_utc = ? - (id & 4294967295) * 150000000", (tx.utc,))
    limits = [calls(500, window, "github/*") for window in (86_400, 3600, 300)]
    limits += [tokens(10**6, window, "github/*") for window in (86_400, 600)]
    for number, limit in enumerate(limits, 1):
        lock.set_limits(ledger, [limit], None, by="test")
        assert [used(ledger, x) for x in limits[:number]] == [40, 40, 40, 40 * size, 40 * size][:number]


def test_a_clock_that_moves_between_two_limits_moves_no_call(path: Path) -> None:
    machine = Machine()
    ledger = Ledger.open(path, time_source=machine.source)
    with ledger.transaction() as tx:
        tx.db.executemany(
            "INSERT INTO calls VALUES (?1, ?1, 1, 'github', 'tools/call', 'search', 0, 1, ?2, 0, 0, 0, 7, 0, '', 0,"
            " 'ok', '', '', '', '', '')",
            [(n, tx.utc - n * SECOND) for n in range(1, 31)],
        )
    day, hour = calls(500, 86_400, "github/*"), tokens(500, 3600, "github/*")
    lock.set_limits(ledger, [day], None, by="test")
    for step in (10 * SECOND, 2000, -1, -5000 * SECOND, -(10**5) * SECOND):
        machine.advance(SECOND)
        machine.wall += step
        lock.set_limits(ledger, [hour, calls(500, 7200 + abs(step) % 97, "github/*")], None, by="test")
        lock.set_limits(ledger, [calls(500, 100_000, "github/*")], None, by="test")
        assert (used(ledger, day), used(ledger, hour)) == (30, 30 * 7)
        assert used(ledger, calls(500, 100_000, "github/*")) == 30
    ledger.close()
