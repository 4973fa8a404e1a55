"""Exact token counts by tiktoken, off the relay's path: loading takes 0.15–0.35 s and 30–55 MiB, a KiB 50–200 µs.

tiktoken itself downloads a vocabulary it does not find. Here only `fetch` touches the network.
"""

from __future__ import annotations

import hashlib
import http.client
import importlib
import os
import tempfile
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

from mcpwatch.meter import media
from mcpwatch.meter.tokens import Estimate

if TYPE_CHECKING:
    import tiktoken

DEFAULT_ENCODING = "o200k_base"


class Vocabulary(NamedTuple):
    url: str
    sha256: str


# Both from tiktoken_ext/openai_public.py.
VOCABULARIES = {
    "cl100k_base": Vocabulary(
        "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
    "o200k_base": Vocabulary(
        "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    ),
}

_LARGEST_FILE = 16 * 1024 * 1024
_TIMEOUT = 30.0
# tiktoken's regular expressions run out of stack on about a million spaces in a row, and that panics in Rust.
_LONGEST_PIECE = 128 * 1024


class FetchError(Exception):
    """A vocabulary could not be downloaded or stored; the text is one line for a person."""


class Tokenizer:
    """Counts as the encoding `encoding` does. Threads may share one, and counting lets the others run."""

    def __init__(self, encoding: str, ranks: dict[bytes, int]) -> None:
        self.encoding = encoding
        self._tiktoken = _encoding(encoding, ranks)
        ranks.clear()  # tiktoken has its own copy of these 15–30 MiB, and counting does not need ours

    def count(self, text: str | bytes) -> int:
        """The tokens of `text`, in which "<|endoftext|>" and its like are text; bytes are UTF-8, read leniently."""
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        return sum(len(self._tiktoken.encode_ordinary(piece)) for piece in _pieces(text))

    def count_content(self, raw: bytes) -> Estimate:
        """What `tokens.estimate_content` estimates, exactly, except for media."""
        text, items = media.split(raw)
        return Estimate(self.count(media.unescape(text)) + items * media.ITEM_TOKENS, self.encoding)


def load(encoding: str = DEFAULT_ENCODING) -> Tokenizer | None:
    """The tokenizer, or None when its vocabulary is not in tiktoken's cache directory or is not what it should be."""
    content = _cached(encoding)
    return None if content is None else Tokenizer(encoding, _ranks(content))


def available(encoding: str = DEFAULT_ENCODING) -> bool:
    """Whether `load` would find its vocabulary (5 ms)."""
    return _cached(encoding) is not None


def fetch(encoding: str = DEFAULT_ENCODING) -> Path:
    """Download the vocabulary into tiktoken's cache directory, where `load` finds it. Raises FetchError."""
    vocabulary = _vocabulary(encoding)
    path = _cache_path(vocabulary)
    if path is None:
        raise FetchError("tiktoken's cache is turned off by an empty TIKTOKEN_CACHE_DIR or DATA_GYM_CACHE_DIR")
    try:
        with urllib.request.urlopen(vocabulary.url, timeout=_TIMEOUT) as answer:
            content: bytes = answer.read(_LARGEST_FILE + 1)
    except (OSError, http.client.HTTPException) as error:
        raise FetchError(f"cannot download {vocabulary.url}: {error}") from error
    if hashlib.sha256(content).hexdigest() != vocabulary.sha256:
        raise FetchError(f"{vocabulary.url} is not the expected file (wrong SHA-256); nothing was stored")
    try:
        _store(path, content)
    except OSError as error:
        raise FetchError(f"cannot store the vocabulary in {path.parent}: {error}") from error
    return path


def _vocabulary(encoding: str) -> Vocabulary:
    try:
        return VOCABULARIES[encoding]
    except KeyError:
        raise ValueError(f"unknown encoding {encoding!r}, expected one of {', '.join(VOCABULARIES)}") from None


def _cache_path(vocabulary: Vocabulary) -> Path | None:
    """Where tiktoken (`tiktoken/load.py`) keeps this vocabulary, or None when its cache is turned off."""
    default = str(Path(tempfile.gettempdir()) / "data-gym-cache")
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR", default))
    return Path(folder) / hashlib.sha1(vocabulary.url.encode()).hexdigest() if folder else None


def _cached(encoding: str) -> bytes | None:
    vocabulary = _vocabulary(encoding)
    path = _cache_path(vocabulary)
    try:
        if path is None or not path.is_file() or path.stat().st_size > _LARGEST_FILE:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == vocabulary.sha256 else None


def _store(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, suffix=".tmp", delete=False) as file:
        try:
            file.write(content)
            file.close()
            Path(file.name).replace(path)
        except OSError:
            Path(file.name).unlink()
            raise


def _ranks(content: bytes) -> dict[bytes, int]:
    pairs = (line.split() for line in content.splitlines() if line)
    return {b64decode(token): int(rank) for token, rank in pairs}


def _encoding(name: str, ranks: dict[bytes, int]) -> tiktoken.Encoding:
    """tiktoken's own definition of the encoding `name`, handed its vocabulary instead of fetching it."""
    import tiktoken

    encodings = vars(importlib.import_module("tiktoken_ext.openai_public"))
    offline = FunctionType(encodings[name].__code__, {**encodings, "load_tiktoken_bpe": lambda *_, **__: ranks})
    definition: dict[str, Any] = offline()
    return tiktoken.Encoding(**definition)


def _pieces(text: str) -> Iterator[str]:
    """`text` in pieces that tiktoken can take, cut before a space, where both encodings nearly always cut too."""
    start = 0
    while len(text) - start > _LONGEST_PIECE:
        end = text.rfind(" ", start + _LONGEST_PIECE // 2, start + _LONGEST_PIECE)
        end = end if end > 0 else start + _LONGEST_PIECE
        yield text[start:end]
        start = end
    yield text[start:]
