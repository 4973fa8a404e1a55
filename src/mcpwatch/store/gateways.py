"""Which gateway serves here: one row of the state file, so that no two fight over it."""

from __future__ import annotations

import msgspec

from mcpwatch.store.database import storable
from mcpwatch.store.ledger import Ledger


class GatewayRow(msgspec.Struct, frozen=True):
    """A gateway as it wrote itself down. An empty `word`: none did."""

    word: str = ""
    pid: int = 0
    host: str = ""
    port: int = 0
    log: str = ""
    started_utc: int = 0


_COLUMNS = "word, pid, host, port, log, started_utc"


def read(ledger: Ledger) -> GatewayRow:
    """The gateway written down, alive or not. Raises StateError."""
    with ledger.transaction() as tx:
        return GatewayRow(*tx.db.execute(f"SELECT {_COLUMNS} FROM gateway").fetchone())


def claim(ledger: Ledger, mine: GatewayRow, dead: str) -> bool:
    """Write `mine` down in place of the gateway with the word `dead`. False: another one was quicker."""
    with ledger.transaction() as tx:
        changed = tx.db.execute(
            "UPDATE gateway SET word = ?, pid = ?, host = ?, port = ?, log = ?, started_utc = ? WHERE word = ?",
            (mine.word, mine.pid, storable(mine.host), mine.port, storable(mine.log), tx.utc, dead),
        )
        return changed.rowcount > 0


def stop(ledger: Ledger, row: GatewayRow, by: str) -> None:
    """A person stops this gateway: it is to stay so."""
    with ledger.transaction() as tx:
        tx.audit(by, "gateway-stop", f"process {row.pid}")


def was_stopped(ledger: Ledger, row: GatewayRow) -> bool:
    """Whether a person stopped this gateway."""
    with ledger.transaction() as tx:
        found = tx.db.execute(
            "SELECT 1 FROM audit WHERE action = 'gateway-stop' AND detail = ? AND utc >= ? LIMIT 1",
            (f"process {row.pid}", row.started_utc),
        )
        return found.fetchone() is not None


def release(ledger: Ledger, word: str) -> None:
    """The gateway with this word ends; nothing happens when another has taken over."""
    with ledger.transaction() as tx:
        tx.db.execute(
            "UPDATE gateway SET word = '', pid = 0, host = '', port = 0, log = '', started_utc = 0 WHERE word = ?",
            (word,),
        )
