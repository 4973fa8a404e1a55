"""A19: loosening needs the password when one is set; tightening never does. One table of every change there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mcpwatch.guard import lock
from mcpwatch.guard.lock import Denied
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Limit
from store.stepped import PASSWORD, calls, cost, tokens

Change = Callable[[Ledger, str | None], None]

LOOSENING: dict[str, Change] = {
    "unlock": lambda s, p: lock.unlock(s, p or "", by="t"),
    "disarm": lambda s, p: lock.observe(s, p, by="t"),
    "raise a limit": lambda s, p: lock.set_limits(s, [calls(31)], p, by="t"),
    "raise one of several": lambda s, p: lock.set_limits(s, [calls(1), tokens(100_001)], p, by="t"),
    "lower and raise the same": lambda s, p: lock.set_limits(s, [calls(1), calls(99)], p, by="t"),
    "from nothing to something": lambda s, p: lock.set_limits(s, [cost(1, 60)], p, by="t"),
    "remove a limit": lambda s, p: lock.remove_limit(s, "calls/60s", p, by="t"),
    "raise the cap in tokens": lambda s, p: lock.set_call_caps(s, 101, 100, p, by="t"),
    "remove the cap in cost": lambda s, p: lock.set_call_caps(s, 100, None, p, by="t"),
    "lower one cap, raise the other": lambda s, p: lock.set_call_caps(s, 1, 101, p, by="t"),
    "unprotect": lambda s, p: lock.unprotect(s, "*/*", p, by="t"),
    "exempt": lambda s, p: lock.exempt(s, "github/*", p, by="t"),
    "leave strict mode": lambda s, p: lock.set_strict(s, False, p, by="t"),
    "change the password": lambda s, p: lock.set_password(s, "another one", "another one", p, by="t"),
}

TIGHTENING: dict[str, Change] = {
    "lock": lambda s, p: lock.lock(s, by="t") and None,
    "arm again": lambda s, p: lock.arm(s, by="t"),
    "lower a limit": lambda s, p: lock.set_limits(s, [calls(29)], p, by="t"),
    "a limit to 0": lambda s, p: lock.set_limits(s, [calls(0)], p, by="t"),
    "a limit as it is": lambda s, p: lock.set_limits(s, [calls(30)], p, by="t"),
    "a limit more": lambda s, p: lock.set_limits(s, [calls(10**6, 86_400)], p, by="t"),
    "a limit for some": lambda s, p: lock.set_limits(s, [calls(10**6, 60, "github/*")], p, by="t"),
    "lower a cap": lambda s, p: lock.set_call_caps(s, 99, 100, p, by="t"),
    "protect": lambda s, p: lock.protect(s, "github/*", by="t"),
    "take an exemption away": lambda s, p: lock.unexempt(s, "notes/*", by="t"),
    "strict mode": lambda s, p: lock.set_strict(s, True, p, by="t"),
}


def state(tmp_path: Path, *, secret: bool) -> Ledger:
    """Armed if it may be, locked, strict, with caps, an exemption and a limit of 0."""
    ledger = Ledger.open(tmp_path / "state" / "state.db")
    lock.exempt(ledger, "notes/*", None, by="t")
    if secret:
        lock.set_password(ledger, PASSWORD, PASSWORD, None, by="t")
        lock.arm(ledger, by="t")
    lock.set_strict(ledger, True, None, by="t")
    lock.set_call_caps(ledger, 100, 100, None, by="t")
    lock.set_limits(ledger, [cost(0, 60)], None, by="t")
    lock.lock(ledger, by="t")
    return ledger


@pytest.mark.parametrize("change", LOOSENING.values(), ids=LOOSENING.keys())
def test_a19_loosening_needs_the_password(tmp_path: Path, change: Change) -> None:
    ledger = state(tmp_path, secret=True)
    before = ledger.policy()
    for attempt, code in ((None, "password-required"), ("", "password-required"), ("wrong guess", "wrong-password")):
        with pytest.raises(Denied) as caught:
            change(ledger, attempt)
        assert caught.value.code == code
        assert ledger.policy() == before
    seq = ledger.audit_since(0)[-1].seq
    change(ledger, PASSWORD)
    assert ledger.policy() != before
    assert [row.actor for row in ledger.audit_since(seq)] != [], "who did it is written down"
    ledger.close()


@pytest.mark.parametrize("change", LOOSENING.values(), ids=LOOSENING.keys())
def test_a19_without_a_password_loosening_is_the_persons_own_affair(tmp_path: Path, change: Change) -> None:
    ledger = state(tmp_path, secret=False)
    if change is LOOSENING["unlock"]:
        with pytest.raises(Denied):
            change(ledger, None)
        change(ledger, "UNLOCK")
        assert not ledger.policy().lock.locked
    elif change is LOOSENING["disarm"]:
        change(ledger, None)
        assert not ledger.policy().armed
    else:
        before = ledger.policy()
        change(ledger, None)
        assert ledger.policy() != before
    ledger.close()


@pytest.mark.parametrize("change", TIGHTENING.values(), ids=TIGHTENING.keys())
@pytest.mark.parametrize("secret", [True, False])
def test_a19_tightening_is_free(tmp_path: Path, change: Change, secret: bool) -> None:
    ledger = state(tmp_path, secret=secret)
    if change is TIGHTENING["arm again"] and not secret:
        with pytest.raises(Denied):
            change(ledger, None)
    else:
        change(ledger, None)
    ledger.close()


def test_a19_what_a_new_limit_of_the_same_name_was_is_judged_in_its_own_transaction(tmp_path: Path) -> None:
    """Two people at two screens: what one saw as tightening is judged against what the other made of it."""
    ledger = state(tmp_path, secret=True)
    other = Ledger.open(ledger.path)
    lock.set_limits(other, [calls(5)], None, by="t")
    with pytest.raises(Denied):
        lock.set_limits(ledger, [calls(20)], None, by="t")
    assert ledger.policy().limits[0].maximum == 5
    other.close()
    ledger.close()


@pytest.mark.parametrize(
    "limit",
    [
        calls("30"),  # type: ignore[arg-type]
        calls(True),
        calls(-1),
        calls(10**16),
        tokens(float("nan")),  # type: ignore[arg-type]
        cost(float("inf")),  # type: ignore[arg-type]
        calls(30, 0),
        calls(30, -60),
        calls(30, 60.0),  # type: ignore[arg-type]
        calls(30, True),
        calls(30, 10**12),
        calls(30, 60, "github"),
        calls(30, 60, ""),
        calls(30, 60, " github/*"),
        calls(30, 60, "git\nhub/*"),
    ],
)
def test_a3_a_limit_that_is_none_is_refused(tmp_path: Path, limit: Limit) -> None:
    ledger = Ledger.open(tmp_path / "state.db")
    with pytest.raises(Denied) as caught:
        lock.set_limits(ledger, [calls(1), limit], None, by="t")
    assert caught.value.code == "invalid"
    assert any(word in str(caught.value) for word in ("calls:", "tokens:", "cost:", "window:", "scope:", "pattern"))
    assert ledger.policy().limits[0].maximum == 30, "all or none"
    ledger.close()


@pytest.mark.parametrize("caps", [("5", None), (True, None), (-1, None), (None, float("nan")), (None, 10**16)])
def test_a3_a_cap_that_is_none_is_refused(tmp_path: Path, caps: tuple[int, int]) -> None:
    ledger = Ledger.open(tmp_path / "state.db")
    with pytest.raises(Denied) as caught:
        lock.set_call_caps(ledger, *caps, None, by="t")
    assert caught.value.code == "invalid"
    ledger.close()


@pytest.mark.parametrize("pattern", ["search", "", "a/", "\ud800/x", "a/b\x1b"])
def test_a4_a_pattern_that_is_none_is_refused(tmp_path: Path, pattern: str) -> None:
    ledger = Ledger.open(tmp_path / "state.db")
    for change in (lock.protect, lock.unexempt):
        with pytest.raises(Denied) as caught:
            change(ledger, pattern, by="t")
        assert caught.value.code == "invalid"
    ledger.close()
