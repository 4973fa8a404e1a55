"""A page of definitions on its way through: what the gate judges, and what is put together again afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw

from mcpwatch.protocol.lenient import patched
from mcpwatch.store.records import Definition

if TYPE_CHECKING:
    from mcpwatch.protocol.definitions import Page


class Listing(msgspec.Struct):
    """`found` is in the order of the page."""

    kind: str
    page: Page
    found: list[Definition]

    @classmethod
    def read(cls, kind: str, result: Raw | bytes) -> Listing | None:
        """The definitions in a result, None when it holds none. Raises `Malformed`."""
        from mcpwatch.protocol.definitions import read_page  # hashlib and json: not before the first list

        page = read_page(kind, result)
        if page is None:
            return None
        return cls(kind, page, [Definition(kind, x.name, x.fingerprint, x.json) for x in page.found])

    def readable(self, line: bytes) -> bytes:
        """The frame as it was read."""
        return patched(line) or line
