from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCPWATCH_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MCPWATCH_CONFIG", str(tmp_path / "config.toml"))
