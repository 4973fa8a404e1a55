"""The two workers the screen hosts as async tasks, and what it says about them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mcpwatch.store.paths import state_file
from mcpwatch.tui.gateway_worker import GatewayWorker

if TYPE_CHECKING:
    from mcpwatch.scan.scanner import Scanner


class HostedWorker(Protocol):
    """`run` ends when it is cancelled."""

    name: str

    async def run(self) -> None: ...


class ModelScanner:
    """The LLM scanner. Its module takes a while to import, so that happens beside the first paint."""

    name = "scanner"

    def __init__(self, state: Path | None = None, scanner: Scanner | None = None) -> None:
        self._state = state
        self._scanner = scanner
        self.destination = ""  # where definitions would go, as the user is asked about it
        self.wants_consent = False  # a key is there, and only the user's word is missing
        self.by_config = False  # the configuration says it for the user

    async def run(self) -> None:
        await asyncio.to_thread(self._prepare)
        if self._scanner is None:
            from mcpwatch.scan.scanner import Scanner

            self._scanner = Scanner(self._state)
        await self._scanner.run()

    def _prepare(self) -> None:
        from mcpwatch.scan import key, readiness, scanner  # noqa: F401 - imported here, off the loop
        from mcpwatch.store.config import ConfigError, load

        try:
            config = load()
            found = key.find() is not None
        except (ConfigError, key.KeyProblem):
            return
        self.destination = readiness.destination(config)
        self.by_config = config.scanner.llm
        self.wants_consent = found and not config.scanner.llm and not readiness.is_local(config.scanner.server_url)

    def cancel(self) -> None:
        if self._scanner is not None:
            self._scanner.cancel()

    def resume(self) -> None:
        if self._scanner is not None:
            self._scanner.resume()


def default_workers(state: Path | None = None) -> tuple[HostedWorker, ...]:
    """A state file other than this user's has a gateway of its own, which is not ours to start."""
    ours = state is None or state == state_file()
    return (*((GatewayWorker(),) if ours else ()), ModelScanner(state))
