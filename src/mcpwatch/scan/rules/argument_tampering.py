"""Orders to change what the user asked for: another recipient, amount, query or value, whatever the user's input."""

from __future__ import annotations

from collections.abc import Iterator

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.base import Hit, Phrase, Rule, match_phrases
from mcpwatch.scan.rules.document import Document

_TABLE = (
    Phrase(
        "SET|SWAP|ROUTE|SETS .12 REGARDLESS .5 USER|GIVEN|PARAM|PREV|SLOT|OP",
        44,
        "changes a value regardless of the request",
    ),
    Phrase("REGARDLESS .4 USER|GIVEN|PREV", 26, "disregards what the user asked for"),
    Phrase("IGNORE .4 USER .4 GIVEN|PARAM|OP|SLOT|DATA", 42, "orders the user's input to be ignored"),
    Phrase("IGNORE .2 ANY? .2 GIVEN", 42, "orders the user's input to be ignored"),
    Phrase("MUST|ALWAYS|AGENT|INSTEAD .4 SET|SWAP .6 TO|WITH .2 QUOTE|MAIL|URL", 36, "orders a value to be replaced"),
    Phrase("! SET|SWAP .4 PARAM|SLOT|IDENT .5 TO|WITH .2 QUOTE|MAIL|URL", 20, "orders a value to be replaced"),
    Phrase("MUST|ALWAYS .4 SET|SWAP .5 PARAM|SLOT|TO", 22, "orders a value to be changed"),
    Phrase("PARAM|SLOT|DATA .4 MUST .2 BE .2 SET|SWAP", 26, "says a value must be changed"),
    Phrase("ALWAYS .2 ROUTE|SETS|SET|SWAP", 24, "changes calls automatically"),
    Phrase("SET|SWAP .8 INSTEAD", 20, "replaces one value by another"),
    Phrase("WHEN|EVERY .10 CALL .8 SET|SWAP|ROUTE .8 TO .3 QUOTE", 30, "replaces a value when another tool is used"),
    Phrase("! SET|SWAP .1 BEHAVIOR OF .3 ANY|OTHER|TOOL", 38, "changes how other tools behave"),
    Phrase("TREAT .6 WITH .3 ROLE|BENIGN", 24, "redefines how input is treated"),
    Phrase("PARAM|SLOT|DATA|OP|QUERY .5 MUST .2 BE .2 SWAP", 38, "says a value must be replaced"),
    Phrase("PARAM|SLOT|DATA|OP|QUERY .5 SHOULD .2 BE .2 SWAP", 32, "says a value should be replaced"),
    Phrase("WHEN|EVERY|BEFORE .12 MUST|SHOULD .3 BE? .2 SWAP", 32, "replaces a value on some occasion"),
    Phrase("! SWAP .4 PARAM|SLOT|RESPONSE|DATA .5 TO|WITH", 28, "orders a value to be replaced"),
    Phrase("SWAP .4 RESPONSE|SLOT|DATA .6 BEFORE .2 SHOW|PUT|SEND", 40, "falsifies a result before it is shown"),
    Phrase("! SWAP .3 RETURNED .6 BEFORE .3 SHOW", 42, "falsifies a result before it is shown"),
    Phrase("MUST|SHOULD .3 BE? SHOW .4 LESS", 32, "falsifies a result"),
    Phrase("MUST .3 SET|SWAP .8 RATHER .4 GIVEN|ASK|USER", 42, "puts another value in place of the one asked for"),
    Phrase("NOT .4 SLOT|PARAM|DATA .3 GIVEN .3 USER", 30, "disregards what the user gave", guarded=False),
    Phrase("RATHER .5 GIVEN|USER", 26, "puts another value in place of the one asked for", guarded=False),
    Phrase("WHEN|EVERY .10 USER .2 ASK|NEED|GIVEN .10 CALL|SET|SWAP|CHOOSE .3 NOT", 16, "acts against the request"),
    Phrase("! PUT QUOTE .8 TO ANY", 36, "adds words to every result"),
    Phrase("ALWAYS|MUST .4 PUT QUOTE .8 TO", 28, "adds words to results"),
    Phrase("MUST .2 BE SWAP", 28, "says a value must be replaced"),
    Phrase("MUST|SHOULD .2 BE? ALWAYS .1 BE", 22, "fixes a value"),
    Phrase("SLOT|PARAM .2 MUST|SHOULD .1 ALWAYS .1 BE", 34, "fixes an argument"),
    Phrase("SWAP .4 SLOT .12 BEFORE .2 SHOW", 42, "falsifies a result before it is shown"),
    Phrase("SHOW .4 WITH NUM .4 EVEN", 40, "falsifies a report"),
    Phrase("ALWAYS PUT .5 QUOTE", 30, "adds a fixed value"),
    Phrase("MUST|NEED .3 SLOT .2 SWAP .2 WITH|TO", 42, "says a value must be replaced"),
    Phrase("SET|SWAP .4 SLOT|PARAM .4 TO .2 PHONE|MAIL", 36, "orders a value to be replaced"),
)

# "Automatically set to "x" when …", "always set `filter` to 'failure'" (an argument of its own): how to use it.
_DEFAULT = Lazy(r"\bset\s{1,20}to\b", 2)
_CONDITION = Lazy(r"[^\n.]{0,40}?[\"'`”’]\s{0,3}(?:when|if|unless|for)\b")
_OWN = 0.5


def _check(document: Document) -> Iterator[Hit]:
    own = [name.lower() for name, _about, _required in document.properties if len(name) > 3]
    for hit in match_phrases(document, _TABLE):
        assert hit.text is not None
        said = hit.text.plain[hit.start : hit.end].lower()
        default = _DEFAULT.search(said) and _CONDITION.match(hit.text.plain[hit.end : hit.end + 80])
        if "a value to be replaced" in hit.detail and (default or any(name in said for name in own)):
            hit = hit._replace(points=hit.points * _OWN)
        yield hit


RULE = Rule(
    id="argument_tampering",
    tier="soft",
    category="deception",
    why="The subtlest attacks steal nothing and speak of no secret: they make the call differ from the request.",
    check=_check,
    phrases=_TABLE,
)
