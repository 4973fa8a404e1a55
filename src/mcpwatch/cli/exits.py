"""What the exit codes of every command but `run` (the server's own) mean. The only place that says so."""

from __future__ import annotations

OK = 0
FAILED = 1
USAGE = 2
DENIED = 3
LOCKED = 4
STATE = 5
FOUND = 6
INTERRUPTED = 130
PIPE = 141

MEANING = {
    OK: "done",
    FAILED: "failed, or something is wrong (doctor)",
    USAGE: "the command line was not understood",
    DENIED: "not allowed: a password, or a terminal to type it at, is missing",
    LOCKED: "locked (status --exit-code)",
    STATE: "the state file cannot be used",
    FOUND: "a definition is as bad as --fail-on says, or could not be judged (scan)",
    INTERRUPTED: "interrupted (Ctrl-C)",
    PIPE: "whoever read the output went away",
}


class Failure(Exception):
    """Ends the command with one line on stderr, `str()`, that says what to do, and an exit code."""

    def __init__(self, text: str, code: int = FAILED) -> None:
        super().__init__(text)
        self.code = code
