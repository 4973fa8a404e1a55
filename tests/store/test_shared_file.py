"""Several connections of one process beside other processes: SQLite's locks must stay where they are.

Failed once, twice over: closing a descriptor of the state file or of its -shm drops every POSIX lock the process
holds on it. The next process to close its connection then took itself for the last one and deleted the log under a
running guard: what the guard wrote from then on was seen by nobody.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mcpwatch.store.database import connect
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.news import News
from mcpwatch.store.reader import Reader

_LOOK = """
import fcntl, sys
for name, byte in ((sys.argv[1] + "-shm", 128), (sys.argv[1] + "-shm", 120), (sys.argv[1], 0x40000002)):
    with open(name, "r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
            print("free")
        except OSError:
            print("held")
"""
_COUNT = """
import sys
from pathlib import Path
from mcpwatch.store.database import connect
from mcpwatch.store.ledger import Ledger
ledger = Ledger.open(Path(sys.argv[1]))
print(len(ledger.audit_since(0)))
ledger.close()
"""


def elsewhere(script: str, path: Path) -> list[str]:
    """What another process prints."""
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "state.db"


def test_opening_the_file_again_keeps_the_locks_of_those_who_have_it_open(path: Path) -> None:
    first = Ledger.open(path)
    with first.transaction():
        assert elsewhere(_LOOK, path) == ["held", "held", "held"], "the places of SQLite's locks have moved"
        second = connect(path)
        assert elsewhere(_LOOK, path) == ["held", "held", "held"]
        news = News(first._db, path)
        assert elsewhere(_LOOK, path) == ["held", "held", "held"]
        news.close()
        assert elsewhere(_LOOK, path) == ["held", "held", "held"]
    second.close()
    first.close()


def test_a_ledger_that_closes_leaves_the_others_their_locks(path: Path) -> None:
    first, second = Ledger.open(path), Ledger.open(path)
    second.close()
    assert elsewhere(_LOOK, path)[::2] == ["held", "held"]
    with first.transaction() as tx:
        tx.audit("test", "a", "")
    assert elsewhere(_COUNT, path) == ["1"]
    first.close()


async def test_a9_a_process_that_comes_and_goes_does_not_take_the_log_away(path: Path) -> None:
    gate, recorder, reader = Ledger.open(path), Ledger.open(path), await Reader.open(path)
    for round_ in range(1, 4):
        assert elsewhere(_COUNT, path) == [str(2 * (round_ - 1))]
        for ledger in (gate, recorder):
            with ledger.transaction() as tx:
                tx.audit("test", "a", "")
        assert elsewhere(_COUNT, path) == [str(2 * round_)]
        assert len(await reader.audit_since(0)) == 2 * round_
    await reader.close()
    gate.close()
    recorder.close()
    assert elsewhere(_COUNT, path) == ["6"]


def test_news_tells_of_every_commit_of_any_connection(path: Path) -> None:
    first, second = Ledger.open(path), Ledger.open(path)
    seen = [first.news()]
    for ledger in (first, second, first, second):
        with ledger.transaction() as tx:
            tx.audit("test", "a", "")
        assert first.news() not in seen
        seen.append(first.news())
    assert elsewhere(_COUNT, path) == ["4"]
    assert first.news() != seen[-1], "opening is a commit of another process"
    first.close()
    second.close()


def test_maps_of_deleted_files_are_given_back(tmp_path: Path) -> None:
    before = len(_descriptors())
    for i in range(40):
        Ledger.open(tmp_path / str(i) / "state.db").close()
    assert len(_descriptors()) <= before + 4


def _descriptors() -> list[Path]:
    folder = Path("/dev/fd")
    return list(folder.iterdir()) if folder.exists() else []
