"""What a server was found to list goes into the state file with the rules' verdicts on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from mcpwatch.meter.tokens import estimate
from mcpwatch.scan.local import judge_definition
from mcpwatch.store.definitions import mark_gone, save_listed, save_verdict
from mcpwatch.store.forgetting import LIST_TEXTS
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Definition, Verdict


def judge_all(ledger: Ledger, server: str, found: Mapping[str, Sequence[Definition]]) -> list[Verdict]:
    """The rules' verdicts on everything a server lists, beside what the other servers' tools are called."""
    own = [definition.name for definition in found.get("tool", ())]
    others = {name: tools for name, tools in ledger.inventory().items() if name != server}
    texts = {definition.fingerprint: definition for definitions in found.values() for definition in definitions}
    return [judge_definition(definition, server, own, others) for definition in texts.values()]


def take_in(
    ledger: Ledger, server: str, found: Mapping[str, Sequence[Definition]], complete: Collection[str]
) -> None:
    """Write down lists by kind, judged, up to LIST_TEXTS of each. What a list in `complete` no longer has is gone."""
    found = {kind: definitions[:LIST_TEXTS] for kind, definitions in found.items()}
    verdicts = judge_all(ledger, server, found)
    sized = [(d, estimate(d.json.encode("utf-8", "surrogatepass"))) for kind in found.values() for d in kind]
    with ledger.transaction() as tx:
        save_listed(tx, server, sized)
        for verdict in verdicts:
            save_verdict(tx, verdict)
        for kind in complete:
            mark_gone(tx, server, kind, {(d.name, d.fingerprint) for d in found.get(kind, ())})
        tx.changed()
