"""Real traffic in a real state file: calls that pass through a gate, as a guard makes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from mcpwatch.guard.gate import Gate
from mcpwatch.store.records import Call


def calls(state: Path, server: str, tools: Iterable[str], *, client: str = "client", text: str = "ok") -> list[str]:
    """One call of each tool by a client of `server`; returns the codes of the refusals, "" for none."""
    gate = Gate(server=server, transport="stdio", command=server, on_lock=lambda refusal: None, state=state)
    gate.identify(client_name=client, client_version="1.0", protocol="2025-11-25")
    codes = []
    for n, tool in enumerate(tools, 1):
        arguments = json.dumps({"name": tool, "arguments": {"q": text}}).encode()
        call = Call(n=n, method="tools/call", tool=tool, arguments=arguments, arguments_bytes=len(arguments))
        refusal = gate.admit(call)
        codes.append(refusal.code if refusal else "")
        if refusal is None:
            call.result = json.dumps({"content": [{"type": "text", "text": text}]}).encode()
            call.result_bytes, call.outcome = len(call.result), "ok"
            gate.ended(call)
    gate.close(0)
    return codes
