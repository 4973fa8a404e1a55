"""The offline verdict: every rule over one definition, their points added up, each finding with its evidence.

`judge()` is pure, synchronous and bounded; it never raises, whatever JSON it is given. Scores are on the scale of
`levels.py`.
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mcpwatch.scan import capabilities as badges
from mcpwatch.scan import normalise
from mcpwatch.scan.rules import (
    activation,
    argument_tampering,
    banner,
    chat_markup,
    command_order,
    concealment,
    encoded_text,
    exfiltration,
    forced_speech,
    foreign_tool,
    forged_consent,
    hidden_characters,
    hype,
    mandate,
    name_collision,
    obeyed_content,
    other_languages,
    override,
    oversize,
    padding,
    payment_destination,
    persistence,
    pretext,
    pseudo_tags,
    rendered_link,
    reviewer_addressed,
    role_change,
    safety_off,
    secret_access,
    sensitive_flow,
    shell_payload,
    sink_parameter,
    slanted,
    terminal_escapes,
    told_flow,
    told_tampering,
    told_together,
    tool_chaining,
    tool_redirect,
    unrelated_argument,
    weakened_defence,
)
from mcpwatch.scan.rules.base import Hit, Rule
from mcpwatch.scan.rules.document import Context, Document
from mcpwatch.scan.rules.pattern import compile_pattern
from mcpwatch.store.levels import CAUTION_FROM, DANGER_FROM, UNSCANNED, Level, level_of

__all__ = ["RULES", "RULES_VERSION", "Context", "Finding", "Judgement", "judge", "warm"]

_HARD = (
    hidden_characters, terminal_escapes, chat_markup, override, role_change, reviewer_addressed, name_collision,
    oversize,
)  # fmt: skip
_SOFT = (
    concealment, secret_access, exfiltration, sensitive_flow, command_order, shell_payload, weakened_defence,
    payment_destination, argument_tampering, tool_redirect, mandate, tool_chaining, forced_speech, safety_off,
    activation, pseudo_tags, banner, pretext, hype, encoded_text, padding, sink_parameter, foreign_tool,
    other_languages, told_flow, forged_consent, obeyed_content, told_tampering, slanted,
    unrelated_argument, persistence, rendered_link, told_together,
)  # fmt: skip
RULES: tuple[Rule, ...] = tuple(module.RULE for module in (*_HARD, *_SOFT))

EVIDENCE = 300
MOST_HITS = 400


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's evidence. `score` is its points (0–100), `path` the JSON pointer of the string ('' for the whole
    definition),
    `evidence` the matched text as it came, at most 300 characters, `decoded` what it says where that differs, and
    `encoding` in which way it differs."""

    rule: str
    tier: str
    category: str
    score: float
    detail: str
    path: str
    evidence: str
    decoded: str = ""
    encoding: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """`score` is None when a rule raised: then the level is unscanned, unless `floor` (the strongest hard
    finding) says more.

    `errors` holds one "rule: error" per rule that raised.
    """

    score: float | None
    floor: float
    level: Level
    findings: tuple[Finding, ...]
    capabilities: tuple[str, ...]
    errors: tuple[str, ...] = ()
    version: str = ""


def judge(definition: Any, *, kind: str = "tool", server: str = "", context: Context | None = None) -> Judgement:
    """The offline judgement of one definition.

    `definition` is the object as listed (any JSON), `kind` one of tool, prompt, resource, resource_template,
    instructions; `context` the names the proxy knows.
    """
    errors: list[str] = []
    try:
        document = Document(definition, kind, server, context or Context())
        able = badges.capabilities(definition)
    except Exception as error:  # noqa: BLE001 - a definition that cannot be read is unscanned, never safe
        return Judgement(None, 0.0, UNSCANNED, (), (), (f"reading: {error!r:.200}",), RULES_VERSION)
    hits: list[tuple[Rule, Hit]] = []
    for rule in RULES:
        try:
            hits += [(rule, hit) for hit in strongest_per_text(rule.check(document))]
        except Exception as error:  # noqa: BLE001 - one broken rule makes the definition unscanned; the others still speak
            errors.append(f"{rule.id}: {error!r:.200}")
    hits.sort(key=lambda pair: -pair[1].points)
    del hits[MOST_HITS:]
    findings = tuple(_finding(rule, hit) for rule, hit in _one_per_rule(hits))
    floor = max((finding.score for finding in findings if finding.tier == "hard"), default=0.0)
    score = None if errors else round(min(100.0, max(floor, _weighed(hits, density(document)))), 1)
    shown = score if score is not None else (floor if floor >= CAUTION_FROM else None)
    return Judgement(score, floor, level_of(shown), findings, able, tuple(errors), RULES_VERSION)


def _weighed(hits: Sequence[tuple[Rule, Hit]], weight: float) -> float:
    """The score of the hits; danger only if more than half of caution is left of it without what is merely told."""
    score = combine(hits) * weight
    if score >= DANGER_FROM and combine([hit for hit in hits if not hit[0].told]) * weight < CAUTION_FROM / 2:
        return DANGER_FROM - 1.0
    return score


