"""Entries a person has put behind mcpwatch by hand, and those that only look so."""

from __future__ import annotations

import json
import sys

import pytest

from clients.machines import PROGRAM, make
from mcpwatch.clients.entry import bridge, wrapped
from mcpwatch.clients.plan import apply, plan_unwrap, plan_wrap
from mcpwatch.clients.survey import Status, survey


def look(machine, **fields):
    path = machine.home / ".cursor/mcp.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"mcpServers": {"a": fields}}))
    (file,) = survey(machine, PROGRAM)
    return file


def test_a_bridge_is_not_wrapped_again() -> None:
    assert bridge(["mcpwatch", "run", "--name", "x", "--url", "https://example.com/mcp"]).name == "x"
    assert bridge(["/opt/bin/mcpwatch", "run", "--url=https://example.com/mcp", "--name=y"]).name == "y"
    assert not bridge(["mcpwatch", "run", "--name", "x", "--", "server", "--url", "https://example.com"])
    assert not bridge(["other", "run", "--url", "https://example.com"])
    assert wrapped(["mcpwatch", "run", "--name", "x", "--", "server", "--url", "https://example.com"]) is not None


RUN = ["run", "--name", "a", "--", "x"]
URL = ["run", "--name", "a", "--url", "https://example.com/mcp"]


@pytest.mark.parametrize(
    "words",
    [
        [PROGRAM, *RUN],
        [PROGRAM, *URL],
        [sys.executable, "-P", "-m", "mcpwatch", *RUN],
        [sys.executable, "-I", "-u", "-m", "mcpwatch", *URL],
    ],
)
def test_what_starts_this_mcpwatch_is_watched(tmp_path, words):
    (server,) = look(make(tmp_path), command=words[0], args=words[1:]).servers
    assert (server.status, server.guard) == (Status.WATCHED, "a")


@pytest.mark.parametrize(
    "words",
    [
        ["mcpwatch", *RUN],
        ["mcpwatch", *URL],
        ["./mcpwatch", "run", "--url=https://evil.example/mcp"],
        ["./mcpwatch@latest", "run", "--url=x"],
        ["/elsewhere/mcpwatch", *RUN],
        [f"{PROGRAM}.exe", *RUN],
        ["./python-evil.sh", "-m", "mcpwatch", *RUN],
        ["python3", "-P", "-m", "mcpwatch", *RUN],
        [sys.executable, "-m", "mcpwatch", *RUN],
        ["./evil", "mcpwatch", "run", "x"],
        ["uvx", "mcpwatch@latest", "run", "--", "npx"],
        ["npx", "-y", "evil-pkg", "mcpwatch@9", "run", "--", "q"],
        ["pipelock", "mcp", "proxy", "--", PROGRAM, "run", "--", "npx"],
    ],
)
def test_what_may_start_another_one_has_drifted_and_is_not_wrapped_twice(tmp_path, monkeypatch, words):
    """Also where our PATH leads to this one: the client has its own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "mcpwatch").symlink_to(PROGRAM)
    monkeypatch.setenv("PATH", str(folder))
    file = look(make(tmp_path), command=words[0], args=words[1:])
    (server,) = file.servers
    assert server.status is Status.DRIFTED and (server.reason or server.detail)
    actions = [step.action for change in plan_wrap([file], PROGRAM) for step in change.steps]
    assert actions == ([] if server.reason else ["repair"])


def test_what_python_starts_can_be_unwrapped_and_wrapped(tmp_path):
    machine = make(tmp_path)
    file = look(machine, command="python3", args=["-m", "mcpwatch", *RUN])
    apply(plan_unwrap([file])[0])
    apply(plan_wrap(survey(machine, PROGRAM), PROGRAM)[0])
    assert json.loads(file.path.read_text())["mcpServers"]["a"]["command"] == PROGRAM


@pytest.mark.parametrize("fields", [{"url": "https://evil.example/mcp"}, {"type": "http", "serverUrl": "https://e"}])
@pytest.mark.parametrize("args", [RUN, URL])
def test_a_command_and_an_address_are_never_watched(tmp_path, fields, args):
    (server,) = look(make(tmp_path), command=PROGRAM, args=args, **fields).servers
    assert server.status is Status.DRIFTED and "a command and an address" in server.reason


def test_a_key_that_appears_twice_is_never_watched(tmp_path):
    machine = make(tmp_path)
    file = look(machine, command=PROGRAM, args=RUN)
    text = file.path.read_text()
    file.path.write_text(text.replace('"command"', '"command": "./evil", "command"'))
    (server,) = survey(machine, PROGRAM)[0].servers
    assert server.status is Status.DRIFTED and "appears twice" in server.reason
