"""Runs one command and turns every way it can end into an exit code and at most one line on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from mcpwatch.cli import exits
from mcpwatch.cli.group import program
from mcpwatch.cli.output import forgiving_streams, inert, safe


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    forgiving_streams()
    try:
        code = _run(list(arguments))
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except click.UsageError as error:
        name = error.ctx.command_path if error.ctx else "mcpwatch"
        return _fail(exits.USAGE, f"{name}: {error.format_message()}", f" (see `{name} --help`)")
    except exits.Failure as error:
        return _fail(error.code, f"mcpwatch: {error}")
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except BrokenPipeError:
        _abandon_output()
        return exits.PIPE
    except OSError as error:
        _abandon_output()
        return _fail(exits.FAILED, f"mcpwatch: {error}")


def _run(arguments: list[str]) -> int:
    """Not by click's `main`, which ends the process by itself when the reader of the output goes away."""
    if "_MCPWATCH_COMPLETE" in os.environ:
        program.main(prog_name="mcpwatch")  # answers the shell and exits
    try:
        with program.make_context("mcpwatch", arguments) as ctx:
            code = program.invoke(ctx)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    return code if isinstance(code, int) else exits.OK


def _fail(code: int, text: str, hint: str = "") -> int:
    click.echo(inert(safe(" ".join(text.split()))) + hint, err=True)
    return code


def _abandon_output() -> None:
    """What is still buffered goes nowhere, or the interpreter would complain about it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
