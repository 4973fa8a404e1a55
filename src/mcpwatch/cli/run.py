"""`mcpwatch run`: guard one MCP server over stdio.

The client waits for it: no click here, and next to nothing of ours is imported before the server runs.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

from mcpwatch.relay.child import Child, NotStarted, complain

USAGE_ERROR = 2

HELP = """\
Usage: mcpwatch run [--name NAME] [--] COMMAND [ARG ...]
       mcpwatch run [--name NAME] --url URL [--header 'NAME: VALUE' ...]

  Guard one MCP server: start COMMAND and stand between it and the AI client that started this.

  Put this in your client's configuration in place of the server's own command. Messages pass as they are;
  every call is recorded, metered, and refused when you have locked. Needs no screen and no daemon.

Options:
  --name NAME  What to call the server, as in the pattern NAME/tool. Default: made from COMMAND.
  --url URL    Reach the server over HTTP, for a client that can only start commands.
  --header 'NAME: VALUE'
               Send this header with every request to URL; ${VARIABLE} is replaced from the environment. Headers that
               the configuration has for the server NAME at this URL, and the tokens of `mcpwatch login NAME`, are
               sent by themselves.
  -h, --help   Show this and exit.

Exit codes: the server's own; 128 + n when signal n ended it; 127 when COMMAND is not found, 126 when it cannot be
executed, 2 for a mistake in the command line, 70 when mcpwatch itself failed.

Example:
  mcpwatch run --name notes -- npx -y @example/notes-server ~/notes
"""


class UsageError(Exception):
    """The command line was not understood."""


GARBAGE = 50_000
"""New objects between two looks of the garbage collector."""
SWITCH_S = 0.0001
"""How long the recorder may keep the interpreter while a frame waits; Python's own 5 ms are felt."""


def main(argv: Sequence[str]) -> int:
    """Run the guard with the arguments that follow `run`. Returns the exit code."""
    if _is_bridge(argv):
        from mcpwatch.cli.bridge import main as bridge  # aiohttp and asyncio

        return bridge(argv)
    try:
        parsed = parse(argv)
        if parsed is None:
            sys.stdout.write(HELP)
            return 0
        name, command = parsed
        child = Child.start(command)
    except UsageError as error:
        complain(f"{error} (see `mcpwatch run --help`)")
        return USAGE_ERROR
    except NotStarted as error:
        complain(str(error))
        return error.code
    return _guard(name, command, child)


def _is_bridge(argv: Sequence[str]) -> bool:
    """Whether `--url` is among our own options."""
    for i, word in enumerate(argv):
        if word == "--url" or word.startswith("--url="):
            return True
        if word == "--" or not (word.startswith("--") or (i and argv[i - 1] in ("--name", "--header"))):
            return False
    return False


def _guard(name: str, command: Sequence[str], child: Child) -> int:
    """Relay for a server that has been started."""
    sys.setswitchinterval(SWITCH_S)
    from mcpwatch.guard.gate import Gate
    from mcpwatch.relay.stdio import Relay

    gc.freeze()  # what is here now stays: the collector need not look at it again,
    gc.set_threshold(GARBAGE)  # and calls leave nothing for it
    relay = Relay(child)
    gate = Gate(
        server=name,
        transport="stdio",
        command=" ".join(command)[:1000],
        on_lock=relay.on_lock,
        on_visible=relay.on_visible,
        load_judge=_load_judge,
    )
    try:
        code = relay.run(gate)
    finally:
        child.kill()
        child.unwatch()
    gate.close(code)
    return code


def _load_judge():
    """The rules; read from disk by a thread of the gate."""
    from mcpwatch.scan.local import load_judge

    return load_judge()


def parse(argv: Sequence[str]) -> tuple[str, list[str]] | None:
    """(name, command) of the arguments; None when help is asked for. Raises `UsageError`."""
    rest = list(argv)
    name: str | None = None
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "--":
            break
        if option in ("-h", "--help"):
            return None
        key, equals, value = option.partition("=")
        if key != "--name":
            raise UsageError(f"no such option: {option}")
        if not equals:
            if not rest:
                raise UsageError("--name needs a value")
            value = rest.pop(0)
        name = checked(value)
    if not rest:
        raise UsageError("which server? Give the command that starts it, after --")
    if name is None:
        from mcpwatch.clients.names import default_name

        name = default_name(rest)
    return name, rest


def checked(name: str) -> str:
    """A server's name as it was given. Raises `UsageError` for one that patterns could not hold."""
    if not name or len(name) > 100 or not name.isprintable() or any(c in name for c in "/*?[]@"):
        raise UsageError(f"--name {name!r}: 1 to 100 printable characters, none of / * ? [ ] @")
    return name
