"""Find, start, ask and stop the gateway of this user. Synchronous, and quick but for `start`."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from mcpwatch.relay.http_headers import OUR_TOKEN
from mcpwatch.relay.processes import ends
from mcpwatch.store import gateways
from mcpwatch.store.gateways import GatewayRow
from mcpwatch.store.health import runs
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.paths import state_dir

HEALTH: Final = "/.mcpwatch/health"
ANSWER_S: Final = 2.0
START_S: Final = 15.0
LOG_BYTES: Final = 1 << 20  # a log grown beyond this is begun anew by the next start
LOG: Final = "gateway.log"


class Health(msgspec.Struct):
    """What a gateway says of itself. `problems`: server → why nothing reaches it."""

    version: str
    pid: int
    word: str
    uptime_s: float
    servers: dict[str, str]  # name → URL, without secrets
    sessions: int
    streams: int
    problems: dict[str, str] = {}


class Found(msgspec.Struct, frozen=True):
    """The gateway in the state file. `state`: none | up | silent (its process lives, but does not answer)."""

    state: str
    row: GatewayRow = GatewayRow()
    health: Health | None = None

    @property
    def url(self) -> str:
        """Where clients reach it, "" when there is none."""
        return f"http://{url_host(self.row.host)}:{self.row.port}" if self.row.word else ""


class NotStarted(Exception):
    """A gateway that was started did not come up. The text ends with the last line of its log."""


def find(state: Path | None = None, timeout_s: float = ANSWER_S) -> Found:
    """Look for the gateway. Raises StateError when the state file cannot be read."""
    ledger = Ledger.open(state)
    try:
        return look(gateways.read(ledger), timeout_s)
    finally:
        ledger.close()


def look(row: GatewayRow, timeout_s: float = ANSWER_S) -> Found:
    """Whether the gateway written down is alive."""
    if not row.word or not runs(row.pid):
        return Found("none")
    try:
        health = ask(row.host, row.port, timeout_s, word=row.word)
    except ConnectionRefusedError:
        return Found("none")  # another program has its process id now
    except (OSError, ValueError, http.client.HTTPException, msgspec.MsgspecError):
        return Found("silent", row)
    return Found("up", row, health) if health.word == row.word else Found("none")


def ask(host: str, port: int, timeout_s: float = ANSWER_S, *, word: str = "") -> Health:
    """A gateway's word about itself; `word` (its row's, or its token) is asked for by one that has a token. Raises
    OSError, HTTPException or MsgspecError."""
    connection = http.client.HTTPConnection(connect_host(host), port, timeout=timeout_s)
    headers = {"Host": f"127.0.0.1:{port}"} | ({OUR_TOKEN: word} if word else {})
    try:
        connection.request("GET", HEALTH, headers=headers)
        return msgspec.json.decode(connection.getresponse().read(1 << 20), type=Health)
    finally:
        connection.close()


def start(port: int | None = None, *, log: Path | None = None, wait_s: float = START_S) -> Found:
    """Start a gateway that outlives us, and wait until it answers. Raises NotStarted, StateError.

    When another came up meanwhile, that one is returned.
    """
    log = log or state_dir() / LOG
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    with contextlib.suppress(OSError):
        if log.stat().st_size > LOG_BYTES:
            flags |= os.O_TRUNC
    out = os.open(log, flags, 0o600)
    command = [sys.executable, "-P", "-m", "mcpwatch", "serve", "--log", str(log)]
    if port is not None:
        command += ["--port", str(port)]
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, close_fds=True
        )
    finally:
        os.close(out)
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        found = find()
        if found.state == "up":
            if found.row.pid != process.pid:
                process.kill()  # else it would come up, unasked, when the quicker one is stopped
                process.wait()
            return found
        if process.poll() is not None:
            break
        time.sleep(0.05)
    else:
        process.terminate()
    raise NotStarted(f"the gateway did not come up: {last_line(log)}")


def stop(found: Found, wait_s: float = 10.0) -> bool:
    """End the gateway and wait until it has. False: it is still there."""
    pid = found.row.pid
    if not pid:
        return True
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    return ends(pid, wait_s)


def last_line(log: Path) -> str:
    """The last thing a gateway wrote."""
    try:
        lines = log.read_text("utf-8", "replace").splitlines()
    except OSError as error:
        return f"its log {log} cannot be read: {error}"
    return next((line for line in reversed(lines) if line.strip()), "it said nothing")


def connect_host(host: str) -> str:
    """Where a gateway bound to this address is reached from here."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)


def url_host(host: str) -> str:
    """The same as part of a URL."""
    host = connect_host(host)
    return f"[{host}]" if ":" in host else host


def summary(found: Found) -> str:
    """One line for a person."""
    if found.state == "none":
        return "no gateway is running"
    if found.health is None:
        return f"the gateway (process {found.row.pid}, {found.url}) does not answer"
    names = ", ".join(sorted(found.health.servers)) or "no servers configured"
    return f"gateway at {found.url}, process {found.row.pid}: {names}"
