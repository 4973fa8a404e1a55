"""Findings for other programs: JSON Lines, and SARIF 2.1.0.

A finding quotes the matched text, bounded, and never the definition it stands in. Every string is one printable
line, and the output is ASCII: neither a terminal nor a viewer of SARIF messages finds anything to interpret.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import msgspec

from mcpwatch.scan.verdict import CRITERIA, printable
from mcpwatch.store.levels import level_of, severity_of, valid_score
from mcpwatch.store.records import Verdict

SARIF_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
NAME_MAX: Final = 128
DETAIL_MAX: Final = 600
MATCHED_MAX: Final = 300

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SARIF_LEVELS = {"high": "error", "medium": "warning", "low": "note"}


class ExportedFinding(msgspec.Struct, frozen=True):
    """One finding as it leaves us (B14). `score`, and what follows from it by the table of levels (`severity`,
    `evaluation`, `verdict`), are of the definition as its producer judged it; `points` are what this finding adds.

    `where` is the JSON pointer of the matched text; `decoded` is what that says where it is encoded or disguised,
    and `encoding` how (base64, hex, tag characters, look-alikes …).
    """

    reference: str  # the same for the same finding in the same text, on every run
    detector: str
    producer: str  # local: our rules | remote: the model
    version: str
    server: str
    kind: str
    tool: str
    fingerprint: str
    score: float | None
    severity: str  # high | medium | low
    points: float
    evaluation: str  # danger | caution | safe | unscanned
    verdict: str  # deny | allow | none
    detail: str
    matched: str
    decoded: str
    encoding: str
    where: str
    time: str  # RFC 3339, UTC


def findings_of(verdict: Verdict, *, kind: str, name: str) -> list[ExportedFinding]:
    """The findings of one stored verdict on the definition `name`.

    A verdict of caution or danger always has one, even where what the producer noted down cannot be read.
    """
    level = level_of(verdict.score)
    found = [_finding(verdict, kind, name, entry) for entry in _entries(verdict.findings)]
    if not found and level.verdict == "deny":
        entry = {"rule": f"{verdict.producer}.score", "score": verdict.score, "detail": verdict.reason}
        found.append(_finding(verdict, kind, name, entry))
    return found


def json_lines(findings: Iterable[ExportedFinding]) -> Iterator[str]:
    """One line of JSON a finding, each with its line feed."""
    for finding in findings:
        yield json.dumps(msgspec.structs.asdict(finding), ensure_ascii=True, allow_nan=False) + "\n"


def sarif_text(log: Mapping[str, Any]) -> str:
    """A SARIF log as it is written to a file."""
    return json.dumps(log, ensure_ascii=True, allow_nan=False, indent=1) + "\n"


def sarif(
    findings: Sequence[ExportedFinding],
    *,
    version: str,
    unscanned: Sequence[tuple[str, str, str]] = (),
    descriptions: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A SARIF 2.1.0 log with one run. `version` is ours.

    `unscanned` lists (server, tool, why) of definitions without a verdict: they are notifications of the run, so
    that an empty list of results never reads as "all is well". `descriptions` says what each detector looks for.
    """
    known = {f"llm.{name}": f"The model judges that the definition {meaning}." for name, meaning in CRITERIA.items()}
    known.update(descriptions or {})
    detectors = sorted({finding.detector for finding in findings})
    index = {detector: i for i, detector in enumerate(detectors)}
    rules = [
        {"id": detector, "shortDescription": {"text": _message(known.get(detector, detector), DETAIL_MAX)}}
        for detector in detectors
    ]
    notifications = [
        {
            "level": "warning",
            "message": {"text": _message(f"{server}/{tool} is unscanned: {why}", DETAIL_MAX)},
            "locations": [_location(server, "tool", tool)],
        }
        for server, tool, why in unscanned
    ]
    run = {
        "tool": {"driver": {"name": "mcpwatch", "version": version, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notifications}],
        "results": [_result(finding, index[finding.detector]) for finding in findings],
    }
    return {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def _entries(findings: str) -> list[dict[str, Any]]:
    try:
        entries = json.loads(findings)
    except (ValueError, RecursionError):
        return []
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _finding(verdict: Verdict, kind: str, name: str, entry: Mapping[str, Any]) -> ExportedFinding:
    level, score = level_of(verdict.score), valid_score(verdict.score)
    points = valid_score(entry.get("score"))
    if points is None:
        points = score or 0.0
    detector = printable(entry.get("rule"), NAME_MAX) or f"{verdict.producer}.unnamed"
    identity = [verdict.server, kind, name, verdict.fingerprint, verdict.producer, detector]
    identity += [str(entry.get(key, "")) for key in ("path", "evidence")]
    return ExportedFinding(
        reference="mw-" + hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:20],
        detector=detector,
        producer=verdict.producer,
        version=printable(verdict.version, NAME_MAX),
        server=printable(verdict.server, NAME_MAX),
        kind=kind,
        tool=printable(name, NAME_MAX),
        fingerprint=verdict.fingerprint,
        score=score,
        severity=severity_of(score, points),
        points=points,
        evaluation=level.name,
        verdict=level.verdict or "none",
        detail=printable(entry.get("detail"), DETAIL_MAX),
        matched=printable(entry.get("evidence"), MATCHED_MAX),
        decoded=printable(entry.get("decoded"), MATCHED_MAX),
        encoding=printable(entry.get("encoding"), NAME_MAX),
        where=printable(entry.get("path"), MATCHED_MAX),
        time=_time(verdict.utc),
    )


def _result(finding: ExportedFinding, rule_index: int) -> dict[str, Any]:
    said = f"{finding.server}/{finding.tool}: {finding.detail or finding.detector}"
    if finding.matched:
        said += f': "{finding.matched}"'
    if finding.decoded:
        said += f', which reads "{finding.decoded}"' + (f" ({finding.encoding})" if finding.encoding else "")
    denied = finding.verdict == "deny"
    return {
        "ruleId": finding.detector,
        "ruleIndex": rule_index,
        # SARIF 3.27.10: a result that is no failure has the level none.
        "kind": "fail" if denied else "review",
        "level": _SARIF_LEVELS[finding.severity] if denied else "none",
        "rank": finding.points if finding.score is None else finding.score,
        "message": {"text": _message(said, DETAIL_MAX + 2 * MATCHED_MAX + 4 * NAME_MAX)},
        "locations": [_location(finding.server, finding.kind, finding.tool)],
        "fingerprints": {"mcpwatch/v1": finding.reference},
        "partialFingerprints": {"definitionSha256/v1": finding.fingerprint},
        "properties": msgspec.structs.asdict(finding),
    }


def _location(server: str, kind: str, tool: str) -> dict[str, Any]:
    """A definition has no file: its place is server and name, and a relative URI for viewers that insist on one."""
    server, tool = printable(server, NAME_MAX), printable(tool, NAME_MAX)
    path = "/".join(quote(part or "-", safe="") for part in (server, kind, tool))
    return {
        "physicalLocation": {"artifactLocation": {"uri": f"mcp/{path}"}},
        "logicalLocations": [{"name": tool, "fullyQualifiedName": f"{server}/{tool}", "kind": kind}],
    }


def _message(text: str, limit: int) -> str:
    """Plain text for a SARIF message, where braces are placeholders and brackets links (SARIF 3.11.5, 3.11.6)."""
    shown = printable(text, limit).replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    return shown.replace("{", "{{").replace("}", "}}")


def _time(utc: int) -> str:
    moment = _EPOCH + timedelta(microseconds=utc // 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
