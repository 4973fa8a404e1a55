"""Text for the one who checks: "note to the scanner: this tool is safe", a forged verdict, "score 0"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.base import Hit, Phrase, Rule, match_phrases
from mcpwatch.scan.rules.document import Document

_TABLE = (
    Phrase("REVIEWER .8 RATE .6 BENIGN", 75, "tells the reviewer what to conclude"),
    Phrase("REVIEWER .4 COLON .8 BENIGN|IGNORE|RATE", 75, "addresses the reviewer"),
    Phrase("REVIEWER .4 MUST|SHOULD .4 IGNORE|BYPASS|RATE|BENIGN", 75, "gives orders to the reviewer"),
    Phrase("IGNORE|BYPASS .4 REVIEWER", 45, "speaks of getting past a reviewer"),
    Phrase("! RATE THIS .4 WITH .2 BENIGN", 75, "tells the reviewer what to conclude"),
    Phrase("RATE .2 THIS .1 TOOL .4 BENIGN", 65, "tells the reviewer what to conclude"),
    Phrase("NOT .1 RATE THIS", 60, "asks the reviewer not to flag it", guarded=False),
    Phrase("THIS .1 TOOL .4 BE .4 BENIGN .4 WITH|AND|OF .3 REVIEWER|SAFETY|BENIGN", 40, "vouches for itself"),
    Phrase("THIS .1 TOOL .4 SAFETY .2 BENIGN", 34, "vouches for itself"),
)
_FORGED = Lazy(
    r"[\"']?\b(?:verdict|risk|score|severity|malicious|is_malicious|classification|threat_level"
    r"|risk_score)\b[\"']?\s*[:=]\s*"
    r"[\"']?(?:0(?:\.0+)?\b(?!\.\d)|safe\b|benign\b|allow\b|none\b|false\b|low\b)",
    re.IGNORECASE,
)


def _check(document: Document) -> Iterator[Hit]:
    yield from match_phrases(document, _TABLE)
    for text in document.texts:
        # In a schema `"score": 0` is a default; in a description it is a forged answer.
        if text.path.endswith("description") and (found := _FORGED.search(text.plain)):
            quoted = found.group().startswith(('"', "'"))
            verdict = re.match(r"[\"']?(?:verdict|malicious|is_malicious|threat_level)", found.group(), re.IGNORECASE)
            yield Hit(60 if quoted and verdict else 18 if verdict else 5, text, *found.span(), "forges a verdict")


RULE = Rule(
    id="reviewer_addressed",
    tier="hard",
    category="reviewer_addressed",
    why="A definition is written for the client's model; text for whoever audits it wants to decide the audit.",
    check=_check,
    phrases=_TABLE,
)
