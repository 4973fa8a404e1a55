"""Tokens that `mcpwatch login` obtained, in a file only the user reads; kept fresh by the gateway.

A refresh is RFC 6749, 6: one POST to the token endpoint that the login found. The file is `tokens.json` beside the
state file, mode 0600; it is replaced, never written over.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import time
import urllib.parse
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
from multidict import CIMultiDict
from yarl import URL

from mcpwatch.relay.http_upstream import Unreachable, ask, short_body
from mcpwatch.store.paths import state_dir

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

EARLY_S: Final = 30.0  # before a token expires
AGAIN_S: Final = 10.0  # between two tries when a refresh failed
REFRESH_S: Final = 15.0
TURN_S: Final = 0.05  # between two looks whether another process has refreshed


class Grant(msgspec.Struct, frozen=True):
    """What a login to one server gave. Times are seconds since 1970; `expires` is 0 when nobody said."""

    url: str  # of the server it is for, and for no other
    access_token: str
    refresh_token: str = ""
    expires: float = 0.0
    scope: str = ""
    client_id: str = ""
    client_secret: str = ""
    auth_method: str = "none"  # none | client_secret_post | client_secret_basic
    token_endpoint: str = ""
    resource: str = ""  # RFC 8707, "" when the server did not ask for it
    client: dict[str, object] = {}  # the registration, for the next login


class Rejected(Exception):
    """The authorization server gave no new token. One sentence."""


def tokens_file() -> Path:
    """Where the tokens are."""
    return state_dir() / "tokens.json"


def read_all(path: Path | None = None) -> dict[str, Grant]:
    """server → its grant; nothing when there is no file, or one we cannot read."""
    try:
        return msgspec.json.decode((path or tokens_file()).read_bytes(), type=dict[str, Grant])
    except (OSError, msgspec.MsgspecError, UnicodeError):
        return {}


def save(server: str, grant: Grant | None, path: Path | None = None) -> None:
    """Keep the grant of a server, or forget it. Raises OSError."""
    path = path or tokens_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    turn = _lock_file(path, "save")
    try:
        _lock(turn, wait=True)
        found = read_all(path)
        if grant is None:
            found.pop(server, None)
        else:
            found[server] = grant
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(found))
        temporary.replace(path)
    finally:
        os.close(turn)


@contextlib.asynccontextmanager
async def _alone(path: Path) -> AsyncIterator[None]:
    """No other process refreshes meanwhile: a refresh token is good for one refresh, and a server that sees it twice
    may take it for stolen."""
    turn = _lock_file(path, "refresh")
    try:
        while not _lock(turn, wait=False):
            await asyncio.sleep(TURN_S)
        yield
    finally:
        os.close(turn)


def _lock_file(path: Path, what: str) -> int:
    return os.open(path.with_name(f".{path.name}.{what}"), os.O_RDWR | os.O_CREAT, 0o600)


def _lock(descriptor: int, *, wait: bool) -> bool:
    """Lock a file until it is closed. Where files cannot be locked (Windows) everyone is taken to be alone."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


class Fresh:
    """The token of one server, as fresh as it can be had. `trouble` says why it is not."""

    def __init__(self, server: str, url: URL, http: aiohttp.ClientSession, path: Path | None = None) -> None:
        self.trouble = ""
        self._server = server
        self._url = str(url)
        self._http = http
        self._path = path or tokens_file()
        self._mark: object = None
        self._grant: Grant | None = None
        self._turn = asyncio.Lock()
        self._not_before = 0.0

    def look(self) -> None:
        """Read the file again if it has changed."""
        try:
            status = self._path.stat()
            mark: object = (status.st_mtime_ns, status.st_ino)
        except OSError:
            mark = None
        if mark == self._mark:
            return
        self._mark = mark
        grant = read_all(self._path).get(self._server)
        self._grant = grant if grant is not None and grant.url == self._url else None
        self.trouble, self._not_before = "", 0.0

    @property
    def due(self) -> bool:
        """Whether the token has to be refreshed before it is used."""
        grant = self._grant
        return grant is not None and bool(grant.expires) and time.time() > grant.expires - EARLY_S

    def header(self) -> str:
        """The value of Authorization, "" when nobody has logged in."""
        return f"Bearer {self._grant.access_token}" if self._grant is not None else ""

    async def refresh(self) -> None:
        """Get a new token if one is due. Never raises; `trouble` then says what the matter is."""
        async with self._turn:
            if not self.due or time.monotonic() < self._not_before:
                return
            self._not_before = time.monotonic() + AGAIN_S
            try:
                async with asyncio.timeout(REFRESH_S), _alone(self._path):
                    self.look()  # another process may have done it meanwhile
                    if self.due:
                        await self._refresh()
            except (Rejected, Unreachable, OSError, TimeoutError) as error:
                self.trouble = f"{error or 'no new token in time'}; run `mcpwatch login {self._server}`"

    async def _refresh(self) -> None:
        grant = self._grant
        if grant is None or not grant.refresh_token or not grant.token_endpoint:
            raise Rejected("the token has expired and there is none to refresh it with")
        fresh = await refreshed(self._http, grant)
        await asyncio.to_thread(save, self._server, fresh, self._path)
        self.look()


async def refreshed(http: aiohttp.ClientSession, grant: Grant) -> Grant:
    """The grant with a new token. Raises `Rejected` or `Unreachable`."""
    form = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token, "client_id": grant.client_id}
    if grant.resource:
        form["resource"] = grant.resource
    headers = CIMultiDict(
        {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
    )
    if grant.auth_method == "client_secret_post":
        form["client_secret"] = grant.client_secret
    elif grant.auth_method == "client_secret_basic":
        pair = ":".join(urllib.parse.quote(x, safe="") for x in (grant.client_id, grant.client_secret))
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        del form["client_id"]
    response = await ask(http, "POST", URL(grant.token_endpoint), headers, urllib.parse.urlencode(form).encode())
    body = await short_body(response)
    try:
        found = json.loads(body)
        if response.status != 200:
            raise Rejected(f"the authorization server refused: {found.get('error', response.status)}")
        expires = found.get("expires_in")
        return msgspec.structs.replace(
            grant,
            access_token=str(found["access_token"]),
            refresh_token=str(found.get("refresh_token") or grant.refresh_token),
            expires=time.time() + float(expires) if expires is not None else 0.0,
            scope=str(found.get("scope") or grant.scope),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Rejected("the authorization server's answer cannot be read") from error
