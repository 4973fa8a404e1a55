"""`clients`, `wrap` and `unwrap` as a person runs them, and what a client then really starts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mcpwatch.cli import exits
from servers import MCPWATCH
from servers.sdkclient import ERAS, sdk_client, text_of

NOTES = [sys.executable, "-m", "mcpwatch.demo.servers.notes"]
CONFIG = """\
{
  // mine
  "mcpServers": {
    "my/notes": { "command": %s, "args": %s, "env": {"TOKEN": "opensesame"} },
    "web": { "url": "https://example.com/mcp" }
  }
}
"""


@pytest.fixture
def home(machine, monkeypatch) -> Path:
    """The machine's home, with Cursor's file in it; commands run in a project."""
    home, project = machine.folder / "home", machine.folder / "project"
    (home / ".cursor").mkdir(parents=True)
    (project / ".git").mkdir(parents=True)
    monkeypatch.chdir(project)
    unset = {"XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME", "COPILOT_HOME", "VIBE_HOME", "OPENCODE_CONFIG"}
    machine.env = {k: v for k, v in machine.env.items() if k not in unset} | {"HOME": str(home)}
    config(home).write_text(CONFIG % (json.dumps(NOTES[0]), json.dumps(NOTES[1:])))
    return home


def config(home: Path) -> Path:
    return home / ".cursor/mcp.json"


def wrapped_command(home: Path) -> list[str]:
    text = config(home).read_text().replace("// mine", "")
    entry = json.loads(text)["mcpServers"]["my/notes"]
    return [entry["command"], *entry["args"]]


def test_wrap_twice_and_back(machine, home):
    before = config(home).read_bytes()
    done = machine("wrap", "--yes")
    assert done.code == 0 and "my/notes: through mcpwatch, as my-notes" in done.out, done
    assert "web: stays as it is: whether it wants a login by OAuth is not known" in done.out
    assert "opensesame" not in done.out
    after = config(home).read_bytes()
    assert wrapped_command(home) == [MCPWATCH, "run", "--name", "my-notes", "--", *NOTES]

    again = machine("wrap", "--yes")
    assert again.code == 0 and "Nothing to wrap." in again.out
    assert config(home).read_bytes() == after
    assert len(list(config(home).parent.iterdir())) == 2  # the file, and one copy

    assert machine("unwrap", "--yes").code == 0
    assert config(home).read_bytes() == before
    assert "Nothing to unwrap." in machine("unwrap", "--yes").out


@pytest.mark.parametrize("era", ERAS)
async def test_what_the_client_starts_is_the_server_behind_a_guard(machine, home, era, tmp_path):
    assert machine("wrap", "--yes").code == 0
    env = machine.env | {"TOKEN": "opensesame"}
    with (tmp_path / "stderr.txt").open("w") as errlog:
        async with sdk_client(wrapped_command(home), era, env=env, errlog=errlog) as client:
            assert client.server_info.name == "notes"
            said = await client.call_tool("add_note", {"title": "milk", "text": "two litres"})
            assert text_of(said) == "Saved note 1: milk"
    with machine.ledger() as ledger:
        (call,) = [call for call in ledger.latest_calls(50) if call.method == "tools/call"]
    assert (call.server, call.tool, str(call.outcome)) == ("my-notes", "add_note", "ok")


def test_dry_run_changes_nothing(machine, home):
    before = config(home).read_bytes()
    done = machine("wrap", "--dry-run")
    assert done.code == 0 and f'+     "my/notes": {{ "command": "{MCPWATCH}"' in done.out
    assert config(home).read_bytes() == before and [p.name for p in config(home).parent.iterdir()] == ["mcp.json"]


def test_without_a_terminal_it_must_be_told_yes(machine, home):
    before = config(home).read_bytes()
    machine("wrap").failed(exits.DENIED, "--yes")
    machine("wrap", input="y\n").failed(exits.DENIED, "--yes")
    assert config(home).read_bytes() == before


def test_it_asks_at_a_terminal(machine, home):
    before = config(home).read_bytes()
    terminal = machine.terminal("wrap")
    terminal.answer("Change this file? [y/N] ", "n")
    assert terminal.ends() == exits.FAILED and "nothing was changed" in terminal.text
    assert config(home).read_bytes() == before

    terminal = machine.terminal("wrap")
    terminal.answer("Change this file? [y/N] ", "y")
    assert terminal.ends() == 0
    assert wrapped_command(home)[0] == MCPWATCH


def test_changed_while_it_asks(machine, home):
    terminal = machine.terminal("wrap")
    terminal.expect("Change this file? [y/N] ")
    theirs = config(home).read_text().replace("// mine", "// theirs")
    config(home).write_text(theirs)
    terminal.type("y\r")
    assert terminal.ends() == exits.FAILED and "changed by another program" in terminal.text
    assert config(home).read_text() == theirs


def test_a_read_only_file_is_refused(machine, home):
    config(home).chmod(0o444)
    done = machine("wrap", "--yes")
    assert done.code == exits.FAILED and "read-only" in done.err


def test_a_broken_file_is_named_with_the_place_and_the_others_are_wrapped(machine, home):
    broken = home / ".gemini/settings.json"
    broken.parent.mkdir()
    broken.write_text('{\n  "mcpServers": {"a": }\n}')
    done = machine("wrap", "--yes")
    assert done.code == exits.FAILED and "left alone: line 2, column 23: not valid JSON" in done.out
    assert wrapped_command(home)[0] == MCPWATCH


def test_choosing_clients_servers_and_files(machine, home):
    other = home / ".codeium/windsurf/mcp_config.json"
    other.parent.mkdir(parents=True)
    other.write_text('{"mcpServers": {"git": {"command": "uvx"}, "gut": {"command": "uvx"}}}')
    assert machine("wrap", "--yes", "--client", "windsurf", "--server", "gi*").code == 0
    assert other.read_text().count(MCPWATCH) == 1 and MCPWATCH not in config(home).read_text()

    own = machine.folder / "my config.toml"
    own.write_text('[mcp_servers.a]\ncommand = "x"\n')
    assert machine("wrap", "--yes", "--file", str(own)).code == 0
    assert own.read_text() == f'[mcp_servers.a]\nargs = ["run", "--name=a", "--", "x"]\ncommand = "{MCPWATCH}"\n'
    assert machine("unwrap", "--yes", "-f", str(own)).code == 0
    assert own.read_text() == '[mcp_servers.a]\ncommand = "x"\n'


def test_a_projects_files_only_when_asked(machine, home):
    shared = machine.folder / "project/.mcp.json"
    shared.write_text('{"mcpServers": {"git": {"command": "uvx"}}}')
    assert machine("wrap", "--yes").code == 0 and MCPWATCH not in shared.read_text()
    assert machine("wrap", "--yes", "--project").code == 0 and MCPWATCH in shared.read_text()


def test_mistakes(machine, home):
    machine("wrap", "--client", "emacs").failed(exits.USAGE, "emacs")
    machine("wrap", "--file", "nowhere.json").failed(exits.USAGE, "nowhere.json")
    machine("wrap", "--file", str(config(home)), "--project").failed(exits.USAGE, "--project")
    machine("wrap", "--server", "nobody").failed(exits.FAILED, "nobody")
    machine("wrap", "--client", "zed").failed(exits.FAILED, "Zed")
    machine("unwrap", "--project").failed(exits.FAILED, "in this project")


def test_clients(machine, home):
    done = machine("clients")
    assert done.code == 0 and f"Cursor: {config(home)}" in done.out and "my/notes  unwatched" in done.out
    assert "1 unwatched, 1 http" in done.out
    assert "Zed: not found" not in done.out and "Zed: not found" in machine("clients", "--all").out
    assert "  not found in its documentation: all of it" in machine("clients", "--all").out

    machine("wrap", "--yes")
    found = json.loads(machine("clients", "--json").out)
    assert found["program"] == MCPWATCH
    by_id = {client["id"]: client for client in found["clients"]}
    assert by_id["zed"]["source"].startswith("https://zed.dev/") and "settings file" in by_id["zed"]["unverified"]
    assert by_id["cursor"]["unverified"] is None
    assert by_id["zed"]["found"] is False and by_id["zed"]["looked_for"][0] == f"{home}/.config/zed/settings.json"
    (file,) = by_id["cursor"]["files"]
    assert [(server["name"], server["status"], server["guard"]) for server in file["servers"]] == [
        ("my/notes", "watched", "my-notes"),
        ("web", "http", None),
    ]


def test_a_wrapper_of_another_mcpwatch_is_mended(machine, home):
    machine("wrap", "--yes")
    text = config(home).read_text()
    config(home).write_text(text.replace(MCPWATCH, "/gone/mcpwatch"))
    assert "started through /gone/mcpwatch" in machine("clients").out
    assert machine("wrap", "--yes").code == 0
    assert config(home).read_text() == text


def test_a_wrapper_someone_took_away_is_told(machine, home):
    before = config(home).read_text()
    machine("wrap", "--yes")
    config(home).write_text(before)
    assert "it was wrapped, and is no longer" in machine("clients").out


def test_hostile_names_are_shown_and_not_obeyed(machine, home):
    config(home).write_text(json.dumps({"mcpServers": {"\x1b]0;owned\x07": {"command": "\x1b[2J"}}}))
    for command in (("clients",), ("clients", "--json"), ("wrap", "--yes"), ("unwrap", "--yes")):
        done = machine(*command)
        assert done.code == 0 and "\x1b" not in done.out + done.err, done


def test_no_client_at_all(machine, home):
    config(home).unlink()
    assert "No AI client's configuration was found" in machine("clients").out
    machine("wrap", "--yes").failed(exits.FAILED, "mcpwatch clients")
