"""Entries a person has put behind mcpwatch by hand."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from mcpwatch.clients.entry import bridged, wrapped
from mcpwatch.clients.survey import _Look


def test_a_bridge_is_not_wrapped_again() -> None:
    assert bridged(["mcpwatch", "run", "--name", "x", "--url", "https://example.com/mcp"])
    assert bridged(["/opt/bin/mcpwatch", "run", "--url=https://example.com/mcp"])
    assert not bridged(["mcpwatch", "run", "--name", "x", "--", "server", "--url", "https://example.com"])
    assert not bridged(["other", "run", "--url", "https://example.com"])
    assert wrapped(["mcpwatch", "run", "--name", "x", "--", "server", "--url", "https://example.com"]) is not None


def test_a_bare_name_is_this_mcpwatch_when_the_path_leads_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "mcpwatch"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    look = SimpleNamespace(program=str(program))
    monkeypatch.setenv("PATH", str(program.parent))
    assert _Look.is_this(look, "mcpwatch")  # type: ignore[arg-type]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not _Look.is_this(look, "mcpwatch")  # type: ignore[arg-type]
    assert not _Look.is_this(look, "/elsewhere/mcpwatch")  # type: ignore[arg-type]
