"""What one guard lets pass: order of the checks, limits, charges (A1, A4–A7, A12, A13, A23, A24, A28–A30)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpwatch.guard import lock
from mcpwatch.store.database import StateError
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Call
from store.stepped import PASSWORD, SECOND, Guarded, calls, cost, tokens

Guard = Callable[..., Guarded]


# -- observing ---------------------------------------------------------------------------------------------


def test_a1_a_new_install_meters_and_marks_but_refuses_nothing(guard: Guard) -> None:
    guarded = guard(armed=False)
    marked = []
    for _ in range(35):
        call, refused = guarded.ask(tokens=10)
        assert refused is None
        guarded.settle()
        marked.append(call.flags)
    assert marked == [""] * 30 + ["would-lock:calls/60s"] * 5
    assert guarded.used("calls/60s") == 35
    assert guarded.used("tokens/3600s") == 350
    assert not guarded.person.policy().lock.locked
    said = [row.detail for row in guarded.person.audit_since(0) if row.action == "would-lock"]
    assert said == ["31 calls in the last minute, limit 30 (github/search)"], "once, until it ends"


def test_a1_panic_works_while_only_observing(guard: Guard) -> None:
    guarded = guard(armed=False)
    assert guarded.passes()
    lock.lock(guarded.person, by="test")
    _, refused = guarded.ask()
    assert refused is not None and refused.code == "panic"
    lock.unlock(guarded.person, PASSWORD, by="test")
    assert guarded.passes()


def test_a30_observing_asks_the_state_file_for_nothing_but_news(guard: Guard) -> None:
    """While another process writes, and while the disk refuses to, an observed call is decided at once."""
    guarded = guard(armed=False)
    assert guarded.passes()
    with guarded.person.transaction():  # the one writer's turn is taken
        for _ in range(100):
            assert guarded.passes()
    guarded.settle()
    assert guarded.used("calls/60s") == 101


def test_a30_arming_takes_effect_at_the_next_call_of_every_guard(guard: Guard) -> None:
    guarded, other = guard(calls(2), armed=False), guard(server="search")
    for _ in range(5):
        assert guarded.passes() and other.passes()
    guarded.settle()
    other.settle()
    lock.arm(guarded.person, by="test")
    _, refused = other.ask()
    assert refused is not None and refused.code == "calls" and refused.used == 11


def test_a30_what_was_observed_and_not_yet_written_counts_when_armed(guard: Guard) -> None:
    guarded = guard(calls(5), armed=False)
    for _ in range(5):
        assert guarded.passes()
    lock.arm(guarded.person, by="test")
    _, refused = guarded.ask()
    assert refused is not None and refused.used == 6


# -- what is protected -------------------------------------------------------------------------------------


def test_a4_only_protected_tools_count_and_only_they_are_refused(guard: Guard) -> None:
    guarded = guard(calls(3))
    lock.exempt(guarded.person, "github/read_*", PASSWORD, by="test")
    for _ in range(10):
        assert guarded.passes("read_file")
    assert guarded.used("calls/60s") == 0
    for _ in range(3):
        assert guarded.passes("search")
    assert not guarded.passes("search")
    assert guarded.person.policy().lock.locked
    call, refused = guarded.ask("read_file")
    assert refused is None and not call.protected
    assert guarded.person.policy().lock.refused == 1


def test_a4_a_tool_of_another_server_inherits_nothing(guard: Guard) -> None:
    guarded, other = guard(calls(3)), guard(server="gitlab")
    lock.exempt(guarded.person, "gitlab/search", PASSWORD, by="test")
    assert other.ask("search")[0].protected is False
    assert guarded.ask("search")[0].protected is True


def test_a4_a_scoped_limit_counts_its_own_tools_only(guard: Guard) -> None:
    guarded, other = guard(calls(100), calls(2, 60, "github/search")), guard(server="gitlab")
    for _ in range(5):
        assert guarded.passes("read") and other.passes("search")
    assert guarded.passes("search") and guarded.passes("search")
    _, refused = guarded.ask("search")
    assert refused is not None and refused.limit == "calls/60s@github/search" and refused.used == 3
    assert guarded.person.policy().lock.reason == "3 calls to github/search in the last minute, limit 2"


# -- the order ---------------------------------------------------------------------------------------------


def test_a5_the_lock_comes_before_the_limits_and_calls_before_tokens_before_cost(guard: Guard) -> None:
    guarded = guard(calls(0), tokens(0), cost(0))
    expected = ("calls", "tokens", "cost")
    for code, key in zip(expected, ("calls/60s", "tokens/3600s", "cost/3600s"), strict=True):
        _, refused = guarded.ask(tokens=5, cost=5)
        assert refused is not None and (refused.code, refused.limit) == (code, key)
        lock.unlock(guarded.person, PASSWORD, by="test")
        lock.remove_limit(guarded.person, key, PASSWORD, by="test")
    lock.set_limits(guarded.person, [calls(0)], None, by="test")
    lock.lock(guarded.person, "stop", by="test")
    _, refused = guarded.ask(tokens=5, cost=5)
    assert refused is not None and refused.code == "panic"


def test_a5_the_cap_of_one_call_comes_before_the_limits_and_after_the_lock(guard: Guard) -> None:
    guarded = guard(tokens(10))
    lock.set_call_caps(guarded.person, 5, None, None, by="test")
    _, refused = guarded.ask(tokens=11)
    assert refused is not None and refused.code == "call-cap"
    lock.lock(guarded.person, by="test")
    _, refused = guarded.ask(tokens=11)
    assert refused is not None and refused.code == "panic"


# -- the limits --------------------------------------------------------------------------------------------


def test_a6_exactly_limit_calls_pass_in_any_minute_and_the_next_locks(guard: Guard) -> None:
    guarded = guard(calls(30))
    for _ in range(30):
        assert guarded.passes()
        guarded.machine.advance(SECOND)
    call, refused = guarded.ask()
    assert refused is not None and (refused.used, refused.maximum) == (31, 30)
    assert call.code == "" and not call.charged
    found = guarded.person.policy().lock
    assert (found.code, found.reason) == ("calls", "31 calls in the last minute, limit 30")
    assert "31 calls in the last minute, limit 30" in refused.text


def test_a6_the_minute_slides(guard: Guard) -> None:
    guarded = guard(calls(30))
    assert guarded.passes()
    first = guarded.machine.boottime
    guarded.machine.advance(30 * SECOND)
    for _ in range(29):
        assert guarded.passes()
    guarded.machine.advance(first + 60 * SECOND - guarded.machine.boottime - 1)
    assert guarded.passes(), "60 s after the first call, it has left the window"
    assert not guarded.passes()


def test_a6_the_first_call_counts_until_its_minute_is_over(guard: Guard) -> None:
    guarded = guard(calls(30))
    assert guarded.passes()
    first = guarded.machine.boottime
    guarded.machine.advance(30 * SECOND)
    for _ in range(29):
        assert guarded.passes()
    guarded.machine.advance(first + 60 * SECOND - guarded.machine.boottime - 2)
    assert not guarded.passes(), "one nanosecond early"


@pytest.mark.parametrize(("limit", "field"), [(tokens(1000), "tokens"), (cost(1000), "cost")])
def test_a7_the_sum_with_this_call_may_equal_the_limit_and_not_exceed_it(guard: Guard, limit, field: str) -> None:
    guarded = guard(limit)
    assert guarded.passes(**{field: 400})
    assert guarded.passes(**{field: 600})
    assert guarded.passes(**{field: 0}), "equal is not over"
    _, refused = guarded.ask(**{field: 1})
    assert refused is not None and (refused.code, refused.used) == (field, 1001)


def test_a7_a_single_call_over_the_limit_locks(guard: Guard) -> None:
    guarded = guard(tokens(1000))
    assert not guarded.passes(tokens=1001)
    assert guarded.used("tokens/3600s") == 0


@pytest.mark.parametrize("amounts", [(-1, 0, 0), (0, -1, 0), (0, 0, -1), (1, -(10**12), 1)])
def test_a7_a_negative_amount_is_no_charge(guard: Guard, amounts: tuple[int, int, int]) -> None:
    guarded = guard(tokens(1000))
    assert guarded.passes(tokens=500, cost=5)
    with pytest.raises(StateError), guarded.person.transaction() as tx:
        tx.charge(["*/*"], calls=amounts[0], tokens=amounts[1], cost=amounts[2])
    assert guarded.used("tokens/3600s") == 500


@pytest.mark.parametrize("amount", [float("nan"), "5", None, 2**63])
def test_a7_an_amount_that_is_no_whole_number_is_never_kept(guard: Guard, amount: object) -> None:
    guarded = guard(tokens(1000))
    assert guarded.passes(tokens=500)
    with pytest.raises(StateError), guarded.person.transaction() as tx:
        tx.charge(["*/*"], calls=1, tokens=amount, cost=0)  # type: ignore[arg-type]
    assert guarded.used("tokens/3600s") == 500


@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_a7_no_measurement_lowers_a_sum(tmp_path_factory, tokens_out: int, price: int) -> None:
    guarded = Guarded(tmp_path_factory.mktemp("state") / "state.db")
    try:
        call, _ = guarded.ask(tokens=100, cost=100)
        guarded.settle()
        guarded.answered(call, tokens=tokens_out, cost=price)
        guarded.settle()
        assert guarded.used("tokens/3600s") == 100 + max(0, tokens_out)
        assert guarded.used("cost/3600s") == max(100, price)
    finally:
        guarded.close()


# -- locking -----------------------------------------------------------------------------------------------


def test_a12_a_breach_locks_persists_and_is_logged_and_the_refused_are_not_charged(guard: Guard) -> None:
    guarded = guard(calls(2))
    for _ in range(2):
        assert guarded.passes()
    for _ in range(5):
        assert not guarded.passes()
    assert guarded.used("calls/60s") == 2
    again = Ledger.open(guarded.path)
    assert again.policy().lock.locked
    rows = [(row.actor, row.action, row.detail) for row in again.audit_since(0) if row.action == "lock"]
    assert rows == [("mcpwatch", "lock", "3 calls in the last minute, limit 2 (github/search)")]
    again.close()


def test_a12_the_call_that_breaks_the_limit_is_the_first_refused_since_the_lock(guard: Guard) -> None:
    guarded = guard(calls(1))
    assert guarded.passes()
    refused = [guarded.ask()[0] for _ in range(4)]
    assert guarded.person.policy().lock.refused == 1
    since = guarded.person.policy().lock.since_utc
    assert [call.lock_utc for call in refused] == [0, since, since, since], "the rest is counted with its record"


def test_a13_the_lock_has_its_code_reason_and_time_and_never_expires(guard: Guard) -> None:
    guarded = guard(calls(0))
    before = guarded.machine.wall
    assert not guarded.passes()
    found = guarded.person.policy().lock
    assert (found.code, found.by) == ("calls", "mcpwatch")
    assert before < found.since_utc <= guarded.machine.wall
    guarded.machine.advance(10 * 366 * 86_400 * SECOND)
    assert guarded.person.policy().lock == found
    _, refused = guarded.ask()
    assert refused is not None and refused.code == "calls"


# -- charging ----------------------------------------------------------------------------------------------


def test_a23_arguments_are_charged_before_and_the_result_when_it_arrives(guard: Guard) -> None:
    guarded = guard(tokens(1000), cost(10**6))
    call, refused = guarded.ask(tokens=100, cost=300)
    assert refused is None
    assert guarded.used("tokens/3600s") == 100, "before the answer"
    guarded.answered(call, tokens=250, cost=1050)
    guarded.settle()
    assert (guarded.used("tokens/3600s"), guarded.used("cost/3600s")) == (350, 1050)
    guarded.answered(call, tokens=250)
    guarded.settle()
    assert (guarded.used("tokens/3600s"), guarded.used("cost/3600s")) == (350, 1050), "nothing twice"


def test_a23_a_breach_found_on_a_result_locks_the_next_call(guard: Guard) -> None:
    guarded = guard(tokens(1000))
    call, _ = guarded.ask(tokens=100)
    guarded.answered(call, tokens=5000)
    guarded.settle()
    assert not guarded.person.policy().lock.locked, "an answer that is there is not taken away"
    _, refused = guarded.ask(tokens=1)
    assert refused is not None and (refused.code, refused.used) == ("tokens", 5101)


def test_a23_a_result_that_no_batch_has_charged_yet_counts_for_the_next_call(guard: Guard) -> None:
    guarded = guard(tokens(1000))
    call, _ = guarded.ask(tokens=100)
    guarded.answered(call, tokens=5000)
    _, refused = guarded.ask(tokens=1)
    assert refused is not None and refused.used == 5101


def test_a23_a_retry_of_one_operation_is_one_call(guard: Guard) -> None:
    guarded = guard(calls(2))
    assert guarded.passes()
    for _ in range(5):
        assert guarded.ask(flags="retry")[1] is None
    assert guarded.used("calls/60s") == 1


def test_a24_a_call_without_tokens_may_cost_money(guard: Guard) -> None:
    guarded = guard(cost(20_000))
    assert guarded.passes(cost=10_000) and guarded.passes(cost=10_000)
    _, refused = guarded.ask(cost=10_000)
    assert refused is not None and refused.code == "cost"
    assert guarded.person.policy().lock.reason == "$0.03 in the last hour, limit $0.02"


def test_a28_one_oversized_call_is_refused_alone(guard: Guard) -> None:
    guarded = guard(calls(10), tokens(10_000))
    lock.set_call_caps(guarded.person, 100, 500, None, by="test")
    assert guarded.passes(tokens=100, cost=500), "equal passes"
    _, refused = guarded.ask(tokens=101)
    assert refused is not None and refused.code == "call-cap" and "101 tokens" in refused.text
    _, refused = guarded.ask(tokens=1, cost=501)
    assert refused is not None and refused.code == "call-cap" and "$0.000501" in refused.text
    assert not guarded.person.policy().lock.locked
    assert guarded.used("calls/60s") == 1
    assert guarded.passes(tokens=100)


def test_a29_a_sampling_request_is_limited_under_its_own_name(guard: Guard) -> None:
    guarded = guard(calls(100), calls(1, 60, "github/@sampling"))
    assert guarded.passes("@sampling")
    assert guarded.passes("search")
    _, refused = guarded.ask("@sampling")
    assert refused is not None and refused.limit == "calls/60s@github/@sampling"


def test_names_without_end_do_not_fill_the_memory(guard: Guard) -> None:
    guarded = guard(calls(10**6), armed=False)
    for i in range(10_000):
        guarded.breaker.protected(f"tool{i}")
        guarded.breaker._scopes(f"tool{i}")
    of = guarded.breaker._by_name
    assert max(len(of.protected), len(of.limits), len(of.scopes)) <= 4097


def test_a_call_that_began_before_the_lock_is_still_charged_for_its_result(guard: Guard) -> None:
    guarded = guard(tokens(1000))
    call, _ = guarded.ask(tokens=10)
    lock.lock(guarded.person, by="test")
    guarded.answered(call, tokens=90)
    guarded.settle()
    assert guarded.used("tokens/3600s") == 100
    assert isinstance(call, Call) and call.charged_tokens == 100
