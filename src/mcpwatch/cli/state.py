"""The state file, opened for one command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mcpwatch.cli import exits
from mcpwatch.meter.prices import PriceBook, PriceError
from mcpwatch.store.config import Config, ConfigError, load
from mcpwatch.store.database import StateError
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.paths import config_file


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
        config = load()
        PriceBook.from_config(config.default_price_per_1k, config.prices)
    except ConfigError as error:
        return Config(), f"configuration not used: {error}"
    except PriceError as error:
        return Config(), f"configuration not used: {config_file()}: prices: {error}"
    return config, ""