# Signals confirm one another when they stand close together: in one string, within this many characters of the
# strongest.
# Elsewhere they are half coincidence: a long reference page holds a "must", a "token" and a "send" somewhere.
NEAR = 900
FAR_WEIGHT = 0.25


def combine(hits: Sequence[tuple[Rule, Hit]]) -> float:
    """The score of a definition from its hits, strongest first: each rule's strongest hit near the centre of
    evidence counts,
    every further one at a little less (independent signals confirm one another, echoes do not); what lies far off
    counts a quarter. The centre is the strongest hit, or whichever of the ten strongest gives the highest sum."""
    return max((_around(centre, hits) for _rule, centre in hits[:10]), default=0.0)


def _around(centre: Hit, hits: Sequence[tuple[Rule, Hit]]) -> float:
    weighted: dict[str, float] = {}
    for rule, hit in hits:
        points = hit.points * (1.0 if _near(centre, hit) else FAR_WEIGHT)
        weighted[rule.id] = max(points, weighted.get(rule.id, 0.0))
    total, weight = 0.0, 1.0
    for points in sorted(weighted.values(), reverse=True):
        total += points * weight
        weight = max(0.4, weight - 0.1)
    return total


# Measured on honest definitions: what they gather by chance grows with their length, what an attack gathers does not.
USUAL_LENGTH = 150
PER_DOUBLING = 0.2
LEAST, MOST = 0.75, 1.4


def density(document: Document) -> float:
    """How much a definition's signals count for its length: 1 at 150 words, a fifth more each time it halves, never
    below 0.75 (padding must not buy silence) nor above 1.4."""
    length = max(1, sum(len(text.tokens.classes) for text in document.texts))
    return min(MOST, max(LEAST, 1 - PER_DOUBLING * math.log2(length / USUAL_LENGTH)))


def _near(centre: Hit, hit: Hit) -> bool:
    if hit.text is None or centre.text is None:
        return True
    if hit.text.carrier or centre.text.carrier:
        return hit.text.path == centre.text.path
    return hit.text is centre.text and abs(hit.start - centre.start) <= NEAR


def strongest_per_text(hits: Iterable[Hit]) -> Iterable[Hit]:
    best: dict[int, Hit] = {}
    for hit in hits:
        known = best.get(id(hit.text))
        if known is None or hit.points > known.points:
            best[id(hit.text)] = hit
    return best.values()


def _one_per_rule(hits: Iterable[tuple[Rule, Hit]]) -> list[tuple[Rule, Hit]]:
    first: dict[str, tuple[Rule, Hit]] = {}
    for rule, hit in hits:
        first.setdefault(rule.id, (rule, hit))
    return list(first.values())


def _finding(rule: Rule, hit: Hit) -> Finding:
    path, evidence, decoded, encoding = "", "", hit.said[:EVIDENCE], hit.encoding
    if hit.text is not None:
        path = hit.text.path
        said = hit.text.plain[hit.start : min(hit.end, hit.start + EVIDENCE)]
        if hit.text.carrier is not None:
            original, start, end = hit.text.carrier
            evidence, decoded, encoding = original[start : min(end, start + EVIDENCE)], said, hit.text.encoding
        elif rule.category == "hidden_text":
            start, end = hit.start, hit.end
            if rule.id in ("encoded_text", "padding"):
                start, end = normalise.original_span(hit.text.original, hit.text.plain, start, end)
            evidence = hit.text.original[start : min(end, start + EVIDENCE)]
        else:
            start, end = normalise.original_span(hit.text.original, hit.text.plain, hit.start, hit.end)
            evidence = hit.text.original[start : min(end, start + EVIDENCE)]
            if evidence != said:
                decoded, encoding = said, "disguised letters"
    score = min(100.0, float(hit.points))
    return Finding(rule.id, rule.tier, rule.category, score, hit.detail, path, evidence, decoded, encoding)


def warm() -> None:
    """Compile every pattern, so that the first real definition does not pay for it (about 0.1 s of one core)."""
    for rule in RULES:
        for phrase in rule.phrases:
            compile_pattern(phrase.pattern)
    judge(
        {
            "name": "warm_up",
            "description": "Before using this tool, read the é file. [x] <b> \x1b[0m https://a.org a=b",
        }
    )


def _version() -> str:
    """A short hash of everything a verdict depends on: rules, vocabulary, normaliser."""
    digest = hashlib.sha256()
    loaded = sys.modules.copy()  # other threads import meanwhile
    names = sorted(name for name in loaded if name.startswith("mcpwatch.scan.rules."))
    for name in (*names, "mcpwatch.scan.normalise", "mcpwatch.scan.disguises", "mcpwatch.scan.lazy", __name__):
        module = sys.modules[name]
        loader, file = module.__spec__.loader if module.__spec__ else None, module.__file__
        if file and loader is not None and hasattr(loader, "get_data"):
            digest.update(loader.get_data(file))
    return digest.hexdigest()[:12]


RULES_VERSION: str = _version()
