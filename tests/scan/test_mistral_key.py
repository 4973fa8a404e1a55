"""Where the API key comes from, and that it is never shown (B19)."""

from __future__ import annotations

import copy
import os
import pickle
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpwatch.scan.key import NAME, ApiKey, KeyProblem, find, value_of

SECRET = "sk-do-not-show-me"


def test_b19_key_is_never_shown() -> None:
    key = ApiKey(SECRET, "environment")
    shown = [repr(key), str(key), f"{key}", f"{key!s:>40}", "%s" % key, repr([key]), repr({"k": key})]  # noqa: UP031
    assert not any(SECRET in text for text in shown)
    assert key.reveal() == SECRET
    assert key.scrub(f"<{SECRET}>") == "<***>"
    assert not hasattr(key, "__dict__")
    for store in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not to be stored"):
            store(key)


@pytest.mark.parametrize("secret", ["", "two words", "new\nline", "clé", "x" * 513, "\x1b[2J"])
def test_b19_what_cannot_be_a_header_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(KeyProblem) as caught:
        ApiKey(secret, "environment")
    assert str(caught.value) == f"environment: {NAME} is not a key (one word of printable ASCII expected)"


def test_b19_environment_then_configuration_then_working_folder(tmp_path: Path) -> None:
    work, config = tmp_path / "work", tmp_path / "config"
    work.mkdir()
    config.mkdir()

    def found(environ: dict[str, str]) -> tuple[str, str] | None:
        key = find(environ, cwd=work, config_dir=config)
        return None if key is None else (key.reveal(), key.source)

    assert found({}) is None
    (work / ".env").write_text(f"{NAME}=from-work\n")
    assert found({}) == ("from-work", str(work / ".env"))
    (config / ".env").write_text("OTHER=1\n")
    assert found({}) == ("from-work", str(work / ".env"))
    (config / ".env").write_text(f"{NAME}=from-config\n")
    assert found({}) == ("from-config", str(config / ".env"))
    assert found({NAME: "  "}) == ("from-config", str(config / ".env"))
    assert found({NAME: " from-environment\n"}) == ("from-environment", "environment")
    assert NAME not in os.environ or os.environ[NAME] != "from-work"


@pytest.mark.parametrize(
    "theirs", [f"{NAME}=attackers-key".encode(), f"{NAME}='".encode(), b"\xff", b"#" * 70_000, "loop", "gone"]
)
def test_b19_a_project_neither_replaces_the_users_key_nor_stops_it(
    theirs: bytes | str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that was cloned has a `.env`, broken, huge or with a key of its own; or is no longer there."""
    work, config = tmp_path / "work", tmp_path / "config"
    config.mkdir()
    (config / ".env").write_text(f"{NAME}=users-own-key\n")
    work.mkdir()
    monkeypatch.chdir(work)
    if isinstance(theirs, bytes):
        (work / ".env").write_bytes(theirs)
    elif theirs == "loop":
        (work / ".env").symlink_to(work / ".env")
    else:
        work.rmdir()
    key = find({}, config_dir=config)
    assert key is not None and key.reveal() == "users-own-key"
    (config / ".env").unlink()
    if theirs == "gone":
        assert find({}, config_dir=config) is None
    assert find({NAME: "of-the-environment"}, config_dir=config).reveal() == "of-the-environment"  # type: ignore[union-attr]


def test_b19_configuration_folder_is_the_one_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCPWATCH_CONFIG", str(tmp_path / "c" / "config.toml"))
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.chdir(tmp_path)
    assert find() is None
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / ".env").write_text(f"{NAME}=k")
    key = find()
    assert key is not None and key.reveal() == "k"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("KEY=abc", "abc"),
        ("  export  KEY = abc  ", "abc"),
        ("\ufeffKEY=abc\r\n", "abc"),
        ("KEY='a b # c'", "a b # c"),
        ("KEY='a\\n'", "a\\n"),
        ('KEY="a \\"b\\" \\\\ # c" # comment', 'a "b" \\ # c'),
        ("KEY=abc # comment", "abc"),
        ("KEY=abc#def", "abc#def"),
        ("KEY=# nothing", ""),
        ("KEY=", ""),
        ("KEY=\nOTHER=x", ""),
        ("# KEY=abc", ""),
        ("KEYS=abc", ""),
        ("A_KEY=abc", ""),
        ("KEY abc", ""),
        ("KEY=one\nKEY=two", "two"),
        ("KEY=$HOME`id`", "$HOME`id`"),
        ('CERT="-----BEGIN\nKEY=forged\n-----END"\nKEY=real', "real"),
        ('CERT="-----BEGIN\nKEY=forged\n-----END"', ""),
        ("CERT='\nKEY=forged\n'", ""),
        ("MOTTO=it's\nKEY=real", "real"),
        ("", ""),
    ],
)
def test_b19_dotenv(text: str, value: str) -> None:
    assert value_of(text, "KEY", ".env") == value


@pytest.mark.parametrize("text", ['KEY="abc', "KEY='abc", 'KEY="abc"def', "KEY='a'b'"])
def test_b19_broken_line_is_said_without_its_value(text: str) -> None:
    with pytest.raises(KeyProblem) as caught:
        value_of(text, "KEY", ".env")
    assert "abc" not in str(caught.value) and str(caught.value).startswith(".env: KEY ")


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("KEY=\"'\\# \n\tax"), max_size=60))
def test_b19_dotenv_raises_nothing_else(text: str) -> None:
    try:
        assert isinstance(value_of(text, "KEY", ".env"), str)
    except KeyProblem as problem:
        assert "\n" not in str(problem)


@pytest.mark.parametrize("line", ['A="', "A='", "A=", "A"])
def test_b19_largest_file_is_read_in_no_time(line: str) -> None:
    text = (line + "\n") * (65_536 // (len(line) + 1))
    started = time.perf_counter()
    assert value_of(text, "KEY", ".env") == ""
    assert time.perf_counter() - started < 5


def test_b19_file_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    env = tmp_path / ".env"

    def problem() -> str:
        with pytest.raises(KeyProblem) as caught:
            find({}, cwd=tmp_path, config_dir=tmp_path / "none")
        return str(caught.value)

    env.write_bytes(b"MISTRAL_API_KEY=\xff")
    assert problem() == f"{env} is not UTF-8"
    env.write_bytes(b"#" * 65_537)
    assert "larger than" in problem()
    env.unlink()
    env.symlink_to(env)
    assert "cannot be read" in problem()


def test_b19_pipe_or_folder_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".env")
    (tmp_path / "c" / ".env").mkdir(parents=True)
    assert find({}, cwd=tmp_path, config_dir=tmp_path / "c") is None
