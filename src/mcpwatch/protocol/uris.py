"""Whether two URIs may mean one resource, and whether a template may make a URI.

Servers compare URIs in ways of their own: as text, normalised (RFC 3986 §6.2), or as WHATWG's parser leaves them. Who
refuses a resource must refuse every spelling that any of them takes for it, so both sides are reduced to the same
few forms, on purpose coarser than any server: letters in one case, escapes decoded, dot segments resolved in every
order, empty segments, user, default port and fragment left out. Two URIs that share a form may mean one resource.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

LONGEST: Final = 4096
"""Characters of a URI that is compared. A longer one may mean anything."""

_DECODED: Final = 3  # times an escape may be escaped
_BLANKS: Final = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME: Final = re.compile(r"([^/\\?#:]{0,64}):[/\\]*")
_PORTS: Final = {"http": "80", "ws": "80", "https": "443", "wss": "443", "ftp": "21"}
_HOLE: Final = "\ue000"  # stands for an expression of a template


def same(one: str, other: str) -> bool:
    """Whether the URIs may mean one resource."""
    if one == other:
        return True
    if len(one) > LONGEST or len(other) > LONGEST:
        return len(other) > LONGEST  # the one that was asked for
    return any(
        path == other_path and (query == other_query or not query)
        for path, query in forms(one)
        for other_path, other_query in forms(other)
    )


def makes(template: str, uri: str) -> bool:
    """Whether the URI template (RFC 6570) may make this URI, or one that means the same.

    Every expression may stand for anything: which characters a server lets it take is the server's affair.
    """
    if template == uri or len(uri) > LONGEST or len(template) > LONGEST:
        return True
    texts = {text for path, query in forms(uri) for text in (path, f"{path}/", f"{path}?{query}", f"{path}/?{query}")}
    return any(_fits(pieces, text) for pieces in _patterns(template) for text in texts)


@lru_cache(maxsize=1024)
def forms(uri: str) -> frozenset[tuple[str, str]]:
    """(path with scheme and authority, query) of every way to read the URI."""
    text = _folded(_BLANKS.sub("", uri.strip()))
    found = set()
    for _ in range(_DECODED + 1):
        path, _, query = text.partition("#")[0].partition("?")
        for rooted in (True, False):
            found.add((_decoded(_resolved(path, rooted)), _decoded(query)))
        decoded = _folded(unquote(text))
        if decoded == text:
            break
        text = decoded
    return frozenset((_resolved(path, rooted), query) for path, query in found for rooted in (True, False))


def _folded(text: str) -> str:
    # A character may become eighteen.
    return unicodedata.normalize("NFKC", text[: 4 * LONGEST]).casefold()


def _decoded(text: str) -> str:
    for _ in range(_DECODED):
        decoded = _folded(unquote(text))
        if decoded == text:
            break
        text = decoded
    return text


def _resolved(path: str, rooted: bool) -> str:
    """Without dot segments and empty ones. `rooted`: the first segment is a host, which no `..` takes away."""
    scheme, rest = "", path
    if found := _SCHEME.match(path):
        scheme, rest = found.group(1), path[found.end() :]
    segments: list[str] = []
    for segment in re.split(r"[/\\]", rest):
        plain = segment.replace("%2e", ".")
        if plain == "..":
            if len(segments) > int(rooted):
                segments.pop()
        elif plain and plain != ".":
            segments.append(segment if segments else _host(scheme, segment))
    if scheme == "file" and segments[:1] == ["localhost"]:
        del segments[0]
    return f"{scheme}:{'/'.join(segments)}" if found else "/".join(segments)


def _host(scheme: str, authority: str) -> str:
    host = authority.rpartition("@")[2]
    name, colon, port = host.rpartition(":")
    if colon and (not port or port == _PORTS.get(scheme)):
        host = name
    if "xn--" in host:
        try:
            host = host.encode("ascii").decode("idna").casefold()
        except UnicodeError:
            return host
    return host


@lru_cache(maxsize=1024)
def _patterns(template: str) -> frozenset[tuple[str, ...]]:
    """The literal texts between the expressions, in every form. What is not well-formed is an expression."""
    holed = re.sub(r"\{[^{}]*\}", _HOLE, template)
    holed = re.sub(r"[{}].*", _HOLE, holed, flags=re.DOTALL)
    texts = {text for path, query in forms(holed) for text in ({path, f"{path}?{query}"} if query else {path})}
    return frozenset(tuple(text.split(_HOLE)) for text in texts)


def _fits(pieces: tuple[str, ...], text: str) -> bool:
    """Whether the pieces stand in the text in this order, the first at its start and the last at its end."""
    if len(pieces) == 1:
        return text == pieces[0]
    first, *middle, last = pieces
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True
