"""Where each client's files are on each system."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clients.machines import PROGRAM, SYSTEMS, make
from mcpwatch.clients.plan import plan_wrap
from mcpwatch.clients.survey import survey
from mcpwatch.clients.table import BY_ID, CLIENTS

_CLINE = "globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json"
_ROO = "globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json"
EVERYWHERE = {
    "claude-code": "~/.claude.json",
    "cursor": "~/.cursor/mcp.json",
    "windsurf": "~/.codeium/windsurf/mcp_config.json",
    "codex": "~/.codex/config.toml",
    "gemini-cli": "~/.gemini/settings.json",
    "cline": "~/.cline/data/settings/cline_mcp_settings.json",
    "continue": "~/.continue/config.yaml",
    "opencode": "~/.config/opencode/opencode.json",
    "lm-studio": "~/.lmstudio/mcp.json",
    "kiro": "~/.kiro/settings/mcp.json",
    "copilot-cli": "~/.copilot/mcp-config.json",
    "amp": "~/.config/amp/settings.json",
    "vibe": "~/.vibe/config.toml",
    "antigravity": "~/.gemini/config/mcp_config.json",
    "kimi": "~/.kimi-code/mcp.json",
    "factory": "~/.factory/mcp.json",
    "junie": "~/.junie/mcp/mcp.json",
}
USER = {
    "linux": EVERYWHERE
    | {
        "claude-desktop": "~/.config/Claude/claude_desktop_config.json",
        "vscode": "~/.config/Code/User/mcp.json",
        "vscode-insiders": "~/.config/Code - Insiders/User/mcp.json",
        "zed": "~/.config/zed/settings.json",
        "roo": f"~/.config/Code/User/{_ROO}",
        "trae": "~/.config/Trae/User/mcp.json",
        "goose": "~/.config/goose/config.yaml",
    },
    "macos": EVERYWHERE
    | {
        "claude-desktop": "~/Library/Application Support/Claude/claude_desktop_config.json",
        "vscode": "~/Library/Application Support/Code/User/mcp.json",
        "vscode-insiders": "~/Library/Application Support/Code - Insiders/User/mcp.json",
        "zed": "~/.config/zed/settings.json",
        "roo": f"~/Library/Application Support/Code/User/{_ROO}",
        "trae": "~/Library/Application Support/Trae/User/mcp.json",
        "goose": "~/.config/goose/config.yaml",
    },
    "windows": EVERYWHERE
    | {
        "claude-desktop": "~/AppData/Roaming/Claude/claude_desktop_config.json",
        "vscode": "~/AppData/Roaming/Code/User/mcp.json",
        "vscode-insiders": "~/AppData/Roaming/Code - Insiders/User/mcp.json",
        "zed": "~/AppData/Roaming/Zed/settings.json",
        "roo": f"~/AppData/Roaming/Code/User/{_ROO}",
        "trae": "~/AppData/Roaming/Trae/User/mcp.json",
        "goose": "~/AppData/Roaming/Block/goose/config/config.yaml",
    },
}
PROJECT = {
    "claude-code": ".mcp.json",
    "cursor": ".cursor/mcp.json",
    "vscode": ".vscode/mcp.json",
    "codex": ".codex/config.toml",
    "gemini-cli": ".gemini/settings.json",
    "zed": ".zed/settings.json",
    "roo": ".roo/mcp.json",
    "opencode": "opencode.json",
    "kiro": ".kiro/settings/mcp.json",
    "amp": ".amp/settings.json",
    "vibe": ".vibe/config.toml",
    "antigravity": ".agents/mcp_config.json",
    "kimi": ".kimi-code/mcp.json",
    "factory": ".factory/mcp.json",
    "junie": ".junie/mcp/mcp.json",
    "trae": ".trae/mcp.json",
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_first_path_of_every_client(tmp_path, system):
    machine = make(tmp_path, system)
    found = {
        client.id: str(next(path for place in client.places for path in machine.paths(place))) for client in CLIENTS
    }
    assert found == {name: path.replace("~", str(machine.home)) for name, path in USER[system].items()}


@pytest.mark.parametrize(("client", "path"), PROJECT.items())
def test_project_paths(tmp_path, client, path):
    machine = make(tmp_path)
    places = [place for place in BY_ID[client].places if place.scope == "project"]
    assert machine.paths(places[0]) == [machine.folder / path]


def test_folder_within_a_repository_and_its_root(tmp_path):
    machine = make(tmp_path)
    inner = machine.folder / "packages" / "one"
    inner.mkdir(parents=True)
    machine = type(machine)(machine.system, machine.home, machine.env, inner)
    place = next(place for place in BY_ID["cursor"].places if place.scope == "project")
    assert machine.paths(place) == [inner / ".cursor/mcp.json", inner.parents[1] / ".cursor/mcp.json"]


def test_variables_move_files(tmp_path):
    moved = str(tmp_path / "moved")
    machine = make(
        tmp_path,
        CLAUDE_CONFIG_DIR=moved,
        CODEX_HOME=moved,
        COPILOT_HOME=moved,
        VIBE_HOME=moved,
        XDG_CONFIG_HOME=f"{moved}/xdg",
        CLINE_DIR=moved,
        OPENCODE_CONFIG=f"{moved}/own.json",
    )
    first = {
        client.id: str(next(path for place in client.places for path in machine.paths(place))) for client in CLIENTS
    }
    assert first["claude-code"] == f"{moved}/.claude.json"
    assert first["codex"] == first["vibe"] == f"{moved}/config.toml"
    assert first["copilot-cli"] == f"{moved}/mcp-config.json"
    assert first["cline"] == f"{moved}/data/settings/cline_mcp_settings.json"
    assert first["zed"] == f"{moved}/xdg/zed/settings.json"
    assert Path(f"{moved}/own.json") in [p for place in BY_ID["opencode"].places for p in machine.paths(place)]
    assert first["goose"] == f"{machine.home}/.config/goose/config.yaml"


def test_profiles_and_editors_are_found(tmp_path):
    machine = make(tmp_path)
    profile = machine.home / ".config/Code/User/profiles/-1a2b/mcp.json"
    profile.parent.mkdir(parents=True)
    profile.write_text("{}")
    assert profile in [path for place in BY_ID["vscode"].places for path in machine.paths(place)]
    cline = [path for place in BY_ID["cline"].places for path in machine.paths(place)]
    assert machine.home / f".config/Cursor/User/{_CLINE}" in cline


def test_every_client_names_its_documentation():
    for client in CLIENTS:
        assert client.source.startswith("https://"), client.id
    assert len({client.id for client in CLIENTS}) == len(CLIENTS) == 24


def test_servers_of_claude_codes_plugins(tmp_path):
    machine = make(tmp_path)
    plugin = machine.home / ".claude/plugins/cache/official/db/1.0.0"
    (plugin / ".claude-plugin").mkdir(parents=True)
    command = "${CLAUDE_PLUGIN_ROOT}/servers/db"
    (plugin / ".mcp.json").write_text(json.dumps({"db": {"command": command, "args": ["-v"]}}))
    (plugin / ".claude-plugin/plugin.json").write_text(
        json.dumps({"name": "db", "mcpServers": {"inline": {"command": command}}})
    )
    other = machine.home / ".claude/plugins/cache/official/other/2.0.0/.mcp.json"
    other.parent.mkdir(parents=True)
    other.write_text(json.dumps({"mcpServers": {"db": {"command": "npx"}}}))
    files = {file.path: file for file in survey(machine, PROGRAM)}
    assert {path: [server.name for server in file.servers] for path, file in files.items()} == {
        plugin / ".mcp.json": ["db"],
        plugin / ".claude-plugin/plugin.json": ["inline"],
        other: ["db"],
    }
    changes = plan_wrap(list(files.values()), PROGRAM)
    assert {step.guard for change in changes for step in change.steps} == {"db", "db-2", "inline"}
    words = json.loads(changes[0].after)["db"]["args"]
    assert words == ["run", "--name", "db", "--", command, "-v"]


@pytest.mark.parametrize("name", ["*", "[a-z]*", "?", "**"])
def test_a_folders_name_is_no_pattern(tmp_path, name):
    (tmp_path / "machine").mkdir()
    machine = make(tmp_path / "machine")
    other, own = tmp_path / "other", tmp_path / name
    for folder in (other, own):
        (folder / ".continue/mcpServers").mkdir(parents=True)
        (folder / ".continue/mcpServers/x.json").write_text("{}")
        (folder / ".config/Code/User/profiles/p").mkdir(parents=True)
        (folder / ".config/Code/User/profiles/p/mcp.json").write_text("{}")
    machine = type(machine)(machine.system, own, {"XDG_CONFIG_HOME": f"{own}/.config"}, own)
    found = [
        path for client in ("continue", "vscode") for place in BY_ID[client].places for path in machine.paths(place)
    ]
    assert own / ".continue/mcpServers/x.json" in found
    assert own / ".config/Code/User/profiles/p/mcp.json" in found
    assert all(path.is_relative_to(own) for path in found)
