"""Making and opening the state file: who may read it, which version it is, whose it is (A13, A27)."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mcpwatch.store import database
from mcpwatch.store.database import StateError
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.paths import config_file, state_dir, state_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "er" / "state.db"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refused(path: Path) -> str:
    with pytest.raises(StateError) as caught:
        Ledger.open(path)
    said = str(caught.value)
    assert str(path) in said and "\n" not in said
    return said


def test_the_file_and_its_folder_are_the_owners_alone(path: Path) -> None:
    old = os.umask(0)
    try:
        ledger = Ledger.open(path)
        with ledger.transaction() as tx:
            tx.audit("test", "a")
        files = sorted(path.parent.iterdir())
        assert [file.name for file in files] == ["state.db", "state.db-shm", "state.db-wal"]
        assert {mode(file) for file in files} == {0o600}
        assert mode(path.parent) == 0o700
        ledger.close()
    finally:
        os.umask(old)


def test_a_file_others_may_read_is_closed_to_them(path: Path) -> None:
    Ledger.open(path).close()
    path.chmod(0o664)
    Ledger.open(path).close()
    assert mode(path) == 0o600


def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    Ledger.open(elsewhere).close()
    before = elsewhere.read_bytes()
    path.parent.mkdir(parents=True)
    path.symlink_to(elsewhere)
    assert "not a regular file" in refused(path)
    assert elsewhere.read_bytes() == before


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_refused_at_once(path: Path, make) -> None:
    path.parent.mkdir(parents=True)
    make(path)
    assert "not a regular file" in refused(path)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file" / "state.db")


def test_a_newer_version_is_left_alone(path: Path) -> None:
    Ledger.open(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {database.SCHEMA_VERSION + 1}")
    db.close()
    before = path.read_bytes()
    assert "newer mcpwatch" in refused(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", [0, 1, 7, -1])
def test_a_database_of_another_program_is_left_alone(path: Path, version: int) -> None:
    path.parent.mkdir(parents=True)
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE theirs (x)")
    db.execute(f"PRAGMA user_version = {version}")
    db.close()
    before = path.read_bytes()
    assert "another program" in refused(path)
    assert path.read_bytes() == before
    assert sorted(file.name for file in path.parent.iterdir()) == ["state.db"], "no log was begun beside it"


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"SQLite format 3\x00" + b"\xff" * 4080, b"x"])
def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    refused(path)
    assert path.read_bytes() == content


def test_an_empty_file_is_a_new_one(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.touch()
    ledger = Ledger.open(path)
    assert len(ledger.policy().limits) == 3
    ledger.close()


def test_a_schema_that_was_not_finished_is_made_again(path: Path) -> None:
    """A process killed while it made the schema leaves an empty file: it was one transaction."""
    script = (
        "import os, sqlite3, sys\nfrom pathlib import Path\nfrom mcpwatch.store import database\n"
        "statements = database._statements\n"
        "def dying(script):\n"
        "    for i, statement in enumerate(statements(script)):\n"
        "        if i == 9:\n            os.kill(os.getpid(), 9)\n"
        "        yield statement\n"
        "database._statements = dying\ndatabase.connect(Path(sys.argv[1]))\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)]).returncode == -9
    ledger = Ledger.open(path)
    assert len(ledger.policy().limits) == 3
    ledger.close()


def test_a_file_of_another_user_is_refused(path: Path) -> None:
    """Root's file: a state file, asked for by a process that gives up being root; or one that every system has."""
    if os.geteuid() != 0:
        path = Path("/etc/passwd")
    else:
        Ledger.open(path).close()
        path.chmod(0o666)
        for folder in path.parents:
            if folder.stat().st_uid == 0 and folder.stat().st_mode & 0o077 == 0:
                folder.chmod(0o777)
    before = mode(path)
    script = (
        "import os, sys\nfrom pathlib import Path\n"
        "from mcpwatch.store.database import StateError\nfrom mcpwatch.store.ledger import Ledger\n"
        "if os.geteuid() == 0:\n    os.setgid(65534); os.setuid(65534)\n"
        "try:\n    Ledger.open(Path(sys.argv[1]))\nexcept StateError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert "belongs to another user" in done.stdout
    assert mode(path) == before


def test_a_writer_that_never_gets_its_turn_says_who_has_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger.open(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(database, "BUSY_DEADLINE_S", 0.1)
    with pytest.raises(StateError, match="another program holds it"), ledger.transaction():
        pass
    assert ledger.policy().limits, "reading goes on"
    other.execute("ROLLBACK")
    with ledger.transaction() as tx:
        tx.audit("test", "a")
    other.close()
    ledger.close()


def test_a_transaction_that_fails_keeps_nothing_and_the_next_one_works(path: Path) -> None:
    ledger = Ledger.open(path)
    undone: list[int] = []
    for error in (ValueError("x"), KeyboardInterrupt()):
        with pytest.raises((StateError, KeyboardInterrupt)), ledger.transaction() as tx:
            tx.audit("test", "lost")
            tx.charge(["*/*"], calls=1, tokens=0, cost=0)
            tx.on_rollback.append(lambda: undone.append(1))
            tx.on_rollback.append(lambda: undone.append(2))
            raise error
    assert undone == [2, 1, 2, 1], "newest first"
    with ledger.transaction() as tx:
        tx.audit("test", "kept")
    assert [row.action for row in ledger.audit_since(0)] == ["kept"]
    assert all(usage.used == 0 for usage in ledger.usages())
    ledger.close()


def test_closing_twice_is_fine_and_using_it_then_is_a_state_error(path: Path) -> None:
    ledger = Ledger.open(path)
    ledger.close()
    ledger.close()
    for use in (ledger.policy, ledger.data_version, ledger.news, ledger.usages):
        with pytest.raises(StateError):
            use()
    with pytest.raises(StateError), ledger.transaction():
        pass


def test_where_the_files_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCPWATCH_STATE", str(tmp_path / "s"))
    monkeypatch.setenv("MCPWATCH_CONFIG", str(tmp_path / "c.toml"))
    assert state_file() == state_dir() / "state.db" == tmp_path / "s" / "state.db"
    assert config_file() == tmp_path / "c.toml"
    for name in ("MCPWATCH_STATE", "MCPWATCH_CONFIG"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for found in (state_file(), config_file()):
        assert found.is_relative_to(tmp_path) and "mcpwatch" in found.parts
