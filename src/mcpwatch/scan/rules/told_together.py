"""What is told in words that stand in no fixed order: which things meet in one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.base import Hit, Rule, is_about
from mcpwatch.scan.rules.document import GAP, Document
from mcpwatch.scan.rules.tokens import END, LETTER


def _any(names: str) -> frozenset[str]:
    return frozenset(LETTER[name] for name in names.split("|"))


_MOVE = "MOVES|PUT|SEND|COPY|SAVE|SHOW"
# Classes that must all occur, points, detail.
_Row = tuple[tuple[frozenset[str], ...], float, str]
_TABLE: tuple[_Row, ...] = tuple(
    (tuple(_any(group) for group in groups.split()), float(points), detail)
    for groups, points, detail in (
        (f"TALK|CONTEXT {_MOVE} PARAM", 34, "moves the conversation"),
        (f"CRED|LEAK {_MOVE} PARAM", 34, "moves a secret"),
        (f"SECRET|HOST {_MOVE} PARAM NORM|READERS|USER", 32, "moves a secret"),
        ("TALK|CONTEXT|CRED|LEAK|SECRET|HOST NORM|READERS PARAM", 34, "moves a secret by habit"),
        ("TALK|CONTEXT|CRED|LEAK|SECRET|HOST NONEED NOTICE", 32, "moves a secret unsaid"),
        ("TALK|CONTEXT|CRED|LEAK|HOST URL|MAIL|PHONE", 22, "moves what is private to an address"),
        ("ELSEWHERE BCC|MOVES|SEND|PUT MAIL|PHONE|URL", 40, "sends something by another tool"),
        ("ELSEWHERE SLOT CHANGES|SWAP|SET", 38, "changes what another tool is given"),
        ("ELSEWHERE CHANGES|SWAP|LEFTOUT|DROPS PARAM|PHONE|MAIL", 38, "changes what another tool is given"),
        ("ELSEWHERE STALE SELF|SETTLE", 38, "takes the place of other tools"),
        ("OTHER STALE SELF|SETTLE", 32, "takes the place of other tools"),
        ("SLOT CHANGES LEFTOUT|NONEED", 38, "changes a value and hides it"),
        ("SLOT CHANGES MAIL|PHONE|URL", 34, "changes a value"),
        ("CONTENT GUIDE ASIF|CONSENTED", 36, "gives content the rank of the user"),
        ("GUIDE OBEYS ASIF", 38, "gives content the rank of the user"),
        ("GUIDE CONSENTED OBEYS|ASIF", 36, "vouches for orders in content"),
        ("CONTENT COMMAND OBEYS", 30, "has orders in content obeyed"),
        ("OBEYS ASIF", 32, "gives content the rank of the user"),
        ("CONSENTED NONEED", 30, "says that the user has agreed"),
        ("CONTENT OBEYS ASIF", 36, "gives content the rank of the user"),
        ("CONTENT COMMAND|GUIDE OBEYS READERS|NORM|TOOL", 28, "has orders in content obeyed"),
        ("GUIDE URL SUPERSEDES|STARTUP|OBEYS", 34, "has orders fetched from elsewhere"),
        ("CONSENTED NOTICE NONEED", 36, "says that the user has agreed"),
        ("CONSENTED USER|WHO|READERS NONEED", 34, "says that the user has agreed"),
        ("AGAIN ENDLESS", 36, "wants to be called without end"),
        ("AGAIN ENDLESS TALK|USER|CHAT", 40, "wants to be called without end"),
        ("SLANT LEFTOUT|CRITICISM", 34, "slants what the user is shown"),
        ("CRITICISM LEFTOUT|DROPS", 34, "leaves criticism out"),
        ("DROPS|REMOVE VALUABLE NORM|NONEED|READERS|LEFTOUT", 36, "tells of something deleted on the side"),
        ("VIEW LEFTOUT CHANGES|SWAP|SET|MOVES", 36, "leaves something out of what the user sees"),
        ("USER NONEED NOTICE", 32, "says that the user need not be told"),
    )
)
_TOPIC = Lazy(
    r"chat|convers|messag|memory|memori|prompt|agent|llm|transcript|session|context|assistant|reason|though"
    r"|think|key"
    r"|secret|vault|auth|credential|passw|login|token|env\b|environ|config|ssh|kube|certificat|webhook|mail"
    r"|poll|wait"
    r"|backup|clean|prune|delete",
    2,
)
_ON_TOPIC = 0.4
_LONGEST = 60  # words of a sentence; longer ones are lists


def _check(document: Document) -> Iterator[Hit]:
    whole = document.told_present
    table = [row for row in _TABLE if not any(group.isdisjoint(whole) for group in row[0])]
    if not table:
        return
    about: bool | None = None
    position = 0
    for text in document.texts:
        classes = document.told[position : position + len(text.tokens.classes)]
        position += len(classes) + len(GAP)
        start = 0
        for sentence in classes.split(END):
            if 2 < len(sentence) <= _LONGEST and (best := _strongest(sentence, table)):
                if about is None:
                    about = is_about(document, _TOPIC)
                spans = text.tokens.spans
                last = spans[start + len(sentence) - 1][1]
                yield Hit(best[0] * (_ON_TOPIC if about else 1.0), text, spans[start][0], last, best[1])
            start += len(sentence) + 1


def _strongest(sentence: str, table: Sequence[_Row]) -> tuple[float, str] | None:
    fitting = [row[1:] for row in table if not any(group.isdisjoint(sentence) for group in row[0])]
    return max(fitting, default=None)


RULE = Rule(
    id="told_together",
    tier="soft",
    category="deception",
    why="A habit, a secret and an argument in one sentence say enough, whatever the grammar.",
    check=_check,
    told=True,
)
