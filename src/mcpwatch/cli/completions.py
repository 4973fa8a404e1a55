"""`mcpwatch completions`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from mcpwatch.cli.output import print_line


@click.command(
    "completions",
    epilog="\b\nExamples:\n"
    "  mcpwatch completions bash >> ~/.bashrc\n"
    "  mcpwatch completions zsh >> ~/.zshrc\n"
    "  mcpwatch completions fish > ~/.config/fish/completions/mcpwatch.fish",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Nothing is installed by it: where the output belongs, see the examples."""
    from mcpwatch.cli.group import program

    completion = get_completion_class(shell)
    assert completion is not None  # one of click's own three
    print_line(completion(program, {}, "mcpwatch", "_MCPWATCH_COMPLETE").source())
