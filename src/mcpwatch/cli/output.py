"""What commands print: safe for terminals and pipes.

Whatever a server, a client or a file had a say in goes through `safe`. JSON is ASCII, so that it can carry any
text exactly and no terminal ever obeys it. Colour only on a terminal, and not where NO_COLOR is set.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from unicodedata import east_asian_width

import click

from mcpwatch.tui.safe_text import safe_text as safe

__all__ = ["cell", "colour", "iso", "local", "print_json", "print_line", "safe", "table"]


_GAPS = re.compile("^ +|(?<= ) +| +$|\u3000")  # the wide blank looks like two


def cell(text: str, *, limit: int) -> str:
    """A name as it may stand in a table: a blank that could pass for the gap between two columns is made visible."""
    return _GAPS.sub(lambda gap: "␠" * len(gap[0]), safe(text, limit=limit, lines="show"))


def colour() -> bool | None:
    """False where colour is unwanted; None leaves it to whether the output is a terminal."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def screen_possible() -> bool:
    """Whether there is a terminal for the screen. Textual draws on standard error."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


def inert(line: str) -> str:
    """The line as no CI runner takes it for a command: GitHub Actions obeys lines that begin with `::` after blanks,
    and, as Azure Pipelines, what stands behind `##[` or `##vso[` wherever it is."""
    line = re.sub("#(?=#)", "# ", line)
    return f"|{line}" if line.lstrip().startswith("::") else line


def print_line(text: str = "") -> None:
    """One line on stdout, for people."""
    click.echo(inert(text))


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """A JSON document on stdout; one line when `indent` is None."""
    click.echo(inert_json(json.dumps(value, indent=indent, allow_nan=False).replace("\x7f", "\\u007f")))


def inert_json(text: str) -> str:
    """The same JSON, as no CI runner takes a line of it for a command."""
    return text.replace("##", "#\\u0023")


def iso(utc_ns: int | None) -> str | None:
    """UTC nanoseconds as `2026-01-31T12:00:00.250Z`."""
    if utc_ns is None:
        return None
    moment = datetime.fromtimestamp(utc_ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{utc_ns // 1_000_000 % 1000:03d}Z"


def local(utc_ns: int) -> str:
    """UTC nanoseconds as local `2026-01-31 13:00:00`."""
    return f"{datetime.fromtimestamp(utc_ns // 1_000_000_000):%Y-%m-%d %H:%M:%S}"


def table(rows: Iterable[Sequence[str]], *, right: Sequence[int] = (), indent: str = "  ") -> list[str]:
    """Lines of left-aligned columns (those in `right` right-aligned), two spaces between."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(indent + "  ".join(cells).rstrip())
    return lines


def cut(text: str, cells: int) -> str:
    """As much of the text as fits into so many cells of a terminal."""
    for i, character in enumerate(text):
        cells -= 2 if east_asian_width(character) in "WF" else 1
        if cells < 0:
            return text[:i]
    return text


def forgiving_streams() -> None:
    """A character the terminal's encoding does not have is spelled out instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
