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


def _check(document: Document) -> Iterator[Hit]:
    for text in document.texts:
        if found := _WEAK.search(text.plain):
            near = text.plain[max(0, found.start() - 120) : found.end() + 40]
            points = 30 if _ORDER.search(near) else 8
            yield Hit(
                points / 2 if _TOPIC.search(document.name) else points,
                text,
                *found.span(),
                "weakens a defence of the machine",
            )


RULE = Rule(
    id="weakened_defence",
    tier="soft",
    category="execution",
    why="What an attacker prepares for later looks like a setting today.",
    check=_check,
)
