"""What is left behind when the screen itself fails: one line on the terminal, the rest in a private file.

Textual prints tracebacks with every local variable, and a local may be a header with somebody's key in it.
"""

from __future__ import annotations

import os
import time
import traceback
from pathlib import Path

from mcpwatch.tui.safe_text import safe_text


def report(error: BaseException, folder: Path) -> str:
    """Writes the traceback, without locals, to a new 0600 file; returns the line to print."""
    text = "".join(traceback.format_exception(error))
    kind = safe_text(type(error).__name__, limit=80)
    path = folder / f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(safe_text(text, limit=200_000, lines="keep"))
    except OSError as failed:
        where = f"no report could be written: {safe_text(failed.strerror or '', limit=80)}"
    else:
        where = f"report: {safe_text(str(path), limit=500)}"
    return f"mcpwatch: the screen failed ({kind}) and closed; guards keep enforcing. {where}"
