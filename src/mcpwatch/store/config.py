"""The user's configuration file (TOML): typed, checked, and never guessed at.

What decides about protection (lock, limits, patterns, password) is not here but in the state file, where every
guard sees a change at once and loosening asks for the password.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from mcpwatch.store.files import read_regular
from mcpwatch.store.paths import config_file

MAX_BYTES = 4 << 20  # of the file
MAX_PRICE = 10_000  # US dollars: no sum of calls at such prices leaves what the state file can hold


class ConfigError(Exception):
    """The file cannot be used. One line: which file, which field, what it wants."""


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a call to a tool matching `pattern` costs, in US dollars; or the model that prices its tokens."""

    pattern: str
    per_call: float | None = None
    per_1k_in: float | None = None
    per_1k_out: float | None = None
    model: str | None = None


class Scanner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The LLM scanner. Text leaves the machine only when `llm` is true, or its server is on this machine."""

    llm: bool = False
    model: str = "mistral-medium-latest"
    server_url: str | None = None
    budget_tokens_per_day: Annotated[int, msgspec.Meta(ge=0, le=10**12)] = 200_000


class HttpServer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An MCP server reached over HTTP. Header values may name environment variables as `${NAME}`."""

    url: str
    headers: dict[str, str] = {}


class Gateway(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`mcpwatch serve`. `hosts` and `origins` are let in besides those of this machine."""

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 7373
    token_file: str | None = None  # holds a word that requests must bring
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    scan: bool = False  # have the LLM scanner run beside it


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything in `config.toml`."""

    record: Literal["none", "preview", "full"] = "preview"
    retention_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] = 30
    retention_mb: Annotated[int, msgspec.Meta(ge=10, le=10**7)] = 500
    max_frame_mb: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 64
    tokenizer: Literal["auto", "estimate"] = "auto"  # auto: count exactly where tiktoken's vocabulary is at hand
    default_price_per_1k: float = 0.003  # US dollars per 1 000 tokens
    prices: tuple[Price, ...] = ()
    scanner: Scanner = Scanner()
    servers: dict[str, HttpServer] = {}
    gateway: Gateway = Gateway()


def load(path: Path | None = None) -> Config:
    """The configuration; defaults when there is no file. Raises ConfigError."""
    path = path or config_file()
    try:
        text = read_regular(path, MAX_BYTES).decode("utf-8")
    except FileNotFoundError:
        return Config()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    try:
        config = msgspec.convert(tomllib.loads(text), Config, strict=True)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from error
    _check_amounts(path, config)
    return config


def _check_amounts(path: Path, config: Config) -> None:
    amounts: list[tuple[str, float | None]] = [("default_price_per_1k", config.default_price_per_1k)]
    for i, price in enumerate(config.prices):
        for field in ("per_call", "per_1k_in", "per_1k_out"):
            amounts.append((f"prices[{i}].{field}", getattr(price, field)))
    for field, amount in amounts:
        if amount is not None and not 0 <= amount <= MAX_PRICE:  # NaN is not either
            raise ConfigError(f"{path}: {field} must be a number of US dollars from 0 to {MAX_PRICE}; it is {amount}")
