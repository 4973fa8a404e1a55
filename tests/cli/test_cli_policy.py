"""Limits, patterns, modes: tightening is free, loosening asks, and a mistake is refused by its field's name."""

from __future__ import annotations

import json

import pytest

from mcpwatch.cli import exits

PASSWORD = "correct horse 🐴"


def limits(machine) -> dict[str, int]:
    with machine.ledger() as ledger:
        return {limit.key: limit.maximum for limit in ledger.policy().limits}


def policy(machine):
    with machine.ledger() as ledger:
        return ledger.policy()


def test_limits_show_and_json(machine):
    done = machine("limits")
    assert done.code == 0 and "calls/60s" in done.out and "of 100 000" in done.out and "of $1.00" in done.out
    assert machine("limits", "show").out == done.out
    found = json.loads(machine("limits", "show", "--json").out)
    assert [x["key"] for x in found["limits"]] == ["calls/60s", "tokens/3600s", "cost/3600s"]
    assert found["call_caps"] == {"tokens": None, "cost": None}


def test_limits_set_adds_and_replaces(machine):
    assert machine("limits", "set", "calls", "20").code == 0
    assert machine("limits", "set", "calls", "500", "--per", "1d", "--scope", "github/*").code == 0
    assert machine("limits", "set", "cost", "$0.50", "--per", "5m").code == 0
    assert limits(machine) == {
        "calls/60s": 20,
        "calls/86400s@github/*": 500,
        "tokens/3600s": 100_000,
        "cost/300s": 500_000,
        "cost/3600s": 1_000_000,
    }
    assert "in the last day, github/*" in machine("limits").out


def test_limits_remove_by_options_or_by_name(machine):
    machine("limits", "set", "calls", "500", "--per", "1d", "--scope", "github/*")
    assert machine("limits", "remove", "calls").code == 0
    assert machine("limits", "remove", "calls/86400s@github/*").code == 0
    assert sorted(limits(machine)) == ["cost/3600s", "tokens/3600s"]
    machine("limits", "remove", "calls").failed(exits.FAILED, "calls/60s")
    machine("limits", "remove", "frames").failed(exits.USAGE, "frames")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("calls", "-5"), "calls"),
        (("calls", "3.5"), "calls"),
        (("calls", "True"), "calls"),
        (("tokens", "1e5"), "tokens"),
        (("cost", "nan"), "cost"),
        (("cost", "-inf"), "cost"),
        (("cost", "-0.01"), "cost"),
        (("cost", "-1e999999999"), "cost"),
        (("cost", "1e999999999"), "cost"),
        (("calls", "30", "--per", "0s"), "window"),
        (("calls", "30", "--per", "soon"), "window"),
        (("calls", "30", "--scope", "github"), "SERVER/TOOL"),
        (("frames", "30"), "frames"),
        (("calls", "30", "--per-call"), "per-call"),
        (("tokens", "30", "--per-call", "--per", "1h"), "per-call"),
    ],
    ids=" ".join,
)
def test_a3_refused_with_the_name_of_the_field(machine, arguments, field):
    before = limits(machine)
    machine("limits", "set", *arguments).failed(exits.USAGE, field)
    assert limits(machine) == before


def test_a28_call_caps(machine):
    assert "one call: at most 20 000 tokens" in machine("limits", "set", "tokens", "20000", "--per-call").out
    assert "20 000 tokens and $0.10" in machine("limits", "set", "cost", "0.10", "--per-call").out
    found = json.loads(machine("status", "--json").out)["call_caps"]
    assert found == {"tokens": 20_000, "cost": 100_000}
    assert machine("limits", "remove", "tokens", "--per-call").code == 0
    assert (policy(machine).call_cap_tokens, policy(machine).call_cap_cost) == (None, 100_000)


LOOSENING = [
    ("limits", "set", "calls", "31"),
    ("limits", "remove", "calls"),
    ("limits", "remove", "tokens", "--per-call"),
    ("unprotect", "*/*"),
    ("exempt", "notes/*"),
    ("observe",),
    ("strict", "off"),
]
TIGHTENING = [
    ("limits", "set", "calls", "29"),
    ("limits", "set", "tokens", "499", "--per-call"),
    ("limits", "set", "calls", "5", "--per", "1s"),
    ("protect", "notes/*"),
    ("unexempt", "a/b"),
    ("arm",),
    ("strict", "on"),
    ("lock",),
]


