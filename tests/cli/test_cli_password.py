from __future__ import annotations

import pytest

from mcpwatch.cli import exits
from mcpwatch.guard.password import check_hash

PASSWORD = "correct horse 🐴"
NEW, AGAIN, CURRENT = "New password (at least 8 characters): ", "New password again: ", "Current password: "


def is_password(machine, password: str) -> bool:
    with machine.ledger() as ledger, ledger.transaction() as tx:
        stored = tx.password()[0]
    return stored is not None and check_hash(password, stored)


def test_a18_first_password_is_typed_twice(machine):
    terminal = machine.terminal("password")
    terminal.answer(NEW, PASSWORD)
    terminal.answer(AGAIN, PASSWORD)
    assert terminal.ends() == 0
    assert "Password set." in terminal.text and is_password(machine, PASSWORD)


@pytest.mark.parametrize(
    ("new", "again", "said"),
    [("short", "short", "at least 8"), ("long enough", "long enuff", "not the same")],
    ids=["short", "mismatch"],
)
def test_a18_refused(machine, new, again, said):
    terminal = machine.terminal("password")
    terminal.answer(NEW, new)
    terminal.answer(AGAIN, again)
    assert terminal.ends() == exits.FAILED
    assert said in terminal.text and not is_password(machine, new)


def test_a18_changing_needs_the_current_one(machine):
    machine.set_password()
    for current, code in (("a wrong one", exits.DENIED), (PASSWORD, 0)):
        terminal = machine.terminal("password")
        terminal.answer(CURRENT, current)
        terminal.answer(NEW, "another password")
        terminal.answer(AGAIN, "another password")
        assert terminal.ends() == code, terminal.text
        assert is_password(machine, "another password") is (code == 0)


def test_a18_any_length_and_any_character(machine):
    long = "ä字🐴 " * 2500  # beyond what a terminal's own line editing takes
    terminal = machine.terminal("password")
    terminal.answer(NEW, long)
    terminal.answer(AGAIN, long)
    assert terminal.ends() == 0 and is_password(machine, long)


def test_ctrl_c_and_ctrl_d_leave_the_old_password(machine):
    machine.set_password()
    for key in ("\x03", "\x04"):
        terminal = machine.terminal("password")
        terminal.answer(CURRENT, PASSWORD)
        terminal.answer(NEW, "another password")
        terminal.expect(AGAIN)
        terminal.type(key)
        assert terminal.ends() == exits.INTERRUPTED
        assert is_password(machine, PASSWORD)


def test_password_without_a_terminal(machine):
    machine("password", input=f"{PASSWORD}\n{PASSWORD}\n").failed(exits.DENIED, "terminal")
    assert not is_password(machine, PASSWORD)
