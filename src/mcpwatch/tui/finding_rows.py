"""The findings of every server as rows. No Textual."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from mcpwatch.store.levels import UNSCANNED, Level, level_of, valid_score
from mcpwatch.store.scans import Judged
from mcpwatch.tui import filters
from mcpwatch.tui.definition import PRODUCERS, Found, findings_of
from mcpwatch.tui.rows import ToolKey
from mcpwatch.tui.safe_text import safe_text

_KIND = "tool"


class FindingLine(msgspec.Struct, frozen=True):
    """One finding, or one failure to judge, safe to draw but for `found`, which is as it came."""

    key: ToolKey
    fingerprint: str
    n: int  # its place among the findings of its text
    server: str
    title: str
    level: Level  # of the definition, by its highest score
    score: float  # of the finding; −1 for a failure
    severity: str  # high | medium | low | "" for a failure
    who: str  # rules | LLM
    rule: str
    detail: str
    evidence: str
    decision: str
    changed: bool  # since the definition was seen before, and not decided about
    found: Found | None

    def fields(self) -> dict[str, str]:
        return {
            "tool": self.title,
            "server": self.server,
            "level": self.level.name,
            "rule": self.rule,
            "kind": self.key[1],
            "state": f"{self.decision} {'changed' if self.changed else ''} {self.severity} {self.who}",
            "": f"{self.server}/{self.title} {self.rule} {self.who} {self.severity} {self.detail} {self.evidence}",
        }


def finding_lines(judged: Iterable[Judged], name: Callable[[str], str], *, ascii: bool = False) -> list[FindingLine]:
    """The worst text first, and of each text the strongest finding first; failures to judge come last."""
    rows = list(judged)
    worst: dict[tuple[str, ...], float] = {}
    for row in rows:
        score = valid_score(row.verdict.score) if row.verdict is not None else None
        text = _text(row)
        worst[text] = max(worst.get(text, -1.0), -1.0 if score is None else score)
    counts: dict[tuple[str, ...], int] = {}
    lines: list[FindingLine] = []
    for row in rows:
        text = _text(row)
        level = level_of(worst[text]) if worst[text] >= 0 else UNSCANNED
        for found, failure in _findings(row):
            n = counts[text] = counts.get(text, 0) + 1
            lines.append(_line(row, found, failure, level, n, name, ascii))

    def place(line: FindingLine) -> tuple[object, ...]:
        text = (*line.key, line.fingerprint)
        return line.score < 0, -line.level.rank, -worst[text], text, -line.score

    return sorted(lines, key=place)


def _text(row: Judged) -> tuple[str, ...]:
    return row.server, row.kind, row.name, row.fingerprint


def _findings(row: Judged) -> list[tuple[Found | None, str]]:
    """The findings of one verdict; or why there is no score."""
    verdict = row.verdict
    if verdict is None:
        return [(None, "nobody has judged it")]
    found: list[tuple[Found | None, str]] = [(finding, "") for finding in findings_of(verdict)]
    if verdict.score is None or verdict.error:
        found.append((None, verdict.error or "no score"))
    return found


def _line(
    row: Judged, found: Found | None, failure: str, level: Level, n: int, name: Callable[[str], str], ascii: bool
) -> FindingLine:
    def safe(text: str) -> str:
        return safe_text(text, limit=300, ascii=ascii)

    shown = name(row.name) if row.kind != "instructions" else "(instructions)"
    who = PRODUCERS.get(row.verdict.producer, "") if row.verdict is not None else ""
    return FindingLine(
        key=(row.server, row.kind, row.name),
        fingerprint=row.fingerprint,
        n=n,
        server=name(row.server),
        title=shown if row.kind in (_KIND, "instructions") else f"{name(row.kind)} {shown}",
        level=level,
        score=found.score if found is not None else -1.0,
        severity=found.severity if found is not None else "",
        who=who,
        rule=name(found.rule) if found is not None else "unscanned",
        detail=safe(found.detail) if found is not None else safe(failure),
        evidence=safe(found.evidence) if found is not None else "",
        decision=row.decision,
        changed=row.changed,
        found=found,
    )


def filter_findings(lines: Iterable[FindingLine], terms: tuple[filters.Term, ...]) -> list[FindingLine]:
    return [line for line in lines if filters.matches(terms, line.fields)]
