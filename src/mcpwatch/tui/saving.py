"""Copies and exports: private files of JSON that holds no character a terminal would act on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mcpwatch.store.records import to_builtins

COPY = "copied.json"
FOLDER = "exports"


def json_line(record: Any) -> str:
    """A record as one line of ASCII JSON: what could act in a terminal is escaped, nothing is lost."""
    return json.dumps(to_builtins(record), ensure_ascii=True, allow_nan=False) + "\n"


def write_copy(folder: Path, text: str) -> Path:
    """The last copy, for terminals that do not take one. Raises OSError."""
    path = folder / COPY
    temporary = folder / f".{COPY}-{os.getpid()}"
    _write(temporary, [text, "\n"], os.O_TRUNC)
    temporary.replace(path)
    return path


def write_export(folder: Path, what: str, lines: Iterable[str]) -> Path:
    """A new file `exports/WHAT-TIME.jsonl`. Raises OSError."""
    target = folder / FOLDER
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for n in range(100):
        path = target / (f"{what}-{stamp}.jsonl" if not n else f"{what}-{stamp}-{n}.jsonl")
        try:
            _write(path, lines, os.O_EXCL)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(f"{target} holds a hundred exports of this second")


def _write(path: Path, parts: Iterable[str], flag: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | flag | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
        file.writelines(parts)
