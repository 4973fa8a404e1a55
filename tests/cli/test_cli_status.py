from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from mcpwatch.cli import exits
from mcpwatch.guard import lock as guard
from mcpwatch.store.records import Dimension, Limit

HOSTILE = "\x1b]52;c;ZXZpbA==\x07‮gpj\u200b[/]\x9b31m"


def add_session(ledger, server: str, pid: int, client: str = "") -> None:
    with ledger.transaction() as tx:
        tx.db.execute(
            "INSERT INTO sessions (server, transport, pid, client_name, started_utc) VALUES (?, 'stdio', ?, ?, ?)",
            (server, pid, client, tx.utc),
        )


def test_a21_json_of_a_new_install(machine):
    found = json.loads(machine("status", "--json").out)
    assert (found["enabled"], found["mode"], found["strict"], found["locked"]) == (False, "observing", False, False)
    assert found["lock"] is None and found["password_set"] is False
    assert found["protected"] == ["*/*"] and found["exempt"] == [] and found["sessions"] == []
    assert [(x["dimension"], x["current"], x["limit"], x["percent"], x["window_s"]) for x in found["limits"]] == [
        ("calls", 0, 30, 0, 60),
        ("tokens", 0, 100_000, 0, 3600),
        ("cost", 0, 1_000_000, 0, 3600),
    ]
    assert found["limits"][2]["limit_text"] == "$1.00" and found["limits"][2]["unit"] == "micro-dollars"


def test_a2_a_limit_that_cannot_be_reached_is_pointed_out(machine):
    sentence = "100 000 tokens at $0.003 per 1 000 cost $0.30"
    assert any(sentence in warning for warning in json.loads(machine("status", "--json").out)["warnings"])
    assert sentence in machine("status").out
    assert sentence in machine("limits").out
    machine.config.write_text("default_price_per_1k = 0.01\n")
    assert "per 1 000 cost" not in machine("status").out


def test_a21_percent_is_not_clamped_and_of_zero_is_100(machine):
    with machine.ledger() as ledger:
        guard.set_limits(ledger, [Limit(Dimension.CALLS, 4, 60), Limit(Dimension.COST, 0, 3600)], None, by="test")
        with ledger.transaction() as tx:
            tx.charge(["*/*"], calls=10, tokens=5, cost=0)
    calls, _, cost = json.loads(machine("status", "--json").out)["limits"]
    assert (calls["current"], calls["percent"]) == (10, 250)
    assert (cost["current"], cost["percent"]) == (0, 100)
    assert "250 %" in machine("status").out


def test_a13_lock_is_shown_with_code_reason_and_time(machine):
    assert machine("status", "--exit-code").code == exits.OK
    with machine.ledger() as ledger:
        guard.lock(ledger, "31 calls in the last minute, limit 30", by="mcpwatch", code="calls")
        since = ledger.policy().lock.since_utc
        with ledger.transaction() as tx:
            tx.count_refused(3, since)
    found = json.loads(machine("status", "--json").out)
    assert found["locked"] is True
    lock = found["lock"]
    assert (lock["code"], lock["reason"]) == ("calls", "31 calls in the last minute, limit 30")
    assert (lock["by"], lock["refused_since"]) == ("mcpwatch", 3)
    assert lock["since"].endswith("Z") and lock["since"][:4] >= "2024"
    text = machine("status", "--exit-code")
    assert text.code == exits.LOCKED
    assert "LOCKED" in text.out and "limit 30" in text.out and "3 calls refused" in text.out


def test_one_is_one(machine):
    with machine.ledger() as ledger:
        guard.lock(ledger, "panic key", by="test")
        since = ledger.policy().lock.since_utc
        with ledger.transaction() as tx:
            tx.count_refused(1, since)
    assert "1 call refused since;" in machine("status").out


def test_b16_foreign_strings_cannot_reach_the_terminal(machine):
    with machine.ledger() as ledger:
        guard.lock(ledger, HOSTILE, by="test")
        add_session(ledger, HOSTILE, os.getpid(), HOSTILE)
    for done in (machine("status"), machine("status", "--json")):
        assert done.code == 0
        for character in "\x1b\x07\x9b‮\u200b":
            assert character not in done.out
    # JSON carries the exact text all the same.
    assert json.loads(machine("status", "--json").out)["sessions"][0]["server"] == HOSTILE


def test_sessions_of_guards_that_were_killed_are_not_shown(machine):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with machine.ledger() as ledger:
        add_session(ledger, "alive", os.getpid())
        add_session(ledger, "dead", gone.pid)
    assert [s["server"] for s in json.loads(machine("status", "--json").out)["sessions"]] == ["alive"]


def test_a27_damaged_state_says_why_and_what_to_do(machine):
    machine.state.parent.mkdir()
    machine.state.write_bytes(b"not a database at all, " * 400)
    machine("status").failed(exits.STATE, "damaged", "mcpwatch doctor", str(machine.state))
    done = machine("status", "--json")
    done.failed(exits.STATE, "damaged")
    assert "damaged" in json.loads(done.out)["error"]


def test_a27_every_command_fails_on_a_state_that_cannot_be_used(machine):
    (machine.folder / "state").write_text("a file, where the folder should be")
    for arguments in (("lock",), ("unlock",), ("log",), ("limits",), ("arm",), ("protect", "a/b"), ("password",)):
        machine(*arguments).failed(exits.STATE, "state.db")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('retention_days = "30"', "retention_days"),
        ('[[prices]]\npattern = "search"\nper_call = 1', "prices: pattern"),
        ('[[prices]]\npattern = "search/*"', "prices: the rule for 'search/*'"),
    ],
)
def test_a3_a_broken_configuration_is_a_warning(machine, text, said):
    """All that makes guards refuse it, the prices' rules too."""
    machine.config.write_text(f"{text}\n")
    done = machine("status")
    assert done.code == 0 and "configuration not used" in done.out and said in done.out
    assert str(machine.config) in done.out


def test_colour_only_on_a_terminal_and_not_with_no_color(machine):
    with machine.ledger() as ledger:
        guard.lock(ledger, by="test")
    assert "\x1b" not in machine("status").out
    coloured = machine.terminal("status")
    assert coloured.ends() == 0
    assert "\x1b[31m" in coloured.text and "LOCKED" in coloured.text
    for plain in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        terminal = machine.terminal("status", env=plain)
        assert terminal.ends() == 0
        assert "LOCKED" in terminal.text and "\x1b" not in terminal.text


def test_an_encoding_without_our_characters_is_survived(machine):
    with machine.ledger() as ledger:
        guard.protect(ledger, "日本/*", by="test")
    done = machine("status", env={"PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"})
    assert done.code == 0 and "\\u65e5\\u672c/*" in done.out


COMMANDS = [("status",), ("doctor",), ("clients",), ("wrap", "--dry-run"), ("serve",)]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_pipe_in_the_place_of_the_configuration_is_told_and_not_waited_for(machine, command):
    os.mkfifo(machine.config)
    client = machine.folder / "home/.cursor/mcp.json"
    client.parent.mkdir(parents=True)
    os.mkfifo(client)
    done = machine(*command)
    said = "it is not a regular file" in done.out + done.err
    assert said and "Traceback" not in done.err, done


def test_a_pipe_in_the_place_of_the_configuration_stops_no_guard(machine):
    os.mkfifo(machine.config)
    line = '{"jsonrpc":"2.0","method":"notifications/x"}\n'
    echo = "import sys; sys.stdout.write(sys.stdin.readline())"
    done = machine("run", "--name", "x", "--", sys.executable, "-c", echo, input=line)
    assert (done.code, done.out) == (0, line), done
