"""A bank account or wallet written into a definition."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.base import Hit, Rule
from mcpwatch.scan.rules.document import Document

_ACCOUNT = Lazy(
    r"\b(?:[A-Z]{2}\d{2}(?: ?\d{4}){3,6}(?: ?\d{1,4})?|0x[0-9a-fA-F]{40}|bc1[a-z0-9]{25,60}"
    r"|[13][a-km-zA-HJ-NP-Z1-9]{32,33}|T[1-9A-HJ-NP-Za-km-z]{33})\b"
)
_ORDER = Lazy(
    r"\b(?:send|transfer|pay|payments?|replace|route|settle|deposit|forward|goes?|instead|recipient|beneficiary|redirect)\b",
    re.IGNORECASE,
)
# Documentation shows accounts as examples, and names well-known contracts.
_EXAMPLE = Lazy(
    r"\b(?:e\.?g|examples?|for instance|such as|default|format|usdc|usdt|contract|token address|like)\b",
    re.IGNORECASE,
)


def _check(document: Document) -> Iterator[Hit]:
    for text, offset, found in document.find(_ACCOUNT):
        start, end = found.start() - offset, found.end() - offset
        near = text.plain[max(0, start - 100) : start]
        points = 6 if _EXAMPLE.search(near) else 36 if _ORDER.search(near) else 8
        yield Hit(points, text, start, end, "names an account for money to go to")


RULE = Rule(
    id="payment_destination",
    tier="soft",
    category="exfiltration",
    why="A tool takes the payee as an argument; a payee in its description is somebody else's.",
    check=_check,
)
