"""What the editor of client files asks of a gateway, when there is one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class Gateway(Protocol):
    """What stands before servers reached over HTTP."""

    def url_for(self, name: str, url: str, headers: Collection[str]) -> tuple[str, str]:
        """The address at the gateway for a server (its `headers` are names only: values stay with the client) and "";
        or "" and the reason why it must stay as it is."""
        ...

    def origin_of(self, url: str) -> str | None:
        """The server's own address behind one of the gateway's; None for any other address."""
        ...
