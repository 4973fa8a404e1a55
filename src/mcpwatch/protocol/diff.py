"""What changed between two texts of a definition, field by field."""

from __future__ import annotations

import json
from typing import Any

import msgspec


class Change(msgspec.Struct, frozen=True):
    """One field: `path` as a JSON pointer, the old and the new value as text; None where it is not there."""

    path: str
    old: str | None
    new: str | None


def field_changes(old_json: str, new_json: str) -> list[Change]:
    """Every leaf that differs, in the order of the paths. Text that is no JSON is compared as a whole."""
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
    """JSON pointer (RFC 6901) → text of each scalar and of each empty container."""
    found: dict[str, str] = {}
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        path, item = stack.pop()
        if isinstance(item, dict) and item:
            stack.extend((f"{path}/{_escaped(key)}", child) for key, child in item.items())
        elif isinstance(item, list) and item:
            stack.extend((f"{path}/{i}", child) for i, child in enumerate(item))
        else:
            found[path] = item if isinstance(item, str) else json.dumps(item)
    return found


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
