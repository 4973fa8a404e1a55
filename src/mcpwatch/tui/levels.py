"""How the levels of `store.levels` look on the screen: four channels, of which colour is only one.

| level     | mark | gutter | word      | weight (survives NO_COLOR) |
|-----------|------|--------|-----------|----------------------------|
| danger    | ✗    | █      | DANGER    | reverse, bold              |
| caution   | !    | ▄      | CAUTION   | bold                       |
| unscanned | ?    | ░      | UNSCANNED | italic                     |
| safe      | ✓    | ▁      | SAFE      | plain                      |

An unscanned tool sorts above a safe one and is not dimmed: unscanned is not safe.
"""

from __future__ import annotations

from typing import NamedTuple

from mcpwatch.store.levels import CAUTION, DANGER, LEVELS, SAFE, UNSCANNED, Level


class Mark(NamedTuple):
    level: Level
    gutter: str
    word: str
    style: str  # name of a style in palette.py


_GUTTER = {DANGER: "█", CAUTION: "▄", UNSCANNED: "░", SAFE: "▁"}

MARKS: dict[Level, Mark] = {level: Mark(level, _GUTTER[level], level.name.upper(), level.name) for level in LEVELS}

# What every glyph of ours becomes under --ascii. Each is one cell, and so is its stand-in.
ASCII = {
    **{level.mark: level.ascii for level in LEVELS},
    **dict(zip("─━│┃╭╮╰╯┌┐└┘├┤┬┴┼╌┆", "-=||+++++++++++++-:", strict=True)),
    **dict(zip("▁▂▃▄▅▆▇█", "..--==##", strict=True)),
    **dict(zip("▏▎▍▌▋▊▉", "|||####", strict=True)),
    **dict(zip("▕▐▛▜▙▟▀░▒▓", "|#####=:%#", strict=True)),
    **dict(zip("●○■□▲▼▸▾◂→←↑↓⚑", "*o#.^v>v<><^v!", strict=True)),
    **dict(zip("·•…–—×≈≤≥±∗Δµ“”‘’", ".*~--x~<>+*^u\"\"''", strict=True)),
}
