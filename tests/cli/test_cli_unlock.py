from __future__ import annotations

import re
import termios

import pytest

from mcpwatch.cli import exits
from mcpwatch.guard import lock as guard

PASSWORD = "correct horse 🐴"


def locked(machine) -> bool:
    with machine.ledger() as ledger:
        return ledger.policy().lock.locked


def test_a14_lock_needs_nothing_and_says_it_was_a_person(machine):
    machine.set_password()
    done = machine("lock", "the agent", "is deleting things")
    assert done.code == 0 and "LOCKED: the agent is deleting things" in done.out
    with machine.ledger() as ledger:
        lock = ledger.policy().lock
    assert (lock.code, lock.reason, lock.by) == ("panic", "the agent is deleting things", "command line")


def test_a14_panic_replaces_an_automatic_lock_and_a_second_panic_does_not(machine):
    with machine.ledger() as ledger:
        guard.lock(ledger, "31 calls in the last minute, limit 30", by="mcpwatch", code="calls")
    assert "LOCKED: first" in machine("lock", "first").out
    assert "LOCKED: first" in machine("lock", "second").out


def test_unlock_when_nothing_is_locked(machine):
    done = machine("unlock")
    assert done.code == 0 and done.out == "Nothing is locked.\n"


@pytest.mark.parametrize("has_password", [True, False])
def test_a17_no_pipe_argument_or_variable_unlocks(machine, has_password):
    if has_password:
        machine.set_password()
    machine("lock")
    secret = PASSWORD if has_password else "UNLOCK"
    environment = dict.fromkeys(("MCPWATCH_PASSWORD", "MCPWATCH_UNLOCK", "PASSWORD"), secret)
    machine("unlock", input=f"{secret}\n", env=environment).failed(exits.DENIED, "terminal")
    machine("unlock", secret, input=f"{secret}\n").failed(exits.USAGE)
    assert locked(machine)


def test_a17_without_a_password_the_word_is_typed(machine):
    machine("lock", "testing")
    terminal = machine.terminal("unlock")
    terminal.expect("testing")
    terminal.answer("Type the word UNLOCK to unlock: ", "unlock")
    assert terminal.ends() == exits.DENIED
    assert "type the word UNLOCK" in terminal.text and locked(machine)
    terminal = machine.terminal("unlock")
    terminal.answer("Type the word UNLOCK to unlock: ", "UNLOCK")
    assert terminal.ends() == 0
    assert "Unlocked." in terminal.text and not locked(machine)


def test_a16_the_password_unlocks_unseen(machine, tmp_path):
    machine.set_password(arm=True)
    machine("lock", "testing")
    out = tmp_path / "out.txt"  # the question is asked at the terminal, wherever the output goes
    terminal = machine.terminal("unlock", stdout=out)
    terminal.answer("Password: ", PASSWORD)
    assert terminal.ends() == 0
    assert not locked(machine) and "Unlocked." in out.read_text()
    assert "horse" not in terminal.text and "horse" not in out.read_text()


def test_a16_a_wrong_password_says_so_and_then_makes_wait(machine):
    machine.set_password()
    machine("lock")
    for attempt in range(3):
        terminal = machine.terminal("unlock")
        terminal.answer("Password: ", f"wrong {attempt}")
        assert terminal.ends() == exits.DENIED
        assert "wrong password" in terminal.text
    assert "next attempt in 2 s" in terminal.text
    with machine.ledger() as ledger, ledger.transaction() as tx:
        tx.set_throttle(7, tx.now + 60_000_000_000)
    terminal = machine.terminal("unlock")
    assert terminal.ends() == exits.DENIED  # without asking
    assert re.search(r"try again in ([45]\d|60) s", terminal.text)
    assert "Password:" not in terminal.text and locked(machine)


def test_ctrl_c_at_the_question_changes_nothing_and_gives_the_echo_back(machine):
    machine.set_password()
    machine("lock")
    terminal = machine.terminal("unlock")
    terminal.expect("Password: ")
    assert not termios.tcgetattr(terminal.fd)[3] & termios.ECHO
    terminal.type("half a passw\x03")
    assert terminal.ends() == exits.INTERRUPTED
    assert termios.tcgetattr(terminal.fd)[3] & termios.ECHO
    assert locked(machine) and "Traceback" not in terminal.text
    with machine.ledger() as ledger:
        assert guard.throttle(ledger) == (0, 0.0)


@pytest.mark.parametrize(
    "keys",
    [f"{PASSWORD}x\x7f", f"wrong\x15{PASSWORD}", "correct horse ä\x7f🐴"],
    ids=["backspace", "kill line", "backspace over a wide character"],
)
def test_a_typing_mistake_can_be_corrected(machine, keys):
    machine.set_password()
    machine("lock")
    terminal = machine.terminal("unlock")
    terminal.answer("Password: ", keys)
    assert terminal.ends() == 0 and not locked(machine)


def test_an_arrow_key_is_not_taken_into_the_password(machine):
    machine.set_password()
    machine("lock")
    terminal = machine.terminal("unlock")
    terminal.answer("Password: ", f"\x1b[D{PASSWORD}")
    assert terminal.ends() == exits.DENIED and "arrow" in terminal.text
    with machine.ledger() as ledger:
        assert guard.throttle(ledger) == (0, 0.0)


def test_what_was_typed_before_the_question_does_not_answer_it(machine):
    machine("lock")
    terminal = machine.terminal("unlock")
    terminal.type("UNLOCK\r")
    terminal.answer("Type the word UNLOCK to unlock: ", "no")
    assert terminal.ends() == exits.DENIED and locked(machine)


def test_keep_window_says_when_the_next_call_locks_again(machine):
    machine.set_password(arm=True)
    with machine.ledger() as ledger, ledger.transaction() as tx:
        tx.charge(["*/*"], calls=30, tokens=0, cost=0)
    for option, noted in (((), False), (("--keep-window",), True)):
        with machine.ledger() as ledger, ledger.transaction() as tx:
            tx.charge(["*/*"], calls=30 * noted, tokens=0, cost=0)
        machine("lock")
        terminal = machine.terminal("unlock", *option)
        terminal.answer("Password: ", PASSWORD)
        assert terminal.ends() == 0 and "Unlocked." in terminal.text
        assert ("the next protected call locks" in terminal.text) is noted
