"""A person logs in to a server: the SDK's OAuth client, a browser, and an address of this machine to come back to."""

from __future__ import annotations

import asyncio
import secrets
import time
import urllib.parse
from collections.abc import Callable
from typing import Any, Final

from mcpwatch.protocol.replies import hello
from mcpwatch.relay.oauth_checks import Checks, NotLoggedIn
from mcpwatch.relay.oauth_tokens import Grant, read_all, save
from mcpwatch.relay.sdk_logs import silence

WAIT_S: Final = 300.0  # for the person
SAID_MAX: Final = 300  # characters of what went wrong; the server's answer may be in it
PAGE: Final = "<!doctype html><title>mcpwatch</title><p>{}</p><p>You can close this page.</p>"
CAME: Final = "Your answer has come. Whether mcpwatch is logged in now, the terminal says."
REFUSED: Final = "The login was refused."
STRANGE: Final = "This is no answer to the login that mcpwatch waits for. It is ignored."


class _Storage:
    """What the SDK keeps, for one login."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.tokens: Any = None

    async def get_tokens(self) -> Any:
        return None  # this is a new login

    async def set_tokens(self, tokens: Any) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> Any:
        return self.client

    async def set_client_info(self, client_info: Any) -> None:
        self.client = client_info


async def login(
    server: str, url: str, show: Callable[[str], None], agreed: tuple[str, ...] = (), wait_s: float = WAIT_S
) -> Grant:
    """Log in and keep the tokens. `show(address)` brings the person to where they agree; `agreed` are the hosts of a
    `SeveralHosts` that they let pass. Raises `NotLoggedIn`, the text of which is not safe for a terminal."""
    import httpx2
    from mcp.client.auth import OAuthClientProvider, OAuthFlowError
    from mcp.shared.auth import OAuthClientMetadata
    from pydantic import AnyUrl

    silence()
    async with _Return() as returned:
        storage = _Storage(None)

        async def redirect(address: str) -> None:
            await checks.endpoints()
            returned.expect(address)
            show(address)

        metadata = OAuthClientMetadata(
            client_name="mcpwatch", redirect_uris=[AnyUrl(returned.address)], token_endpoint_auth_method="none"
        )
        provider = OAuthClientProvider(url, metadata, storage, redirect, returned.result)
        headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
        try:
            checks = Checks(url, provider.context, agreed)
            async with (
                asyncio.timeout(wait_s),
                httpx2.AsyncClient(auth=provider, timeout=30, event_hooks={"request": [checks.request]}) as http,
                http.stream("POST", url, content=hello("mcpwatch login"), headers=headers) as response,
            ):
                status = response.status_code
        except TimeoutError as error:
            raise NotLoggedIn("nobody agreed in time") from error
        except (OAuthFlowError, httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise NotLoggedIn((str(error) or type(error).__name__)[:SAID_MAX]) from error
    if storage.tokens is None:
        raise NotLoggedIn(
            "the server did not ask for a login" if status < 400 else f"the server answered with HTTP status {status}"
        )
    grant = _grant(url, storage, provider.context)
    save(server, grant)
    return grant


def logout(server: str) -> bool:
    """Forget the tokens of a server. False: there were none."""
    there = server in read_all()
    if there:
        save(server, None)
    return there


def _grant(url: str, storage: _Storage, context: Any) -> Grant:
    tokens, client, metadata = storage.tokens, storage.client, context.oauth_metadata
    endpoint = str(metadata.token_endpoint) if metadata is not None else ""
    if not endpoint:
        endpoint = urllib.parse.urljoin(context.get_authorization_base_url(url), "/token")
    resource = context.get_resource_url() if context.should_include_resource_param(context.protocol_version) else ""
    return Grant(
        url=url,
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token or "",
        expires=time.time() + tokens.expires_in if tokens.expires_in else 0.0,
        scope=tokens.scope or "",
        client_id=client.client_id or "",
        client_secret=client.client_secret or "",
        auth_method=client.token_endpoint_auth_method or "none",
        token_endpoint=endpoint,
        resource=resource,
    )


class _Return:
    """The address of this machine that the authorization server sends the browser back to; good for one answer. Any
    page and program can ask for it: only what brings the `state` of the login is an answer (RFC 6749, 10.12)."""

    async def __aenter__(self) -> _Return:
        self._state = ""
        self._came: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        self._server = await asyncio.start_server(self._visited, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/callback"
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._server.close()

    def expect(self, address: str) -> None:
        """The person is sent to this address: its `state` is what comes back."""
        self._state = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query)).get("state", "")

    async def result(self) -> Any:
        """What the browser brought, for the SDK."""
        from mcp.client.auth import AuthorizationCodeResult, OAuthFlowError

        said = await self._came
        if "code" not in said:
            raise OAuthFlowError(f"the login was refused: {said['error']}")
        return AuthorizationCodeResult(code=said["code"], state=said["state"], iss=said.get("iss"))

    async def _visited(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(10):
                line = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n", 1)[0].decode("latin-1")
                said = self._answer(line)
                if said is not None:
                    self._came.set_result(said)
                page = STRANGE if said is None else CAME if "code" in said else REFUSED
                body = PAGE.format(page).encode()
                head = b"HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
                writer.write(head % (b"400 Bad Request" if said is None else b"200 OK", len(body)) + body)
                await writer.drain()
        except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # not the browser we wait for
        finally:
            writer.close()

    def _answer(self, line: str) -> dict[str, str] | None:
        """What the first line of a request brings, if it is the answer to this login. Raises ValueError."""
        method, target, _ = line.split(" ", 2)
        where = urllib.parse.urlsplit(target)
        pairs = urllib.parse.parse_qsl(where.query)
        said = dict(pairs)
        if method != "GET" or where.path != "/callback" or len(said) != len(pairs) or self._came.done():
            return None
        ours = bool(self._state) and secrets.compare_digest(said.get("state", "").encode(), self._state.encode())
        return said if ours and ("code" in said) != ("error" in said) else None
