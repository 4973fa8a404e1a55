"""Text from a server, a client, a file or a model, made safe to show.

Neither Rich nor Textual stops an escape sequence in a cell, and a terminal obeys it: it sets the clipboard,
retitles the window, paints over other rows and even types its own replies back as key presses. Everything
that came over the wire passes through `safe_text` before it is drawn or printed.

What could act, hide or reorder is not dropped but made visible, since hidden characters are evidence.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Literal

LIMIT = 1000

# Letters and marks that draw nothing, though Unicode does not class them as controls or formats.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
# Categories that never print: control, format (bidi, zero width, tags), surrogate, private, unassigned, separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MARKS = frozenset({"Mn", "Me"})
# A stack of combining marks grows over the neighbouring rows; real scripts need no more than three.
_MAX_MARKS = 3


def _variation(code: int) -> bool:
    return 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF


@lru_cache(4096)
def _visible(char: str, ascii: bool) -> str:
    """One character as it may be shown."""
    code = ord(char)
    if 0x20 <= code < 0x7F:
        return char
    if code < 0x20 or code == 0x7F:
        if ascii:
            return f"\\x{code:02x}"
        return chr(0x2421 if code == 0x7F else 0x2400 + code)
    if char in _INVISIBLE or _variation(code) or unicodedata.category(char) in _HIDDEN:
        return f"\\u{{{code:x}}}"
    if ascii:
        return f"\\u{{{code:x}}}"
    if unicodedata.category(char) == "Zs" and code != 0x3000:
        return " "
    return char


def is_plain(text: str) -> bool:
    """Whether `text` shows exactly as it is: nothing in it had to be made visible."""
    if text.isascii():
        return text.isprintable()
    return all(_visible(c, False) == c or c in "\u00a0\u202f" for c in text) and not _stacked(text)


def _stacked(text: str) -> bool:
    return _limit_marks(text) != text


def _limit_marks(text: str) -> str:
    """Spells out combining marks beyond the third on one letter, or on none."""
    out: list[str] = []
    run = 0
    for char in text:
        if unicodedata.category(char) in _MARKS:
            run += 1
            if run > _MAX_MARKS or not out:
                out.append(f"\\u{{{ord(char):x}}}")
                continue
        else:
            run = 0
        out.append(char)
    return "".join(out)


_BREAKS = re.compile(r"[ \t]*(?:\r\n|[\n\r\t])[ \t\r\n]*")


def safe_text(
    text: str,
    *,
    limit: int = LIMIT,
    lines: Literal["space", "show", "keep"] = "space",
    ascii: bool = False,
) -> str:
    """`text` as it may be drawn: no control, bidi, zero-width, tag, private or lone surrogate character is left.

    `lines` says what happens to line breaks and tabs: "space" folds each run into one space (previews), "show"
    makes them visible (names), "keep" keeps newlines and turns tabs into spaces (detail panes). At most `limit`
    characters of the input are looked at; a cut ends in "…". With `ascii` every other character is spelled out.
    """
    cut = len(text) > limit
    if cut:
        text = text[:limit]
    if not (text.isascii() and text.isprintable()):
        if lines == "keep":
            text = text.replace("\r\n", "\n").expandtabs(4)
            text = "\n".join(_clean(line, ascii) for line in text.split("\n"))
        else:
            if lines == "space":
                text = _BREAKS.sub(" ", text)
            text = _clean(text, ascii)
    return text + ("~" if ascii else "…") if cut else text


def _clean(text: str, ascii: bool) -> str:
    if text.isascii() and text.isprintable():
        return text
    shown = "".join([_visible(c, ascii) for c in text])
    return shown if shown.isascii() else _limit_marks(shown)
