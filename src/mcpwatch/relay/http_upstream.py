"""Requests to a server: one pool of connections, TLS verified, no redirects to other hosts, no cookies kept."""

from __future__ import annotations

import contextlib
import functools
import re
import urllib.request
from collections.abc import AsyncIterator
from typing import Final

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from mcpwatch.relay.http_request import AsItIs, Unasked
from mcpwatch.store.mask import MASK, masked

CONNECT_S: Final = 15.0
KEEP_S: Final = 3.0  # servers close idle connections after 5 s; a request on one that is closing is lost
HEADER_BYTES: Final = 1 << 16
SHORT_BYTES: Final = 1 << 20  # of what is about a server: metadata, tokens
REDIRECTS: Final = 3
CONNECTIONS: Final = 10  # tried for a request, where a server answers on them before it is asked
_SAME_REQUEST: Final = (307, 308)
_OF_A_GET: Final = (301, 302, 303)
_THIS_MACHINE: Final = ("127.0.0.1", "localhost", "::1")
_KEY_LIKE: Final = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w%.~=+-]{20,}", re.ASCII)
_QUERY: Final = re.compile(r"[!\"$-~]+")  # what may stand in a request line; no number sign, which ends a query
_URL: Final = re.compile(r"https?://[^\s'\"<>]*")
_AUTOMATIC: Final = ("User-Agent", "Accept", "Content-Type", "Accept-Encoding")


class Unreachable(Exception):
    """The server gave no answer. One sentence."""


def pool() -> aiohttp.ClientSession:
    """The connections of a gateway to all its servers. To be closed."""
    return aiohttp.ClientSession(
        request_class=AsItIs,
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_S, ttl_dns_cache=60),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
        skip_auto_headers=_AUTOMATIC,
        max_line_size=HEADER_BYTES,
        max_field_size=HEADER_BYTES,
    )


def checked_url(text: str) -> URL:
    """The URL of a server. Raises ValueError."""
    try:
        url = URL(text)
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError
        url.port  # noqa: B018 - raises for one that is none
    except ValueError:
        raise ValueError("its `url` is no http or https URL") from None  # which may hold secrets all the same
    return url.with_fragment(None)


def with_query(url: URL, query: str) -> URL:
    """The URL with a client's query behind its own, byte for byte. Raises ValueError for what is no query."""
    if not query:
        return url
    if _QUERY.fullmatch(query) is None:
        raise ValueError("the query has characters that no URL has")
    return URL(f"{url}{'&' if url.raw_query_string else '?'}{query}", encoded=True)


def joined(base: URL, reference: str) -> URL:
    """The URL that a server refers to. Its query keeps its bytes, which may be a key. Raises ValueError."""
    url = base.join(URL(reference)).with_fragment(None)
    query = reference.partition("#")[0].partition("?")[2]
    return with_query(url.with_query(None), query) if _QUERY.fullmatch(query) else url


def shown(url: URL) -> str:
    """A URL for people and records: no login, no query, and no part of the path that looks like a key."""
    parts = [MASK if _KEY_LIKE.fullmatch(part) else part for part in url.raw_path.split("/")]
    return f"{url.origin()}{masked('/'.join(parts))}"


def same_origin(url: URL, other: URL) -> bool:
    """Whether both are of one server; its TLS side is the same server as its plain one."""
    upgraded = (url.scheme, other.scheme) == ("http", "https")
    return url.host == other.host and (upgraded or url.origin() == other.origin())


async def ask(
    http: aiohttp.ClientSession, method: str, url: URL, headers: CIMultiDict[str], body: bytes | None = None
) -> aiohttp.ClientResponse:
    """The server's answer, its body unread. Follows redirects within the server. Raises `Unreachable`."""
    asked = url
    for _ in range(REDIRECTS + 1):
        try:
            response = await _asked(http, method, asked, headers, body)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise Unreachable(f"{url.origin()} cannot be reached: {_said(error)}") from error
        if response.status < 300:
            return response
        redirected = response.status in _SAME_REQUEST or (method == "GET" and response.status in _OF_A_GET)
        location = response.headers.get("Location")
        if not redirected or location is None:
            return response
        response.release()
        try:
            target = joined(asked, location)
            elsewhere = target.origin()
        except ValueError:
            raise Unreachable(f"{url.origin()} redirects to what is no address") from None
        if not same_origin(asked, target):
            raise Unreachable(
                f"{url.origin()} redirects to {elsewhere}, and mcpwatch follows no redirect to another server:"
                " put that URL into the configuration if you trust it"
            )
        asked = target
    raise Unreachable(f"{url.origin()} redirects in a circle")


async def _asked(
    http: aiohttp.ClientSession, method: str, url: URL, headers: CIMultiDict[str], body: bytes | None
) -> aiohttp.ClientResponse:
    """The answer of this URL, on a connection without one to somebody else."""
    proxy = _proxy(url.scheme, url.host)
    for _ in range(CONNECTIONS):
        with contextlib.suppress(Unasked):  # nothing was sent, and that connection is closed
            return await http.request(
                method, url, data=body or None, headers=headers, allow_redirects=False, proxy=proxy
            )
    raise Unasked("it answers before it is asked")


def not_again(answer: aiohttp.ClientResponse) -> None:
    """Have no more asked on the connection of this answer, which was none to what was asked: others may be behind,
    too."""
    protocol = getattr(answer, "_protocol", None)
    if protocol is not None:
        protocol.force_close()


@functools.cache
def _proxy(scheme: str, host: str | None) -> str | None:
    """The proxy the environment names for a server; never for one on this machine."""
    if host is None or host in _THIS_MACHINE or urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies_environment().get(scheme)


async def short_body(answer: aiohttp.ClientResponse) -> bytes:
    """The whole body of an answer that is to be short, in however many pieces it comes. Raises `Unreachable`."""
    body = b""
    try:
        async for part in answer.content.iter_any():
            body += part
            if len(body) > SHORT_BYTES:
                raise Unreachable(f"{answer.url.origin()} answers with more than {SHORT_BYTES:,} bytes")
    except (aiohttp.ClientError, OSError) as error:
        raise Unreachable(f"{answer.url.origin()} broke off in the middle of its answer") from error
    finally:
        answer.release() if answer.content.is_eof() else answer.close()
    return body


def left_over(content: aiohttp.StreamReader) -> bytes:
    """What had come when the stream broke, and was not read: aiohttp tells of the break first."""
    parts = b"".join(getattr(content, "_buffer", ()))
    return parts[getattr(content, "_buffer_offset", 0) :]


async def arriving(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Chunks as they come; when the stream breaks, what is left of it before the error."""
    try:
        while not content.at_eof():
            yield await content.readany()
    except aiohttp.ClientError:
        if left := left_over(content):
            yield left
        raise


def _said(error: BaseException) -> str:
    """What the HTTP library says, without the URLs it says it of: their queries and paths may be keys."""
    if isinstance(error, aiohttp.ClientResponseError):
        return error.message or type(error).__name__
    if isinstance(error, TimeoutError):
        return f"no connection within {CONNECT_S:.0f} seconds"
    return _URL.sub(MASK, str(error).replace(" ssl:default", "")) or type(error).__name__
