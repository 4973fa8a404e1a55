"""Servers that wrapping puts into `config.toml`, and takes out again when no client uses them.

Each is one piece of text at the file's end. The piece is noted in the state folder, so that it can be cut out again
and leaves the very bytes that were there, whatever was written around it since; one that someone changed stays.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import msgspec

from mcpwatch.clients.write import NotWritten, replace_file, replaced
from mcpwatch.store import config as configuration
from mcpwatch.store.files import read_regular
from mcpwatch.store.paths import config_file, state_dir

_BARE = re.compile(r"[A-Za-z0-9_-]+")
Tables = dict[str, Any]
_SAID = "# put here by `mcpwatch wrap`; `mcpwatch unwrap` takes it away"


class Piece(msgspec.Struct, frozen=True):
    """What was written for one server."""

    url: str
    text: str


class Pieces(msgspec.Struct):
    """What was written into one configuration file; `made`: the file was made for it."""

    made: bool = False
    servers: dict[str, Piece] = {}


def noted() -> dict[str, str]:
    """name → address of the servers that were put into the configuration file."""
    return {name: piece.url for name, piece in _mine(_notes()).servers.items()}


def added(servers: Mapping[str, str]) -> list[str]:
    """The lines that `add` would write. Raises NotWritten."""
    known = _names(_read(config_file())) if servers else {}
    return [
        line for name, url in servers.items() if name not in known for line in _piece(name, url, "\n").splitlines()
    ]


def add(servers: Mapping[str, str]) -> list[str]:
    """Put name → address into the configuration file; returns the names that were not there. Raises NotWritten."""
    if not servers:
        return []
    path = config_file()
    before = _read(path)
    known = _names(before)
    for name, url in servers.items():
        if known.get(name, url) != url:
            raise NotWritten(f"{path} has another server of the name {name}; look at it again")
    new = {name: url for name, url in servers.items() if name not in known}
    if not new:
        return []
    text = "" if before is None else before.decode("utf-8")
    newline = "\r\n" if "\r\n" in text else "\n"
    pieces: dict[str, Piece] = {}
    for name, url in new.items():
        gap = "" if not text else newline if text.endswith("\n") else newline * 2
        pieces[name] = Piece(url, gap + _piece(name, url, newline))
        text += pieces[name].text
    try:
        tables = _tables(before)
        then = tables.get("servers", {}) | {name: {"url": url} for name, url in new.items()}
        good = _tables(text.encode("utf-8")) == tables | {"servers": then}
    except NotWritten:
        good = False
    if not good:
        raise NotWritten(f"{path} is written in a way that nothing can be added to: write [servers.NAME] tables")
    notes = _notes()
    mine = notes.setdefault(_key(), Pieces())
    mine.made = before is None or (mine.made and bool(mine.servers))
    mine.servers.update(pieces)
    earlier = _notes()
    _note(notes)  # first: what is written and not noted would never be taken out
    try:
        _write(path, before, text.encode("utf-8"))
    except NotWritten:
        _note(earlier)
        raise
    return list(new)


def drop(names: Collection[str]) -> list[str]:
    """Take servers out again, unless someone changed what was written for them. Returns those that are out. Raises
    NotWritten."""
    path, notes = config_file(), _notes()
    mine = _mine(notes)
    ours = {name: mine.servers[name] for name in names if name in mine.servers}
    if not ours:
        return []
    before = _read(path)
    text = "" if before is None else before.decode("utf-8")
    gone = []
    for name, piece in ours.items():
        shorter = text.replace(piece.text, "")
        if text.count(piece.text) == 1 and _is_without(
            _tables(shorter.encode()), _tables(text.encode()), name, piece
        ):
            text = shorter
            gone.append(name)
    if gone and mine.made and not text:
        path.unlink()
        mine.made = False
    elif gone and before is not None:
        replace_file(path, before, text.encode("utf-8"))
    for name in ours:
        del mine.servers[name]
    _note({key: value for key, value in notes.items() if value.servers})
    return gone


def _piece(name: str, url: str, newline: str) -> str:
    key = name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)
    quoted = json.dumps(url, ensure_ascii=False).replace("\x7f", "\\u007f")
    return newline.join((f"[servers.{key}]", _SAID, f"url = {quoted}", ""))


def _is_without(shorter: Tables, whole: Tables, name: str, piece: Piece) -> bool:
    """Whether the shorter file lacks this server, which is as it was written, and nothing else."""
    servers = whole.get("servers", {})
    rest = {key: server for key, server in servers.items() if key != name}
    return servers.get(name) == {"url": piece.url} and shorter | {"servers": shorter.get("servers", {})} == (
        whole | {"servers": rest}
    )


def _tables(data: bytes | None) -> Tables:
    """What the file says. Raises NotWritten."""
    try:
        return tomllib.loads("" if data is None else data.decode("utf-8"))
    except ValueError as error:  # of tomllib, of the encoding
        raise NotWritten(f"{config_file()} cannot be used: {error}") from error


def _names(data: bytes | None) -> dict[str, str]:
    """name → address of the servers in a configuration that can be used. Raises NotWritten."""
    try:
        config = msgspec.convert(_tables(data), configuration.Config, strict=True)
    except msgspec.ValidationError as error:
        raise NotWritten(f"{config_file()} cannot be used: {error}") from error
    return {name: server.url for name, server in config.servers.items()}


def _read(path: Path) -> bytes | None:
    try:
        return read_regular(path, configuration.MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotWritten(f"{path} cannot be read: {error.strerror}") from error


def _write(path: Path, before: bytes | None, after: bytes) -> None:
    try:
        if before is not None:
            replace_file(path, before, after)
            return
        if os.path.lexists(path):
            raise NotWritten("it has just been made by another program; look at it again")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replaced(path, after, 0o600)
    except NotWritten as error:
        raise NotWritten(f"{path}: {error}") from error
    except OSError as error:
        raise NotWritten(f"{path} cannot be written: {error.strerror}") from error


# -- notes -----------------------------------------------------------------------------------------------


def _mine(notes: dict[str, Pieces]) -> Pieces:
    return notes.get(_key(), Pieces())


def _key() -> str:
    """The configuration file's path, also one that is not UTF-8."""
    return os.fsencode(config_file()).decode("utf-8", "backslashreplace")


def _notes() -> dict[str, Pieces]:
    """configuration file → what was written there. An unreadable file counts as empty: then nothing is taken out."""
    try:
        return msgspec.json.decode(_file().read_bytes(), type=dict[str, Pieces])
    except (OSError, msgspec.MsgspecError, UnicodeError):
        return {}


def _note(notes: dict[str, Pieces]) -> None:
    file = _file()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replaced(file, msgspec.json.encode(notes), 0o600)
    except OSError as error:
        raise NotWritten(f"the state folder cannot be written: {error.strerror}") from error


def _file() -> Path:
    return state_dir() / "routes.json"
