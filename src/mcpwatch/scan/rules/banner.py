"""Official-sounding headings in a description: "CRITICAL SYSTEM UPDATE:", "SECURITY PROTOCOL:"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.base import Hit, Rule
from mcpwatch.scan.rules.document import Document

_WHO = (
    "system|security|compliance|internal|admin(?:istrator)?|emergency|critical|mandatory|developer|dev|privacy|privilege"
    "|environment|operational|maintenance|integrity|urgent|global|override|performance|safety|platform|infrastructure"
)
_WHAT = (
    "update|protocol|requirement|override|directive|maintenance|instruction|policy|notice|alert|bulletin|advisory"
    "|enhancement|optimi[sz]ation|escalation|check|validation|verification|announcement|dev note|note|mode|command"
    "|upgrade|patch|migration|rule|order|procedure|mandate"
)
_BANNER = Lazy(rf"\b((?:(?:{_WHO})[ _-]+){{1,3}}(?:{_WHAT})(?:[ _-](?:{_WHAT}|available|required))?):", re.IGNORECASE)
# Honest documentation has these, in capitals too.
_NOTE = Lazy(
    r"(?:privacy|security|safety|performance|critical|urgent)[ _-]+(?:notes?|notice)$|(?:rule|mode|command)$",
    re.IGNORECASE,
)
# Two or more words in capitals before a colon, whatever they say ("FAMILY TRAVEL OPTIMIZATION:"), later than the
# first words.
_SHOUT = Lazy(r"(?<=[.!?] )((?:[A-Z]{3,}[ _-]){1,4}[A-Z]{4,}):")


# The last words of a banner: without one of them before a colon there is no need for the slow look.
_ENDS = tuple(
    f"{word}:"
    for word in [
        "update",
        "protocol",
        "requirement",
        "override",
        "directive",
        "maintenance",
        "instruction",
        "policy",
        "notice",
        "alert",
        "bulletin",
        "advisory",
        "enhancement",
        "optimization",
        "optimisation",
        "escalation",
        "check",
        "validation",
        "verification",
        "announcement",
        "note",
        "mode",
        "command",
        "upgrade",
        "patch",
        "migration",
        "rule",
        "order",
        "procedure",
        "mandate",
        "available",
        "required",
    ]
)


def _check(document: Document) -> Iterator[Hit]:
    banners = any(end in document.lowered for end in _ENDS)
    for text in document.texts:
        if ":" not in text.plain:
            continue
        if banners and (found := _BANNER.search(text.plain)):
            claim = found.group(1)
            loud = claim.isupper() and not _NOTE.search(claim)
            yield Hit(30 if loud else 8, text, *found.span(1), "announces itself as an official notice")
        elif found := _SHOUT.search(text.plain):
            yield Hit(10, text, *found.span(1), "interrupts itself with a heading in capitals")


RULE = Rule(
    id="banner",
    tier="soft",
    category="injection",
    why="A tool's description is no channel for system updates; the heading lends an order a borrowed authority.",
    check=_check,
)
