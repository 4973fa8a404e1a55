"""What a login believes of what it is told: where requests may go, and who may get the code.

A server that asks for a login names the login server, and that one names the endpoints: each could name somebody
else's. Sources: MCP 2025-11-25, Authorization (PKCE is announced, endpoints are HTTPS); RFC 9728, 7 (what metadata
may lead to); RFC 9700, 4.4 (mix-up).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import urllib.parse
from typing import Any, Final

LOOK_UP_S: Final = 5.0
_PORTS: Final = {"http": 80, "https": 443}


class NotLoggedIn(Exception):
    """No token was obtained. One sentence."""


class SeveralHosts(NotLoggedIn):
    """The page at which to agree and what gets the code are not of one origin. Some honest providers have it so; so
    has a server that shows the page of an honest one and takes the code. Only a person can tell. `hosts` are the
    origins: of the login server, of the page, of what gets the code, and of where mcpwatch registers if that is said.
    """

    def __init__(self, hosts: tuple[str, ...]) -> None:
        self.hosts = hosts
        super().__init__(", ".join(f"{what} {host}" for what, host in self.each()))

    def each(self) -> list[tuple[str, str]]:
        """What each host is."""
        what = ("login server", "page to agree at", "the code goes to", "registration")
        return list(zip(what, self.hosts, strict=False))


def origin(url: str) -> str:
    """`https://host`, with the port where it is not the usual one. Raises ValueError."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"not an address of the web: {url[:200]}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = parts.port or _PORTS[parts.scheme]
    return f"{parts.scheme}://{host}" + ("" if port == _PORTS[parts.scheme] else f":{port}")


class Checks:
    """Of one login at the server `url`, before each request and before the browser. `context` is the SDK's: what was
    found up to now. `agreed` are the hosts of a `SeveralHosts` that a person took for one provider's."""

    def __init__(self, url: str, context: Any, agreed: tuple[str, ...] = ()) -> None:
        self._home = origin(url)
        self._context = context
        self._agreed = agreed
        self._judged: Any = None  # the metadata that was

    async def request(self, request: Any) -> None:
        """Hook of the HTTP client: raises `NotLoggedIn` instead of the request."""
        context, url = self._context, str(request.url)
        if context.oauth_metadata is not None:
            await self.endpoints()
        elif context.auth_server_url is None:
            if origin(url) != self._home:
                raise NotLoggedIn(
                    f"the server's metadata is to be read at {origin(url)}, which is not the server's own"
                )
        elif request.method == "GET":
            await self._reachable(url, "the login server")
        else:
            await self.endpoints()

    async def endpoints(self) -> None:
        """Judge what the login server says of itself. Raises `NotLoggedIn`."""
        metadata = self._context.oauth_metadata
        if metadata is None:
            if self._context.auth_server_url is not None:
                raise NotLoggedIn(
                    f"the login server {origin(self._context.auth_server_url)} does not describe itself"
                )
            return  # revision 2025-03-26: all is on the server's own origin
        if metadata is self._judged:
            return
        if "S256" not in (metadata.code_challenge_methods_supported or ()):
            raise NotLoggedIn(
                "the login server does not say that it supports PKCE (S256), so the code is not protected"
            )
        named = [
            metadata.issuer,
            metadata.authorization_endpoint,
            metadata.token_endpoint,
            metadata.registration_endpoint,
        ]
        addresses = [str(address) for address in named if address is not None]
        for address in addresses:
            if "#" in address:  # RFC 6749, 3.1
                raise NotLoggedIn(f"an endpoint of the login server has a fragment: {address}")
            await self._reachable(address, "an endpoint of the login server")
        hosts = tuple(map(origin, addresses))
        if len(set(hosts)) > 1 and hosts != self._agreed:
            raise SeveralHosts(hosts)
        self._judged = metadata

    async def _reachable(self, url: str, what: str) -> None:
        """A server on the network names nothing in this machine or behind its firewall, and an encrypted one nothing
        that is not. (A name that stands for another address a moment later is not noticed.)"""
        there = origin(url)
        if there == self._home:
            return
        inside = await _inside(there)
        if inside and not await _inside(self._home):
            raise NotLoggedIn(f"{what} is in this machine or a private network, but the server is not: {there}")
        if there.startswith("http:") and self._home.startswith("https:") and not _loopback(there):
            raise NotLoggedIn(f"{what} is not encrypted, but the server is: {there}")


async def _inside(there: str) -> bool:
    """Whether an origin is of this machine or a private network, by its address, its name or what that stands for."""
    host = urllib.parse.urlsplit(there).hostname or ""
    if _loopback(there):
        return True
    try:
        return _private(host)
    except ValueError:
        pass  # a name
    try:
        async with asyncio.timeout(LOOK_UP_S):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # nobody knows it here; a proxy may
        return False
    return any(_private(str(address[0]).partition("%")[0]) for *_, address in found)


def _loopback(there: str) -> bool:
    host = (urllib.parse.urlsplit(there).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _private(address: str) -> bool:
    """Raises ValueError: not an address."""
    found = ipaddress.ip_address(address)
    found = getattr(found, "ipv4_mapped", None) or found
    return not found.is_global
