"""`python -m mcpwatch.demo.actor`: the demo's agent as a process of its own, so that the screen stays smooth.

Standard input carries the guards' command lines as one line of JSON; when it closes, the agent stops. The actor is
also the user of the day before, who approved a tool that does no harm yet: so that its change is seen as one.
"""

from __future__ import annotations

import asyncio
import json
import sys

from mcpwatch.demo.agent import AgentEvent, Pace, run_agent
from mcpwatch.guard import approval
from mcpwatch.store.ledger import Ledger

TRUSTED = ("calendar", "tool", "list_events")
PACE = Pace(first=1.6, last=0.4, ramp=30.0, after_refusal=2.5)


async def main() -> None:
    """Play until standard input closes."""
    commands = json.loads(sys.stdin.readline())
    stop = asyncio.Event()

    approved = asyncio.Event()

    def follow(event: AgentEvent) -> None:
        """The screen shows what happens; nothing is to be said here."""
        if event.kind == "called" and (event.server, event.tool) == (TRUSTED[0], TRUSTED[2]):
            approved.set()

    async def approve() -> None:
        await approved.wait()
        await asyncio.to_thread(_approve)

    async def until_closed() -> None:
        await asyncio.to_thread(sys.stdin.read)
        stop.set()

    waiting = asyncio.create_task(until_closed())
    approving = asyncio.create_task(approve())
    await run_agent(commands, on_event=follow, stop=stop, pace=PACE)
    waiting.cancel()
    approving.cancel()


def _approve() -> None:
    ledger = Ledger.open()
    try:
        text = ledger.texts(*TRUSTED)[-1]
        approval.approve(ledger, *TRUSTED, text.fingerprint, None, by="demo")
    finally:
        ledger.close()


if __name__ == "__main__":
    asyncio.run(main())
