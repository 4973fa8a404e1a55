"""Looking again at what is configured, and only when a file of it changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mcpwatch.clients import registry
from mcpwatch.clients.gateway import Gateway
from mcpwatch.clients.surroundings import Surroundings
from mcpwatch.clients.survey import ConfigFile, survey
from mcpwatch.clients.table import CLIENTS
from mcpwatch.store.paths import config_file

Stamp = tuple[int, int, int]  # of a file: time of its last change in ns, size, inode


class Watch:
    """A survey that is made anew when a file came, went or changed. Not for several threads at once."""

    def __init__(
        self, surroundings: Surroundings, program: str, *, configured: Callable[[], Gateway | None] = lambda: None
    ) -> None:
        self.surroundings = surroundings
        self.program = program
        self.gateway: Gateway | None = None  # as it was at the last look
        self._configured = configured
        self._seen: dict[Path, Stamp] | None = None

    def look(self, *, anew: bool = False) -> list[ConfigFile] | None:
        """What is configured; None when nothing changed since the last look, unless it is to be made `anew`."""
        # Taken before the files are read: what changes meanwhile is seen at the next look.
        stamps = self._stamps()
        if stamps == self._seen and not anew:
            return None
        self.gateway = self._configured()
        files = survey(self.surroundings, self.program, gateway=self.gateway)
        self._seen = stamps
        return files

    def _stamps(self) -> dict[Path, Stamp]:
        paths = [path for client in CLIENTS for place in client.places for path in self.surroundings.paths(place)]
        found: dict[Path, Stamp] = {}
        for path in (*paths, registry.wrapped_file(), config_file()):
            try:
                stat = path.stat()
            except OSError:
                continue
            found[path] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        return found
