"""The screen ends with its terminal.

A shell's children get SIGHUP when the terminal closes. A screen without a controlling terminal, or under nohup, does
not, and Textual would go on for ever: it waits to write to what nobody reads, and looks for keys without a pause.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from typing import Final

HUNG_UP: Final = 129
"""The exit code: 128 and SIGHUP, as of a program that the signal ended."""


def end_with_terminal() -> None:
    """Watch standard input's terminal, if it is one, from a thread of its own."""
    if hasattr(select, "poll") and sys.__stdin__ is not None and sys.__stdin__.isatty():
        descriptor = sys.__stdin__.fileno()
        threading.Thread(target=_watch, args=(descriptor,), name="mcpwatch-hangup", daemon=True).start()


def _watch(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # what is gone is told unasked
    ((_, event),) = poll.poll()
    if event & select.POLLHUP:  # else the system polls no terminals
        os._exit(HUNG_UP)  # as SIGHUP does; there is no terminal left to tidy up
