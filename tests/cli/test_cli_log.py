from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from mcpwatch.cli import exits
from mcpwatch.cli.log import _pages
from mcpwatch.guard.gate import Gate
from mcpwatch.store.records import Call, Outcome

HOSTILE = "\x1b]0;owned\x07‮\x9b2J"


@pytest.fixture
def record(machine, monkeypatch):
    """`record(server, *tools)` writes calls through a gate, as a guard does."""
    monkeypatch.setenv("MCPWATCH_CONFIG", str(machine.config))

    def write(
        server: str, *tools: str, text: str = "done", violations: tuple[tuple[str, bytes, bool], ...] = ()
    ) -> None:
        gate = Gate(server=server, transport="stdio", command="x", on_lock=lambda _: None, state=machine.state)
        gate.identify(client_name="tester", client_version="1", protocol="2025-11-25")
        for tool in tools:
            params = json.dumps({"name": tool, "arguments": {"q": 1}}).encode()
            call = Call(method="tools/call", tool=tool, arguments=params, arguments_bytes=len(params))
            assert gate.admit(call) is None
            call.result = json.dumps({"content": [{"type": "text", "text": text}]}).encode()
            call.result_bytes, call.outcome = len(call.result), Outcome.OK
            gate.ended(call)
        for note, frame, from_server in violations:
            gate.violation(note, frame, from_server=from_server)
        gate.close(0)

    return write


def objects(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_log_of_nothing(machine):
    done = machine("log")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_log_lists_the_newest_calls_oldest_first(machine, record):
    record("notes", *(f"tool{i}" for i in range(30)))
    lines = machine("log").out.splitlines()
    assert len(lines) == 20
    assert "notes/tool10" in lines[0] and "notes/tool29" in lines[-1] and "ok" in lines[-1] and "done" in lines[-1]
    assert len(machine("log", "-n", "3").out.splitlines()) == 3
    assert machine("log", "-n", "0").out == ""
    machine("log", "-n", "-1").failed(exits.USAGE)


def test_a1_what_would_have_locked_is_marked(machine, record):
    record("notes", *(f"tool{i}" for i in range(32)))
    lines = machine("log", "-n", "32").out.splitlines()
    assert ["[would lock: calls/60s]" in line for line in lines] == [False] * 30 + [True] * 2
    assert "[would lock: calls/60s] [unlisted]" in lines[-1] or "[unlisted] [would lock: calls/60s]" in lines[-1]


def test_violations_say_who_why_and_what(machine, record):
    frame = b'{"id":1,"result":{"x":NaN}}\x1b[2J'
    record("web", violations=(("not JSON", frame, True), ("a repeated key", b'{"id":1,"id":2}', False)))
    first, second = machine("log").out.splitlines()
    assert "violation  web (from the server)" in first
    assert 'not JSON: {"id":1,"result":{"x":NaN}}' in first
    assert "\x1b" not in first
    assert "web (from the client)" in second
    assert "a repeated key" in second


def test_log_filters(machine, record):
    record("notes", "read", "write")
    record("web", "read")
    assert [x["server"] for x in objects(machine("log", "--json", "--tool", "read").out)] == ["notes", "web"]
    assert [x["tool"] for x in objects(machine("log", "--json", "--server", "notes").out)] == ["read", "write"]
    assert machine("log", "--server", "web", "--tool", "write").out == ""


def test_log_json_has_every_field(machine, record):
    record("notes", "read")
    (found,) = objects(machine("log", "--json").out)
    assert (found["client_name"], found["protocol"], found["outcome"]) == ("tester", "2025-11-25", "ok")
    assert found["started"].endswith("Z") and found["tokens_in"] > 0 and found["protected"] is True
    assert json.loads(found["arguments"]) == {"name": "read", "arguments": {"q": 1}}


def test_b16_nothing_a_server_said_reaches_the_terminal_raw(machine, record):
    record(HOSTILE, HOSTILE, text=HOSTILE)
    text, lines = machine("log"), machine("log", "--json")
    for done in (text, lines):
        assert done.code == 0
        for character in "\x1b\x07\x9b‮":
            assert character not in done.out
        assert len(done.out.splitlines()) == 1
    assert objects(lines.out)[0]["tool"] == HOSTILE
    terminal = machine.terminal("log", env={"NO_COLOR": "1"})
    assert terminal.ends() == 0 and "\x1b" not in terminal.text and "owned" in terminal.text


@pytest.mark.parametrize("word", ["word ", "字"])
def test_lines_fit_the_terminal(machine, record, word):
    record("notes", "read", text=word * 200)
    terminal = machine.terminal("log", env={"NO_COLOR": "1"}, size=(100, 30))
    assert terminal.ends() == 0
    line = terminal.text.rstrip()
    assert 98 <= len(line) + line.count("字") <= 100


def test_follow_shows_calls_as_they_happen_and_ends_cleanly(machine, record):
    record("notes", "before")
    process = machine.start("log", "--follow", "--json")
    assert process.stdout is not None and process.stderr is not None
    with process.stdout, process.stderr:
        assert json.loads(process.stdout.readline())["tool"] == "before"
        for tool in ("one", "two"):
            record("notes", tool)
            assert json.loads(process.stdout.readline())["tool"] == tool
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == exits.INTERRUPTED
        assert (process.stdout.read(), process.stderr.read()) == ("", "")


def test_follow_ends_when_the_reader_goes_even_if_nothing_happens(machine, record):
    record("notes", "before")
    process = machine.start("log", "--follow")
    assert process.stdout is not None and process.stderr is not None
    assert "before" in process.stdout.readline()
    process.stdout.close()
    assert process.wait(10) == exits.PIPE
    with process.stderr:
        assert process.stderr.read() == ""


def test_follow_goes_on_in_a_new_state_file(machine, record):
    record("notes", "before")
    process = machine.start("log", "--follow", "--json")
    assert process.stdout is not None and process.stderr is not None
    with process.stdout, process.stderr:
        assert json.loads(process.stdout.readline())["tool"] == "before"
        record("notes", "seen")  # it follows this file now
        assert json.loads(process.stdout.readline())["tool"] == "seen"
        machine.state.parent.rename(machine.folder / "old")
        record("notes", "after")
        line = process.stdout.readline()
        assert line, process.stderr.read()
        assert json.loads(line)["tool"] == "after"
        process.kill()
        process.wait()


def test_pages_lose_no_row(machine, record, monkeypatch):
    record("notes", *(f"tool{i}" for i in range(200)))
    monkeypatch.setattr("mcpwatch.cli.log._PAGE", 7)
    with machine.ledger() as ledger:
        rows = [row for page in _pages(ledger, 0, None, None) for row in page]
        assert len(rows) == len({row.id for row in rows}) == 200
        assert {row.id for row in rows} == {row.id for row in ledger.latest_calls(1000)}


def test_follow_needs_no_poll(machine, record, monkeypatch):
    """Windows has no poll(): the pause is then only a pause."""
    from mcpwatch.cli import log

    slept: list[float] = []
    monkeypatch.delattr(log.select, "poll")
    monkeypatch.setattr(log.time, "sleep", slept.append)
    log._wait_for_reader()
    assert slept == [log.POLL_S]


def test_state_paths_with_spaces_work(tmp_path: Path, machine):
    done = machine("status", env={"MCPWATCH_STATE": str(tmp_path / "a b" / "c'd")})
    assert done.code == 0
    assert (tmp_path / "a b" / "c'd" / "state.db").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "a b" / "c'd").stat().st_mode & 0o777 == 0o700
