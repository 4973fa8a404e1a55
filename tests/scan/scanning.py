"""What the scanner's tests share: a state file with listed definitions, and a worker that asks a local server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

from mcpwatch.protocol.definitions import canonical, fingerprint
from mcpwatch.scan.mistral import Reviewer
from mcpwatch.scan.readiness import Readiness
from mcpwatch.scan.scanner import Scanner
from mcpwatch.store.definitions import mark_gone, save_listed
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Definition, Verdict
from mcpwatch.store.scans import ScanProgress
from servers.mistral_server import MistralServer

MODEL = "test-model"
TODAY = date(2030, 1, 1)


def tool(name: str, description: str = "Adds two numbers.") -> Definition:
    text = canonical({"name": name, "description": description, "inputSchema": {"type": "object"}})
    return Definition("tool", name, fingerprint(text), text)


def list_tools(ledger: Ledger, server: str, *tools: Definition) -> None:
    """A complete list of tools was seen."""
    with ledger.transaction() as tx:
        save_listed(tx, server, [(definition, 10) for definition in tools])
        mark_gone(tx, server, "tool", {(definition.name, definition.fingerprint) for definition in tools})


class QuickClock:
    """The reviewer's waits take no time."""

    wall = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float, /) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


class Worker(Scanner):
    """A scanner that asks `server`. `ready` may be replaced while it runs."""

    def __init__(
        self,
        path: Path,
        server: MistralServer | None = None,
        *,
        budget: int = 1_000_000,
        model: str = MODEL,
        today: Callable[[], date] = lambda: TODAY,
        deadline_s: float = 20.0,
        **options: Any,
    ) -> None:
        self.ready = Readiness(model=model, server_url=server.url if server else None, budget=budget)

        def reviewer(ready: Readiness, spent: int) -> Reviewer:
            return Reviewer(
                ready.secret,
                model=ready.model,
                budget=ready.token_budget(spent, today),
                opted_in=ready.opted_in,
                server_url=ready.server_url,
                deadline_s=deadline_s,
                clock=QuickClock(),
                jitter=lambda: 0.0,
            )

        super().__init__(
            path,
            **{
                "readiness": lambda status: self.ready,
                "make_reviewer": reviewer,
                "today": today,
                "poll_s": 0.02,
                **options,
            },
        )


async def until(condition: Callable[[], object], what: str, seconds: float = 15.0) -> None:
    """Wait, without holding the loop, until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(0.005)


def remote(ledger: Ledger, server: str, definition: Definition) -> Verdict | None:
    """The model's verdict on a text, if there is any."""
    found = [v for v in ledger.verdicts(server, definition.fingerprint) if v.producer == "remote"]
    return found[0] if found else None


def scores(ledger: Ledger, server: str, tools: Iterable[Definition]) -> list[float | None]:
    found = [remote(ledger, server, definition) for definition in tools]
    return [verdict.score if verdict else None for verdict in found]


def progress(ledger: Ledger, server: str) -> ScanProgress:
    found = {row.server: row for row in ledger.scan_progress()}[server]
    assert found.total == found.cached + found.scanned + found.failed + found.pending
    assert found.flagged <= found.cached + found.scanned
    return found
