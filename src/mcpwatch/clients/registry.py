"""Which entries we wrapped, so that a wrapper someone took away can be told from a server never wrapped.

Paths and names only, in a file of our state folder. Unwrapping does not need it.
"""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

from mcpwatch.clients.document import MAX_BYTES
from mcpwatch.clients.write import replaced
from mcpwatch.store.files import read_regular
from mcpwatch.store.paths import state_dir

Entries = dict[str, dict[str, str]]  # file → the keys that lead to the entry, one a line → our name for it


def wrapped() -> Entries:
    """What was wrapped and not unwrapped. An unreadable file counts as empty: it only adds a remark."""
    try:
        found = json.loads(wrapped_file().read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        path: {way: name for way, name in names.items() if isinstance(name, str)}
        for path, names in found.items()
        if isinstance(names, dict)
    }


def record(path: Path, added: dict[tuple[str, ...], str], removed: set[tuple[str, ...]]) -> None:
    """Note what a change of one file did. Raises OSError."""
    entries = wrapped()
    names = entries.setdefault(str(path), {})
    for way in removed:
        names.pop("\n".join(way), None)
    names.update({"\n".join(way): name for way, name in added.items()})
    if not names:
        del entries[str(path)]
    file = wrapped_file()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replaced(file, json.dumps(entries, indent=1).encode(), 0o600)


def wrapped_file() -> Path:
    """Where they are noted."""
    return state_dir() / "wrapped.json"


def lock_file() -> Path:
    """What one mcpwatch at a time holds while it changes files. Raises OSError."""
    folder = state_dir()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / "clients.lock"


def is_used(name: str) -> bool:
    """Whether an entry we pointed at the gateway under this name is still there."""
    address = re.compile(rf"/{re.escape(name)}/(?:mcp|sse)\b".replace("/", r"\\?/").encode())
    for path, names in wrapped().items():
        with contextlib.suppress(OSError):
            if name in names.values() and address.search(read_regular(Path(path), MAX_BYTES)):
                return True
    return False
