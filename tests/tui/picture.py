"""Pictures of the screen as a regression baseline: `snapshots/NAME.svg`.

A picture is compared by what it shows, the cells with their text and style, not by its bytes: ids and the numbering
of classes differ between versions of Rich. `MCPWATCH_SNAPSHOTS=write` writes them anew.
"""

from __future__ import annotations

import html
import os
import re
import tempfile
from pathlib import Path

from rich.cells import cell_len

from mcpwatch.tui.app import McpWatchApp

FOLDER = Path(__file__).parents[2] / "snapshots"
_RULE = re.compile(r"\.[\w-]+-r(\d+) \{ ([^}]*) \}")
_TEXT = re.compile(r'<text class="[\w-]+-r(\d+)" x="([\d.]+)" y="([\d.]+)"[^>]*>(.*?)</text>')
_BLANKS = re.compile(
    r'(<text class="[^"]+" x=")([\d.]+)(" y="[\d.]+" textLength=")([\d.]+)("[^>]*>)'
    r"((?:&#160;)*)(.*?)((?:&#160;)*)</text>"
)
_RECT = re.compile(r'<rect fill="([^"]+)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"')


def picture(app: McpWatchApp) -> str:
    """The screen as an SVG that loads nothing from elsewhere and whose ids do not depend on its contents."""
    svg = app.export_screenshot()
    svg = re.sub(r"\s*@font-face \{.*?\}(?=\s)", "", svg, flags=re.DOTALL)
    svg = re.sub(r"terminal-\d+", "mcpwatch", svg)
    svg = _BLANKS.sub(_trimmed, svg)
    fonts = "Fira Code, JetBrains Mono, Menlo, Consolas, DejaVu Sans Mono, monospace"
    return re.sub(r"font-family: Fira Code, monospace", f"font-family: {fonts}", svg)


def _trimmed(match: re.Match[str]) -> str:
    """A run of text without the blanks around it: some programs draw those, and some do not."""
    head, x, middle, length, rest, before, text, after = match.groups()
    if not text:
        return ""
    cells = cell_len(html.unescape(before + text + after))
    cell = float(length) / cells
    left, right = len(before) // 6, len(after) // 6
    x, length = f"{float(x) + left * cell:.1f}", f"{float(length) - (left + right) * cell:.1f}"
    return f"{head}{x.removesuffix('.0')}{middle}{length.removesuffix('.0')}{rest}{text}</text>"


def cells(svg: str) -> list[str]:
    """What the picture shows: text runs and backgrounds with their place and style, one a line."""
    rules = dict(_RULE.findall(svg))
    found = [
        f"{float(y):8.1f} {float(x):8.1f} {html.unescape(text)!r} {rules.get(rule, '?').strip()}"
        for rule, x, y, text in _TEXT.findall(svg)
    ]
    found += [f"{float(y):8.1f} {float(x):8.1f} fill {fill} {width}" for fill, x, y, width in _RECT.findall(svg)]
    return sorted(found)


def check(app: McpWatchApp, name: str) -> None:
    """Compares the screen with its picture, or writes it when asked to."""
    svg = picture(app)
    path = FOLDER / f"{name}.svg"
    if os.environ.get("MCPWATCH_SNAPSHOTS") == "write":
        path.write_text(svg, "utf-8")
        return
    wanted = cells(path.read_text("utf-8")) if path.exists() else []
    got = cells(svg)
    if got == wanted:
        return
    new = Path(tempfile.mkdtemp(prefix="mcpwatch-snapshot-")) / path.name
    new.write_text(svg, "utf-8")
    changed = [f"- {line}" for line in wanted if line not in set(got)][:8]
    changed += [f"+ {line}" for line in got if line not in set(wanted)][:8]
    lines = "\n".join(changed)
    raise AssertionError(f"{path.name} differs; the new picture is {new}\n{lines}")
