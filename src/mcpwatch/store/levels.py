"""The one table of levels that store, screen, command line and exports speak.

| score  | level     | mark | word                          | verdict |
|--------|-----------|------|-------------------------------|---------|
| none   | unscanned | ?    | unscanned                     | none    |
| 0–39   | safe      | ✓    | safe                          | allow   |
| 40–79  | caution   | !    | caution (action recommended)  | deny    |
| 80–100 | danger    | ✗    | danger (action required)      | deny    |

A score is a finite number in 0–100. Anything else (a bool, text, NaN, −1, 101) is not a score, and what has no
score is unscanned, never safe.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

CAUTION_FROM = 40.0
DANGER_FROM = 80.0
HIGH_FROM = 85.0
MEDIUM_FROM = 60.0

Severity = Literal["low", "medium", "high"]
Verdict = Literal["allow", "deny"]


@dataclass(frozen=True, slots=True)
class Level:
    """One row of the table. `rank` grows with the need to look: unscanned stands above safe."""

    name: str
    rank: int
    mark: str
    ascii: str
    word: str
    advice: str
    verdict: Verdict | None
    low: float | None
    high: float | None

    def __str__(self) -> str:
        return self.name


SAFE = Level("safe", 0, "✓", "+", "safe", "", "allow", 0.0, CAUTION_FROM)
UNSCANNED = Level("unscanned", 1, "?", "?", "unscanned", "", None, None, None)
CAUTION = Level("caution", 2, "!", "!", "caution", "action recommended", "deny", CAUTION_FROM, DANGER_FROM)
DANGER = Level("danger", 3, "✗", "X", "danger", "action required", "deny", DANGER_FROM, 100.0)

LEVELS: tuple[Level, ...] = (UNSCANNED, SAFE, CAUTION, DANGER)
BY_NAME: dict[str, Level] = {level.name: level for level in LEVELS}


def valid_score(value: object) -> float | None:
    """`value` as a score, or None when it is not a finite number in 0–100."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    # Compared before conversion: an integer too large for a float would raise.
    if not 0 <= value <= 100 or not math.isfinite(value):
        return None
    return float(value)


def level_of(value: object) -> Level:
    score = valid_score(value)
    if score is None:
        return UNSCANNED
    if score >= DANGER_FROM:
        return DANGER
    return CAUTION if score >= CAUTION_FROM else SAFE


def severity_of(score: float | None, points: float = 0.0) -> Severity:
    """The severity of a verdict, and of every finding in it: a rule's points are a share of the score, no scale of
    their own. Of a verdict without a score, a finding's `points` are all there is to go by."""
    weight = points if score is None else score
    if weight >= HIGH_FROM:
        return "high"
    return "medium" if weight >= MEDIUM_FROM else "low"
