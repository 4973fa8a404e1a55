"""`mcpwatch` without a command: the screen."""

from __future__ import annotations

from mcpwatch.cli.state import configuration
from mcpwatch.tui.app import run_app


def show(*, ascii: bool, mouse: bool, theme: str | None) -> int:
    """Run the screen until the user leaves it; returns the exit code."""
    config, problem = configuration()
    return run_app(ascii=ascii, mouse=mouse, theme=theme, notice=problem, price_per_1k=config.default_price_per_1k)
