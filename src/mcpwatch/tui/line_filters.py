"""The last look at every line before it goes to the terminal.

Text is made safe when it enters the model. `Scrub` is the backstop for whatever was forgotten: it costs nothing on
plain lines, and it keeps the widths, since what it replaces counts as no cell or as one.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from mcpwatch.tui.levels import ASCII

_BAD = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


class Scrub(LineFilter):
    """No control, bidi, zero-width, tag or surrogate character passes."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment
            if segment.control or (segment.text.isascii() and segment.text.isprintable())
            else Segment(_BAD.sub("", segment.text), segment.style)
            for segment in segments
        ]


@lru_cache(4096)
def _to_ascii(text: str) -> str:
    return "".join(c if c.isascii() else ASCII.get(c, "?" * cell_len(c)) for c in text)


class Ascii(LineFilter):
    """Every glyph becomes an ASCII stand-in of the same width."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.control or segment.text.isascii() else Segment(_to_ascii(segment.text), segment.style)
            for segment in segments
        ]


@lru_cache(1024)
def _weights_only(style: Style) -> Style:
    return Style(
        bold=style.bold,
        italic=style.italic,
        underline=style.underline,
        reverse=style.reverse,
        strike=style.strike,
        dim=style.dim,
    )


class NoColour(LineFilter):
    """No colour at all, not even grey: the terminal's own, with the weights left."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            Segment(segment.text, _weights_only(segment.style) if segment.style else None, segment.control)
            for segment in segments
        ]
