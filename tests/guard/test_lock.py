"""Lock, unlock, password and its throttle (A13, A16–A18, A20)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mcpwatch.guard import lock, password
from mcpwatch.guard.lock import Denied
from mcpwatch.store.database import StateError
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Lock
from store.stepped import PASSWORD, SECOND, Guarded, Machine, calls, tokens

Guard = Callable[..., Guarded]


@pytest.fixture
def ledger(path: Path):
    machine = Machine()
    found = Ledger.open(path, time_source=machine.source)
    found.machine = machine  # type: ignore[attr-defined]
    yield found
    found.close()


def denied(code: str, act: Callable[..., object], *args: object, **kwargs: object) -> Denied:
    with pytest.raises(Denied) as caught:
        act(*args, **kwargs, by="test")
    assert caught.value.code == code
    said = str(caught.value)
    assert said and "\n" not in said
    return caught.value


def actions(ledger: Ledger) -> list[tuple[str, str]]:
    return [(row.actor, row.action) for row in ledger.audit_since(0)]


# -- the lock ----------------------------------------------------------------------------------------------


def test_a13_a_lock_is_one_row_with_all_that_belongs_to_it(ledger: Ledger) -> None:
    found = lock.lock(ledger, "  my\n reason ", by="screen")
    assert found == Lock(True, "panic", "my reason", "screen", ledger.machine.wall, 0)  # type: ignore[attr-defined]
    again = Ledger.open(ledger.path)
    assert again.policy().lock == found
    again.close()


@pytest.mark.parametrize(
    "change",
    [
        "locked = 1",
        "locked = 1, lock_code = 'panic', lock_reason = 'x'",
        "locked = 1, lock_code = 'panic', lock_utc = 5",
        "locked = 1, lock_reason = 'x', lock_utc = 5",
        "lock_code = 'panic'",
        "lock_reason = 'x'",
        "lock_utc = 5",
        "locked = 2, lock_code = 'panic', lock_reason = 'x', lock_utc = 5",
    ],
)
def test_a13_half_a_lock_cannot_be_stored(ledger: Ledger, change: str) -> None:
    with pytest.raises(StateError), ledger.transaction() as tx:
        tx.db.execute(f"UPDATE state SET {change}")
    assert ledger.policy().lock == Lock()


def test_a13_a_lock_in_a_transaction_that_dies_is_no_lock(path: Path) -> None:
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom mcpwatch.store.ledger import Ledger\n"
        "ledger = Ledger.open(Path(sys.argv[1]))\n"
        "with ledger.transaction() as tx:\n    tx.lock('panic', 'x', 'test')\n    os.kill(os.getpid(), 9)\n"
    )
    Ledger.open(path).close()
    assert subprocess.run([sys.executable, "-c", script, str(path)]).returncode == -9
    ledger = Ledger.open(path)
    assert ledger.policy().lock == Lock()
    ledger.close()


def test_a_lock_keeps_its_first_reason_but_panic_replaces_an_automatic_one(guard: Guard) -> None:
    guarded = guard(calls(0))
    assert not guarded.passes()
    automatic = guarded.person.policy().lock
    guarded.machine.advance(SECOND)
    panic = lock.lock(guarded.person, "mine", by="test")
    assert (panic.code, panic.reason, panic.refused) == ("panic", "mine", automatic.refused)
    guarded.machine.advance(SECOND)
    assert lock.lock(guarded.person, "later", by="test") == panic
    assert lock.lock(guarded.person, "later", by="test", code="calls") == panic


@pytest.mark.parametrize("reason", ["\udcff\ud800", "a\x00b", "x" * 10_000, "🙂" * 1000, "\x1b[31mred", "", "   "])
def test_panic_works_with_any_reason(ledger: Ledger, reason: str) -> None:
    found = lock.lock(ledger, reason, by="test")
    assert found.locked and 0 < len(found.reason) <= lock.MAX_REASON
    assert ledger.policy().lock == found


def test_a16_unlocking_clears_everything_and_starts_a_new_epoch(guard: Guard) -> None:
    guarded = guard(calls(3))
    for _ in range(3):
        assert guarded.passes()
    assert not guarded.passes()
    lock.unlock(guarded.person, PASSWORD, by="test")
    assert guarded.person.policy().lock == Lock()
    assert guarded.used("calls/60s") == 0
    for _ in range(3):
        assert guarded.passes(), "the next calls do not lock again at once"
    assert not guarded.passes()


def test_a16_the_full_window_may_be_kept(guard: Guard) -> None:
    guarded = guard(calls(3))
    for _ in range(3):
        assert guarded.passes()
    assert not guarded.passes()
    lock.unlock(guarded.person, PASSWORD, by="test", keep_window=True)
    assert guarded.used("calls/60s") == 3
    assert not guarded.passes()


def test_a16_a_charge_in_the_very_moment_of_unlocking_does_not_lock_again(guard: Guard) -> None:
    """Where the clock is coarse, many charges share a moment and are kept a nanosecond apart: past the present."""
    guarded = guard(calls(5))
    guarded.step = 0
    for _ in range(5):
        assert guarded.passes()
    assert not guarded.passes()
    lock.unlock(guarded.person, PASSWORD, by="test")
    assert guarded.used("calls/60s") == 0


def test_a16_a_wrong_password_changes_nothing_but_is_said_and_counted(guard: Guard) -> None:
    guarded = guard(calls(0))
    assert not guarded.passes()
    before = guarded.person.policy().lock
    found = denied("wrong-password", lock.unlock, guarded.person, "not it, surely")
    assert found.failures == 1
    assert guarded.person.policy().lock == before
    assert actions(guarded.person)[-1] == ("test", "unlock-failed")
    denied("password-required", lock.unlock, guarded.person, "")
    assert lock.throttle(guarded.person)[0] == 1, "no attempt was made"


def test_unlocking_what_is_not_locked_says_so(ledger: Ledger) -> None:
    denied("invalid", lock.unlock, ledger, "UNLOCK")


def test_a17_without_a_password_a_human_types_the_word(ledger: Ledger) -> None:
    lock.lock(ledger, by="test")
    for wrong in ("", "unlock", "UNLOCK!", "password"):
        found = denied("type-unlock", lock.unlock, ledger, wrong)
        assert "UNLOCK" in str(found) and "no password" in str(found)
    assert ledger.policy().lock.locked
    lock.unlock(ledger, " UNLOCK ", by="test")
    assert not ledger.policy().lock.locked


def test_a17_the_word_does_not_open_what_a_password_locks(guard: Guard) -> None:
    guarded = guard()
    lock.lock(guarded.person, by="test")
    denied("wrong-password", lock.unlock, guarded.person, "UNLOCK")


def test_a17_arming_asks_for_a_password_first(ledger: Ledger) -> None:
    denied("no-password", lock.arm, ledger)
    assert not ledger.policy().armed


# -- setting it --------------------------------------------------------------------------------------------


UNUSUAL = [
    "12345678",
    "a\x00bcdefgh",
    "\x00" * 8,
    "x" * 10_000,
    "🙂" * 8,
    "\ud800\udc00lone\udfff\ud800",
    "pass word with blanks ",
    "ﬁligree ǆ ẛ̣",
    "密码密码密码密码",
]


@pytest.mark.parametrize("secret", UNUSUAL, ids=range(len(UNUSUAL)))
def test_a18_any_text_of_eight_characters_is_a_password(ledger: Ledger, secret: str) -> None:
    lock.set_password(ledger, secret, secret, None, by="test")
    for wrong in (secret[:-1], secret + "x", secret[:72] + "?", secret.swapcase() + "!"):
        lock.lock(ledger, by="test")
        denied("wrong-password", lock.unlock, ledger, wrong)
        ledger.machine.advance(4000 * SECOND)  # type: ignore[attr-defined]
    lock.unlock(ledger, secret, by="test")


def test_a18_neither_length_nor_nul_shortens_a_password() -> None:
    long = "x" * 100
    stored = password.make_hash(long)
    assert password.check_hash(long, stored)
    assert not password.check_hash(long[:72], stored)
    assert not password.check_hash(long + "y", stored)
    assert not password.check_hash("a\x00c" * 3, password.make_hash("a\x00b" * 3))


def test_a18_the_same_keys_are_the_same_password_on_every_system() -> None:
    assert password.check_hash("cafe\u0301 creme", password.make_hash("caf\u00e9 creme"))


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "x",
        "$2b$04$",
        "$2b$04$" + "a" * 52,
        "$2b$99$" + "a" * 53,
        "$1$abc",
        "\udcff",
        "é" * 60,
        "$2b$04$" + "\x00" * 53,
    ],
)
def test_a_damaged_hash_opens_nothing(stored: str) -> None:
    assert password.check_hash("", stored) is False
    assert password.check_hash("correct horse", stored) is False


def test_a18_too_short_or_not_the_same_twice(ledger: Ledger) -> None:
    denied("too-short", lock.set_password, ledger, "1234567", "1234567", None)
    denied("mismatch", lock.set_password, ledger, "12345678", "12345679", None)
    assert not ledger.policy().has_password


def test_a18_changing_it_needs_the_current_one_also_while_locked(guard: Guard) -> None:
    guarded = guard()
    lock.lock(guarded.person, by="test")
    denied("password-required", lock.set_password, guarded.person, "something new", "something new", None)
    denied("wrong-password", lock.set_password, guarded.person, "something new", "something new", "not it at all")
    lock.set_password(guarded.person, "something new", "something new", PASSWORD, by="test")
    denied("wrong-password", lock.unlock, guarded.person, PASSWORD)
    lock.unlock(guarded.person, "something new", by="test")


def test_no_secret_is_ever_written(guard: Guard) -> None:
    guarded = guard(calls(0))
    assert not guarded.passes()
    denied("wrong-password", lock.unlock, guarded.person, "wr0ng-s3cret")
    lock.set_password(guarded.person, "n3w-s3cret-here", "n3w-s3cret-here", PASSWORD, by="test")
    lock.unlock(guarded.person, "n3w-s3cret-here", by="test")
    guarded.close()
    bytes_on_disk = b"".join(file.read_bytes() for file in guarded.path.parent.iterdir())
    for secret in (b"wr0ng-s3cret", b"n3w-s3cret", PASSWORD.encode()):
        assert secret not in bytes_on_disk


# -- the throttle ------------------------------------------------------------------------------------------


def test_a20_the_wait_doubles_and_ends() -> None:
    assert [password.wait_after(n) for n in range(1, 7)] == [0, 0, 2, 4, 8, 16]
    assert password.wait_after(50) == password.wait_after(10**6) == 3600


def test_a20_attempts_are_counted_throttled_and_audited(guard: Guard) -> None:
    guarded = guard()
    lock.lock(guarded.person, by="test")
    for failures, wait in ((1, 0), (2, 0), (3, 2), (4, 4), (5, 8)):
        found = denied("wrong-password", lock.unlock, guarded.person, "guess number")
        assert (found.failures, found.wait_s) == (failures, wait)
        if wait:
            found = denied("throttled", lock.unlock, guarded.person, PASSWORD)
            assert found.failures == failures and found.wait_s == pytest.approx(wait)
            assert lock.throttle(guarded.person) == (failures, pytest.approx(wait))
        guarded.machine.advance(wait * SECOND)
    assert actions(guarded.person).count(("test", "unlock-failed")) == 5
    lock.unlock(guarded.person, PASSWORD, by="test")
    assert lock.throttle(guarded.person) == (0, 0)


def test_a20_a_restart_or_a_step_of_the_clock_does_not_end_the_wait(guard: Guard) -> None:
    guarded = guard()
    lock.lock(guarded.person, by="test")
    for _ in range(3):
        denied("wrong-password", lock.unlock, guarded.person, "guess number")
    guarded.machine.wall += 10**6 * SECOND
    later = Ledger.open(guarded.path, time_source=guarded.machine.source)
    denied("throttled", lock.unlock, later, PASSWORD)
    later.close()
    guarded.machine.reboot(wall=guarded.machine.wall - 10**7 * SECOND)
    later = Ledger.open(guarded.path, time_source=guarded.machine.source)
    denied("throttled", lock.unlock, later, PASSWORD)
    guarded.machine.advance(2 * SECOND)
    lock.unlock(later, PASSWORD, by="test")
    later.close()


def test_a20_the_throttle_is_one_for_every_use_of_the_password(guard: Guard) -> None:
    guarded = guard(calls(5))
    denied("wrong-password", lock.observe, guarded.person, "guess number")
    denied("wrong-password", lock.set_limits, guarded.person, [calls(9)], "guess number")
    denied("wrong-password", lock.set_password, guarded.person, "new secret", "new secret", "guess number")
    denied("throttled", lock.exempt, guarded.person, "a/*", PASSWORD)


def test_a20_a_right_password_for_a_change_that_cannot_be_made_is_no_failure(guard: Guard) -> None:
    """Failed once: the count was rolled back into failure together with the change."""
    guarded = guard()
    for _ in range(5):
        denied("invalid", lock.unprotect, guarded.person, "never/there", PASSWORD)
    assert lock.throttle(guarded.person) == (0, 0)


def test_a20_a_crash_during_the_check_gives_no_free_attempt(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    guarded = guard()
    lock.lock(guarded.person, by="test")

    def dies(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(lock, "check_hash", dies)
    with pytest.raises(KeyboardInterrupt):
        lock.unlock(guarded.person, "guess number", by="test")
    assert lock.throttle(guarded.person)[0] == 1


_GUESS = """
import sys
from pathlib import Path
from mcpwatch.guard import lock
from mcpwatch.store.ledger import Ledger
ledger = Ledger.open(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
checked = 0
for i in range(5):
    try:
        lock.unlock(ledger, f"guess {i} {sys.argv[2]}", by="test")
    except lock.Denied as error:
        checked += error.code == "wrong-password"
print(checked)
"""


def test_a20_many_processes_have_no_more_attempts_than_one(path: Path) -> None:
    ledger = Ledger.open(path)
    lock.set_password(ledger, PASSWORD, PASSWORD, None, by="test")
    lock.lock(ledger, by="test")
    guessing = [
        subprocess.Popen(
            [sys.executable, "-c", _GUESS, str(path), str(i)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(6)
    ]
    for process in guessing:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in guessing:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    checked = sum(int(process.communicate(timeout=60)[0]) for process in guessing)
    failures, wait_s = lock.throttle(ledger)
    assert checked == failures == [row.action for row in ledger.audit_since(0)].count("unlock-failed")
    assert 3 <= failures < 8, "the third failure made everyone wait"
    assert wait_s > 0
    assert ledger.policy().lock.locked
    ledger.close()


def test_tokens_of_other_locks_are_not_cleared_by_a_denied_unlock(guard: Guard) -> None:
    guarded = guard(tokens(10))
    assert not guarded.passes(tokens=11)
    denied("wrong-password", lock.unlock, guarded.person, "guess number")
    _, refused = guarded.ask(tokens=1)
    assert refused is not None and refused.code == "tokens"


def test_the_later_of_two_values_for_one_limit_counts(guard: Guard) -> None:
    guarded = guard(calls(30))
    lock.set_limits(guarded.person, [calls(10**6), calls(30)], None, by="test")
    assert [limit.maximum for limit in guarded.person.policy().limits if limit.key == "calls/60s"] == [30]
