"""Approving, blocking and taking back: one exact text, and the password where it loosens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mcpwatch.guard import approval, lock
from mcpwatch.guard.lock import Denied
from mcpwatch.store.definitions import mark_gone, save_listed, save_verdict
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Verdict
from scan.scanning import tool
from store.stepped import PASSWORD

SAFE, DOUBTFUL, DANGEROUS = tool("safe"), tool("doubtful"), tool("dangerous")
SCORES = {SAFE: 0.0, DOUBTFUL: 50.0, DANGEROUS: 95.0}
Act = Callable[..., None]


@pytest.fixture
def ledger(path: Path):
    ledger = Ledger.open(path)
    with ledger.transaction() as tx:
        save_listed(tx, "srv", [(definition, 1) for definition in SCORES])
        for definition, score in SCORES.items():
            save_verdict(tx, Verdict(definition.fingerprint, "srv", "local", "r", score))
    yield ledger
    ledger.close()


def decided(ledger: Ledger) -> dict[str, str]:
    return {name: decision for (_, name, _), decision in ledger.definitions("srv").reviews.items()}


def approve(ledger: Ledger, definition, secret: str | None = None) -> None:
    approval.approve(ledger, "srv", "tool", definition.name, definition.fingerprint, secret, by="test")


def block(ledger: Ledger, definition) -> None:
    approval.block(ledger, "srv", "tool", definition.name, definition.fingerprint, by="test")


def take_back(ledger: Ledger, definition, secret: str | None = None) -> None:
    approval.take_back(ledger, "srv", "tool", definition.name, definition.fingerprint, secret, by="test")


def with_password(ledger: Ledger) -> None:
    lock.set_password(ledger, PASSWORD, PASSWORD, None, by="test")


def denied(code: str, act: Act, *arguments: object) -> None:
    with pytest.raises(Denied) as caught:
        act(*arguments)
    assert caught.value.code == code


def test_b15_approving_what_is_held_asks_for_the_password(ledger: Ledger) -> None:
    with_password(ledger)
    denied("password-required", approve, ledger, DANGEROUS)
    denied("wrong-password", approve, ledger, DANGEROUS, "not the password")
    assert decided(ledger) == {}
    approve(ledger, DANGEROUS, PASSWORD)
    assert decided(ledger) == {"dangerous": "approved"}


def test_approving_what_passes_anyway_asks_for_nothing(ledger: Ledger) -> None:
    with_password(ledger)
    approve(ledger, SAFE)
    approve(ledger, DOUBTFUL)
    assert decided(ledger) == {"safe": "approved", "doubtful": "approved"}


def test_strict_mode_makes_more_of_it_loosening(ledger: Ledger) -> None:
    with_password(ledger)
    lock.set_strict(ledger, True, None, by="test")
    denied("password-required", approve, ledger, DOUBTFUL)
    approve(ledger, DOUBTFUL, PASSWORD)


def test_a_change_that_strict_mode_holds_asks_for_the_password(ledger: Ledger) -> None:
    with_password(ledger)
    approve(ledger, SAFE)
    lock.set_strict(ledger, True, None, by="test")
    changed = tool("safe", "Another text.")
    with ledger.transaction() as tx:
        save_listed(tx, "srv", [(changed, 1)])
        save_verdict(tx, Verdict(changed.fingerprint, "srv", "local", "r", 0.0))
    denied("password-required", approve, ledger, changed)


def test_blocking_is_free_and_undoing_it_is_not(ledger: Ledger) -> None:
    with_password(ledger)
    block(ledger, SAFE)
    denied("password-required", take_back, ledger, SAFE)
    denied("password-required", approve, ledger, SAFE)
    take_back(ledger, SAFE, PASSWORD)
    assert decided(ledger) == {}


def test_a_block_of_what_is_held_anyway_is_taken_back_for_free(ledger: Ledger) -> None:
    with_password(ledger)
    block(ledger, DANGEROUS)
    take_back(ledger, DANGEROUS)
    assert decided(ledger) == {}


def test_taking_an_approval_back_is_free(ledger: Ledger) -> None:
    with_password(ledger)
    approve(ledger, DANGEROUS, PASSWORD)
    take_back(ledger, DANGEROUS)
    assert decided(ledger) == {}
    denied("password-required", approve, ledger, DANGEROUS)


def test_a_text_the_server_never_listed_cannot_be_decided_about(ledger: Ledger) -> None:
    stranger = tool("safe", "Never seen.")
    for act in (approve, block, take_back):
        denied("invalid", act, ledger, stranger)
    denied("invalid", lambda: approval.approve(ledger, "other", "tool", "safe", SAFE.fingerprint, None, by="test"))
    denied("invalid", lambda: approval.approve(ledger, "srv", "prompt", "safe", SAFE.fingerprint, None, by="test"))


def test_what_is_gone_can_still_be_decided_about(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        mark_gone(tx, "srv", "tool", [])
    block(ledger, SAFE)
    assert decided(ledger) == {"safe": "blocked"}


def test_every_decision_is_audited_and_moves_the_policy(ledger: Ledger) -> None:
    before = ledger.policy_version()
    approve(ledger, SAFE)
    block(ledger, SAFE)
    take_back(ledger, SAFE)
    rows = [(row.actor, row.action) for row in ledger.audit_since(0)]
    assert rows == [("test", "approved"), ("test", "blocked"), ("test", "unreviewed")]
    assert all(SAFE.fingerprint[:12] in row.detail for row in ledger.audit_since(0))
    assert ledger.policy_version() == before + 3
