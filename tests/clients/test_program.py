"""The path clients are told to start: absolute, this mcpwatch's, and one that stays."""

from __future__ import annotations

import os

import pytest

from mcpwatch.clients import program as module
from mcpwatch.clients.program import NoProgram, program

NAME = "mcpwatch.exe" if os.name == "nt" else "mcpwatch"


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """Install a program into a folder, and say what is on the PATH."""

    def install(folder, on_path=None):
        own = tmp_path / folder / NAME
        own.parent.mkdir(parents=True, exist_ok=True)
        own.write_text("#!/bin/sh\n")
        own.chmod(0o755)
        monkeypatch.setattr(module.sysconfig, "get_path", lambda _: str(own.parent))
        monkeypatch.setenv("PATH", str(on_path or tmp_path / "nothing"))
        return own

    return install


def test_the_one_beside_this_python(scripts):
    own = scripts("venv/bin")
    assert program() == str(own)


def test_a_link_on_the_path_to_it_is_preferred(scripts, tmp_path):
    own = scripts("tools/mcpwatch/bin", on_path=tmp_path / "local/bin")
    link = tmp_path / "local/bin" / NAME
    link.parent.mkdir(parents=True)
    link.symlink_to(own)
    assert program() == str(link)


def test_another_one_on_the_path_is_not_taken(scripts, tmp_path):
    scripts("other/bin")
    own = scripts("venv/bin", on_path=tmp_path / "other/bin")
    assert program() == str(own)


@pytest.mark.parametrize("folder", ["cache/uv/archive-v0/Xy/bin", "home/.cache/pipx/1a2b/bin"])
def test_a_passing_environment_is_refused(scripts, folder):
    scripts(folder)
    with pytest.raises(NoProgram, match="for good"):
        program()


def test_none_at_all(scripts):
    scripts("venv/bin").unlink()
    with pytest.raises(NoProgram, match="install mcpwatch"):
        program()
