"""The Mistral API key: where it is looked for, and a wrapper that never shows it.

In this order, the first that has one: `MISTRAL_API_KEY` in the environment, `.env` in the folder of `config.toml`,
`.env` in the working folder. That one is last, and not looked at where the user has a key: it may be somebody else's,
of a project that was cloned. Of a `.env` file only that one name is read; nothing in it is expanded or executed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn

from mcpwatch.store.paths import config_file

NAME: Final = "MISTRAL_API_KEY"
_FILE_MAX: Final = 65_536  # bytes of a .env file
_KEY = re.compile(r"[!-~]{1,512}")

# One assignment: name, then a single-quoted, double-quoted (both may span lines) or bare value up to the line's end.
_ASSIGNMENT = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]{0,127})[ \t]*=[ \t]*
        (?:'(?P<single>[^']{0,4096})'|"(?P<double>(?:[^"\\]|\\.){0,4096})"|(?P<bare>[^\n]*))
        (?P<rest>[^\n]*)$""",
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)


class KeyProblem(Exception):
    """A key is there but cannot be used. One line saying where and why, never what."""


class ApiKey:
    """A secret that is written out by `reveal()` and by nothing else."""

    __slots__ = ("_secret", "source")

    def __init__(self, secret: str, source: str) -> None:
        if not _KEY.fullmatch(secret):
            raise KeyProblem(f"{source}: {NAME} is not a key (one word of printable ASCII expected)")
        self._secret = secret
        self.source = source

    def reveal(self) -> str:
        """The key itself, for the one header it is meant for."""
        return self._secret

    def scrub(self, text: str) -> str:
        """`text` without the key, for what others wrote after they had seen it."""
        return text.replace(self._secret, "***")

    def __repr__(self) -> str:
        return f"ApiKey(***, source={self.source!r})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("an API key is not to be stored")


def find(
    environ: Mapping[str, str] | None = None, *, cwd: Path | None = None, config_dir: Path | None = None
) -> ApiKey | None:
    """The user's key, or None where there is none. An empty one counts as none. Raises KeyProblem."""
    secret = (os.environ if environ is None else environ).get(NAME, "").strip()
    if secret:
        return ApiKey(secret, "environment")
    if key := _kept_in(config_dir or config_file().parent):
        return key
    try:
        return _kept_in(cwd or Path.cwd())
    except FileNotFoundError:  # the working folder is gone
        return None


def _kept_in(folder: Path) -> ApiKey | None:
    path = folder / ".env"
    text = _read(path)
    secret = "" if text is None else value_of(text, NAME, str(path))
    return ApiKey(secret, str(path)) if secret else None


def value_of(text: str, name: str, where: str) -> str:
    """The last value a `.env` text gives to `name`, '' when it gives none. Raises KeyProblem on a broken line of it.

    Understood: `NAME=value`, `export`, blanks round `=`, single quotes (literal), double quotes (`\\"` and `\\\\`),
    and comments on lines of their own or after a blank.
    """
    value = ""
    for match in _ASSIGNMENT.finditer(text.removeprefix("\ufeff").replace("\r\n", "\n")):
        if match["name"] == name:
            value = _value(match, f"{where}: {name}")
    return value


def _value(match: re.Match[str], where: str) -> str:
    if match["bare"] is not None:
        bare = re.split(r"(?:^|[ \t])#", match["bare"], maxsplit=1)[0].strip()
        if bare[:1] in {"'", '"'}:
            raise KeyProblem(f"{where} has a quote that is not closed")
        return bare
    rest = match["rest"].strip()
    if rest and not rest.startswith("#"):
        raise KeyProblem(f"{where} goes on after the closing quote")
    if match["single"] is not None:
        return match["single"].strip()
    return re.sub(r'\\(["\\])', r"\1", match["double"]).strip()


def _read(path: Path) -> str | None:
    """The text of a `.env` file; None when there is none. A pipe or device is never read: it could block for ever."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise KeyProblem(f"{path} cannot be read: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        if status.st_size > _FILE_MAX:
            raise KeyProblem(f"{path} is larger than {_FILE_MAX} bytes and is not read")
        data = os.read(descriptor, _FILE_MAX)
    finally:
        os.close(descriptor)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise KeyProblem(f"{path} is not UTF-8") from None
