"""Machines of each system in a folder: a home, an environment, a project."""

from __future__ import annotations

from pathlib import Path

from mcpwatch.clients.surroundings import Surroundings
from mcpwatch.clients.table import System

PROGRAM = "/opt/mcpwatch/bin/mcpwatch"
GOLDEN = Path(__file__).parent / "golden"
SYSTEMS: tuple[System, ...] = ("linux", "macos", "windows")


def make(folder: Path, system: System = "linux", **env: str) -> Surroundings:
    """A machine with a project that is a repository; on Windows `%APPDATA%` and `%LOCALAPPDATA%` are set."""
    home, project = folder / "home", folder / "project"
    home.mkdir(exist_ok=True)
    (project / ".git").mkdir(parents=True, exist_ok=True)
    if system == "windows":
        env = {"APPDATA": f"{home}/AppData/Roaming", "LOCALAPPDATA": f"{home}/AppData/Local"} | env
    return Surroundings(system, home, env, project)


def golden(client: str, which: str) -> bytes:
    """A client's golden file, `before` or `after` wrapping."""
    (path,) = GOLDEN.glob(f"{client}.{which}.*")
    return path.read_bytes()
