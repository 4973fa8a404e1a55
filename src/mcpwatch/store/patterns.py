"""`server/tool` patterns: shell globs on each side of the first slash.

What frees a tool matches its name exactly. What binds it matches its other spellings too: servers trim names and fold
their case, and `PAY_now` would get past a limit on `pay_*`. A bare name is not a pattern: it would be inherited by
another server's tool of the same name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache


def check_pattern(pattern: str) -> str:
    """The pattern, stripped. Raises ValueError saying what is wrong with it."""
    pattern = pattern.strip()
    server, slash, tool = pattern.partition("/")
    if not slash or not server or not tool:
        raise ValueError(f"a pattern is SERVER/TOOL, for example 'github/*'; not {pattern!r}")
    if len(pattern) > 512 or not pattern.isprintable():
        raise ValueError("a pattern is at most 512 printable characters")
    return pattern


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    server, _, tool = pattern.partition("/")
    return re.compile(translate(server)), re.compile(translate(tool))


def matches(pattern: str, server: str, tool: str) -> bool:
    """Whether the pattern matches this tool of this server exactly."""
    if pattern == "*/*":
        return True
    on_server, on_tool = _compiled(pattern)
    return on_server.match(server) is not None and on_tool.match(tool) is not None


def binds(pattern: str, server: str, tool: str) -> bool:
    """Whether the pattern matches this tool of this server, in whatever spelling."""
    if matches(pattern, server, tool):
        return True
    if _compiled(pattern)[0].match(server) is None:
        return False
    from mcpwatch.protocol import names  # unicodedata: not before there is a pattern that may need it

    return names.may_mean(tool, pattern.partition("/")[2])


def covered(protect: Iterable[str], exempt: Iterable[str], server: str, tool: str) -> bool:
    """Protected: some pattern protects it and none exempts it."""
    return any(binds(p, server, tool) for p in protect) and not any(matches(p, server, tool) for p in exempt)
