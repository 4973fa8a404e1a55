"""What a killed guard leaves open is ended by the next session."""

import subprocess
import sys
from pathlib import Path

from mcpwatch.guard.gate import Gate
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Call
from servers.processes import wait_until

GUARD = """
import sys, time
from pathlib import Path
from mcpwatch.guard.gate import Gate
from mcpwatch.store.records import Call
gate = Gate(server="s", transport="stdio", command="s", on_lock=print, state=Path(sys.argv[1]))
assert gate.admit(Call(method="tools/call", tool="slow", arguments=b"{}", arguments_bytes=2)) is None
print("open", flush=True)
sys.stdin.read()
"""


def test_sessions_and_calls_of_a_killed_guard_end(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    ledger = Ledger.open(path)
    killed = subprocess.Popen(
        [sys.executable, "-c", GUARD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert killed.stdout is not None and killed.stdout.readline() == "open\n"
    wait_until(lambda: [row.outcome for row in ledger.latest_calls(9)] == ["pending"], "the pending call")
    killed.kill()
    killed.wait()
    seen = ledger.latest_calls(1)[0].rev

    gate = Gate(server="s", transport="stdio", command="s", on_lock=print, state=path)
    gate.began(Call(method="tools/list"))
    wait_until(lambda: len(ledger.sessions(live=True)) == 1, "the end of the dead session")
    gate.close(0)
    (ended,) = [row for row in ledger.calls_since(seen) if row.tool == "slow"]
    assert ended.outcome == "timed out" and "killed" in ended.note
    assert ledger.sessions(live=True) == []
    ledger.close()
