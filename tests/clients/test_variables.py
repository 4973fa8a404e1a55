"""Variables of an entry that would move its guard to another state, or run other code in it."""

from __future__ import annotations

import json

import pytest

from clients.machines import PROGRAM, make
from mcpwatch.clients.plan import apply, plan_unwrap, plan_wrap
from mcpwatch.clients.survey import Status, survey

RUN = ["run", "--name", "a", "--", "x"]
MOVES = ["MCPWATCH_STATE", "MCPWATCH_CONFIG", "HOME", "USERPROFILE", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "APPDATA"]
MOVES += ["LOCALAPPDATA", "WIN_PD_OVERRIDE_LOCAL_APPDATA", "ANDROID_DATA", "home"]
RUNS = ["PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "PYTHONWARNINGS", "PYTHONPYCACHEPREFIX"]
RUNS += ["LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "OPENSSL_CONF"]


def one(machine, fields, path=".cursor/mcp.json", key="mcpServers"):
    file = machine.home / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({key: {"a": fields}}))
    return server_of(machine)


def server_of(machine):
    (file,) = survey(machine, PROGRAM)
    (server,) = file.servers
    return server


@pytest.mark.parametrize("name", [*MOVES, *RUNS])
def test_a_wrapped_entry_with_such_a_variable_is_not_watched(tmp_path, name):
    machine = make(tmp_path)
    server = one(machine, {"command": PROGRAM, "args": RUN, "env": {"TOKEN": "x", name: "/other"}})
    assert server.status is Status.DRIFTED and f"it sets {name.upper()}" in server.reason
    assert ("its guard keeps another state: another lock" in server.reason) is (name in MOVES)
    assert [change.steps for change in plan_wrap(survey(machine, PROGRAM), PROGRAM)] == [()]


@pytest.mark.parametrize("name", [*MOVES, *RUNS])
def test_an_entry_with_such_a_variable_stays_and_is_told_why(tmp_path, name):
    server = one(make(tmp_path), {"command": "x", "env": {name: "/other"}})
    assert server.status is Status.UNWATCHED and f"it sets {name.upper()}" in server.reason
    assert server.reason.endswith(f"set it for the server alone: env {name.upper()}=… COMMAND")


@pytest.mark.parametrize(
    "fields",
    [
        {"environment": {"HOME": "/x"}},
        {"envs": {"HOME": None}},
        {"env": ["A=1", "HOME=/x"]},
        {"env": [{"name": "HOME", "value": "/x"}]},
        {"env_keys": ["HOME"]},
        {"env": {}, "environment": {"HOME": "/x"}},
    ],
)
def test_wherever_it_stands(tmp_path, fields):
    assert "it sets HOME" in one(make(tmp_path), {"command": PROGRAM, "args": RUN} | fields).reason


def test_in_zeds_older_form(tmp_path):
    command = {"path": PROGRAM, "args": RUN, "env": {"HOME": "/x"}}
    server = one(make(tmp_path), {"command": command}, ".config/zed/settings.json", "context_servers")
    assert server.status is Status.DRIFTED and "it sets HOME" in server.reason


def test_what_is_said_twice_counts_once_more(tmp_path):
    machine = make(tmp_path)
    file = machine.home / ".cursor/mcp.json"
    file.parent.mkdir()
    entry = f'"command": "{PROGRAM}", "args": {json.dumps(RUN)}, "env": {{"HOME": "/x", "HOME": "{machine.home}"}}'
    file.write_text(f'{{"mcpServers": {{"a": {{{entry}}}}}}}')
    assert "it sets HOME" in server_of(machine).reason


def test_what_a_guard_has_anyway_moves_nothing(tmp_path):
    """Nor do variables that many Python servers are given."""
    machine = make(tmp_path, XDG_STATE_HOME="/s", MCPWATCH_STATE="/m")
    env = {"HOME": str(machine.home), "XDG_STATE_HOME": "/s", "MCPWATCH_STATE": "/m", "PYTHONUNBUFFERED": "1"}
    env |= {"PYTHONUTF8": "1", "PATH": "/x", "HOMEPAGE": "x", "OLD_HOME": "y"}
    server = one(machine, {"command": PROGRAM, "args": RUN, "env": env})
    assert (server.status, server.reason) == (Status.WATCHED, "")
    env["MCPWATCH_STATE"] = "/other"
    assert "it sets MCPWATCH_STATE" in one(machine, {"command": PROGRAM, "args": RUN, "env": env}).reason


def test_set_for_the_server_alone_it_is_wrapped_and_unwrapped_to_the_byte(tmp_path):
    machine = make(tmp_path)
    one(machine, {"command": "env", "args": ["HOME=/x", "PYTHONPATH=src", "python", "-m", "mine"]})
    path = machine.home / ".cursor/mcp.json"
    before = path.read_bytes()
    apply(plan_wrap(survey(machine, PROGRAM), PROGRAM)[0])
    assert server_of(machine).status is Status.WATCHED
    apply(plan_unwrap(survey(machine, PROGRAM))[0])
    assert path.read_bytes() == before


def test_one_that_was_wrapped_comes_out_to_the_byte(tmp_path):
    machine = make(tmp_path)
    one(machine, {"command": PROGRAM, "args": RUN, "env": {"PYTHONPATH": "src"}})
    apply(plan_unwrap(survey(machine, PROGRAM))[0])
    entry = json.loads((machine.home / ".cursor/mcp.json").read_text())["mcpServers"]["a"]
    assert entry == {"command": "x", "args": [], "env": {"PYTHONPATH": "src"}}


@pytest.mark.parametrize(
    ("written", "folder"),
    [
        ("${workspaceFolder}/.env", "project"),
        (".env", "project"),
        ("~/.env", "home"),
        ("${userHome}/.env", "home"),
    ],
)
@pytest.mark.parametrize("line", ["HOME=/x", "  export MCPWATCH_STATE = /x", "A=1\r\nld_preload='e.so'"])
def test_a_file_of_variables_is_looked_into(tmp_path, written, folder, line):
    machine = make(tmp_path)
    fields = {"command": PROGRAM, "args": RUN, "envFile": written}
    assert one(machine, fields).status is Status.WATCHED  # there is none
    file = tmp_path / folder / ".env"
    file.write_text("# HOME=/x\nTOKEN=abc\n")
    assert server_of(machine).status is Status.WATCHED
    file.write_text(line)
    server = server_of(machine)
    assert server.status is Status.DRIFTED and "it sets " in server.reason
    file.unlink()
    file.mkdir()
    server = server_of(machine)
    assert server.status is Status.DRIFTED and "its envFile cannot be read" in server.reason
