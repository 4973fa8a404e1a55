"""A second reading of the same tokens, for orders that are told rather than given.

"The conversation goes into `notes`", "agents usually forward the draft": no verb commands, yet a model does it. The
vocabulary of `words.py` leaves third persons out on purpose, because "reads the file" describes most tools. Here they
count, and so do habits, consent nobody gave, and things that no tool's argument is about. Words that are not listed
here keep the class they have there, and a token stands at the same place in both readings.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING

from mcpwatch.scan.rules.words_told import DOMAINS, KINDS, TOLD

if TYPE_CHECKING:
    from mcpwatch.scan.rules.tokens import Tokens


@cache
def _phrases() -> tuple[dict[str, str], frozenset[str]]:
    """Words and phrases → class letter, and every beginning of a phrase."""
    from mcpwatch.scan.rules.tokens import LETTER

    known: dict[str, str] = {}
    beginnings: set[str] = set()
    for name, listed in TOLD.items():
        singles, *more = listed.split("|")
        for word in singles.split():
            known.setdefault(word, LETTER[name])
        if name == "ELSEWHERE":
            more += [f"{domain} {kind}" for domain in DOMAINS.split() for kind in KINDS.split()]
        for phrase in more:
            known.setdefault(phrase, LETTER[name])
            parts = phrase.split(" ")
            beginnings.update(" ".join(parts[:end]) for end in range(1, len(parts)))
    return known, frozenset(beginnings)


def told(tokens: Tokens, parameters: Collection[str], own: str = "") -> str:
    """The classes of a text in this reading, as long as `tokens.classes`. A word that is the name of one of the
    tool's own arguments (`parameters`, lower case) is a PARAM, its own name SELF."""
    from mcpwatch.scan.rules.tokens import END, LETTER, OTHER_WORD

    known, beginnings = _phrases()
    words, letters = tokens.words, list(tokens.classes)
    parameter, ident, quote = LETTER["PARAM"], LETTER["IDENT"], LETTER["QUOTE"]
    identifiers = {index: name for name, index in tokens.names.items()} if parameters else {}
    covered = 0
    for index, letter in enumerate(letters):
        if letter == END and tokens.text[tokens.spans[index][0]] == ";":
            letters[index] = OTHER_WORD  # what is told goes on after it
    for index, word in enumerate(words):
        if index < covered:
            letters[index] = OTHER_WORD
            continue
        found, length = known.get(word), 1
        said, end = word, index + 1
        while said in beginnings and end < len(words):
            said = f"{said} {words[end]}"
            end += 1
            if phrase := known.get(said):
                found, length = phrase, end - index
        quoted = word in parameters and letters[index - 1 : index] == [quote] == letters[index + 1 : index + 2]
        if quoted:
            letters[index] = parameter
        elif found:
            letters[index] = found
            covered = index + length
        elif word == own and letters[index] == OTHER_WORD:
            letters[index] = LETTER["SELF"]
        elif identifiers.get(index, word) in parameters and letters[index] in (OTHER_WORD, ident):
            letters[index] = parameter
    return "".join(letters)
