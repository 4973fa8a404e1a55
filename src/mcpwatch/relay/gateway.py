"""The gateway: one process for all HTTP servers, `http://127.0.0.1:7373/<server>/mcp` for each.

A browser's page may not use it: a name that was made to point here (DNS rebinding) does not get past the Host header,
a page of another origin not past Origin.
"""

from __future__ import annotations

import asyncio
import gc
import hmac
import logging
import os
import secrets
import signal
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web
from yarl import URL

from mcpwatch.protocol import replies
from mcpwatch.protocol.message import INVALID_REQUEST
from mcpwatch.relay import gateway_control
from mcpwatch.relay.gateway_control import HEALTH, Health, url_host
from mcpwatch.relay.http_flow import handle
from mcpwatch.relay.http_headers import OUR_TOKEN, Unset, expanded
from mcpwatch.relay.http_relay import HttpServer
from mcpwatch.relay.http_upstream import HEADER_BYTES, checked_url, pool
from mcpwatch.relay.http_wellknown import WELL_KNOWN, relay_metadata
from mcpwatch.relay.oauth_tokens import Fresh
from mcpwatch.store import config as configuration
from mcpwatch.store import gateways
from mcpwatch.store.gateways import GatewayRow
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.paths import config_file

HEADERS_S: Final = 75  # for the head of a request, and between two of a connection
GARBAGE: Final = 10_000  # objects between two looks for cycles; a request makes some hundred
SWEEP_S: Final = 60.0
LOOK_S: Final = 1.0  # between two looks at the configuration file
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_log = logging.getLogger("mcpwatch.gateway")


class Refused(Exception):
    """The gateway cannot start. One sentence."""


