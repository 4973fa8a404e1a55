"""Gateways and HTTP servers as processes of a test, ended with it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from servers import HERE, MCPWATCH, guard_env


@contextmanager
def http_server(name: str, *args: str) -> Iterator[int]:
    """The test server `name` as a process; gives its port."""
    process = subprocess.Popen([sys.executable, str(HERE / f"{name}.py"), *args], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


class GatewayProcess:
    """A running `mcpwatch serve`."""

    def __init__(self, process: subprocess.Popen[str], env: dict[str, str]) -> None:
        self.process = process
        self.env = env
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("mcpwatch gateway: "), line + (process.communicate()[0] or "")
        self.base = line.split()[-1].removesuffix("/<server>/mcp")

    @property
    def port(self) -> int:
        return int(self.base.rpartition(":")[2])

    @property
    def state(self) -> Path:
        return Path(self.env["MCPWATCH_STATE"]) / "state.db"

    def url(self, server: str = "srv", path: str = "mcp") -> str:
        return f"{self.base}/{server}/{path}"


@contextmanager
def gateway(directory: Path, servers: Mapping[str, str], *args: str, config: str = "") -> Iterator[GatewayProcess]:
    """`mcpwatch serve` on a free port for these servers (name → URL)."""
    env = guard_env(directory)
    tables = "".join(f'[servers.{name}]\nurl = "{url}"\n' for name, url in servers.items())
    Path(env["MCPWATCH_CONFIG"]).write_text(config + tables)
    process = subprocess.Popen(
        [MCPWATCH, "serve", "--port", "0", *args],
        env=os.environ | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield GatewayProcess(process, env)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
