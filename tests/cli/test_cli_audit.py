"""`mcpwatch audit`: everything that was done to the protection, by whom and when."""

from __future__ import annotations

import json
import re

import pytest

from mcpwatch.cli import exits
from mcpwatch.guard import lock as guard

PASSWORD = "correct horse 🐴"
HOSTILE = "\x1b]0;owned\x07\u202e\x9b2J"


@pytest.fixture
def home(machine):
    """The machine's home, with a client's file in it."""
    home = machine.folder / "home"
    (home / ".cursor").mkdir(parents=True)
    (home / ".cursor/mcp.json").write_text('{"mcpServers": {"git": {"command": "npx"}}}')
    machine.env |= {"HOME": str(home)}
    return home


def rows(machine, *arguments):
    done = machine("audit", "--json", *arguments)
    assert done.code == 0, done
    return [json.loads(line) for line in done.out.splitlines()]


def test_everything_a_person_does_is_there(machine, home):
    machine.set_password()
    assert machine("lock", "stop").code == 0
    terminal = machine.terminal("unlock")
    terminal.answer("Password: ", "wrong")
    assert terminal.ends() == exits.DENIED
    with machine.ledger() as ledger:
        guard.unlock(ledger, PASSWORD, by="screen")
    assert machine("protect", "git/*").code == 0
    assert machine("limits", "set", "calls", "5").code == 0
    assert machine("wrap", "--yes").code == 0
    assert machine("unwrap", "--yes").code == 0

    found = rows(machine)
    said = [(row["actor"], row["action"]) for row in found]
    for expected in [
        ("test", "password"),
        ("command line", "lock"),
        ("command line", "unlock-failed"),
        ("screen", "unlock"),
        ("command line", "protect"),
        ("command line", "limit"),
        ("command line", "wrap"),
        ("command line", "unwrap"),
    ]:
        assert expected in said, said
    assert [row["seq"] for row in found] == sorted(row["seq"] for row in found)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["time"]) for row in found)
    assert found[-1]["detail"] == f"git (Cursor: {home}/.cursor/mcp.json)"


def test_the_latest_lines_and_actions(machine):
    with machine.ledger() as ledger:
        for i in range(700):
            guard.lock(ledger, f"reason {i}", by="screen")
            if i % 100 == 0:
                guard.unlock(ledger, "UNLOCK", by="screen")
    locks = [row["detail"] for row in rows(machine, "-n", "2", "--action", "unlock")]
    assert len(locks) == 2 and len(rows(machine, "-a", "unlock")) == 7
    assert rows(machine, "-n", "0") == [] and len(rows(machine, "-n", "10000")) > 600


def test_lines_for_a_person_are_safe(machine):
    with machine.ledger() as ledger, ledger.transaction() as tx:
        tx.audit("screen", "wrap", HOSTILE)
    done = machine("audit")
    assert done.code == 0 and re.match(r"\d{4}-\S+Z  screen        wrap  ", done.out), done
    assert not any(c in done.out for c in "\x1b\x07\x9b\u202e")


def test_nothing_yet_is_nothing(machine):
    assert machine("audit").out == ""
