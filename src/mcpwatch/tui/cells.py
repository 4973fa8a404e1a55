"""Lines made of spans, cut and padded to cells.

A span is a piece of text with the name of its style; a line is a list of spans. Nothing here parses markup: text
goes into a `Segment` as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

Span = tuple[str, str]
Line = list[Span]


def width_of(line: Iterable[Span]) -> int:
    return sum(len(text) if text.isascii() else cell_len(text) for text, _ in line)


def fit(text: str, width: int, *, right: bool = False) -> str:
    """`text` in exactly `width` cells; what does not fit ends in "…"."""
    if width <= 0:
        return ""
    size = len(text) if text.isascii() else cell_len(text)
    if size == width:
        return text
    if size < width:
        return " " * (width - size) + text if right else text + " " * (width - size)
    if text.isascii():
        return text[: width - 1] + "…"
    return set_cell_size(text, width - 1) + "…"


def fit_line(line: Sequence[Span], width: int, fill: str = "fg") -> Line:
    """The line in exactly `width` cells."""
    out: Line = []
    left = width
    for text, style in line:
        size = len(text) if text.isascii() else cell_len(text)
        if size > left:
            if left > 0:
                out.append((fit(text, left), style))
            return out
        out.append((text, style))
        left -= size
    if left:
        out.append((" " * left, fill))
    return out


def spread(left: Sequence[Span], right: Sequence[Span], width: int, fill: Span = (" ", "fg")) -> Line:
    """`left` and `right` at the two ends of `width` cells; the right end gives way first."""
    gap = width - width_of(left) - width_of(right)
    if gap < 1:
        return fit_line(left, width, fill[1])
    return [*left, (fill[0] * gap, fill[1]), *right]


def to_strip(line: Sequence[Span], styles: Mapping[str, Style], width: int, base: Style) -> Strip:
    return Strip([Segment(text, base + styles[style]) for text, style in line if text], width)


def wrap(text: str, width: int) -> list[str]:
    """`text` broken into pieces of at most `width` cells, at spaces where there are any."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        rest = paragraph
        while cell_len(rest) > width:
            piece = set_cell_size(rest, width).rstrip("\0")
            # set_cell_size replaces half of a wide character by a space: count back to whole characters.
            taken = len(piece)
            while taken > 1 and cell_len(rest[:taken]) > width:
                taken -= 1
            at = rest.rfind(" ", 1, taken + 1)
            indent = len(rest) - len(rest.lstrip(" "))
            if at > indent and at > taken // 2:
                lines.append(rest[:at])
                rest = rest[:indent] + rest[at + 1 :] if indent < width // 2 else rest[at + 1 :]
            else:
                lines.append(rest[:taken])
                rest = rest[taken:]
        lines.append(rest)
    return lines


_EIGHTHS = " ▏▎▍▌▋▊▉█"
_SPARKS = "▁▂▃▄▅▆▇█"


def bar(percent: float, width: int) -> tuple[str, str]:
    """A bar's full part and its empty part, in eighths of a cell. Clamped to 0–100."""
    filled = round(width * 8 * min(max(percent, 0.0), 100.0) / 100)
    # Something used always shows, and only a full share fills the bar.
    if percent > 0:
        filled = max(filled, 1)
    if percent < 100:
        filled = min(filled, width * 8 - 1)
    whole, part = divmod(filled, 8)
    full = "█" * whole + (_EIGHTHS[part] if part else "")
    return full, "·" * (width - len(full))


def sparkline(values: Sequence[int], width: int) -> str:
    """The values as one row of at most `width` blocks, scaled to their highest; neighbours are added up to fit."""
    step = max(1, -(-len(values) // width))
    shown = [sum(values[max(0, end - step) : end]) for end in range(len(values), 0, -step)][::-1]
    top = max(shown, default=0)
    if top <= 0:
        return "▁" * len(shown)
    return "".join(_SPARKS[min(7, max(0, v) * 7 // top if v < top else 7)] if v > 0 else "▁" for v in shown)


_WORD = re.compile(r"\n| +|[^ \n]+")


def wrap_spans(spans: Sequence[Span], width: int) -> list[Line]:
    """Spans as lines of at most `width` cells, broken at their newlines and at blanks where there are any."""
    lines: list[Line] = [[]]
    left = width
    broken = False  # the last line began where we broke one, so blanks at its start are not the text's own

    def put(text: str, style: str) -> None:
        line = lines[-1]
        if line and line[-1][1] == style:
            line[-1] = (line[-1][0] + text, style)
        else:
            line.append((text, style))

    for piece in (part for text, style in spans for part in _pieces(text, style)):
        text, style = piece
        if text == "\n":
            lines.append([])
            left, broken = width, False
            continue
        size = _cells(text, width)
        if size > left and left < width and not text.startswith(" "):
            lines.append([])
            left, broken = width, True
        while size > left:
            part = next(
                (text[:n] for n in range(min(len(text), left), 0, -1) if cell_len(text[:n]) <= left), text[:1]
            )
            if not text.startswith(" "):
                put(part, style)
            text = text[len(part) :]
            size = _cells(text, width)
            lines.append([])
            left, broken = width, True
        if text and not (broken and text.startswith(" ") and left == width):
            put(text, style)
            left -= size
    return lines


def _cells(text: str, width: int) -> int:
    """Its cells; of a text that is far longer than a line, only that it does not fit."""
    return cell_len(text) if len(text) <= 8 * width else width + 1


def _pieces(text: str, style: str) -> Iterable[Span]:
    return ((match[0], style) for match in _WORD.finditer(text))
