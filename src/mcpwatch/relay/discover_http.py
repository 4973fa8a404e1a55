"""The HTTP client `mcpwatch scan` asks servers with: what they send is never unpacked, and never more than a bound.

A few kilobytes of gzip unpack to gigabytes, and the SDK reads a body whole.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import httpx2

MAX_BODY: Final = 64 << 20  # bytes of one response; of a line of a process it is as much


def client(
    headers: Mapping[str, str] | None = None, timeout: httpx2.Timeout | None = None, auth: httpx2.Auth | None = None
) -> httpx2.AsyncClient:
    """A client as the SDK makes them, bounded. To be closed."""
    from mcp.shared._httpx_utils import create_mcp_http_client

    made = create_mcp_http_client(dict(headers or {}), timeout, auth)
    made.headers["Accept-Encoding"] = "identity"
    made.event_hooks = {"response": [_bound]}
    return made


async def _bound(response: httpx2.Response) -> None:
    """Before anything of the body is read."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    refused = "" if encoding == "identity" else "its answer has a Content-Encoding, which nobody asked for"
    response.headers.pop("Content-Encoding", None)
    response.stream = _bounded(response.stream, refused)


def _bounded(stream: Any, refused: str) -> httpx2.AsyncByteStream:
    import httpx2

    class Bounded(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            left = MAX_BODY
            if refused:
                raise httpx2.StreamError(refused)
            async for chunk in stream:
                left -= len(chunk)
                if left < 0:
                    raise httpx2.StreamError(f"its answer is larger than {MAX_BODY >> 20} MiB")
                yield chunk

        async def aclose(self) -> None:
            await stream.aclose()

    return Bounded()
