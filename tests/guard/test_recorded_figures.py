"""A12, A29: what the log says a call used, what its tool's figures say, and what the limits were charged agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from guard.gates import Relay, every_call
from mcpwatch.guard import lock
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Call, Limit
from servers.processes import wait_until
from store.stepped import PASSWORD, calls, cost, tokens


@pytest.fixture(autouse=True)
def prices(own_configuration: Path) -> None:
    own_configuration.write_text('[[prices]]\npattern = "github/*"\nper_call = 0.01\n')


def charged(ledger: Ledger, limit: Limit) -> int:
    return {usage.limit.key: usage.used for usage in ledger.usages()}[limit.key]


def agreed(ledger: Ledger, wide: list[Limit]) -> tuple[int, int, int]:
    """Calls, tokens and cost by the log, which the tool table and the limits say, too."""
    rows = [row for row in every_call(ledger) if row.outcome != "refused"]
    figures = len(rows), sum(row.tokens_in + row.tokens_out for row in rows), sum(row.cost for row in rows)
    tools = ledger.tools()
    assert (sum(t.calls for t in tools), sum(t.tokens for t in tools), sum(t.cost for t in tools)) == figures
    assert tuple(charged(ledger, limit) for limit in wide) == figures
    return figures


@pytest.fixture
def wide(ledger: Ledger) -> list[Limit]:
    limits = [calls(10**9, 3600), tokens(10**9), cost(10**9)]
    lock.set_limits(ledger, limits, None, by="test")
    return limits


def test_a_call_that_is_refused_costs_nothing(path: Path, ledger: Ledger, wide: list[Limit]) -> None:
    """Failed once: the log had the price of a call that a limit, a cap or the lock refused."""
    with Relay(path) as relay:
        lock.set_call_caps(ledger, 40, None, None, by="test")
        lock.set_password(ledger, PASSWORD, PASSWORD, None, by="test")
        lock.arm(ledger, by="test")
        relay.pass_through()
        assert (refused := relay.ask(arguments=b'{"q":"%s"}' % (b"cats and dogs " * 40))[1]) is not None
        assert refused.code == "call-cap"
        lock.set_limits(ledger, [calls(2)], None, by="test")
        relay.pass_through()
        for code in ("calls", "calls"):  # the one that locks, and one that finds the lock
            assert (refused := relay.ask()[1]) is not None and refused.code == code
    rows = [row for row in every_call(ledger) if row.outcome == "refused"]
    assert [row.cost for row in rows] == [0, 0, 0]
    assert all(row.tokens_in > 0 for row in rows), "the size of what was asked"
    assert agreed(ledger, wide)[2] > 20_000


@pytest.mark.parametrize("armed", [False, True])
@pytest.mark.parametrize("apart", [False, True])
def test_a_late_answer_is_in_its_tools_figures(
    path: Path, ledger: Ledger, wide: list[Limit], armed: bool, apart: bool
) -> None:
    """Failed once: it was charged and in the log, and the tool table did not know of it."""
    if armed:
        lock.set_password(ledger, PASSWORD, PASSWORD, None, by="test")
        lock.arm(ledger, by="test")
    with Relay(path) as relay:
        relay.pass_through()
        open_calls: list[Call] = []
        for outcome in ("cancelled", "timed out", "cancelled"):
            call, refused = relay.ask()
            assert refused is None
            call.outcome = outcome
            relay.gate.ended(call)
            open_calls.append(call)
        if apart:  # else the recorder may learn of both in one batch
            wait_until(lambda: sum(tool.calls for tool in ledger.tools()) == 4, "the calls' ends to be recorded")
        for call in open_calls[:2]:
            relay.gate.late(call, b'{"content":[{"type":"text","text":"%s"}]}' % (b"too late " * 50))
    figures = agreed(ledger, wide)
    assert figures[0] == 4 and figures[1] > 200


def test_a_late_answer_is_not_lost_with_a_transaction(
    path: Path, ledger: Ledger, wide: list[Limit], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written again after a failure is added up as if nothing had failed."""
    with Relay(path) as relay:
        call, refused = relay.ask()
        assert refused is None
        relay.pass_through()
        failures = [True]
        real = relay.gate._recorder._usage.add

        def fails_at_last(*arguments: object) -> None:
            real(*arguments)  # type: ignore[arg-type]
            if failures:
                failures.pop()
                raise RuntimeError("once the figures are in the file")

        monkeypatch.setattr(relay.gate._recorder._usage, "add", fails_at_last)
        call.outcome = "cancelled"
        relay.gate.ended(call)
        wait_until(lambda: not failures, "the failure")
        wait_until(lambda: sum(tool.calls for tool in ledger.tools()) == 2, "the ends to be recorded")
        relay.gate.late(call, b'{"content":"too late"}')
    assert agreed(ledger, wide)[0] == 2
