"""Who may use a gateway: Host and Origin as they may be spelled, and the token for other users of the machine.

A browser's page may not use it: a name that was made to point here (DNS rebinding) does not get past the Host header,
a page of another origin not past Origin. Both are taken as browsers write them (RFC 6454, 6.2), in no other way: what
has a login, a path or a strange port in it is not read leniently, but refused.
"""

from __future__ import annotations

import functools
import hmac
import re
from pathlib import Path
from typing import Final

from aiohttp import web

from mcpwatch.protocol import replies
from mcpwatch.protocol.message import INVALID_REQUEST
from mcpwatch.relay.http_headers import OUR_TOKEN
from mcpwatch.store import config as configuration
from mcpwatch.store.files import read_regular

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
TOKEN_LEAST: Final = 16
_NOTHING: Final = frozenset[str]()
_BEARER: Final = frozenset({"authorization"})

_AUTHORITY: Final = re.compile(r"(?:([A-Za-z0-9._-]+)|\[([0-9A-Fa-f:.]+)\])(?::(\d{1,5}))?")


class Refused(Exception):
    """The gateway cannot start. One sentence."""


class Access:
    """`word` is the one of the state file: who can read that is the user, and may ask for the gateway's health."""

    def __init__(self, settings: configuration.Gateway, word: str) -> None:
        self._token = read_token(settings)
        self._word = word.encode()
        self._origins = frozenset(settings.origins)
        own = {settings.host.lower(), *(host.lower() for host in settings.hosts)} - {""}
        self._names = LOOPBACK | own

    def barred(self, request: web.BaseRequest, *, health: bool) -> web.Response | None:
        """Why this request may not come in, if it may not."""
        headers = request.headers
        hosts = headers.getall("Host", ())
        # A request target with a host of its own is for proxies; whose name would count is anyone's guess.
        if len(hosts) != 1 or name_of(hosts[0]) not in self._names or not request.raw_path.startswith("/"):
            return refusal("this Host is not one of the gateway's (DNS rebinding); see `hosts` under [gateway]", 403)
        if "Origin" in headers and not all(map(self._welcome, headers.getall("Origin"))):
            return refusal("pages of this Origin may not use the gateway; see `origins` under [gateway]", 403)
        return self._without_token(request, health) if self._token is not None else None

    def for_us(self, request: web.BaseRequest) -> frozenset[str]:
        """Names, in lower case, of headers of a request that came in which were for the gateway and do not go on."""
        return _BEARER if self._token is not None and OUR_TOKEN not in request.headers else _NOTHING

    def _welcome(self, origin: str) -> bool:
        scheme, separator, rest = origin.partition("://")
        here = bool(separator) and scheme in ("http", "https") and name_of(rest) in LOOPBACK
        return here or origin in self._origins

    def _without_token(self, request: web.BaseRequest, health: bool) -> web.Response | None:
        sent = request.headers.get(OUR_TOKEN)
        if sent is None:
            scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer":
                sent = ""
        said = sent.strip().encode("utf-8", "replace")
        if hmac.compare_digest(said, self._token or b"") or (health and hmac.compare_digest(said, self._word)):
            return None
        response = refusal(f"this gateway wants its token in the header {OUR_TOKEN}", 401)
        response.headers["WWW-Authenticate"] = 'Bearer realm="mcpwatch"'
        return response


def refusal(text: str, status: int) -> web.Response:
    """An answer of the gateway's own, which no server has seen."""
    body = replies.error(b"null", INVALID_REQUEST, f"mcpwatch: {text}").strip()
    return web.Response(body=body, status=status, content_type="application/json")


def read_token(settings: configuration.Gateway) -> bytes | None:
    """The word that requests must bring. Raises `Refused`: others of the network need one."""
    if settings.token_file is None:
        if settings.host.lower() not in LOOPBACK:
            raise Refused(f"{settings.host} is not this machine alone: a --token-file is needed to let others in")
        return None
    try:
        token = read_regular(Path(settings.token_file).expanduser(), 1 << 20).strip()
    except OSError as error:
        raise Refused(f"the token file {settings.token_file} cannot be read: {error.strerror}") from error
    if len(token) < TOKEN_LEAST:
        raise Refused(f"the token in {settings.token_file} is shorter than {TOKEN_LEAST} characters")
    return token


@functools.lru_cache(1024)
def name_of(authority: str) -> str | None:
    """The name in `name[:port]`, in lower case and without brackets; None when it is written in any other way."""
    match = _AUTHORITY.fullmatch(authority)
    if match is None or int(match.group(3) or 0) > 65_535:
        return None
    return (match.group(1) or match.group(2)).lower()
