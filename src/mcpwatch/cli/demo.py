"""`mcpwatch demo`: the whole story on real processes, in a state of its own that goes away with it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from mcpwatch.cli import exits
from mcpwatch.cli.output import print_line, safe, screen_possible
from mcpwatch.demo.stage import PASSWORD, Stage, prepare
from mcpwatch.store.database import StateError

CHANGE_AFTER_S = 20.0  # when the calendar server swaps a definition
_ENDS_WITHIN_S = 5.0
_NOTICE = f"Demo · the password is {PASSWORD} · when a limit has locked, U unlocks"


@click.command(
    "demo", epilog="\b\nExamples:\n  mcpwatch demo\n  mcpwatch --ascii demo\n  mcpwatch demo --headless --seconds 60"
)
@click.option("--headless", is_flag=True, help="Tell the story as lines, without the screen.")
@click.option(
    "--seconds",
    default=60.0,
    show_default=True,
    type=click.FloatRange(min=5),
    help="With --headless: how long the story may take.",
)
@click.pass_context
def command(ctx: click.Context, headless: bool, seconds: float) -> int:
    """Three servers, one of them poisoned, and an agent that calls them faster and faster until a limit locks.
    Nothing of yours is touched. With --headless it ends with exit code 0 only if all of it really happened."""
    if not headless and not screen_possible():
        raise exits.Failure(
            "the screen needs a terminal, standard error too; `mcpwatch demo --headless` tells the story in words"
        )
    with TemporaryDirectory(prefix="mcpwatch-demo-") as folder:
        try:
            return _told(Path(folder), seconds) if headless else _shown(Path(folder), **ctx.find_root().params)
        except StateError as error:
            raise exits.Failure(str(error), exits.STATE) from error


def _told(folder: Path, seconds: float) -> int:
    from mcpwatch.demo.story import StoryError, tell

    try:
        asyncio.run(tell(folder, seconds=seconds, say=lambda line: print_line(safe(line, lines="keep"))))
    except StoryError as error:
        raise exits.Failure(str(error)) from error
    print_line("All of it happened.")
    return exits.OK


def _shown(folder: Path, **screen: Any) -> int:
    from mcpwatch.cli.screen import show

    stage = prepare(folder, change_after_s=CHANGE_AFTER_S)
    with _agent(stage):
        return show(state=stage.state, notice=_NOTICE, demo=True, **screen)


@contextmanager
def _agent(stage: Stage) -> Iterator[None]:
    """The agent, in a process of its own; it stops when its standard input closes."""
    command = [sys.executable, "-P", "-m", "mcpwatch.demo.actor"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, env=stage.env) as agent:
        assert agent.stdin is not None
        agent.stdin.write(json.dumps(stage.commands).encode() + b"\n")
        agent.stdin.flush()
        try:
            yield
        finally:
            agent.stdin.close()
            try:
                agent.wait(_ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                agent.kill()
