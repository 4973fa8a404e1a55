"""`mcpwatch` without a command: the screen."""

from __future__ import annotations

from pathlib import Path

import click

from mcpwatch.cli.state import configuration
from mcpwatch.tui.app import run_app
from mcpwatch.tui.palette import NAMES


def show(
    *,
    ascii: bool,
    mouse: bool,
    theme: str | None,
    state: Path | None = None,
    notice: str | None = None,
    demo: bool = False,
) -> int:
    """Run the screen until the user leaves it; returns the exit code. Without a notice it shows what is wrong with
    the configuration."""
    if theme is not None and theme not in NAMES:
        raise click.UsageError(f"there is no theme {theme!r}: take one of {', '.join(NAMES)}")
    config, problem = configuration()
    return run_app(
        state=state,
        ascii=ascii,
        mouse=mouse,
        theme=theme,
        notice=problem if notice is None else notice,
        price_per_1k=config.default_price_per_1k,
        demo=demo,
    )