def prepared(machine) -> None:
    """Armed and strict, with a cap, an exemption and a password."""
    machine("exempt", "a/b")
    machine("limits", "set", "tokens", "500", "--per-call")
    machine("strict", "on")
    machine.set_password(arm=True)


def state(machine):
    found = policy(machine)
    return found.armed, found.strict, found.limits, found.protect, found.exempt, found.call_cap_tokens


@pytest.mark.parametrize("arguments", LOOSENING, ids=" ".join)
def test_a19_loosening_asks_for_the_password(machine, arguments):
    prepared(machine)
    before = state(machine)
    machine(*arguments, input=f"{PASSWORD}\n").failed(exits.DENIED, "terminal")
    assert state(machine) == before
    terminal = machine.terminal(*arguments)
    terminal.answer("Password: ", "not the password")
    assert terminal.ends() == exits.DENIED and state(machine) == before
    terminal = machine.terminal(*arguments)
    terminal.answer("Password: ", PASSWORD)
    assert terminal.ends() == 0, terminal.text
    assert state(machine) != before


@pytest.mark.parametrize("arguments", TIGHTENING, ids=" ".join)
def test_a19_tightening_is_free(machine, arguments):
    prepared(machine)
    done = machine(*arguments)
    assert done.code == 0, done


@pytest.mark.parametrize("arguments", [a for a in LOOSENING if a != ("observe",)], ids=" ".join)
def test_without_a_password_loosening_does_not_ask(machine, arguments):
    machine("limits", "set", "tokens", "500", "--per-call")
    machine("strict", "on")
    before = state(machine)
    assert machine(*arguments).code == 0
    assert state(machine) != before


def test_patterns(machine):
    assert "Exempt: notes/*" in machine("exempt", "notes/*").out
    assert "Protected: */*, github/delete_*" in machine("protect", "github/delete_*").out
    machine("unexempt", "notes/*")
    machine("unprotect", "github/delete_*")
    assert "nothing is protected" in machine("unprotect", "*/*").out
    assert (policy(machine).protect, policy(machine).exempt) == ((), ())
    assert "nothing is protected" in machine("status").out
    machine("unprotect", "x/y").failed(exits.FAILED, "x/y")


@pytest.mark.parametrize("verb", ["protect", "unprotect", "exempt", "unexempt"])
def test_a4_a_bare_name_is_not_a_pattern(machine, verb):
    machine(verb, "search").failed(exits.USAGE, "SERVER/TOOL")


def test_a17_arming_asks_for_a_password_to_be_chosen(machine):
    machine("arm").failed(exits.DENIED, "mcpwatch password")
    assert not policy(machine).armed
    terminal = machine.terminal("arm")
    terminal.expect("No password is set yet")
    terminal.answer("New password (at least 8 characters): ", PASSWORD)
    terminal.answer("New password again: ", PASSWORD)
    assert terminal.ends() == 0 and "Armed" in terminal.text
    assert policy(machine).armed and policy(machine).has_password


def test_a17_interrupted_choice_of_a_password_does_not_arm(machine):
    terminal = machine.terminal("arm")
    terminal.answer("New password (at least 8 characters): ", PASSWORD)
    terminal.expect("New password again: ")
    terminal.type("\x03")
    assert terminal.ends() == exits.INTERRUPTED
    assert not policy(machine).armed and not policy(machine).has_password


def test_arming_says_when_the_next_call_locks(machine):
    machine.set_password()
    with machine.ledger() as ledger, ledger.transaction() as tx:
        tx.charge(["*/*"], calls=30, tokens=0, cost=0)
    assert "the next protected call locks: 30 calls in the last minute, limit 30" in machine("arm").out


def test_observing_says_that_a_lock_stays(machine):
    machine("lock")
    assert "lock is still on" in machine("observe").out


def test_strict_wants_on_or_off(machine):
    machine("strict").failed(exits.USAGE)
    machine("strict", "maybe").failed(exits.USAGE, "maybe")
