"""The gate as a relay uses it: metering, prices, locks that reach open calls, records (A15, A23–A25, A29, A30)."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from guard.gates import Relay, every_call, written
from mcpwatch.guard import lock
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Call, Dimension, Limit
from servers.processes import wait_until
from store.stepped import PASSWORD, calls, cost, tokens

pytestmark = pytest.mark.usefixtures("own_configuration")


def arm(ledger: Ledger, *limits: Limit) -> None:
    lock.set_password(ledger, PASSWORD, PASSWORD, None, by="test")
    lock.arm(ledger, by="test")
    lock.set_limits(ledger, limits, PASSWORD, by="test")


def used(ledger: Ledger, dimension: Dimension) -> int:
    return next(usage.used for usage in ledger.usages() if usage.limit.dimension is dimension)


def test_a23_arguments_count_before_the_call_and_the_result_after_it(path: Path, ledger: Ledger) -> None:
    arm(ledger, tokens(10**6))
    with Relay(path) as relay:
        call, refused = relay.ask(arguments=json.dumps({"q": "how many cats are there " * 20}).encode())
        assert refused is None
        before = used(ledger, Dimension.TOKENS)
        assert before == call.tokens_in > 50, "charged before the answer"
        relay.answer(call, json.dumps({"content": [{"type": "text", "text": "many cats " * 200}]}).encode())
        wait_until(lambda: used(ledger, Dimension.TOKENS) > before, "the charge of the result")
        assert used(ledger, Dimension.TOKENS) == call.tokens_in + call.tokens_out
    assert used(ledger, Dimension.TOKENS) == call.tokens_in + call.tokens_out, "nothing twice"
    assert used(ledger, Dimension.CALLS) == 1


def test_a23_a_large_result_locks_the_next_call(path: Path, ledger: Ledger) -> None:
    arm(ledger, tokens(2000))
    with Relay(path) as relay:
        call = relay.pass_through(result=json.dumps("word " * 20_000).encode())
        assert call.outcome == "ok"
        _, refused = relay.ask()
        assert refused is not None and refused.code == "tokens"
        assert refused.used is not None and refused.used > 10_000, "all of it counted, not the kept preview"


def test_a24_a_tool_billed_by_the_call_costs_money(path: Path, ledger: Ledger, own_configuration: Path) -> None:
    own_configuration.write_text('[[prices]]\npattern = "search/*"\nper_call = 0.01\nper_1k_in = 0\nper_1k_out = 0\n')
    arm(ledger, cost(25_000))
    with Relay(path, server="search") as relay:
        for _ in range(2):
            relay.pass_through()
        assert used(ledger, Dimension.COST) == 20_000
        _, refused = relay.ask()
        assert refused is not None and refused.code == "cost"
    assert ledger.policy().lock.reason == "$0.03 in the last hour, limit $0.0250"


def test_the_default_price_is_three_tenths_of_a_cent_for_a_thousand_tokens(path: Path, ledger: Ledger) -> None:
    with Relay(path) as relay:
        call = relay.pass_through(result=json.dumps("word " * 3000).encode())
    assert call.cost == pytest.approx(3 * (call.tokens_in + call.tokens_out), abs=2)
    assert used(ledger, Dimension.COST) == call.cost


def test_a25_a_tool_that_was_never_listed_is_gated_and_flagged(path: Path, ledger: Ledger) -> None:
    arm(ledger, calls(1))
    with Relay(path) as relay:
        assert relay.pass_through("never listed").flags == "unlisted"
        assert relay.ask("never listed either")[1] is not None


def test_a29_sampling_is_gated_like_a_call(path: Path, ledger: Ledger) -> None:
    arm(ledger, calls(1))
    with Relay(path) as relay:
        request = Call(
            method="sampling/createMessage", tool="@sampling", from_server=True, arguments=b'{"messages":[]}'
        )
        assert relay.gate.admit(request) is None
        relay.answer(request, b'{"role":"assistant","content":{"type":"text","text":"hi"}}')
        refused = relay.gate.admit(Call(method="sampling/createMessage", tool="@sampling", from_server=True))
        assert refused is not None and refused.code == "calls"
    (tool,) = ledger.tools()
    assert (tool.name, tool.calls, tool.refused) == ("@sampling", 1, 1)


# -- a lock reaches what is open ---------------------------------------------------------------------------


def test_a15_a_lock_reaches_the_open_calls(path: Path, ledger: Ledger) -> None:
    with Relay(path) as relay:
        call, refused = relay.ask()
        assert refused is None
        lock.lock(ledger, "stop it", by="screen")
        assert relay.told.wait(30), "the open call was never told"
        assert relay.locks[0].code == "panic" and "stop it" in relay.locks[0].text
        # It was passed on, so "refused" would be untrue: who believes it does a second time what was done once.
        assert "ended a call to github" in relay.locks[0].text and "may have taken effect" in relay.locks[0].text
        assert "mcpwatch refused" not in relay.locks[0].text
        call.outcome, call.code = "cancelled", relay.locks[0].code
        relay.gate.ended(call)
        relay.gate.late(call, b'{"content":"too late"}')
    (row,) = every_call(ledger)
    assert (row.outcome, row.code, row.flags) == ("cancelled", "panic", "unlisted,late")
    assert "too late" in row.result
    (tool,) = ledger.tools()
    assert tool.calls == 1, "counted once, however often it was written"


def test_a15_an_automatic_lock_of_another_guard_reaches_them_too(path: Path, ledger: Ledger) -> None:
    arm(ledger, calls(1))
    with Relay(path) as relay, Relay(path, server="other") as other:
        relay.ask()
        assert other.ask()[1] is not None
        assert relay.told.wait(30)
        assert relay.locks[0].code == "calls"
        assert other.locks == [], "nothing of its own is open"


def test_a4_open_calls_that_are_not_protected_are_left_alone(path: Path, ledger: Ledger) -> None:
    lock.exempt(ledger, "github/free", None, by="test")
    with Relay(path) as relay:
        call, refused = relay.ask("free")
        lock.lock(ledger, by="test")
        assert refused is None and relay.ask("free")[1] is None
        assert relay.ask("other")[1] is not None
        relay.answer(call)
        paid = written(ledger, 3)
        assert not relay.told.is_set()
    assert [row.outcome for row in paid if row.tool == "other"] == ["refused"]


def test_a15_an_unlock_made_elsewhere_holds_at_the_next_call(path: Path, ledger: Ledger) -> None:
    with Relay(path) as relay:
        for _ in range(3):
            assert relay.ask()[1] is None
            lock.lock(ledger, by="test")
            assert relay.ask()[1] is not None
            lock.unlock(ledger, "UNLOCK", by="test")


# -- what is recorded --------------------------------------------------------------------------------------


def test_a12_every_refusal_is_recorded_and_counted_since_the_lock(path: Path, ledger: Ledger) -> None:
    arm(ledger, calls(2))
    with Relay(path) as relay:
        for _ in range(2):
            relay.pass_through()
        for _ in range(7):
            call, refused = relay.ask()
            assert refused is not None and call.outcome == "refused"
    rows = every_call(ledger)
    assert [row.outcome for row in rows] == ["ok"] * 2 + ["refused"] * 7
    assert {row.code for row in rows[2:]} == {"calls"}
    assert all("3 calls in the last minute, limit 2" in row.note for row in rows[2:])
    assert ledger.policy().lock.refused == 7
    assert used(ledger, Dimension.CALLS) == 2
    (tool,) = ledger.tools()
    assert (tool.calls, tool.refused, tool.last_outcome) == (2, 7, "refused")


def test_a_call_is_seen_as_pending_and_then_as_what_it_became(path: Path, ledger: Ledger) -> None:
    with Relay(path) as relay:
        call, _ = relay.ask()
        (row,) = written(ledger, 1)
        assert (row.outcome, row.result, row.duration_ns) == ("pending", "", None)
        relay.answer(call, b'{"isError":true}', "error")
        wait_until(lambda: every_call(ledger)[0].outcome == "error", "its end")
    (row,) = every_call(ledger)
    assert row.result == '{"isError":true}' and row.duration_ns is not None and row.duration_ns > 0
    assert (row.server, row.tool, row.arguments, row.arguments_bytes) == ("github", "search", '{"q":"cats"}', 12)


def test_a8_what_piles_up_while_the_file_is_busy_is_counted_exactly_and_recorded_without_bodies(
    path: Path, ledger: Ledger
) -> None:
    with Relay(path) as relay:
        relay.pass_through()
        written(ledger, 1)
        with ledger.transaction():  # the recorder waits for its turn
            made = [relay.pass_through(tool=("a", "b")[n % 2], result=b'{"n":%d}' % n) for n in range(4000)]
            failed = relay.ask("a")[0]
            relay.answer(failed, outcome="error")
        rows = [row for row in written(ledger, 4002) if row.tool in "ab"]
    assert len(rows) == len(made) + 1
    assert {row.outcome for row in rows} == {"ok", "error"}, "none is left as it began"
    quoted = [row for row in rows if "unquoted" not in row.flags]
    assert len(quoted) < len(rows) / 2
    assert all(row.result and not row.arguments.endswith("…") for row in quoted)
    assert all(row.protected and row.cost and row.tokens_in and row.tokens_out for row in rows)
    assert sum("would-lock:calls/60s" in row.flags for row in rows) == len(rows) - 29, "the 31st and what came after"
    assert used(ledger, Dimension.CALLS) == 4002
    every = every_call(ledger)
    assert used(ledger, Dimension.TOKENS) == sum(row.tokens_in + row.tokens_out for row in every)
    assert used(ledger, Dimension.COST) == sum(row.cost for row in every)
    tools = {row.name: row for row in ledger.tools()}
    assert [(tools[x].calls, tools[x].errors) for x in "ab"] == [(2001, 1), (2000, 0)]


def test_a_flood_from_two_threads_is_recorded_once_each(path: Path, ledger: Ledger) -> None:
    """20 000 calls: every one once, the figures of the tool and the windows the same number."""
    many = 10_000
    with Relay(path) as relay:

        def flood(tool: str) -> None:
            for _ in range(many):
                relay.pass_through(tool)

        threads = [threading.Thread(target=flood, args=(tool,)) for tool in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    rows = every_call(ledger, page=333)
    assert len(rows) == 2 * many
    assert {row.outcome for row in rows} == {"ok"}
    assert len({row.rev for row in rows}) == 2 * many, "a reader may stop after any row"
    figures = {tool.name: tool for tool in ledger.tools()}
    assert (figures["a"].calls, figures["b"].calls) == (many, many)
    total = sum(row.tokens_in + row.tokens_out for row in rows)
    assert sum(tool.tokens for tool in figures.values()) == total
    assert used(ledger, Dimension.CALLS) == 2 * many
    assert used(ledger, Dimension.TOKENS) == total
    assert used(ledger, Dimension.COST) == sum(row.cost for row in rows)


def test_other_requests_violations_and_strays_are_recorded_and_not_charged(path: Path, ledger: Ledger) -> None:
    with Relay(path) as relay:
        relay.gate.identify(client_name="claude", client_version="1", protocol="2025-11-25")
        call = Call(method="resources/list", arguments=b"{}", arguments_bytes=2)
        relay.gate.began(call)
        relay.answer(call)
        relay.gate.violation("duplicate keys", b'{"a":1,"a":2}', from_server=False)
        relay.gate.stray(b"Listening on port 80\n")
    rows = every_call(ledger)
    assert [(row.method, row.outcome) for row in rows] == [
        ("resources/list", "ok"),
        ("(violation)", "violation"),
        ("(stray output)", "violation"),
    ]
    assert rows[0].tokens_in + rows[0].tokens_out > 0
    assert [row.cost for row in rows] == [0, 0, 0], "what no limit counts has no price either"
    assert rows[1].arguments == '{"a":1,"a":2}' and rows[2].result == "Listening on port 80\n"
    assert {(row.client_name, row.client_version, row.protocol) for row in rows} == {("claude", "1", "2025-11-25")}
    assert used(ledger, Dimension.CALLS) == 0
    assert ledger.tools() == []


def test_a_name_that_is_no_text_is_kept_as_far_as_it_is(path: Path, ledger: Ledger) -> None:
    """A command line may hold bytes that are no UTF-8; failed once: the recorder's thread died of them."""
    with Relay(path, server="s\udcff") as relay:
        relay.pass_through()
    (session,) = ledger.sessions()
    assert (session.server, session.command, session.exit_code) == ("s?", "s? --serve", 0)
    assert len(every_call(ledger)) == 1


