"""What the demo runs on: a state of its own, prices, limits that trip soon, a password everyone may know."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from mcpwatch.guard import lock
from mcpwatch.store.ledger import Ledger

PASSWORD = "demo-password"
CONFIG = """\
# Paid by the call, whatever the size of the answer.
[[prices]]
pattern = "websearch/*"
per_call = 0.02
"""
SERVERS = {"notes": "notes", "websearch": "search", "calendar": "helper"}  # name → module of the server


@dataclass(frozen=True)
class Stage:
    """A prepared demo in a folder that goes away with it."""

    folder: Path
    env: dict[str, str]
    commands: dict[str, list[str]]  # server name → the guard's command line

    @property
    def state(self) -> Path:
        """The demo's own state file."""
        return self.folder / "state.db"


def prepare(folder: Path, *, change_after_s: float) -> Stage:
    """Make the state (armed, with the demo's password) and the guards' command lines. Raises StateError."""
    (folder / "config.toml").write_text(CONFIG, "utf-8")
    ledger = Ledger.open(folder / "state.db")
    try:
        lock.set_password(ledger, PASSWORD, PASSWORD, None, by="demo")
        lock.arm(ledger, by="demo")
    finally:
        ledger.close()
    env = os.environ | {
        "MCPWATCH_STATE": str(folder),
        "MCPWATCH_CONFIG": str(folder / "config.toml"),
        "MCPWATCH_DEMO_CHANGE_AFTER": str(change_after_s),
    }
    guard = [sys.executable, "-P", "-m", "mcpwatch", "run", "--name"]
    commands = {
        name: [*guard, name, "--", sys.executable, "-P", "-m", f"mcpwatch.demo.servers.{module}"]
        for name, module in SERVERS.items()
    }
    return Stage(folder, env, commands)
