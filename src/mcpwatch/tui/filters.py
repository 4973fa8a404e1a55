"""The filter a person types: words, and tokens with a key (`tool:read`, one of `KEYS`); `!` negates.

Every word must match. A word without a key is looked for in all the text of a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

KEYS = ("tool", "server", "client", "level", "state", "flag", "dir", "kind", "rule")
EXAMPLE = "tool:read server:git level:danger state:error !client:cursor words"


class Term(NamedTuple):
    key: str  # "" looks everywhere
    text: str  # case-folded
    negated: bool


def parse(text: str) -> tuple[Term, ...]:
    terms = []
    for word in text.split():
        negated = word.startswith("!") and len(word) > 1
        word = word[1:] if negated else word
        key, colon, value = word.partition(":")
        if colon and key.lower() in KEYS:
            if value:
                terms.append(Term(key.lower(), value.casefold(), negated))
        else:
            terms.append(Term("", word.casefold(), negated))
    return tuple(terms)


def matches(terms: tuple[Term, ...], fields: Callable[[], Mapping[str, str]]) -> bool:
    """Whether every term holds for a row's `fields` (by key, "" for all of its text). A row that has no such
    field is not narrowed by it: `level:` says nothing about a notification."""
    if not terms:
        return True
    have = fields()
    return all(term.key not in have or (term.text in have[term.key].casefold()) != term.negated for term in terms)
