from __future__ import annotations

import json
import shlex
import subprocess
import time

import pytest

from mcpwatch.cli import exits
from mcpwatch.cli.checks import satisfies
from mcpwatch.guard import lock as guard
from mcpwatch.store import health
from mcpwatch.store.clock import SYSTEM_TIME, TimeSource
from mcpwatch.store.ledger import Ledger


def findings(machine, level: str) -> dict[str, dict]:
    found = json.loads(machine("doctor", "--json").out)["findings"]
    return {finding["subject"]: finding for finding in found if finding["level"] == level}


def test_healthy_machine(machine):
    done = machine("doctor")
    assert done.code == 0, done
    assert "Nothing to mend." in done.out and str(machine.state) in done.out
    subjects = {"state file", "clock", "guards", "disk", "configuration", "dependencies", "terminal"}
    assert subjects <= set(findings(machine, "ok"))


def damage(machine) -> None:
    """A state that was locked, with garbage in the middle of the file."""
    with machine.ledger() as ledger:
        guard.lock(ledger, by="test")
        with ledger.transaction() as tx:
            tx.charge([f"server{i}/*" for i in range(3000)], calls=1, tokens=1, cost=1)
    with machine.state.open("r+b") as file:
        file.seek(machine.state.stat().st_size // 2)
        file.write(b"\xa5" * 8192)


def test_a27_a_damaged_state_is_found_and_the_command_shown_puts_it_away(machine):
    damage(machine)
    done = machine("doctor")
    assert done.code == exits.FAILED and "damaged" in done.out
    mend = findings(machine, "wrong")["state file"]["mend"]
    assert mend in done.out or "mkdir -m 700" in done.out
    before = set(health.files(machine.state))
    assert machine.state in before
    subprocess.run(mend, shell=True, check=True)
    assert not machine.state.exists()
    (away,) = machine.state.parent.glob("damaged-*")
    assert {file.name for file in away.iterdir()} == {file.name for file in before}
    assert machine("doctor").code == 0


def test_a_state_that_is_no_database(machine):
    machine.state.parent.mkdir(mode=0o700)
    machine.state.write_bytes(b"x" * 5000)
    machine.state.chmod(0o600)
    wrong = findings(machine, "wrong")
    assert list(wrong) == ["state file"]
    assert shlex.split(wrong["state file"]["mend"])[:2] == ["mkdir", "-m"]


def test_a_state_whose_rows_are_gone(machine):
    with machine.ledger() as ledger, ledger.transaction() as tx:
        tx.db.execute("DELETE FROM state")
    wrong = findings(machine, "wrong")["state file"]
    assert "does not hold what it should" in wrong["text"] and "mv --" in wrong["mend"]


def test_a_state_of_another_program(machine):
    import sqlite3

    machine.state.parent.mkdir(mode=0o700)
    db = sqlite3.connect(machine.state)
    db.execute("CREATE TABLE theirs (x)")
    db.commit()
    db.close()
    machine.state.chmod(0o600)
    assert "another program" in findings(machine, "wrong")["state file"]["text"]


def test_a_folder_that_cannot_be_one(machine):
    (machine.folder / "state").write_text("")
    wrong = findings(machine, "wrong")["state file"]
    assert "check its folder" in wrong["text"]


def test_permissions(machine):
    machine("status")
    machine.state.parent.chmod(0o755)
    machine.state.chmod(0o644)
    done = machine("doctor")
    assert done.code == exits.FAILED
    assert f"chmod 700 {machine.state.parent}" in done.out and f"chmod 600 {machine.state}" in done.out
    machine.state.parent.chmod(0o700)
    assert machine("doctor").code == 0  # opening the file made it private again


def test_configuration(machine):
    machine.config.write_text("retention_days = 0\n")
    assert "retention_days" in findings(machine, "wrong")["configuration"]["text"]
    machine.config.write_text('[[prices]]\npattern = "search"\nper_call = 0.02\n')
    assert "search" in findings(machine, "wrong")["configuration"]["text"]
    machine.config.write_text("retention_days = 7\n")
    assert findings(machine, "ok")["configuration"]["text"] == str(machine.config)


def test_a11_a_stepped_clock_is_a_note(machine):
    source = TimeSource(wall_ns=lambda: time.time_ns() + 7_200_000_000_000, boottime_ns=SYSTEM_TIME.boottime_ns)
    Ledger.open(machine.state, time_source=source).close()
    assert "set back by 7200 s" in findings(machine, "note")["clock"]["text"]


def test_warnings_of_guards_are_repeated(machine):
    with machine.ledger() as ledger, ledger.transaction() as tx:
        tx.audit("mcpwatch", "warning", "configuration not used: \x1b[2Jx")
        tx.audit("mcpwatch", "limit", "calls/60s: 30 → 20")
    done = machine("doctor")
    assert done.code == 0 and "configuration not used: ␛[2Jx" in done.out and "30 → 20" not in done.out


@pytest.mark.parametrize(("size", "fits"), [((80, 24), True), ((79, 24), False), ((80, 23), False)])
def test_terminal_too_small_for_the_screen(machine, size, fits):
    terminal = machine.terminal("doctor", size=size)
    assert terminal.ends() == 0
    assert f"{size[0]}×{size[1]}, 256 colours, utf-8" in terminal.text
    assert ("at least 80 columns" not in terminal.text) is fits


def test_fetching_the_tokenizer_without_a_network(machine):
    dead = {"https_proxy": "http://127.0.0.1:9", "TIKTOKEN_CACHE_DIR": str(machine.folder)}
    machine("doctor", "--fetch-tokenizer", env=dead).failed(exits.FAILED, "cannot download")


def test_tokenizer_not_at_hand_is_a_note(machine):
    machine.env["TIKTOKEN_CACHE_DIR"] = str(machine.folder)
    assert "--fetch-tokenizer" in findings(machine, "note")["tokenizer"]["mend"]


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [
        ("8.2.8", ">=8.2.8,<9", True),
        ("8.2.7", ">=8.2.8,<9", False),
        ("9.0", ">=8.2.8,<9", False),
        ("8.10", ">=8.2.8,<9", True),
        ("15.0.0", "<16,>=15.0", True),
        ("2.0.0rc1", ">=2,<3", True),
        ("1.0", "", True),
    ],
)
def test_version_ranges(version, wanted, fits):
    assert satisfies(version, wanted) is fits


@pytest.mark.parametrize(
    ("armed", "config", "told"),
    [
        (True, "default_price_per_1k = 0\n", True),
        (True, 'default_price_per_1k = 0\n[[prices]]\npattern = "a/*"\nper_call = 1\n', True),
        (True, 'default_price_per_1k = 0\n[[prices]]\npattern = "*/*"\nper_call = 1\n', False),
        (True, "", False),
        (False, "default_price_per_1k = 0\n", False),
    ],
)
def test_prices_of_nothing_are_told_where_a_cost_limit_counts_on_them(machine, armed, config, told):
    machine.config.write_text(config)
    machine.set_password(arm=armed)
    done = machine("doctor")
    assert ("no cost limit stops it" in done.out) is told and done.code == 0, done
