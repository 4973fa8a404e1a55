"""Command line of mcpwatch.

Exit codes are listed in `exits.py`, the commands in `group.py`; a command's module is imported only when it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. `run` goes its own short way: a client waits for it."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments[:1] == ["run"]:
            from mcpwatch.cli import run

            return run.main(arguments[1:])
        from mcpwatch.cli import entry

        return entry.main(arguments)
    except KeyboardInterrupt:
        return 130
