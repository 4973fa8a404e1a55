"""The variables an entry sets for its server, and so for the guard in front of it: some would make that another one.

`wrap` leaves such an entry as it is, and one that is wrapped is not `watched`. A server alone gets its variables by
`env NAME=VALUE COMMAND`, which stands behind the guard.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcpwatch.clients.entry import ENV_KEYS, Entry
from mcpwatch.clients.node import Node
from mcpwatch.store.files import read_regular

FILE_KEYS = ("envFile", "env_file")
_NAME_KEYS = (*ENV_KEYS, "env_keys")  # Goose: names of variables whose values it keeps elsewhere
_MAX_FILE = 1 << 20
# Where state and configuration are: `store.paths`, and what platformdirs goes by on each system.
_STATE = frozenset(
    {"MCPWATCH_STATE", "MCPWATCH_CONFIG", "HOME", "USERPROFILE", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "APPDATA"}
    | {"LOCALAPPDATA", "ANDROID_DATA", "ANDROID_ROOT"}
)
_STATE_PREFIX = "WIN_PD_OVERRIDE_"
# What the loader, Python or OpenSSL run, or find their modules by.
_CODE = ("LD_", "DYLD_", "PYTHON", "OPENSSL_")
_HARMLESS = frozenset(
    {"PYTHONUNBUFFERED", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED"}
    | {"PYTHONFAULTHANDLER", "PYTHONLEGACYWINDOWSSTDIO", "PYTHONASYNCIODEBUG", "PYTHONNOUSERSITE", "PYTHONSAFEPATH"}
)
_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*[=:]", re.MULTILINE)


@dataclass(frozen=True)
class Around:
    """What the values are compared with, and where an entry's files are: our own environment, the home folder, and
    the projects that it may be used in."""

    env: Mapping[str, str]
    home: Path
    projects: Sequence[Path]

    def is_ours(self, name: str, value: object) -> bool:
        """Whether a guard with this value has the state that we have."""
        own = self.env.get(name, str(self.home) if name == "HOME" else None)
        return own is not None and value == own


def misleading(entry: Entry, around: Around, *, wrapped: bool) -> str:
    """Why a guard in front of this entry is not, or would not be, the one it seems; or ""."""
    found = [*_set(entry), *_of_files(entry, around)]
    for name, value in found:
        if not name:
            return str(value)
        if (name in _STATE or name.startswith(_STATE_PREFIX)) and not around.is_ours(name, value):
            said = f"it sets {name}, so its guard "
            said += "keeps another state: another lock" if wrapped else "would keep another state: another lock"
            return f"{said}, another budget; {_mend(name, wrapped)}"
        if name.startswith(_CODE) and name not in _HARMLESS:
            said = "can run other code in" if wrapped else "could run other code in"
            return f"it sets {name}, which {said} its guard; {_mend(name, wrapped)}"
    return ""


def _mend(name: str, wrapped: bool) -> str:
    first = "unwrap it, and " if wrapped else ""
    return f"{first}set it for the server alone: env {name}=… COMMAND"


def _set(entry: Entry) -> Iterator[tuple[str, object]]:
    """The variables that stand in the entry. Windows does not tell cases apart: neither do we."""
    form = entry.form
    for holder in (entry.node, form.holder if form is not None and form.holder is not entry.node else None):
        for member in holder.members if holder is not None else []:
            if member.key not in _NAME_KEYS:
                continue
            for inner in member.node.members:
                yield inner.key.upper(), inner.node.value
            for item in member.node.items:
                text = _text(item)
                name, _, value = text.partition("=")
                yield name.strip().upper(), value


def _text(item: Node) -> str:
    named = item.get("name") or item.get("key")
    return str(item.value if named is None else named.value)


def _of_files(entry: Entry, around: Around) -> Iterator[tuple[str, object]]:
    """The variables in the files it names, as far as they are here; with "" that one cannot be read."""
    for member in entry.node.members:
        if member.key not in FILE_KEYS or member.node.value is None:
            continue
        written = str(member.node.value)
        for path in dict.fromkeys(_path(written, around.home, project) for project in around.projects):
            try:
                text = read_regular(path, _MAX_FILE).decode("utf-8", "replace")
            except (FileNotFoundError, NotADirectoryError):
                continue
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or error
                yield "", f"its {member.key} cannot be read ({why}): it may move the guard's state"
            else:
                yield from ((name.upper(), None) for name in _LINE.findall(text))


def _path(written: str, home: Path, project: Path) -> Path:
    there = written.replace("${workspaceFolder}", str(project)).replace("${userHome}", str(home))
    return project / (f"{home}{there[1:]}" if there.startswith("~/") else there)
