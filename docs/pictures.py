"""Draws a picture of a terminal for each client: `mcpwatch clients` and `mcpwatch wrap --dry-run` on the file that
the tests keep for it.

`python docs/pictures.py` writes them, `--check` only says which are out of date (exit code 1). A test does the same.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

HERE = Path(__file__).parent
PICTURES = HERE / "pictures"
GOLDEN = HERE.parent / "tests" / "clients" / "golden"
PROGRAM = "/home/you/.local/bin/mcpwatch"
COLUMNS = 104
_FONTS = re.compile(r"\s*@font-face \{.*?\}\n", re.DOTALL)


@contextmanager
def a_machine(client: str) -> Iterator[Path]:
    """A Linux machine with this client's file in a home that is empty otherwise; the home."""
    from mcpwatch.cli import wrap
    from mcpwatch.clients.surroundings import Surroundings
    from mcpwatch.clients.table import BY_ID

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder).resolve() / "home"
        (home / "project").mkdir(parents=True)
        machine = Surroundings("linux", home, {}, home / "project")
        path = next(path for place in BY_ID[client].places for path in machine.paths(place))
        path.parent.mkdir(parents=True, exist_ok=True)
        (before,) = GOLDEN.glob(f"{client}.before.*")
        path.write_bytes(before.read_bytes())
        ours = {"MCPWATCH_STATE": f"{folder}/state", "MCPWATCH_CONFIG": f"{home}/.config/mcpwatch/config.toml"}
        with (
            mock.patch.dict(os.environ, ours),
            mock.patch.object(Surroundings, "here", return_value=machine),
            mock.patch.object(wrap, "program", return_value=PROGRAM),
        ):
            yield home


def draw(client: str) -> str:
    """The picture, as SVG. It names no font of the network."""
    from click.testing import CliRunner
    from rich.console import Console
    from rich.text import Text

    from mcpwatch.cli import clients, wrap

    console = Console(width=COLUMNS, record=True, file=io.StringIO(), color_system="truecolor")
    with a_machine(client) as home:
        for command, words in ((clients.command, []), (wrap.command, ["--dry-run", "--client", client])):
            done = CliRunner().invoke(command, words, color=True, standalone_mode=False)
            assert done.exception is None, done.exception
            console.print(Text(f"$ mcpwatch {' '.join([command.name, *words])}", style="bold"))
            console.print(Text.from_ansi(done.output.replace(str(home), "~")), soft_wrap=False)
        svg = console.export_svg(title=f"mcpwatch wrap --client {client}", unique_id=f"mcpwatch-{client}")
    return _FONTS.sub("", svg) + "\n"


def main(arguments: list[str]) -> int:
    """Write the pictures, or with --check only look; the exit code."""
    from mcpwatch.clients.table import CLIENTS

    PICTURES.mkdir(exist_ok=True)
    wanted = {f"{client.id}.svg": draw(client.id) for client in CLIENTS}
    there = {path.name: path.read_text("utf-8") for path in PICTURES.glob("*.svg")}
    wrong = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
    for name in wrong:
        sys.stdout.write(f"{'out of date' if '--check' in arguments else 'written'}: {name}\n")
        if "--check" not in arguments:
            if name in wanted:
                (PICTURES / name).write_text(wanted[name], "utf-8")
            else:
                (PICTURES / name).unlink()
    return 1 if wrong and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
