import hashlib
import http.server
import os
import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mcpwatch.meter import media, tokenizer
from mcpwatch.meter.tokenizer import FetchError, Tokenizer, Vocabulary
from mcpwatch.meter.tokens import Estimate

# A vocabulary as tiktoken's files are: every byte, and a few merges.
RANKS = [*(bytes([byte]) for byte in range(256)), b"th", b"the", b" the"]
FILE = b"".join(b64encode(token) + b" " + str(rank).encode() + b"\n" for rank, token in enumerate(RANKS))
HASH = hashlib.sha256(FILE).hexdigest()


class Site:
    """An HTTP server on this machine; `body` and `status` are what it answers with."""

    def __init__(self) -> None:
        self.body, self.status, self.length = FILE, 200, len(FILE)
        self.requests: list[str] = []
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.requests.append(self.path)
                self.send_response(site.status)
                self.send_header("Content-Length", str(site.length))
                self.end_headers()
                self.wfile.write(site.body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/cl100k_base.tiktoken"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    site = Site()
    for encoding in tokenizer.VOCABULARIES:
        monkeypatch.setitem(tokenizer.VOCABULARIES, encoding, Vocabulary(site.url, HASH))
    yield site
    site.close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def calls_out(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every attempt to reach the network, each of which fails."""
    calls: list[object] = []

    def refuse(*args: object, **_: object) -> None:
        calls.append(args)
        raise ConnectionError("offline")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return calls


def stored(cache: Path, site: Site, content: bytes = FILE) -> Path:
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / hashlib.sha1(site.url.encode()).hexdigest()
    path.write_bytes(content)
    return path


def loaded(encoding: str = "o200k_base") -> Tokenizer:
    found = tokenizer.load(encoding)
    assert found is not None
    return found


@pytest.mark.parametrize("encoding", ["o200k_base", "cl100k_base"])
def test_a22_nothing_in_the_cache_is_no_tokenizer_and_no_download(
    encoding: str, cache: Path, calls_out: list[object]
) -> None:
    assert tokenizer.load(encoding) is None
    assert not tokenizer.available(encoding)
    assert calls_out == []
    assert not cache.exists()


@pytest.mark.parametrize("content", [b"", b"not a vocabulary", FILE[:-1], FILE + b"\n", b"\xff" * 20_000_000])
def test_a22_a_wrong_file_is_neither_used_nor_touched_nor_replaced(
    content: bytes, cache: Path, site: Site, calls_out: list[object]
) -> None:
    path = stored(cache, site, content)
    assert tokenizer.load() is None
    assert path.read_bytes() == content
    assert calls_out == []


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_a22_what_is_no_file_is_no_tokenizer(make: Callable[[Path], None], cache: Path, site: Site) -> None:
    path = stored(cache, site)
    path.unlink()
    make(path)
    assert tokenizer.load() is None


def test_a22_the_cached_vocabulary_is_used_without_the_network(
    cache: Path, site: Site, calls_out: list[object]
) -> None:
    stored(cache, site)
    assert tokenizer.available()
    found = loaded()
    assert (found.encoding, found.count("the thing"), found.count(b"the the")) == ("o200k_base", 6, 2)
    assert calls_out == []


def test_a22_tiktokens_own_rules_for_the_folder(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    monkeypatch.setenv("DATA_GYM_CACHE_DIR", str(tmp_path / "gym"))
    stored(tmp_path / "gym", site)
    assert tokenizer.available()
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")  # turns tiktoken's cache off
    assert not tokenizer.available()
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR")
    monkeypatch.delenv("DATA_GYM_CACHE_DIR")
    monkeypatch.setattr(tokenizer.tempfile, "gettempdir", lambda: str(tmp_path))
    assert not tokenizer.available()
    stored(tmp_path / "data-gym-cache", site)
    assert tokenizer.available()


@pytest.mark.parametrize("encoding", ["o200k_base", "cl100k_base"])
def test_a22_special_tokens_are_text_and_nothing_raises(encoding: str, cache: Path, site: Site) -> None:
    stored(cache, site)
    found = loaded(encoding)
    assert found.count("<|endoftext|>") == len("<|endoftext|>")
    assert found.count("") == found.count(b"") == 0
    assert found.count("\ud800") == found.count(b"\xff") == len("\ufffd".encode())
    assert found.count("\ud83d\ude00") == 4


@pytest.mark.parametrize("text", [" " * 1_500_000, "\t" * 1_500_000, "z" * 400_000, "z " * 400_000])
def test_a22_text_that_makes_tiktoken_panic_is_counted(text: str, cache: Path, site: Site) -> None:
    stored(cache, site)
    assert loaded().count(text) == len(text)


def test_long_texts_are_cut_where_tokens_end_anyway(cache: Path, site: Site) -> None:
    stored(cache, site)
    assert loaded().count("the" + " the" * 100_000) == 100_001


def test_content_counts_media_by_item_and_escapes_as_characters(cache: Path, site: Site) -> None:
    stored(cache, site)
    raw = b'{"content":[{"type":"image","mimeType":"x","data":"QUJDREVG"},{"text":"\\u00e9"}]}'
    rest = '{"content":[{"type":"image","mimeType":"x","data":},{"text":"é"}]}'.encode()
    assert loaded().count_content(raw) == Estimate(len(rest) + media.ITEM_TOKENS, "o200k_base")


def test_an_unknown_encoding_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="unknown encoding 'p50k', expected one of cl100k_base, o200k_base"):
        tokenizer.load("p50k")


def test_fetch_stores_what_load_finds(cache: Path, site: Site) -> None:
    path = tokenizer.fetch()
    assert path.read_bytes() == FILE
    assert list(cache.iterdir()) == [path]
    assert len(site.requests) == 1
    assert loaded().count("the") == 1


def test_fetch_mends_a_wrong_file(cache: Path, site: Site) -> None:
    path = stored(cache, site, b"broken")
    assert tokenizer.fetch() == path
    assert tokenizer.available()


@pytest.mark.parametrize(
    ("body", "status", "length", "message"),
    [
        (b"another file", 200, 12, "wrong SHA-256"),
        (FILE, 404, len(FILE), "404"),
        (FILE[:100], 200, len(FILE), "cannot download|wrong SHA-256"),
    ],
)
def test_a_bad_download_stores_nothing(
    cache: Path, site: Site, body: bytes, status: int, length: int, message: str
) -> None:
    site.body, site.status, site.length = body, status, length
    with pytest.raises(FetchError, match=message):
        tokenizer.fetch()
    assert not cache.exists()


def test_a22_offline_is_one_clear_line(cache: Path, calls_out: list[object]) -> None:
    with pytest.raises(FetchError, match=r"^cannot download https://\S+/o200k_base\.tiktoken: .*offline") as found:
        tokenizer.fetch()
    assert calls_out
    assert "\n" not in str(found.value)


def test_nowhere_to_store(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(FetchError, match="cannot store"):
        tokenizer.fetch()
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    with pytest.raises(FetchError, match="turned off"):
        tokenizer.fetch()


def test_a_failed_replacement_leaves_no_rest(cache: Path, site: Site) -> None:
    target = stored(cache, site)
    target.unlink()
    (target / "in the way").mkdir(parents=True)
    with pytest.raises(FetchError, match="cannot store"):
        tokenizer.fetch()
    assert list(cache.iterdir()) == [target]
