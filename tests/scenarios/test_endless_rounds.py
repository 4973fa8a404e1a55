"""A server that never finishes an operation, to be called again and again for the price of one call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcpwatch.guard import lock
from mcpwatch.guard.gate import Gate
from mcpwatch.protocol.rounds import MAX_ROUNDS
from mcpwatch.relay.exchange import Exchange
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Dimension, Limit
from servers.rawclient import MODERN_META

PASSWORD = "correct horse battery"


class Endless:
    """A real gate between a client that always goes on and a server that always asks for more."""

    def __init__(self, state: Path, *limits: Limit) -> None:
        self.ledger = Ledger.open(state)
        lock.set_password(self.ledger, PASSWORD, PASSWORD, None, by="test")
        lock.set_limits(self.ledger, list(limits), PASSWORD, by="test")
        lock.arm(self.ledger, by="test")
        self.gate = Gate(server="srv", transport="stdio", command="x", on_lock=lambda _: None, state=state)
        self.refusals: list[dict[str, Any]] = []
        self.exchange = Exchange(self.gate, lambda frame: self.refusals.append(json.loads(frame)), lambda frame: None)
        self.trips = 0

    def round(self, inputs: dict[str, Any] | None = None, asks: dict[str, Any] | None = None) -> bool:
        """One more round. Whether it reached the server."""
        n = self.trips
        params: dict[str, Any] = {"name": "t", "arguments": {"x": 1}, "_meta": MODERN_META}
        if n:
            params |= {"requestState": f"s{n - 1}", "inputResponses": inputs or {}}
        line = json.dumps({"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": params})
        if self.exchange.from_client(line.encode()) is None:
            return False
        self.trips += 1
        result = {"resultType": "input_required", "requestState": f"s{n}", "inputRequests": asks or {}}
        answer = json.dumps({"jsonrpc": "2.0", "id": n, "result": result})
        return self.exchange.from_server(answer.encode()) is not None

    def used(self, dimension: Dimension) -> int:
        return next(u.used for u in self.ledger.usages() if u.limit.dimension == dimension)

    def close(self) -> None:
        self.exchange.close()
        self.gate.close(0)
        self.ledger.close()


@pytest.fixture
def endless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("MCPWATCH_CONFIG", str(tmp_path / "config.toml"))
    made: list[Endless] = []

    def make(*limits: Limit) -> Endless:
        made.append(Endless(tmp_path / "state.db", *limits))
        return made[0]

    yield make
    for one in made:
        one.close()


def test_rounds_are_charged_once_and_not_for_ever(endless):
    talk = endless(Limit(Dimension.CALLS, 2, 3600))
    while talk.round():
        assert talk.trips < 1000
    assert talk.trips == 2 * (1 + MAX_ROUNDS)
    assert talk.ledger.policy().lock.reason.startswith("3 calls")
    assert talk.refusals[-1]["result"]["isError"]
    assert talk.used(Dimension.CALLS) == 2


def test_a_lock_stops_an_operation_between_two_rounds(endless):
    talk = endless(Limit(Dimension.CALLS, 100, 3600))
    assert talk.round()
    assert talk.round()
    lock.lock(talk.ledger, by="test")
    assert not talk.round()
    assert talk.refusals[-1]["result"]["_meta"]["mcpwatch/refusal"]["code"] == "panic"


def test_what_rounds_bring_is_metered(endless):
    talk = endless(Limit(Dimension.TOKENS, 5_000, 3600))
    assert talk.round()
    while talk.round({"a": {"content": "words and words " * 100}}):
        assert talk.trips < 1000
    assert talk.trips < 1 + MAX_ROUNDS + 10
    assert talk.ledger.policy().lock.code == "tokens"


def test_a29_each_sampling_of_an_endless_operation_counts(endless):
    talk = endless(Limit(Dimension.CALLS, 5, 3600))
    sample = {"method": "sampling/createMessage", "params": {"messages": []}}
    while talk.round({"a": {"role": "assistant"}}, {"a": sample}):
        assert talk.trips < 1000
    assert talk.trips == 5  # the call and four samplings; the fifth is the sixth call
    assert talk.ledger.policy().lock.code == "calls"
