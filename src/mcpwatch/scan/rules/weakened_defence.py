"""Orders that weaken the machine: open ports to everyone, passwordless sudo, privileged containers, world-
writable files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.base import Hit, Rule
from mcpwatch.scan.rules.document import Document

_WEAK = Lazy(
    r"\b0\.0\.0\.0(?:/0)?\b|\bNOPASSWD\b|--privileged\b|\bsudoers\b|\bworld[- ](?:readable"
    r"|writ(?:e)?able)\b|\bchmod\s+(?:-R\s+)?0?[67]{3}\b"
    r"|\bPermitRootLogin\b|\bauthorized_keys\b|--no-verify\b|\bbind_address\b|\bhost root\b"
    r"|--no-check-certificate\b"
    r"|\bdisable (?:the )?(?:selinux|firewall|antivirus|tls|ssl|2fa|mfa)\b|\brejectUnauthorized\b"
    r"|\bpre-commit hook\b|\bcrontab\b|\bLD_PRELOAD\b",
    re.IGNORECASE,
)
_ORDER = Lazy(
    r"\b(?:must|always|should|has to|have to|need to|before|prior to|whenever|first|every time"
    r"|add|open|set|make|start)\b",
    re.IGNORECASE,
)
_TOPIC = Lazy(
    r"network|port|firewall|docker|container|kube|ssh|chmod|permission"
    r"|hook|git|cron|security|group|server|bind|host|scan|nmap",
    re.IGNORECASE,
)


# One of these occurs in every match: a quick look before the slow one.
_MARKS = (
    *(
        "0.0.0.0",
        "nopasswd",
        "--",
        "sudoers",
        "world",
        "chmod",
        "rootlogin",
        "authorized_keys",
        "bind_address",
        "host root",
    ),
    *("disable", "rejectunauthorized", "pre-commit", "crontab", "ld_preload"),
)


def _check(document: Document) -> Iterator[Hit]:
    if not any(mark in document.lowered for mark in _MARKS):
        return
    for text, offset, found in document.find(_WEAK):
        start, end = found.start() - offset, found.end() - offset
        points = 30 if _ORDER.search(text.plain, max(0, start - 120), end + 40) else 8
        if _TOPIC.search(document.name):
            points //= 2
        yield Hit(points, text, start, end, "weakens a defence of the machine")


RULE = Rule(
    id="weakened_defence",
    tier="soft",
    category="execution",
    why="What an attacker prepares for later looks like a setting today.",
    check=_check,
)
