"""The little language rules are written in.

    "WHEN|BEFORE .4 CALL|RUN .8 MUST|ALWAYS .3 READ"

Words separated by blanks follow one another; `A|B` is either class, `.n` up to n tokens of any kind within the
sentence,
`^` the beginning of a sentence, `!` the place of an order (a sentence, a clause or a tag begins there, or "you
must", "always", "first", "please" stands before), `A?` may be missing. Every gap is bounded and stops at the
sentence's end, so matching takes time linear in the text.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from mcpwatch.scan.rules.tokens import BREAK, END, LETTER

# What stands directly before a verb that orders. The first words of a text are no order: they say what the tool does.
_BEFORE_ORDER = "".join(
    LETTER[name]
    for name in [
        "OPEN",
        "CLOSE",
        "COLON",
        "COMMA",
        "AND",
        "AFTER",
        "FIRST",
        "ALSO",
        "ALWAYS",
        "SHOULD",
        "MUST",
        "AGENT",
        "QUOTE",
        "TO",
        "HIDDEN",
    ]
)


class Compiled(NamedTuple):
    """The regex over class letters, and for each class that must occur, the letters that will do: a cheap first
    look.
    """

    regex: re.Pattern[str]
    needs: tuple[frozenset[str], ...]


@cache
def compile_pattern(source: str) -> Compiled:
    pieces = source.split()
    needs = sorted(
        {
            frozenset(LETTER[name] for name in piece.split("|"))
            for piece in pieces
            if piece not in "!^" and not piece.startswith(".") and not piece.endswith("?")
        },
        key=len,
    )
    return Compiled(re.compile("".join(map(_piece, pieces))), tuple(needs))


def _piece(piece: str) -> str:
    if piece == "^":
        return rf"(?:(?<=[{END}{BREAK}])|^)"
    if piece == "!":
        return rf"(?<=[{END}{_BEFORE_ORDER}])"
    if piece.startswith("."):
        return rf"[^{END}{BREAK}]{{0,{int(piece[1:])}}}?"
    optional = piece.endswith("?")
    letters = "".join(LETTER[name] for name in piece.rstrip("?").split("|"))
    return f"[{letters}]" + ("?" if optional else "")
