"""Names come from outside: in a table none of them looks like further columns."""

from __future__ import annotations

import json
import os

import pytest

from mcpwatch.cli.output import cell
from mcpwatch.guard.gate import Gate
from mcpwatch.store.records import Call, Definition, Outcome

FALSE = "read  approved  1ms"
SHOWN = "read ␠approved ␠1ms"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("my notes", "my notes"),
        (FALSE, SHOWN),
        ("a    b", "a ␠␠␠b"),
        (" a ", "␠a␠"),
        ("  ", "␠␠"),
        ("a\u00a0\u2003b", "a ␠b"),
        ("a\u3000b", "a␠b"),
        ("a \u3000 b", "a ␠ b"),
        ("a \n b", "a ␊ b"),
    ],
)
def test_a_gap_in_a_name_is_visible(text: str, shown: str) -> None:
    assert cell(text, limit=80) == shown


def test_no_name_looks_like_columns_of_a_table(machine) -> None:
    """Failed once: a tool could say of itself, in a column of its own, that it was approved."""
    gate = Gate(server="notes", transport="stdio", command="x", on_lock=lambda _: None, state=machine.state)
    gate.identify(client_name=FALSE, client_version="1", protocol="a  b")
    gate.definitions("tool", [Definition("tool", FALSE, "f" * 64, "{}")], first=True, last=True)
    call = Call(method="tools/call", tool=FALSE)
    assert gate.admit(call) is None
    call.outcome = Outcome.OK
    gate.ended(call)
    gate.close(0)
    with machine.ledger() as ledger, ledger.transaction() as tx:
        tx.db.execute("UPDATE sessions SET ended_utc = NULL, pid = ?", (os.getpid(),))
    client = machine.folder / "home/.cursor/mcp.json"
    client.parent.mkdir(parents=True)
    client.write_text(json.dumps({"mcpServers": {FALSE: {"command": "x"}}}))
    for command in (("log",), ("status",), ("findings", "--all"), ("clients",)):
        done = machine(*command)
        assert done.code == 0 and SHOWN in done.out and FALSE not in done.out, done
    assert "a ␠b" in machine("status").out
    for command in (("log", "--json"), ("findings", "--json"), ("clients", "--json"), ("status", "--json")):
        assert "␠" not in machine(*command).out and "\\u2420" not in machine(*command).out
    assert json.loads(machine("log", "--json").out)["tool"] == FALSE
