"""Tokens of chat templates: `[INST]`, `<|im_start|>`, `<<SYS>>`, `### Instruction:`, forged turns."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.base import Hit, Rule, match_regex
from mcpwatch.scan.rules.document import Document

_MARKUP = Lazy(
    r"\[/?INST\]|<\|\s{0,4}/?(?:im_start|im_end|system|user|assistant|endoftext|begin_of_text|eot_id"
    r"|start_header_id)\b[^|]{0,20}\|>"
    r"|<</?SYS>>|<(?:start|end)_of_turn>|#{2,4}\s{0,4}(?:new\s{1,4})?(?:system\s{1,4})?instructions?\s{0,4}(?::|#{2,})"
    r"|-{3}\s{0,4}(?:critical\s{1,4})?(?:system|override|end of (?:system )?(?:prompt|instructions"
    r"|description))[^\n]{0,40}-{3,}"
    r"|(?:^|\n)[ \t]{0,16}(?:system|assistant)[ \t]{0,4}:\s{1,4}(?:you|ignore|from|always|never|trust|bypass)",
    re.IGNORECASE,
)
# The name of the markup, in a text about templates.
_NAMED = Lazy(
    r"\s{0,3}(?:\w{1,12}\s{1,3})?(?:tokens?|tags?|markers?|delimiters?|format|templates?|syntax)\b", re.IGNORECASE
)
_HEADING = Lazy(
    r"(?:^|\n)[ \t]{0,8}(?:#{1,4}[ \t]{0,4}|\*\*|={3,8}[ \t]{0,4})(?:system|operator|developer|admin)"
    r"(?:[ \t](?:message|prompt|update|notice|directive|note))?[ \t]{0,4}(?:\*\*|={3,8}|:|#{1,4})?[ \t]{0,8}\n"
    r"|\bmessage from the (?:developer|operator|administrator|vendor|system)s?\b",
    re.IGNORECASE,
)
_TURNS = Lazy(
    r"(?:^|\n)[ \t]{0,8}(?:user|human)[ \t]?:[^\n]{3,300}\n[ \t]{0,8}(?:assistant|ai)[ \t]?:", re.IGNORECASE
)
_SHOWN = Lazy(r"\b(?:examples?|e\.g|format|template|sample|transcript)\b", re.IGNORECASE)
_WEAK = Lazy(r"(?:^|[\n.!\]][ \t]{0,16})(?:SYSTEM|ASSISTANT|ADMIN|OVERRIDE)[ \t]{0,4}:\s{1,4}\w")


def _check(document: Document) -> Iterator[Hit]:
    for hit in match_regex(document, _MARKUP, 50, "holds the markup of a chat template"):
        assert hit.text is not None
        named = _NAMED.match(hit.text.plain[hit.end : hit.end + 40])
        yield hit._replace(points=15) if named else hit
    yield from match_regex(document, _HEADING, 34, "opens a section in the system's name")
    for hit in match_regex(document, _TURNS, 32, "forges a dialogue"):
        assert hit.text is not None
        shown = _SHOWN.search(hit.text.plain[max(0, hit.start - 80) : hit.start])
        yield hit._replace(points=8) if shown else hit
    yield from match_regex(document, _WEAK, 28, "speaks in the system's voice")


RULE = Rule(
    id="chat_markup",
    tier="hard",
    category="injection",
    why="Template markup in a description tries to end the definition and open a turn of its own.",
    check=_check,
)
