"""The documentation as data: its pages, and the fenced blocks of each with what comments before them say.

A comment directly before a block tells how it is tested, and is not shown to readers:

    <!-- run: no, WHY -->       not run; few are allowed
    <!-- exit: 4 -->            ends with this exit code
    <!-- background -->         goes on until the page's end
    <!-- typed: PROMPT => ANSWER; … -->  is run at a terminal, where PROMPT appears and ANSWER is typed
    <!-- file: PATH -->         the block is this file, from here on

A `text` block directly after a command is what the command prints; `…` stands for anything, on a line of its own for
any lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))

_PARTS = re.compile(
    r"^<!--(?P<comment>.*?)-->[ \t]*$|^```(?P<language>\S*)[ \t]*\n(?P<text>.*?)^```[ \t]*$", re.DOTALL | re.MULTILINE
)
_KNOWN = {"run", "exit", "background", "typed", "file"}


@dataclass(frozen=True)
class Block:
    """A fenced block, and the comments before it by their first word. `after` is the command a text block shows the
    output of."""

    language: str
    text: str
    line: int
    notes: dict[str, str]
    after: Block | None = None

    @property
    def runs(self) -> bool:
        """Whether it is commands that the tests run."""
        return self.language == "sh" and "run" not in self.notes


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    text = page.read_text("utf-8")
    found: list[Block] = []
    notes: dict[str, str] = {}
    end = 0
    for part in _PARTS.finditer(text):
        apart = bool(text[end : part.start()].strip())
        end = part.end()
        if apart:
            notes = {}
        if part["comment"] is not None:
            word, _, rest = part["comment"].strip().partition(":")
            if word in _KNOWN:
                notes[word] = rest.strip()
            continue
        line = text.count("\n", 0, part.start()) + 1
        before = found[-1] if found and not apart and part["language"] == "text" else None
        found.append(Block(part["language"], part["text"], line, notes, before if before and before.runs else None))
        notes = {}
    return found


def prose(page: Path) -> str:
    """A page without its fenced blocks and comments."""
    return _PARTS.sub("", page.read_text("utf-8"))


def shows(expected: str, output: str) -> str:
    """The first line of `expected` that `output` does not have where it should be; "" when it has them all."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    at, anywhere = 0, False
    for wanted in filter(None, (line.rstrip() for line in expected.splitlines())):
        if wanted == "…":
            anywhere = True
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in wanted.split("…")))
        places = range(at, len(lines) if anywhere else at + 1)
        at = next((i + 1 for i in places if i < len(lines) and pattern.fullmatch(lines[i])), 0)
        if not at:
            return wanted
        anywhere = False
    return ""
