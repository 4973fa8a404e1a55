"""The rules as a guard uses them: one definition in, one verdict record out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import msgspec

from mcpwatch.scan.ruleset import RULES_VERSION, Context, judge, warm
from mcpwatch.store.levels import CAUTION_FROM
from mcpwatch.store.records import Definition, Verdict

Judge = Callable[[Definition, str, Sequence[str], dict[str, tuple[str, ...]]], Verdict]


def load_judge() -> tuple[Judge, str]:
    """The rules, compiled and ready, and their version."""
    warm()
    return judge_definition, RULES_VERSION


def judge_definition(
    definition: Definition, server: str, own: Sequence[str], others: dict[str, tuple[str, ...]]
) -> Verdict:
    """What the rules make of one definition. Never raises; a rule that fails leaves the score None ("unscanned"),
    unless a hard finding of another rule stands by itself."""
    result = judge(
        json.loads(definition.json), kind=definition.kind, server=server, context=Context(tuple(own), others)
    )
    score = result.score
    if score is None and result.floor >= CAUTION_FROM:
        score = result.floor
    return Verdict(
        fingerprint=definition.fingerprint,
        server=server,
        producer="local",
        version=result.version,
        score=score,
        reason=result.findings[0].detail if result.findings else "",
        findings=msgspec.json.encode(result.findings).decode(),
        capabilities=",".join(result.capabilities),
        error="; ".join(result.errors),
    )
