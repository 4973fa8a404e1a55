"""`python -m mcpwatch.demo.actor`: the demo's agent as a process of its own, so that the screen stays smooth.

Standard input carries the guards' command lines as one line of JSON; when it closes, the agent stops.
"""

from __future__ import annotations

import asyncio
import json
import sys

from mcpwatch.demo.agent import AgentEvent, Pace, run_agent

PACE = Pace(first=1.6, last=0.4, ramp=30.0, after_refusal=2.5)


async def main() -> None:
    """Play until standard input closes."""
    commands = json.loads(sys.stdin.readline())
    stop = asyncio.Event()

    def quiet(event: AgentEvent) -> None:
        """The screen shows what happens; nothing is to be said here."""

    async def until_closed() -> None:
        await asyncio.to_thread(sys.stdin.read)
        stop.set()

    waiting = asyncio.create_task(until_closed())
    await run_agent(commands, on_event=quiet, stop=stop, pace=PACE)
    waiting.cancel()


if __name__ == "__main__":
    asyncio.run(main())
