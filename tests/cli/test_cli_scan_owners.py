"""`scan` where another user has put files into the project."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcpwatch.cli import scan
from mcpwatch.clients import surroundings


@pytest.fixture
def project(machine, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder we are in, in which whatever is called `.mcp.json` belongs to somebody else."""
    folder = machine.folder / "project"
    folder.mkdir()
    for name in ("HOME", "MCPWATCH_CONFIG", "XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR"):
        monkeypatch.setenv(name, str(machine.folder / "nothing"))
    monkeypatch.chdir(folder)
    for name, server in ((".mcp.json", "theirs"), (".cursor/mcp.json", "mine")):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps({"mcpServers": {server: {"command": "x"}}}))
    monkeypatch.setattr(surroundings, "_is_own", lambda path: path.name != ".mcp.json")
    return folder


def test_a_file_of_another_users_is_named(machine, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Failed once: it was left out without a word."""
    with machine.ledger() as ledger:
        chosen, _, problems = scan._servers(ledger, (), (), strict=False)
        said = capsys.readouterr().err
        assert [server.name for server in chosen] == ["mine"] and problems == []
        assert said.count("\n") == 1 and str(project / ".mcp.json") in said and "`--config FILE`" in said

        _, _, problems = scan._servers(ledger, (), (), strict=True)
        assert [str(project / ".mcp.json") in problem for _, problem in problems] == [True], "with --fail-on"

        chosen, _, problems = scan._servers(ledger, (), (project / ".mcp.json",), strict=True)
        assert [server.name for server in chosen] == ["theirs"] and problems == []
        assert capsys.readouterr().err == ""
