"""OAuth discovery through the gateway: a server's metadata, at the paths at which clients of our URL look for it.

A client of `http://127.0.0.1:7373/<server>/mcp` asks `/.well-known/<what>/<server>/mcp` (RFC 9728, 3.1; RFC 8414,
3.1). What the server says is passed on as it is, and so is its `resource`: a token is for the server, not for us. A
client that insists on a `resource` equal to the URL it uses cannot go through; `mcpwatch login` is for those.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from aiohttp import web
from multidict import CIMultiDict

from mcpwatch.relay.http_headers import to_client
from mcpwatch.relay.http_relay import HttpServer
from mcpwatch.relay.http_upstream import Unreachable, ask, short_body, with_query

WELL_KNOWN: Final = "/.well-known/"
_DOCUMENTS: Final = ("oauth-protected-resource", "oauth-authorization-server", "openid-configuration")
_METHODS: Final = ("GET", "OPTIONS")
_OF_PAGES: Final = ("Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers")
"""What a browser says of the page that asks; the server decides, as it does for its other paths."""

DOCUMENT_S: Final = 30.0  # for a whole document


async def relay_metadata(
    request: web.BaseRequest, path: str, servers: Mapping[str, HttpServer]
) -> web.StreamResponse:
    """The metadata document of the server this path is about."""
    document, _, rest = path.removeprefix(WELL_KNOWN).partition("/")
    name = rest.partition("/")[0]
    server = servers.get(name)
    if server is None and not name and len(servers) == 1:
        server = next(iter(servers.values()))
    if request.method not in _METHODS or document not in _DOCUMENTS or server is None:
        return web.Response(status=404)
    tail = server.url.raw_path.rstrip("/") if name else ""
    url = server.url.origin().join(server.url.origin().with_path(f"{WELL_KNOWN}{document}{tail}", encoded=True))
    try:
        url = with_query(url, request.rel_url.raw_query_string)  # part of what RFC 9728, 3.1 makes of such a URL
    except ValueError as error:
        return web.Response(status=400, text=f"mcpwatch: {error}")
    headers = CIMultiDict(
        {"Accept": request.headers.get("Accept", "application/json"), "Accept-Encoding": "identity"}
    )
    headers.extend((name, value) for name in _OF_PAGES for value in request.headers.getall(name, ()))
    try:
        async with asyncio.timeout(DOCUMENT_S):
            answer = await ask(server.http, request.method, url, headers)
            body = await short_body(answer)
    except (Unreachable, TimeoutError) as error:
        return web.Response(status=502, text=f"mcpwatch: {error or 'the server took too long'}")
    return web.Response(body=body, status=answer.status, headers=to_client(answer.headers))
