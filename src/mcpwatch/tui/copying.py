"""What `y` puts on the clipboard: JSON that holds no character a terminal would act on when it is pasted."""

from __future__ import annotations

from typing import Any

import msgspec

from mcpwatch.store.records import to_builtins
from mcpwatch.tui.safe_text import safe_text


def copy_json(record: Any) -> str:
    """A record as indented JSON, every string in it made safe."""
    value = _safe(to_builtins(record))
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _safe(value: Any) -> Any:
    if isinstance(value, str):
        return safe_text(value, limit=100_000, lines="keep")
    if isinstance(value, dict):
        return {str(key): _safe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_safe(item) for item in value]
    return value
