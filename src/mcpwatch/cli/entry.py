"""Runs one command and turns every way it can end into an exit code and at most one line on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from mcpwatch.cli import exits
from mcpwatch.cli.group import program
from mcpwatch.cli.output import forgiving_streams, safe


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    forgiving_streams()
    try:
        code = program.main(list(arguments), prog_name="mcpwatch", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.UsageError as error:
        name = error.ctx.command_path if error.ctx else "mcpwatch"
        return _fail(exits.USAGE, f"{name}: {error.format_message()}", f" (see `{name} --help`)")
    except exits.Failure as error:
        return _fail(error.code, f"mcpwatch: {error}")
    except (click.Abort, KeyboardInterrupt):
        return exits.INTERRUPTED
    except BrokenPipeError:
        _abandon_output()
        return exits.PIPE
    except OSError as error:
        _abandon_output()
        return _fail(exits.FAILED, f"mcpwatch: {error}")
    return code if isinstance(code, int) else exits.OK


def _fail(code: int, text: str, hint: str = "") -> int:
    click.echo(safe(" ".join(text.split())) + hint, err=True)
    return code


def _abandon_output() -> None:
    """What is still buffered goes nowhere, or the interpreter would complain about it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
