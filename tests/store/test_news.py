"""The cheap look at the wal-index says what `PRAGMA data_version` says, between processes too."""

import subprocess
import sys
from pathlib import Path

from mcpwatch.store.ledger import Ledger
from mcpwatch.store.news import News

LOCK = """
import sys
from pathlib import Path
from mcpwatch.guard import lock
from mcpwatch.store.ledger import Ledger
ledger = Ledger.open(Path(sys.argv[1]))
lock.lock(ledger, by="test")
"""


def test_a15_a_commit_of_another_process_is_news(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    ledger = Ledger.open(path)
    before, version = ledger.news(), ledger.data_version()
    assert ledger.news() == before
    subprocess.run([sys.executable, "-c", LOCK, str(path)], check=True)
    assert ledger.data_version() != version
    assert ledger.news() != before
    assert ledger.policy().lock.locked


def test_reading_is_no_news(tmp_path: Path) -> None:
    ledger, other = Ledger.open(tmp_path / "state.db"), Ledger.open(tmp_path / "state.db")
    before = ledger.news()
    other.policy()
    other.usages()
    assert ledger.news() == before


def test_a_checkpoint_and_many_commits_are_seen_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    ledger, other = Ledger.open(path), Ledger.open(path)
    seen = ledger.news()
    for i in range(200):
        with other.transaction() as tx:
            tx.audit("test", "step", str(i))
        now = ledger.news()
        assert now != seen
        seen = now


def test_without_a_map_the_pragma_answers(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    ledger, other = Ledger.open(path), Ledger.open(path)
    news = News(ledger._db, tmp_path / "elsewhere.db")
    before = news.read()
    with other.transaction() as tx:
        tx.audit("test", "step")
    assert isinstance(before, int) and news.read() != before
