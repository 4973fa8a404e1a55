"""Real MCP servers for the tests, and the commands that start them, directly or behind a guard.

This package imports nothing but the standard library: the servers run as processes of their own.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).parent
MCPWATCH = str(Path(sysconfig.get_path("scripts")) / "mcpwatch")


def server_command(name: str, *args: str) -> list[str]:
    """The command that starts the test server `name` (`everything`, `rogue`, `scripted`) over stdio."""
    return [sys.executable, str(HERE / f"{name}.py"), *args]


def guard_command(name: str, command: list[str]) -> list[str]:
    """The command that starts `command` behind a guard which calls it `name`."""
    return [MCPWATCH, "run", "--name", name, "--", *command]


def guard_env(directory: Path) -> dict[str, str]:
    """Environment variables that give a guard a state file and a configuration of its own in `directory`."""
    return {"MCPWATCH_STATE": str(directory / "state"), "MCPWATCH_CONFIG": str(directory / "config.toml")}