class Gateway:
    """All servers of the configuration behind one port."""

    def __init__(self, settings: configuration.Gateway, load_judge: Any) -> None:
        self._settings = settings
        self._load_judge = load_judge
        self._token = read_token(settings)
        self._names = _LOOPBACK | {settings.host.lower(), *(host.lower() for host in settings.hosts)}
        self._servers: dict[str, HttpServer] = {}
        self._defined: dict[str, configuration.HttpServer] = {}
        self._problems: dict[str, str] = {}
        self._config_seen: tuple[float, Any] = (0.0, None)
        self._started = time.monotonic()
        self._word = secrets.token_hex(16)
        self._streams = 0

    # -- life --------------------------------------------------------------------------------------------

    async def run(self, *, log: str = "", ready: asyncio.Event | None = None) -> None:
        """Serve until SIGTERM or SIGINT. Raises `Refused`, StateError, ConfigError."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        self._http = pool()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="mcpwatch-looks")
        server = web.Server(
            self._handle,
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=HEADERS_S,
            max_line_size=HEADER_BYTES,
            max_field_size=HEADER_BYTES,
        )
        try:
            listener = await self._listen(loop, server)
            port = listener.sockets[0].getsockname()[1]
            row = GatewayRow(self._word, os.getpid(), self._settings.host, port, log)
            await asyncio.to_thread(self._claim, row)
            try:
                self._load()
                print(f"mcpwatch gateway: http://{url_host(row.host)}:{port}/<server>/mcp", flush=True)  # noqa: T201
                gc.collect()
                gc.freeze()  # what is here now stays: the collector need not look at it again
                gc.set_threshold(GARBAGE)
                await self._serve(ended)
            finally:
                listener.close()
                await server.shutdown(2.0)
                await asyncio.gather(*(asyncio.to_thread(one.close) for one in self._servers.values()))
                await asyncio.to_thread(self._release)
        finally:
            await self._http.close()
            self._worker.shutdown(wait=False)

    async def _listen(self, loop: asyncio.AbstractEventLoop, server: Any) -> asyncio.Server:
        settings = self._settings
        try:
            return await loop.create_server(server, settings.host, settings.port, backlog=1024)
        except OSError as error:
            raise Refused(
                f"port {settings.port} of {settings.host} is taken or not allowed ({error.strerror}); end the program"
                " that has it, or choose another with --port"
            ) from error

    async def _serve(self, ended: asyncio.Event) -> None:
        while not ended.is_set():
            try:
                await asyncio.wait_for(ended.wait(), SWEEP_S)
            except TimeoutError:
                for one in self._servers.values():
                    one.sweep()

    def _claim(self, row: GatewayRow) -> None:
        """Be the gateway of this state file. Raises `Refused`."""
        ledger = Ledger.open()
        try:
            while True:
                before = gateways.read(ledger)
                found = gateway_control.look(before)
                if found.state != "none":
                    raise Refused(f"{gateway_control.summary(found)}; one is enough for all servers")
                if gateways.claim(ledger, row, before.word):
                    return
        finally:
            ledger.close()

    def _release(self) -> None:
        ledger = Ledger.open()
        try:
            gateways.release(ledger, self._word)
        finally:
            ledger.close()

    # -- configuration -----------------------------------------------------------------------------------

    def _load(self) -> None:
        """Take over the servers of the configuration file. Those that changed begin anew."""
        try:
            found = configuration.load()
        except configuration.ConfigError as error:
            if not self._servers:
                raise
            _log.error("configuration not used: %s", error)
            return
        self._problems = {}
        for name in [name for name, defined in self._defined.items() if found.servers.get(name) != defined]:
            del self._defined[name]
            if (gone := self._servers.pop(name, None)) is not None:
                self._worker.submit(gone.close)
        for name, defined in found.servers.items():
            try:
                headers = expanded(defined.headers)
                url = checked_url(defined.url)
            except (Unset, ValueError) as error:
                self._problems[name] = str(error)
                continue
            if name not in self._servers:
                self._defined[name] = defined
                self._servers[name] = self._server(name, url, headers, found.max_frame_mb << 20)

    def _server(self, name: str, url: URL, headers: dict[str, str], limit: int) -> HttpServer:
        tokens = Fresh(name, url, self._http)
        tokens.look()
        ours = any(header.lower() == "authorization" for header in headers)

        def own_headers(sent: Mapping[str, str], kept: frozenset[str]) -> Mapping[str, str]:
            theirs = "Authorization" in sent and "authorization" not in kept
            token = "" if ours or theirs else tokens.header()
            return headers | {"Authorization": token} if token else headers

        return HttpServer(
            name,
            url,
            own_headers,
            tokens,
            http=self._http,
            worker=self._worker,
            limit=limit,
            load_judge=self._load_judge,
        )

    def _refresh(self) -> None:
        """Look at the configuration file again, at most once a second."""
        looked, mark = self._config_seen
        now = time.monotonic()
        if now - looked < LOOK_S:
            return
        try:
            status = config_file().stat()
            found: Any = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            found = None
        self._config_seen = now, found
        for server in self._servers.values():
            server.tokens.look()
        if looked and found != mark:
            self._load()

    # -- requests ----------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        problem = self._barred(request)
        if problem is not None:
            return problem
        self._refresh()
        path = request.rel_url.raw_path
        if path == HEALTH:
            return self._health()
        if path.startswith(WELL_KNOWN):
            return await relay_metadata(request, path, self._servers)
        name, _, rest = path[1:].partition("/")
        server = self._servers.get(name)
        if server is None:
            why = self._problems.get(name)
            said = f"server {name[:80]!r}: {why}" if why else "no such server; the configuration names them"
            return refusal(said, 502 if why else 404)
        if rest not in ("mcp", "mcp/", "sse") and not rest.startswith("messages/"):
            return refusal(f"no such path; this server is at /{name}/mcp", 404)
        self._streams += 1
        try:
            if server.tokens.due:
                await server.tokens.refresh()
            return await handle(server, request, rest)
        except web.HTTPException as error:
            return refusal(error.text or error.reason, error.status)
        finally:
            self._streams -= 1

    def _barred(self, request: web.BaseRequest) -> web.Response | None:
        """Why this request may not come in, if it may not."""
        headers = request.headers
        host = _host_of(headers.get("Host", ""))
        if host not in self._names:
            return refusal("this Host is not one of the gateway's (DNS rebinding); see `hosts` under [gateway]", 403)
        origin = headers.get("Origin")
        if origin is not None and origin not in self._settings.origins and not _of_this_machine(origin):
            return refusal("pages of this Origin may not use the gateway; see `origins` under [gateway]", 403)
        if self._token is not None and request.rel_url.raw_path != HEALTH:
            return self._without_token(request)
        return None

    def _without_token(self, request: web.BaseRequest) -> web.Response | None:
        token = self._token or b""
        sent = request.headers.get(OUR_TOKEN)
        if sent is None:
            scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer":
                sent = ""
            request["for us"] = frozenset({"authorization"})
        if hmac.compare_digest(sent.strip().encode("utf-8", "replace"), token):
            return None
        response = refusal(f"this gateway wants its token in the header {OUR_TOKEN}", 401)
        response.headers["WWW-Authenticate"] = 'Bearer realm="mcpwatch"'
        return response

    def _health(self) -> web.Response:
        health = Health(
            version=version("mcpwatch"),
            pid=os.getpid(),
            word=self._word,
            uptime_s=round(time.monotonic() - self._started, 1),
            servers={name: str(one.url.with_query(None).with_user(None)) for name, one in self._servers.items()},
            sessions=sum(len(one.sessions) for one in self._servers.values()),
            streams=self._streams,
            problems=self._problems
            | {name: one.tokens.trouble for name, one in self._servers.items() if one.tokens.trouble},
        )
        return web.Response(body=msgspec.json.encode(health), content_type="application/json")


def refusal(text: str, status: int) -> web.Response:
    """An answer of the gateway's own, which no server has seen."""
    body = replies.error(b"null", INVALID_REQUEST, f"mcpwatch: {text}").strip()
    return web.Response(body=body, status=status, content_type="application/json")


def read_token(settings: configuration.Gateway) -> bytes | None:
    """The word that requests must bring. Raises `Refused`: others of the network need one."""
    if settings.token_file is None:
        if settings.host.lower() not in _LOOPBACK:
            raise Refused(f"{settings.host} is not this machine alone: a --token-file is needed to let others in")
        return None
    try:
        token = Path(settings.token_file).expanduser().read_bytes().strip()
    except OSError as error:
        raise Refused(f"the token file {settings.token_file} cannot be read: {error.strerror}") from error
    if len(token) < 16:
        raise Refused(f"the token in {settings.token_file} is shorter than 16 characters")
    return token


def _host_of(value: str) -> str:
    """The name in a Host header, without the port."""
    value = value.strip().lower()
    if value.startswith("["):
        return value[1 : value.find("]")] if "]" in value else ""
    return value.partition(":")[0]


def _of_this_machine(origin: str) -> bool:
    scheme, separator, rest = origin.partition("://")
    return bool(separator) and scheme in ("http", "https") and _host_of(rest) in _LOOPBACK
