"""A state file of the test's own, armed or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mcpwatch.guard import lock, password
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Limit
from store.stepped import PASSWORD, Guarded, Machine


@pytest.fixture(autouse=True)
def quick_bcrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least work bcrypt allows, 1 ms in place of 200: the construction is the same."""
    monkeypatch.setattr(password, "ROUNDS", 4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "state.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    """The state file as a person's commands have it open."""
    found = Ledger.open(path)
    yield found
    found.close()


@pytest.fixture
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the test's own configuration file may be; there is none yet."""
    config = tmp_path / "config.toml"
    monkeypatch.setenv("MCPWATCH_CONFIG", str(config))
    return config


Guard = Callable[..., Guarded]


@pytest.fixture
def guard(path: Path) -> Iterator[Guard]:
    """`guard(limits…, armed=True, server=…, machine=…)`: further ones share the state file."""
    made: list[Guarded] = []

    def make(*limits: Limit, armed: bool = True, server: str = "github", machine: Machine | None = None) -> Guarded:
        first = not made
        machine = machine or (made[0].machine if made else Machine())
        guarded = Guarded(path, server, machine)
        made.append(guarded)
        if first:
            lock.set_password(guarded.person, PASSWORD, PASSWORD, None, by="test")
            if limits:
                for limit in guarded.person.policy().limits:
                    lock.remove_limit(guarded.person, limit.key, PASSWORD, by="test")
            if armed:
                lock.arm(guarded.person, by="test")
        if limits:
            lock.set_limits(guarded.person, limits, PASSWORD, by="test")
        return guarded

    yield make
    for guarded in made:
        guarded.close()