@pytest.mark.parametrize("armed", [False, True])
def test_a3_a_configuration_that_cannot_be_used_is_said_and_armed_nothing_passes(
    path: Path, ledger: Ledger, own_configuration: Path, armed: bool
) -> None:
    """Without its prices a paid tool would cost next to nothing."""
    own_configuration.write_text('[[prices]]\npattern = "github/*"\nper_call = "2"\n')
    if armed:
        arm(ledger, calls(1))
    with Relay(path) as relay:
        _, refused = relay.ask()
        if armed:
            assert refused is not None and refused.code == "config" and "per_call" in refused.text
        else:
            assert refused is None
    (said,) = [row.detail for row in ledger.audit_since(0) if row.action == "warning"]
    assert "per_call" in said


def test_a_gate_whose_rules_cannot_be_loaded_refuses(path: Path) -> None:
    from mcpwatch.guard.gate import Gate

    def broken() -> None:
        raise RuntimeError("no rules")

    gate = Gate(
        server="s",
        transport="stdio",
        command="",
        on_lock=lambda _: None,
        load_judge=broken,
        state=path,  # type: ignore[arg-type]
    )
    refused = gate.admit(Call(method="tools/call", tool="t"))
    assert refused is not None and refused.code == "state" and "no rules" in refused.text
    gate.close(0)


def test_a_decision_that_fails_refuses(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that raises would leave its relay without an answer."""
    with Relay(path) as relay:
        relay.pass_through()

        def broken(*_: object) -> None:
            raise RuntimeError("a defect")

        monkeypatch.setattr("mcpwatch.guard.breaker.Breaker.admit", broken)
        _, refused = relay.ask()
        assert refused is not None and refused.code == "state" and "a defect" in refused.text


def test_gates_that_come_and_go_leave_nothing_open(path: Path) -> None:
    """A gateway makes one for each of its sessions."""
    Relay(path).close()
    folder = Path("/dev/fd")
    before, threads = len(list(folder.iterdir())), threading.active_count()
    for _ in range(20):
        with Relay(path) as relay:
            relay.pass_through()
    wait_until(lambda: threading.active_count() <= threads, "the end of the gates' threads")
    assert len(list(folder.iterdir())) <= before + 4
