"""How well the rules do on a labelled corpus: the numbers behind `mcpwatch eval CORPUS.jsonl`.

A row is one JSON object a line: `tool` (the definition), `label` ("malicious" or "benign"), and where known `id`,
`server`, `attack`, `group`, `tags`. Every row is judged alone, without the names a proxy would know. Flagged means
level caution or worse. Rates are fractions from 0 to 1, None where there is nothing to divide by; times are
milliseconds a definition, rules compiled beforehand.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from mcpwatch.scan.ruleset import RULES_VERSION, judge, warm
from mcpwatch.store.levels import CAUTION, DANGER

LABELS = ("malicious", "benign")


class BadCorpus(ValueError):
    """A corpus that cannot be read; the message names the file and the line."""


class _Count:
    """How many of how many."""

    __slots__ = ("all", "hit")

    def __init__(self) -> None:
        self.hit = 0
        self.all = 0

    def add(self, hit: bool) -> None:
        self.hit += hit
        self.all += 1

    def rate(self) -> float | None:
        return self.hit / self.all if self.all else None


def rows(path: str | Path) -> Iterator[dict[str, Any]]:
    """The rows of a corpus, one line in memory at a time. Blank lines are skipped; raises `BadCorpus`."""
    try:
        with Path(path).open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _row(line, f"{path}, line {number}")
    except OSError as error:
        raise BadCorpus(f"{path}: {error.strerror or error}") from error


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadCorpus(f"{where}: not JSON ({error})") from error
    if not isinstance(row, dict):
        raise BadCorpus(f"{where}: not an object")
    if row.get("label") not in LABELS:
        raise BadCorpus(f'{where}: "label" must be "malicious" or "benign"')
    if not isinstance(row.get("tool"), dict):
        raise BadCorpus(f'{where}: "tool" must be an object')
    if not isinstance(row.get("tags", []), list):
        raise BadCorpus(f'{where}: "tags" must be a list')
    return row


def evaluate(path: str | Path) -> dict[str, Any]:
    """Judge every row of the corpus at `path`. Raises `BadCorpus`.

    Keys: recall, false_positive_rate, false_positive_rate_imperative (benign rows tagged so),
    danger_false_positive_rate, recall_by_attack and recall_by_group (name → rate), median_ms, max_ms, and besides
    malicious, benign, unscanned (counts) and rules_version.
    """
    warm()
    recall, flagged, imperative, dangerous = _Count(), _Count(), _Count(), _Count()
    by_attack: dict[str, _Count] = {}
    by_group: dict[str, _Count] = {}
    times: list[float] = []
    unscanned = 0
    for row in rows(path):
        started = time.perf_counter()
        judgement = judge(row["tool"], server=str(row.get("server") or ""))
        times.append((time.perf_counter() - started) * 1000)
        unscanned += judgement.score is None
        hit = judgement.level in (CAUTION, DANGER)
        if row["label"] == "malicious":
            recall.add(hit)
            by_attack.setdefault(str(row.get("attack")), _Count()).add(hit)
            by_group.setdefault(str(row.get("group")), _Count()).add(hit)
            continue
        flagged.add(hit)
        dangerous.add(judgement.level is DANGER)
        if "imperative" in row.get("tags", []):
            imperative.add(hit)
    return {
        "recall": recall.rate(),
        "false_positive_rate": flagged.rate(),
        "false_positive_rate_imperative": imperative.rate(),
        "danger_false_positive_rate": dangerous.rate(),
        "recall_by_attack": {name: count.rate() for name, count in sorted(by_attack.items())},
        "recall_by_group": {name: count.rate() for name, count in sorted(by_group.items())},
        "median_ms": round(statistics.median(times), 3) if times else None,
        "max_ms": round(max(times), 3) if times else None,
        "malicious": recall.all,
        "benign": flagged.all,
        "unscanned": unscanned,
        "rules_version": RULES_VERSION,
    }


def table(result: dict[str, Any]) -> str:
    """The result of `evaluate` as text for a terminal, one figure a line; names from the corpus made printable."""
    lines = [
        f"rules {result['rules_version']}: {result['malicious']} malicious, {result['benign']} benign,"
        f" {result['unscanned']} unscanned",
        _line("recall", result["recall"]),
        _line("false positives", result["false_positive_rate"]),
        _line("  of imperative", result["false_positive_rate_imperative"]),
        _line("  danger", result["danger_false_positive_rate"]),
    ]
    for title, key in (("recall by attack", "recall_by_attack"), ("recall by group", "recall_by_group")):
        lines.append(title)
        lines += [_line(f"  {_printable(name)}", rate) for name, rate in result[key].items()]
    if result["median_ms"] is not None:
        lines.append(f"time a definition: median {result['median_ms']:.2f} ms, worst {result['max_ms']:.2f} ms")
    return "\n".join(lines) + "\n"


def _line(name: str, rate: float | None) -> str:
    return f"{name:<44}" + ("     –" if rate is None else f"{rate:>7.2%}")


def _printable(name: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in name)[:40]
