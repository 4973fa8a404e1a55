"""Whether the model may be asked, and how: configuration, key and the user's consent, read together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final

import msgspec

from mcpwatch.scan import key as keys
from mcpwatch.scan.budget import TokenBudget
from mcpwatch.scan.endpoint import endpoint, is_local
from mcpwatch.scan.key import NAME, ApiKey, KeyProblem
from mcpwatch.scan.mistral import Reviewer
from mcpwatch.scan.verdict import printable
from mcpwatch.store import config as configuration
from mcpwatch.store.config import Config, ConfigError
from mcpwatch.store.scans import ScannerStatus

MISTRAL: Final = "https://api.mistral.ai"
"""Where definitions go when no `server_url` is configured: what the user is asked about."""


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """How the model would be asked now, or why it may not be: `state` is no-key, not-opted-in, bad-config, or ""."""

    state: str = ""
    detail: str = ""
    model: str = ""
    server_url: str | None = None
    budget: int = 0
    opted_in: bool = False
    secret: ApiKey | None = None

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal while nothing changed that matters for asking."""
        secret = self.secret.reveal() if self.secret else None
        return self.state, self.model, self.server_url, self.budget, self.opted_in, secret

    def token_budget(self, spent: int, today: Callable[[], date]) -> TokenBudget:
        """What is left of the day, after what the state file says was spent."""
        return TokenBudget(self.budget, spent=spent, today=today)

    def reviewer(self, spent: int, today: Callable[[], date]) -> Reviewer:
        """Who asks."""
        return Reviewer(
            self.secret,
            model=self.model,
            budget=self.token_budget(spent, today),
            opted_in=self.opted_in,
            server_url=self.server_url,
        )


def destination(config: Config) -> str:
    """The model's server, as the user is asked about it."""
    return config.scanner.server_url or MISTRAL


def consents(config: Config, status: ScannerStatus) -> bool:
    """Whether the user lets definitions go to the configured server. What was withdrawn stays so, whatever the
    configuration says; an agreement holds for the server that was asked about."""
    if status.consent == "withdrawn":
        return False
    return config.scanner.llm or (status.consent == "agreed" and status.consent_to == destination(config))


def look(
    status: ScannerStatus,
    *,
    load_config: Callable[[], Config] = configuration.load,
    find_key: Callable[[], ApiKey | None] = keys.find,
) -> Readiness:
    """How things stand now. Reads the configuration and perhaps a `.env` file; never raises."""
    try:
        config = load_config()
        scanner = config.scanner
        if scanner.server_url is not None:
            endpoint(scanner.server_url)
    except (ConfigError, ValueError) as error:
        return Readiness(state="bad-config", detail=printable(f"Configuration: {error}.", 400))
    url, local = scanner.server_url, is_local(scanner.server_url)
    ready = Readiness(
        model=scanner.model,
        server_url=url,
        budget=scanner.budget_tokens_per_day,
        opted_in=consents(config, status),
    )
    if not local and not ready.opted_in:
        said = "withdrawn" if status.consent == "withdrawn" else "not agreed to"
        detail = f"Sending definitions to {destination(config)} is {said}; only the rules judge."
        return msgspec.structs.replace(ready, state="not-opted-in", detail=detail)
    try:
        secret = find_key()
    except KeyProblem as error:
        secret, detail = None, printable(f"{error}.", 400)
    else:
        detail = f"No API key: set {NAME} in the environment or a .env file; only the rules judge."
    if secret is None and not local:
        return msgspec.structs.replace(ready, state="no-key", detail=detail)
    return msgspec.structs.replace(ready, secret=secret)
