"""The machine as paths depend on it: system, home, environment, folder. A value, so that tests make their own."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mcpwatch.clients.table import EDITORS, Place, System

_VARIABLE = re.compile(r"\$([A-Z_]+)")


@dataclass(frozen=True)
class Surroundings:
    """Where we are."""

    system: System
    home: Path
    env: Mapping[str, str]
    folder: Path

    @classmethod
    def here(cls) -> Surroundings:
        """This process's own."""
        system: System = {"darwin": "macos", "win32": "windows"}.get(sys.platform, "linux")  # type: ignore[assignment]
        return cls(system, Path.home(), os.environ, Path.cwd())

    def projects(self) -> list[Path]:
        """This folder and, when that is another, the repository's: clients look for their files in either. A
        repository of another user's is none, as for git (`safe.directory`)."""
        folder = self._repository()
        own = _is_own(folder) and _is_own(folder / ".git")
        return list(dict.fromkeys((self.folder, folder))) if own else [self.folder]

    def _repository(self) -> Path:
        """The folder of the repository, or this one where there is none."""
        for folder in (self.folder, *self.folder.parents):
            if folder == self.home:
                break
            if (folder / ".git").exists():
                return folder
        return self.folder

    def paths(self, place: Place) -> list[Path]:
        """Where files of this place would be; those a `*` stands for are there. A project's that another user has put
        there are left out."""
        found = self._there(place, self.projects())
        return [path for path in found if _is_own(path)] if place.scope == "project" else found

    def left_out(self, place: Place) -> list[Path]:
        """Files that are there and that `paths` leaves out, since they, or the repository, are another user's."""
        if place.scope != "project":
            return []
        known = set(self.paths(place))
        both = dict.fromkeys((self.folder, self._repository()))
        return [path for path in self._there(place, list(both)) if path not in known and _is_file(path)]

    def _there(self, place: Place, projects: list[Path]) -> list[Path]:
        if self.system not in place.systems:
            return []
        found: list[Path] = []
        wild = "*" in place.path
        for template in self._templates(place.path, glob.escape if wild else str, projects):
            if wild:
                path = Path(template)
                found += sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
            else:
                found.append(Path(template))
        return found

    def _templates(self, path: str, written: Callable[[str], str], projects: list[Path]) -> list[str]:
        """The path with all of it filled in, each as it is `written` where a `*` is one that matches."""
        for alternative in path.split(" | "):
            names = _VARIABLE.findall(alternative)
            if all(self.env.get(name) for name in names):
                path = _VARIABLE.sub(lambda match: written(self.env[match[1]]), alternative)
                break
        else:
            return []
        for name, folder in self._folders().items():
            path = path.replace(f"{{{name}}}", written(folder))
        if path.startswith("~/"):
            path = f"{written(str(self.home))}/{path[2:]}"
        paths = [path.replace("{editor}", editor) for editor in EDITORS] if "{editor}" in path else [path]
        if "{project}" in path:
            return [path.replace("{project}", written(str(project))) for path in paths for project in projects]
        return paths

    def _folders(self) -> dict[str, str]:
        return {
            "config": self.env.get("XDG_CONFIG_HOME") or f"{self.home}/.config",
            "support": f"{self.home}/Library/Application Support",
            "appdata": self.env.get("APPDATA") or f"{self.home}/AppData/Roaming",
        }


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # in a folder that may not be read
        return False


def _is_own(path: Path) -> bool:
    """Whether nothing there belongs to another user: neither it nor, of a link, what it leads to. On Windows, where
    folders of one user are not writable for others, nothing is asked."""
    if os.name == "nt":
        return True
    try:
        return all(status.st_uid == os.geteuid() for status in (path.lstat(), path.stat()))
    except FileNotFoundError:
        return True
    except (OSError, RuntimeError):  # not ours to read, or a link to itself
        return False
