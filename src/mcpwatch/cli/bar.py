"""One line of progress on stderr, on a terminal only."""

from __future__ import annotations

import shutil
import sys

from mcpwatch.cli.output import cut, safe

_WIDTH = 24


class Bar:
    """`show(done, total, text)` draws over the line before; `clear()` takes it away."""

    def __init__(self) -> None:
        self._drawn = False
        self._on = sys.stderr is not None and sys.stderr.isatty()

    def show(self, done: int, total: int, text: str) -> None:
        if not self._on:
            return
        filled = _WIDTH * done // total if total else _WIDTH
        line = f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {done}/{total} {safe(text, limit=200)}"
        sys.stderr.write("\r\x1b[K" + cut(line, shutil.get_terminal_size().columns - 1))
        sys.stderr.flush()
        self._drawn = True

    def clear(self) -> None:
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn = False
