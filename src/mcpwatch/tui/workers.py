"""The two workers the screen hosts as async tasks, and what it says about them."""

from __future__ import annotations

from typing import Protocol


class HostedWorker(Protocol):
    """`status` is read at every tick; `run` ends when it is cancelled."""

    name: str
    status: str

    async def run(self) -> None: ...


class Idle:
    """A worker that has nothing to do, and says so."""

    def __init__(self, name: str, status: str) -> None:
        self.name = name
        self.status = status

    async def run(self) -> None:
        return


def default_workers() -> tuple[HostedWorker, ...]:
    return (Idle("gateway", "not configured"), Idle("scanner", "off"))
