"""Whether `mcpwatch scan` may start a command, or connect to an address, that a configuration names: the question and
its answer, which is kept. What is asked about is shown as it is written, whole or not at all: a variable's name and
not its value, since a file that somebody else wrote decides what is shown."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from mcpwatch.cli import ask
from mcpwatch.cli.change import BY
from mcpwatch.cli.output import safe
from mcpwatch.cli.targets import Configured, origin, variables
from mcpwatch.store import scans
from mcpwatch.store.ledger import Ledger

MAX_SHOWN: Final = 4000  # characters of a question, which is never cut: what is longer is not asked about
# Variables that decide which program runs, or what it loads before its own first line.
_DECIDING: Final = re.compile(
    r"PATH|PATHEXT|LD_.*|DYLD_.*|NODE_(OPTIONS|PATH)|PYTHON.*|BASH_ENV|ENV|SHELLOPTS|IFS|PERL5(OPT|LIB|DB)"
    r"|RUBY(OPT|LIB)|(JDK_)?JAVA_(TOOL_)?OPTIONS|CLASSPATH|HOME|XDG_CONFIG_HOME|GIT_.*"
    r"|NPM_CONFIG_(REGISTRY|PREFIX|USERCONFIG|GLOBALCONFIG|NODE_OPTIONS)|(UV|PIP)_.*(INDEX|CONFIG|LINKS).*",
    re.I,
)


def agreed(ledger: Ledger, server: Configured, *, yes: bool) -> str:
    """ "" when the user lets this server be started, or connected to, now or before; else why it is not scanned."""
    if not server.asked_about or ledger.knows_command(server.fingerprint):
        return ""
    starts = server.target.transport == "stdio"
    if not yes:
        if not ask.possible():
            what = "its command was never started before" if starts else _unasked(server)
            return f"{what}: scan at a terminal, or with --yes"
        question = _command(server) if starts else _address(server)
        if len(question) > MAX_SHOWN:
            return f"too long to be shown and asked about: read it in {server.file}, then scan with --yes"
        if not ask.agreed(question):
            return "not started" if starts else "not connected to"
    with ledger.transaction() as tx:
        scans.remember_command(tx, server.fingerprint, server.name, by=BY)
    return ""


def _unasked(server: Configured) -> str:
    sent = f", which gets {_list(server.variables)} of the environment," if server.variables else ""
    return f"its address{sent} was never agreed to"


def _address(server: Configured) -> str:
    target, written = server.target, server.written
    lines = [f"{_shown(server.name)} of {_shown(server.file)} is reached at", f"  {_shown(origin(target.url))}"]
    if written.headers:
        lines.append(f"  with the headers {_list(written.headers)}")
    if server.variables:
        lines.append(f"It is sent what your environment has in {_list(server.variables)}.")
    return "\n".join([*lines, "Connect to it? [y/N] "])


def _command(server: Configured) -> str:
    target, written = server.target, server.written
    folder = Path(target.cwd or ".").absolute()
    lines = [f"{_shown(server.name)} of {_shown(server.file)} starts this command in {_quoted(str(folder))}:"]
    lines.append("  " + " ".join(map(_quoted, written.command)))
    if _is_relative(target.command[0]):
        lines.append("  (the program is relative: it is the one of that folder)")
    lines += [f"  with {name}={_quoted(value)}" for name, value in written.env.items() if _DECIDING.fullmatch(name)]
    others = [name for name in written.env if not _DECIDING.fullmatch(name)]
    if others:
        lines.append(f"  with {_list(others)} set")
    expanded = variables((*written.command, *written.env.values(), written.cwd or ""))
    if expanded:
        lines.append(f"It gets what your environment has in {_list(expanded)}.")
    return "\n".join([*lines, "Start it? [y/N] "])


def _is_relative(program: str) -> bool:
    """Whether it is found by the folder it is started in, not by the PATH."""
    return os.path.dirname(program) != "" and not os.path.isabs(program)  # noqa: PTH117, PTH120


def _quoted(word: str) -> str:
    """As a shell would take it: where a word ends can be seen."""
    return _shown(shlex.quote(word))


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(_shown, names))


def _shown(text: str) -> str:
    return safe(text, limit=len(text), lines="show")
