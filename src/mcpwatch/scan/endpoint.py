"""Where the model's server is, whether it is on this machine, and how much of its answer is read."""

from __future__ import annotations

import ipaddress
import math
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

BODY_MAX: Final = 1_048_576  # bytes of an answer

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?(?P<path>(?:/[A-Za-z0-9._~-]+)*)/?"
)


def is_local(server_url: str | None) -> bool:
    """Whether the server is on this machine, so that asking it needs no consent: `localhost` or a loopback
    address."""
    match = _URL.fullmatch(server_url or "")
    if match is None:
        return False
    host = match["host"].strip("[]").lower()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def endpoint(server_url: str) -> str:
    """`server_url` as the client wants it, without a trailing `/v1`. Raises ValueError on one not to be used."""
    match = _URL.fullmatch(server_url)
    if match is None:
        raise ValueError("server_url: expected http(s)://host[:port][/path], without user, query or fragment")
    if match["scheme"] == "http" and not is_local(server_url):
        raise ValueError("server_url: must be https, except on this machine")
    return server_url.rstrip("/").removesuffix("/v1")


def retry_after_s(header: str | None, now: float) -> float | None:
    """Seconds a Retry-After header asks for at wall time `now`: a number, or an HTTP date (RFC 9110, 10.2.3)."""
    text = (header or "").strip()
    if re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None


class Unreadable(Exception):
    """An answer that is not read to its end."""


class Bounded:
    """An HTTP client for the SDK: reads at most `BODY_MAX` bytes of an answer, and none it would have to unpack."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def build_request(self, *args: Any, **kwargs: Any) -> Any:
        return self._inner.build_request(*args, **kwargs)

    async def send(self, request: Any, **options: Any) -> Any:
        import httpx2

        response = await self._inner.send(request, **{**options, "stream": True})
        try:
            if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
                raise Unreadable("The server's answer is compressed, which was not asked for.")
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > BODY_MAX:
                    raise Unreadable(f"The server's answer is longer than {BODY_MAX} bytes.")
        finally:
            await response.aclose()
        return httpx2.Response(response.status_code, headers=response.headers, content=bytes(body), request=request)

    async def aclose(self) -> None:
        await self._inner.aclose()
