"""The gateway: one process for all HTTP servers, `http://127.0.0.1:7373/<server>/mcp` for each."""

from __future__ import annotations

import asyncio
import gc
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
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from mcpwatch.relay import gateway_control
from mcpwatch.relay.gateway_access import Access, Refused, refusal
from mcpwatch.relay.gateway_control import HEALTH, Health, url_host
from mcpwatch.relay.gateway_scanner import host_scanner
from mcpwatch.relay.http_flow import handle
from mcpwatch.relay.http_headers import SESSION, Unset, expanded
from mcpwatch.relay.http_relay import WORD, HttpServer
from mcpwatch.relay.http_upstream import HEADER_BYTES, checked_url, pool, shown
from mcpwatch.relay.http_wellknown import WELL_KNOWN, relay_metadata
from mcpwatch.relay.oauth_tokens import Fresh
from mcpwatch.relay.room import Bounded, listening
from mcpwatch.store import config as configuration
from mcpwatch.store import gateways
from mcpwatch.store.gateways import GatewayRow
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.paths import config_file

HEADERS_S: Final = 75  # for the head of a request, and between two of a connection
GARBAGE: Final = 10_000  # objects between two looks for cycles; a request makes some hundred
SWEEP_S: Final = 60.0
LOOK_S: Final = 1.0  # between two looks at the configuration file
_log = logging.getLogger("mcpwatch.gateway")


class Gateway:
    """All servers of the configuration behind one port."""

    def __init__(self, settings: configuration.Gateway, load_judge: Any) -> None:
        self._settings = settings
        self._load_judge = load_judge
        self._servers: dict[str, HttpServer] = {}
        self._gone: list[HttpServer] = []  # no longer configured so, with requests that may be under way
        self._defined: dict[str, configuration.HttpServer] = {}
        self._problems: dict[str, str] = {}
        self._config_read: tuple[int, ...] | None = None  # which file was
        self._config_looked = 0.0
        self._started = time.monotonic()
        self._word = secrets.token_hex(16)
        self._access = Access(settings, self._word)
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
        server = Bounded(
            self._handle,
            handler_cancellation=True,
            access_log=None,
            logger=_quiet_about_garbage(),
            keepalive_timeout=HEADERS_S,
            max_line_size=HEADER_BYTES,
            max_field_size=HEADER_BYTES,
        )
        try:
            listener = await self._listen(server)
            port = listener.sockets[0].getsockname()[1]
            row = GatewayRow(self._word, os.getpid(), self._settings.host, port, log)
            await asyncio.to_thread(self._claim, row)
            try:
                self._load()
                print(f"mcpwatch gateway: http://{url_host(row.host)}:{port}/<server>/mcp", flush=True)  # noqa: T201
                gc.collect()
                gc.freeze()  # what is here now stays: the collector need not look at it again
                gc.set_threshold(GARBAGE)
                scanner = loop.create_task(host_scanner()) if self._settings.scan else None
                try:
                    await self._serve(ended)
                finally:
                    if scanner is not None:
                        scanner.cancel()
                        await asyncio.wait([scanner])
            finally:
                listener.close()
                await server.shutdown(2.0)
                left = [*self._servers.values(), *self._gone]
                await asyncio.gather(*(asyncio.to_thread(one.close) for one in left))
                await asyncio.to_thread(self._release)
        finally:
            await self._http.close()
            self._worker.shutdown(wait=False)

    async def _listen(self, server: web.Server) -> asyncio.Server:
        settings = self._settings
        try:
            return await listening(server, settings.host, settings.port)
        except OSError as error:
            found = await asyncio.to_thread(gateway_control.find)
            if found.state != "none":
                raise Refused(f"{gateway_control.summary(found)}; one is enough for all servers") from error
            why = os.strerror(error.errno) if error.errno else error
            raise Refused(
                f"port {settings.port} of {settings.host} is taken or not allowed ({why}); end the program"
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
        """Take over the servers of the configuration file. Those that changed begin anew. Raises ConfigError at the
        start; later, one that cannot be used leaves what was."""
        starting = not self._config_looked
        self._config_looked, self._config_read = time.monotonic(), _mark_of(config_file())
        try:
            found = configuration.load()
        except configuration.ConfigError as error:
            if starting:
                raise
            _log.error("configuration not used: %s", error)
            return
        self._problems = {}
        for name in [name for name, defined in self._defined.items() if found.servers.get(name) != defined]:
            del self._defined[name]
            if (gone := self._servers.pop(name, None)) is not None:
                gone.retire()
                self._gone = [one for one in (*self._gone, gone) if not one.closed]
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
        now = time.monotonic()
        if now - self._config_looked < LOOK_S:
            return
        self._config_looked = now
        for server in self._servers.values():
            server.tokens.look()
        if _mark_of(config_file()) != self._config_read:
            self._load()

    # -- requests ----------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.rel_url.raw_path
        problem = self._access.barred(request, health=path == HEALTH)
        if problem is not None:
            return problem
        self._refresh()
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
        if not all(map(WORD.fullmatch, request.headers.getall(SESSION, ()))):
            return refusal(f"the {SESSION} header is no word of at most 4,096 visible ASCII characters", 400)
        self._streams += 1
        try:
            if server.tokens.due:
                await server.tokens.refresh()
            return await handle(server, request, rest, self._access.for_us(request))
        except web.HTTPException as error:
            return refusal(error.text or error.reason, error.status)
        finally:
            self._streams -= 1

    def _health(self) -> web.Response:
        health = Health(
            version=version("mcpwatch"),
            pid=os.getpid(),
            word=self._word,
            uptime_s=round(time.monotonic() - self._started, 1),
            servers={name: shown(one.url) for name, one in self._servers.items()},
            sessions=sum(len(one.sessions) for one in self._servers.values()),
            streams=self._streams,
            problems=self._problems
            | {name: one.tokens.trouble for name, one in self._servers.items() if one.tokens.trouble},
        )
        return web.Response(body=msgspec.json.encode(health), content_type="application/json")


def _quiet_about_garbage() -> logging.Logger:
    """What the HTTP library logs, without what is not HTTP: anyone can send that, as often as they like."""
    logger = logging.getLogger("mcpwatch.gateway.http")
    if not logger.filters:
        logger.addFilter(_not_of_garbage)
    return logger


def _not_of_garbage(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, (HttpProcessingError, web.RequestPayloadError, ConnectionError))


def _mark_of(file: Path) -> tuple[int, ...] | None:
    """Differs for another file, and for another content; None where there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
