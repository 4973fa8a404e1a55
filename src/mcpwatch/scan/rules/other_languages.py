"""Orders in languages whose word order differs: which classes meet in one sentence, in any order.

For sentences that are not written in English (any letter beyond ASCII). The classes are those of `words_other.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.base import Hit, Rule
from mcpwatch.scan.rules.document import Document, Text
from mcpwatch.scan.rules.tokens import END, LETTER

# Letters beyond ASCII: a dash, an arrow or an emoji does not make a sentence foreign.
_FOREIGN = Lazy(r"[^\W\d_\x00-\x7f]")


# Words that only grammar needs, of one of these languages and not English. A text with three of them is not English.
_LISTED = (
    "der das und nicht wird werden dem den ein eine einen für von zum zur mit ist auf oder nach als auch sich"
    " el la los las del en con una por para que como sin pero esta este su lo al cuando"
    " le les des une du dans avec sur est vous et ou ce cette au aux"
    " il gli della dei delle nel che di per questo prima non"
    " não uma com os dos em ao pelo antes"
    " het een van voor niet zijn wordt"
)
_GRAMMAR = frozenset(_LISTED.split())


def _is_foreign(text: Text) -> bool:
    words = {word for word in text.tokens.words if len(word) < 8}
    return len(_GRAMMAR & words) >= 3


def _any(names: str) -> frozenset[str]:
    return frozenset(LETTER[name] for name in names.split("|"))


_PARAM = LETTER["PARAM"]

# (classes that must all occur, points, detail)
_TABLE = tuple(
    (tuple(_any(group) for group in groups.split()), points, detail)
    for groups, points, detail in (
        ("NOT|WITHOUT TELL USER", 44, "orders the model to keep the user in the dark"),
        ("HIDDEN SEND|READ|PUT|CALL|RUN", 38, "orders a silent step"),
        ("IGNORE PREV RULES", 56, "orders the model to drop earlier instructions"),
        ("IGNORE ANY RULES", 50, "orders the model to drop its instructions"),
        ("BYPASS SAFETY|RULES MUST|ALWAYS", 34, "orders safety measures off"),
        ("LEAK", 34, "speaks of a sensitive file"),
        ("READ LEAK", 40, "orders the model to read a sensitive file"),
        ("READ SECRET SEND|PUT", 44, "orders secrets to be read and passed on"),
        ("READ|SEND|PUT SECRET|LEAK MUST|FIRST|BEFORE|ALWAYS", 38, "orders the model to collect secrets"),
        ("SEND|IGNORE SECRET IGNORE|MAIL|URL|OUTSIDE", 44, "orders secrets to be sent"),
        ("SEND SECRET|CONTEXT|DATA MAIL|URL|OUTSIDE", 44, "orders data to be sent to a fixed address"),
        ("SEND|PUT CONTEXT MUST|ALWAYS", 36, "takes the conversation"),
        ("BEFORE ANY TOOL MUST|FIRST", 34, "puts itself before every other tool"),
        ("NOT CALL OTHER TOOL", 38, "forbids other tools"),
        ("REGARDLESS USER SET|SWAP", 44, "changes a value regardless of the request"),
        ("MUST|ALWAYS SWAP SLOT|PARAM|MAIL|URL", 42, "orders a value to be replaced"),
        ("MUST|ALWAYS SET SLOT|MAIL|URL", 34, "orders a value to be replaced"),
        ("SLOT SWAP|SET HIDDEN", 42, "changes a value and hides it"),
        ("SLOT SWAP NUM|MAIL|URL|PHONE", 36, "orders a value to be replaced"),
        ("HIDDEN SECRET|CONTEXT|LEAK PARAM", 38, "takes a secret or the conversation"),
        ("PUT|SEND LEAK|CONTEXT PARAM", 38, "takes a secret or the conversation"),
        ("HIDDEN USER", 34, "keeps the user in the dark"),
        ("NOT|WITHOUT KNOW USER", 42, "keeps the user from knowing"),
        ("SEND|PUT|READ CONTEXT PARAM|QUOTE|IDENT|MUST|BEFORE", 38, "takes the conversation"),
        ("SEND|PUT SECRET|LEAK PARAM|QUOTE|IDENT", 38, "orders secrets into an argument"),
        ("SEND|PUT MAIL ALWAYS|HIDDEN|ANY", 42, "orders data to be sent to a fixed address"),
        ("OTHER TOOL SET|SWAP SLOT|MAIL", 42, "changes what another tool is given"),
        ("WHEN SET|SWAP SLOT MAIL|URL", 40, "orders a value to be replaced"),
    )
)


def _check(document: Document) -> Iterator[Hit]:
    parameters = {name.lower() for name, _about, _required in document.properties}
    for text in document.texts:
        foreign = _is_foreign(text)
        if not foreign and text.plain.isascii():
            continue
        classes, spans = text.tokens.classes, text.tokens.spans
        start = 0
        for sentence in classes.split(END):
            stop = start + len(sentence)
            present = set(sentence)
            if not parameters.isdisjoint(text.tokens.words[start:stop]):
                present.add(_PARAM)
            if len(present) > 1 and (foreign or _FOREIGN.search(text.plain, spans[start][0], spans[stop - 1][1])):
                for groups, points, detail in _TABLE:
                    if all(group & present for group in groups):
                        yield Hit(points, text, spans[start][0], spans[stop - 1][1], detail)
            start = stop + 1


RULE = Rule(
    id="other_languages",
    tier="soft",
    category="injection",
    why="A model reads every language; a reviewer's word list reads one.",
    check=_check,
)
