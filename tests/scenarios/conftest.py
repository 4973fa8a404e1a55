"""Each scenario runs straight to the server and through a guard: what differs is the guard's doing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from servers import guard_command, guard_env, server_command
from servers.sdkclient import ERAS, sdk_client


@dataclass(frozen=True)
class Route:
    """The way to a server: `direct`, or `guarded` with a fresh state folder of its own."""

    guarded: bool
    directory: Path

    def command(self, server: list[str], name: str = "srv") -> list[str]:
        return guard_command(name, server) if self.guarded else server

    @property
    def env(self) -> dict[str, str]:
        return guard_env(self.directory)


@pytest.fixture(params=["direct", "guarded"])
def route(request: pytest.FixtureRequest, tmp_path: Path) -> Route:
    return Route(request.param == "guarded", tmp_path)


@pytest.fixture
def guarded(tmp_path: Path) -> Route:
    return Route(True, tmp_path)


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def connect(route: Route, era: str, tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """`connect(**options)` is an SDK client of the server `everything`, by this route, in this era."""
    with (tmp_path / "stderr.txt").open("w") as errlog:

        def make(**options: Any) -> Client:
            command = route.command(server_command("everything"))
            return sdk_client(command, era, env=route.env, errlog=errlog, **options)

        yield make
