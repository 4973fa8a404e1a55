"""Files of a project that another user has put there."""

from __future__ import annotations

import os

import pytest

from clients.machines import PROGRAM, make
from mcpwatch.clients.survey import survey
from mcpwatch.clients.table import CLIENTS

SERVERS = '{"mcpServers": {"x": {"command": "y"}}}'
pytestmark = pytest.mark.usefixtures("posix")


@pytest.fixture
def posix(monkeypatch):
    monkeypatch.setattr(os, "name", "posix")


def files(machine):
    return [file.path for file in survey(machine, PROGRAM)]


def test_a_project_of_ones_own_is_looked_at(tmp_path):
    machine = make(tmp_path)
    (machine.folder / ".mcp.json").write_text(SERVERS)
    assert files(machine) == [machine.folder / ".mcp.json"]


def test_a_file_of_another_users_is_none(tmp_path, monkeypatch):
    machine = make(tmp_path)
    for name in (".mcp.json", ".continue/mcpServers/a.json"):
        (machine.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (machine.folder / name).write_text(SERVERS)
    own = machine.home / ".cursor" / "mcp.json"
    own.parent.mkdir()
    own.write_text(SERVERS)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert files(machine) == [own], "what stands in the home folder is the user's, whoever made it"


def test_a_repository_of_another_users_is_none(tmp_path, monkeypatch):
    machine = make(tmp_path)
    deep = machine.folder / "deep"
    deep.mkdir()
    inside = type(machine)(machine.system, machine.home, machine.env, deep)
    assert inside.projects() == [deep, machine.folder]
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert inside.projects() == [deep]


def test_what_is_left_out_is_known(tmp_path, monkeypatch):
    machine = make(tmp_path)
    deep = machine.folder / "deep"
    inside = type(machine)(machine.system, machine.home, machine.env, deep)
    written = [folder / name for folder in (deep, machine.folder) for name in (".mcp.json", ".cursor/mcp.json")]
    for path in (*written, machine.home / ".cursor/mcp.json"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SERVERS)

    def left_out():
        return {path for client in CLIENTS for place in client.places for path in inside.left_out(place)}

    assert left_out() == set()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert left_out() == set(written), "the repository's too"


def test_a_link_to_nothing_or_to_itself_is_no_trouble(tmp_path):
    machine = make(tmp_path)
    (machine.folder / ".mcp.json").symlink_to(machine.folder / ".mcp.json")
    (machine.folder / ".roo").symlink_to(machine.folder / "nothing")
    assert files(machine) == []
    assert not any(machine.left_out(place) for client in CLIENTS for place in client.places)


def test_a_folder_whose_name_is_a_pattern_stands_for_itself(tmp_path):
    machine = make(tmp_path)
    star, other = tmp_path / "src" / "*", tmp_path / "src" / "other"
    for folder in (star, other):
        for name in (".mcp.json", ".continue/mcpServers/a.json"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(SERVERS)
    inside = type(machine)(machine.system, machine.home, machine.env, star)
    assert files(inside) == [star / ".mcp.json", star / ".continue/mcpServers/a.json"]
