"""What a tool can do, as badges: facts for the screen, never a verdict. An honest `run_command` is `exec` and
safe.
"""

from __future__ import annotations

from typing import Any

from mcpwatch.scan.lazy import Lazy

BADGES: tuple[str, ...] = ("exec", "write", "delete", "network", "money", "secrets")

_BY_WORD: dict[str, str] = {
    word: badge
    for badge, words in {
        "exec": "execute exec eval shell bash terminal command subprocess powershell python script repl",
        "write": (
            "write create update edit modify append insert save put patch rename move commit push set replace upload"
        ),
        "delete": "delete remove drop purge destroy erase wipe truncate uninstall",
        "network": (
            "http https url fetch download upload webhook request browse navigate crawl "
            "scrape curl send email post publish"
        ),
        "money": (
            "pay payment payments purchase buy order refund charge invoice transfer payout "
            "checkout subscription trade withdraw"
        ),
        "secrets": "password passwords credential credentials secret secrets token tokens key keys vault",
    }.items()
    for word in words.split()
}
_WORDS = Lazy(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def capabilities(definition: Any) -> tuple[str, ...]:
    """Badges told by the name and the first sentence of the description, in the order of `BADGES`."""
    if not isinstance(definition, dict):
        return ()
    name, about = definition.get("name"), definition.get("description")
    said = name[:200] if isinstance(name, str) else ""
    if isinstance(about, str):
        said += " " + about[:300].partition(". ")[0]
    found = {_BY_WORD.get(word.lower()) for word in _WORDS.findall(said)}
    hints = definition.get("annotations")
    if isinstance(hints, dict) and hints.get("destructiveHint") is True and hints.get("readOnlyHint") is not True:
        found.add("write")
    return tuple(badge for badge in BADGES if badge in found)
