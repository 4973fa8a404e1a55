"""What changed between two texts of a definition, field by field."""

from __future__ import annotations

import json
from typing import Any

import msgspec

MOST_PATHS = 8_000_000  # characters of all pointers of a text: long keys over many fields would fill the memory


class Change(msgspec.Struct, frozen=True):
    """One field: `path` as a JSON pointer, the old and the new value as text; None where it is not there."""

    path: str
    old: str | None
    new: str | None


def field_changes(old_json: str, new_json: str) -> list[Change]:
    """Every leaf that differs, in the order of the paths. Text that is no JSON, or whose paths are beyond
    all measure, is compared as a whole."""
    try:
        old, new = _leaves(json.loads(old_json)), _leaves(json.loads(new_json))
    except (ValueError, RecursionError):
        return [] if old_json == new_json else [Change("", old_json, new_json)]
    return [
        Change(path, old.get(path), new.get(path))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    ]


def _leaves(value: Any) -> dict[str, str]:
    """JSON pointer (RFC 6901) → text of each scalar and of each empty container. Raises ValueError beyond
    `MOST_PATHS`."""
    room = MOST_PATHS
    found: dict[str, str] = {}
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        path, item = stack.pop()
        if isinstance(item, (dict, list)) and item:
            children = item.items() if isinstance(item, dict) else enumerate(item)
            for key, child in children:
                pointer = f"{path}/{_escaped(str(key))}"
                room -= len(pointer)
                if room < 0:
                    raise ValueError("too much to compare field by field")
                stack.append((pointer, child))
        else:
            found[path] = item if isinstance(item, str) else json.dumps(item)
    return found


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
