"""The state file, opened for one command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mcpwatch.cli import exits
from mcpwatch.store.config import Config, ConfigError, load
from mcpwatch.store.database import StateError
from mcpwatch.store.ledger import Ledger


@contextmanager
def opened() -> Iterator[Ledger]:
    """The user's ledger; a state that cannot be used ends the command with its exit code."""
    try:
        ledger = Ledger.open()
        try:
            yield ledger
        finally:
            ledger.close()
    except StateError as error:
        raise exits.Failure(str(error), exits.STATE) from error


def configuration() -> tuple[Config, str]:
    """The configuration and "", or what guards fall back to (the defaults) and what is wrong with the file."""
    try:
        return load(), ""
    except ConfigError as error:
        return Config(), f"configuration not used: {error}"
