"""Where mcpwatch keeps its two files."""

from __future__ import annotations

import os
from pathlib import Path


def state_dir() -> Path:
    """Folder of the state file and our logs: `$MCPWATCH_STATE`, else the platform's state folder."""
    chosen = os.environ.get("MCPWATCH_STATE")
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_state_path

    return user_state_path("mcpwatch", appauthor=False)


def state_file() -> Path:
    """The one file that guards, gateway and screens share."""
    return state_dir() / "state.db"


def config_file() -> Path:
    """The user's configuration: `$MCPWATCH_CONFIG`, else `config.toml` in the platform's config folder."""
    chosen = os.environ.get("MCPWATCH_CONFIG")
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_config_path

    return user_config_path("mcpwatch", appauthor=False) / "config.toml"
