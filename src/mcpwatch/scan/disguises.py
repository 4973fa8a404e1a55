"""Prose that a model reads and a word list does not: digits for letters, ROT13, backwards, spaced out."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from mcpwatch.scan.lazy import Lazy


class Decoded(NamedTuple):
    """An encoded run and what it says."""

    encoding: str
    start: int
    end: int
    text: str


# Words that a disguised order holds; three of them are no coincidence.
_LISTED = (
    "ignore previous instructions instruction send password passwords file files this that these tool user "
    "read all system prompt secret secrets key keys never tell must always before after call email upload "
    "delete without the and you your credentials token access conversation forward contents private follow "
    "rules hidden "
)
_WORDS = frozenset(_LISTED.split())
_ROT13 = {codecs.encode(word, "rot13"): word for word in _WORDS if len(word) > 2}
_BACKWARDS = {word[::-1]: word for word in _WORDS if len(word) > 2}
_LEAST = 3
_MOST = 4000  # characters that are looked at

_LEET = Lazy(r"[A-Za-z][013457@$]{1,2}[A-Za-z]|\b[013457][A-Za-z]{2}")
_LEET_WORD = Lazy(r"[A-Za-z0-9@$!]{2,24}")
_LETTERS = str.maketrans("013457@$8!", "oieastasbi")
_PLAIN_WORD = Lazy(r"[A-Za-z]{3,24}")
_SPACED = Lazy(r"(?<![A-Za-z])(?:[A-Za-z][ ._*-]{1,3}){9,400}[A-Za-z](?![A-Za-z])")
_WIDE = Lazy(r"[ ._*-]{2,3}")
_NARROW = Lazy(r"[ ._*-]")


def spans(text: str) -> list[Decoded]:
    """What is disguised in `text`: the whole of it, decoded, where enough of its words are."""
    text = text[:_MOST]
    found: list[Decoded] = []
    if _LEET.search(text) and (said := _from_leet(text)):
        found.append(Decoded("digits for letters", 0, len(text), said))
    words = [word.lower() for word in _PLAIN_WORD.findall(text)]
    if sum(word in _ROT13 for word in words) >= _LEAST:
        found.append(Decoded("ROT13", 0, len(text), codecs.encode(text, "rot13")))
    if sum(word in _BACKWARDS for word in words) >= _LEAST:
        found.append(Decoded("letters in reverse", 0, len(text), text[::-1]))
    found += [Decoded("spaced letters", *match.span(), _close(match.group())) for match in _SPACED.finditer(text)]
    return found


def _close(run: str) -> str:
    return " ".join(_NARROW.sub("", word) for word in _WIDE.sub("\n", run).split("\n"))


def _from_leet(text: str) -> str | None:
    known = 0

    def word(match: re.Match[str]) -> str:
        nonlocal known
        written = match.group()
        if written.isalpha() or written.isdigit():
            return written
        lower = written.lower().rstrip("!")
        said = lower.translate(_LETTERS)
        if said not in _WORDS and lower.replace("1", "l").translate(_LETTERS) in _WORDS:
            said = lower.replace("1", "l").translate(_LETTERS)
        known += said in _WORDS
        return said

    said = _LEET_WORD.sub(word, text)
    return said if known >= _LEAST else None
