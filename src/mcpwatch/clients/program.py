"""Where this mcpwatch is, as clients are to start it."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

# Where tools keep environments they may delete at any time: `uvx`, `pipx run`.
_PASSING = ("/uv/archive-v0/", "/uv/builds-v0/", "/.cache/pipx/", "/pipx/.cache/", "/uv/cache/")


class NoProgram(Exception):
    """There is no program that clients could be told to start. One line that says what to do."""


def program() -> str:
    """The absolute path of the command. The one on the PATH is preferred where it is this one: a link there outlives
    an upgrade of what it points at."""
    name = "mcpwatch.exe" if os.name == "nt" else "mcpwatch"
    own = Path(sysconfig.get_path("scripts")) / name
    on_path = shutil.which("mcpwatch")
    if on_path and (not own.exists() or os.path.realpath(on_path) == os.path.realpath(own)):
        found = Path(on_path).absolute()
    elif own.exists():
        found = own.absolute()
    else:
        raise NoProgram(
            f"there is no {name} beside {sys.executable}: install mcpwatch, for instance with `pipx install`"
        )
    for path in (str(found), os.path.realpath(found)):
        if any(part in path.replace("\\", "/") for part in _PASSING):
            raise NoProgram(
                f"{found} belongs to an environment that may be deleted at any time: install mcpwatch for good, "
                "with `uv tool install mcpwatch` or `pipx install mcpwatch`"
            )
    return str(found)
