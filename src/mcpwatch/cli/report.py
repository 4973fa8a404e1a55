"""Definitions and what is wrong with them, for people and for programs: what `scan` and `findings` print."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import version as version_of
from typing import Any

import click
import msgspec

from mcpwatch.cli.output import cell, inert_json, print_line, safe
from mcpwatch.scan import export
from mcpwatch.scan.export import ExportedFinding
from mcpwatch.scan.ruleset import RULES
from mcpwatch.store.levels import CAUTION, DANGER, UNSCANNED, Level, level_of
from mcpwatch.store.records import Verdict
from mcpwatch.store.scans import Judged

_COLOURS = {DANGER: "red", CAUTION: "yellow", UNSCANNED: "cyan"}


class Row(msgspec.Struct):
    """One definition with both producers' verdicts."""

    server: str
    kind: str
    name: str
    fingerprint: str
    decision: str
    changed: bool = False  # since it was seen before, and not decided about
    local: Verdict | None = None
    remote: Verdict | None = None

    @property
    def score(self) -> float | None:
        """The highest score anybody gave it."""
        given = [v.score for v in (self.local, self.remote) if v is not None and v.score is not None]
        return max(given, default=None)

    @property
    def level(self) -> Level:
        return level_of(self.score)

    @property
    def title(self) -> str:
        """`server/name`, and its kind where it is no tool."""
        name = (self.name or "(no name)") if self.kind != "instructions" else "(instructions)"
        return f"{self.server}/{name}" + ("" if self.kind in ("tool", "instructions") else f" ({self.kind})")

    def findings(self) -> list[ExportedFinding]:
        """What both producers found."""
        return [
            finding
            for verdict in (self.local, self.remote)
            if verdict is not None
            for finding in export.findings_of(verdict, kind=self.kind, name=self.name)
        ]

    def missing(self) -> list[str]:
        """Why it has no verdict, of each producer that tried."""
        if self.local is None and self.remote is None:
            return ["nobody has judged it"]
        return [
            ("the rules: " if verdict is self.local else "the model: ") + (verdict.error or "no score")
            for verdict in (self.local, self.remote)
            if verdict is not None and (verdict.score is None or verdict.error)
        ]


def rows_of(judged: Iterable[Judged]) -> list[Row]:
    """One row a definition, in the order they come."""
    rows: dict[tuple[str, str, str, str], Row] = {}
    for found in judged:
        key = (found.server, found.kind, found.name, found.fingerprint)
        row = rows.setdefault(key, Row(*key, found.decision, found.changed))
        if found.verdict is not None and found.verdict.producer == "local":
            row.local = found.verdict
        elif found.verdict is not None:
            row.remote = found.verdict
    return list(rows.values())


def print_rows(rows: Sequence[Row], *, quiet_safe: bool = True) -> None:
    """A line for each definition that is flagged, unscanned, changed, or (unless `quiet_safe`) safe; then its
    evidence."""
    for row in rows:
        findings = row.findings()
        if quiet_safe and row.level.verdict == "allow" and not row.changed and not row.missing():
            continue
        print_line(_headline(row))
        for finding in findings:
            print_line(
                f"      {_who(finding)}: {safe(finding.detail or 'no detail', limit=300)} ({finding.severity})"
            )
            if finding.matched:
                where = f" at {safe(finding.where, limit=80)}" if finding.where else ""
                print_line(f'        "{safe(finding.matched, limit=200)}"{where}')
            if finding.decoded:
                how = f" ({safe(finding.encoding, limit=40)})" if finding.encoding else ""
                print_line(f'        which reads "{safe(finding.decoded, limit=200)}"{how}')
        for reason in row.missing():
            print_line(f"      unscanned by {safe(reason, limit=300)}")


def _headline(row: Row) -> str:
    level = row.level
    score = "  –" if row.score is None else f"{row.score:3.0f}"
    word = click.style(f"{mark(level)} {level.name:<9}", fg=_COLOURS.get(level))
    decision = f"  {row.decision}" if row.decision else "  changed" if row.changed else ""
    return f"  {word} {score}  {cell(row.title, limit=200)}{decision}  {row.fingerprint[:12]}"


def _who(finding: ExportedFinding) -> str:
    return safe(finding.detector, limit=80)


def mark(level: Level) -> str:
    """The level's mark, as far as the output can show it."""
    try:
        level.mark.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return level.ascii
    return level.mark


def summary(rows: Sequence[Row]) -> str:
    """`5 definitions: 1 danger, 4 safe`."""
    counts: dict[Level, int] = {}
    for row in rows:
        counts[row.level] = counts.get(row.level, 0) + 1
    parts = [f"{counts[level]} {level.name}" for level in sorted(counts, key=lambda level: -level.rank)]
    noun = "definition" if len(rows) == 1 else "definitions"
    return f"{len(rows)} {noun}" + (f": {', '.join(parts)}" if parts else "")


def sarif_text(rows: Sequence[Row], problems: Sequence[tuple[str, str, str]] = ()) -> str:
    """A SARIF log of the rows' findings; what is unscanned, and `problems` (server, tool, why), are notifications."""
    unscanned = [(row.server, row.name, reason) for row in rows for reason in row.missing()]
    findings = [finding for row in rows for finding in row.findings()]
    reasons = {rule.id: rule.why for rule in RULES}
    log = export.sarif(
        findings, version=version_of("mcpwatch"), unscanned=[*unscanned, *problems], descriptions=reasons
    )
    return inert_json(export.sarif_text(log))


def document(row: Row) -> dict[str, Any]:
    """A row as a JSON object."""
    return {
        "server": row.server,
        "kind": row.kind,
        "name": row.name,
        "fingerprint": row.fingerprint,
        "level": row.level.name,
        "score": row.score,
        "local_score": row.local.score if row.local else None,
        "llm_score": row.remote.score if row.remote else None,
        "decision": row.decision,
        "changed": row.changed,
        "capabilities": [c for c in (row.local.capabilities if row.local else "").split(",") if c],
        "unscanned": row.missing(),
        "findings": [msgspec.structs.asdict(finding) for finding in row.findings()],
    }
