"""What a model said about one definition: a verdict, or the reason why there is none.

A reply is hostile: it was written by a model that has just read hostile text. It is a verdict only when it holds a
finite score in 0–100 for exactly the definition that was asked about, with exactly the nonce of the request. All
else is `Unscanned` with a reason a program can read. Nothing here raises, and no failure has a score.
"""

from __future__ import annotations

import json
import math
import re
from enum import StrEnum
from typing import Any, Final

import msgspec

from mcpwatch.store.levels import Level, level_of, valid_score
from mcpwatch.store.records import Verdict

CRITERIA: Final[dict[str, str]] = {
    "exfiltration": "makes the model collect or send secrets, files or the conversation where the user did not ask",
    "deception": "hides what it does from the user, or describes itself as something it is not",
    "coercion": "mandates its own use, chains or redirects calls to other tools, or changes their arguments",
    "prompt-injection": "gives the model orders beyond how to use this definition, or a new role",
    "arbitrary-execution": "makes the model run code or commands the user did not ask for",
    "reviewer-manipulation": "addresses whoever reviews the definition, or argues for its own score",
}
"""What counts as an attack, by the id a reply names. A dangerous capability by itself is none of these."""

NO_CRITERION: Final = "none"
OVERSIZE_SCORE: Final = 45.0
"""What a definition scores at least when the model was shown only a part of it: what nobody read is not safe."""
REPLY_MAX: Final = 65_536
REASON_MAX: Final = 600
QUOTE_MAX: Final = 300

_REFUSAL = re.compile(
    r"\s*(?:(?:i['’]?m |i am )?(?:sorry|unable)|i apologi[sz]e|i can(?:no|['’])t|i won['’]t|as an ai)",
    re.IGNORECASE,
)


class Failure(StrEnum):
    """Why a definition has no verdict from the model."""

    NO_KEY = "no-key"
    NOT_OPTED_IN = "not-opted-in"
    BUDGET = "budget"
    BAD_KEY = "bad-key"  # 401, 403
    REJECTED = "rejected"  # any other answer that a repetition would not change
    RATE_LIMITED = "rate-limited"
    SERVER_ERROR = "server-error"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"  # the model declined to judge
    EMPTY = "empty"
    TRUNCATED = "truncated"
    TOO_LARGE = "too-large"
    NOT_JSON = "not-json"
    WRONG_SHAPE = "wrong-shape"
    MISSING_TOOL = "missing-tool"
    OTHER_TOOL = "other-tool"
    WRONG_NONCE = "wrong-nonce"
    NOT_A_NUMBER = "not-a-number"
    OUT_OF_RANGE = "out-of-range"


_STOPPING = frozenset({Failure.NO_KEY, Failure.NOT_OPTED_IN, Failure.BUDGET, Failure.BAD_KEY})


class Unscanned(msgspec.Struct, frozen=True):
    """No verdict. `detail` is one sentence for a person, safe to print; `retry_s` is how long the server asked to
    be left alone; `tokens` is what the failure cost."""

    failure: Failure
    detail: str = ""
    retry_s: float | None = None
    tokens: int = 0
    attempts: int = 0

    @property
    def stops(self) -> bool:
        """Whether every other definition would fail the same way until a person, or tomorrow, changes something."""
        return self.failure in _STOPPING


class LlmVerdict(msgspec.Struct, frozen=True):
    """A model's judgement of one definition. The texts are cleaned and bounded, still written by a model.

    `left_out` counts the characters of the definition the model was not shown. `utc` is in nanoseconds,
    `duration_ns` covers every attempt and wait.
    """

    score: float
    criterion: str = NO_CRITERION
    reason: str = ""
    quote: str = ""
    model: str = ""
    prompt_version: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    attempts: int = 1
    duration_ns: int = 0
    utc: int = 0
    left_out: int = 0

    @property
    def level(self) -> Level:
        return level_of(self.score)

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out


def printable(text: object, limit: int) -> str:
    """`text` on one line of at most `limit` characters, with everything a terminal could interpret spelled out
    (`\\x1b`, `\\u202e`). Anything but a string gives ''."""
    if not isinstance(text, str):
        return ""
    shown = text if len(text) <= limit else text[:limit]
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)
    if len(shown) > limit or len(text) > limit:
        shown = shown[: max(limit - 1, 0)] + "…"[:limit]
    return shown


def record(result: LlmVerdict | Unscanned, *, fingerprint: str, server: str, version: str, utc: int = 0) -> Verdict:
    """What the store keeps of a judgement. `version` is the reviewer's; `utc` dates a failure.

    Its findings have the keys of the rules' findings: one for a score of caution or danger, under the criterion the
    model named, and one when a part of the definition was over the cap.
    """
    if isinstance(result, Unscanned):
        error = f"{result.failure}: {result.detail}"
        return Verdict(fingerprint, server, "remote", version, None, error=error, tokens=result.tokens, utc=utc)
    score = result.score
    findings = []
    if result.level.verdict == "deny":
        findings.append(
            _finding(f"llm.{result.criterion}", "soft", result.criterion, score, result.reason, result.quote)
        )
    if result.left_out:
        score = max(score, OVERSIZE_SCORE)
        detail = f"is too large for the model: {result.left_out} characters were left out"
        findings.append(_finding("llm.oversize", "hard", "oversize", OVERSIZE_SCORE, detail, ""))
    return Verdict(
        fingerprint,
        server,
        "remote",
        version,
        score,
        reason=result.reason,
        findings=json.dumps(findings, separators=(",", ":")),
        tokens=result.tokens,
        utc=result.utc,
    )


def _finding(rule: str, tier: str, category: str, score: float, detail: str, evidence: str) -> dict[str, Any]:
    return {
        "rule": rule,
        "tier": tier,
        "category": category,
        "score": score,
        "detail": detail,
        "path": "",
        "evidence": evidence,
        "decoded": "",
        "encoding": "",
    }


def parse(content: object, *, name: str, nonce: str) -> LlmVerdict | Unscanned:
    """The verdict in a model's reply for the definition it was shown as `name` under `nonce`.

    Understood: the object the schema asks for, a bare list or object of score items, and either of them in one
    Markdown fence. Of several items for this definition the highest score counts, and one that cannot be read
    spoils the reply: it might have been the highest. Items for other definitions are ignored.
    """
    if not isinstance(content, str) or not content.strip():
        return Unscanned(Failure.EMPTY, "The model's answer is empty.")
    if len(content) > REPLY_MAX:
        return Unscanned(Failure.TOO_LARGE, f"The model's answer is longer than {REPLY_MAX} characters.")
    try:
        items = _items(_decode(content))
    except _Malformed as error:
        return Unscanned(error.failure, str(error))
    mine = [item for item in items if item.get("name") == name]
    if not mine:
        if any("name" in item for item in items):
            return Unscanned(Failure.OTHER_TOOL, "The model's answer is about another definition.")
        return Unscanned(Failure.MISSING_TOOL, "The model's answer names no definition.")
    if any(claimed != nonce for item in mine for claimed in item["nonces"] or [None]):
        return Unscanned(Failure.WRONG_NONCE, "The model's answer does not carry this request's nonce.")
    for item in mine:
        if (failure := _score_failure(item)) is not None:
            return failure
    worst = max(mine, key=lambda item: float(item["score"]))
    criterion = worst.get("criterion")
    return LlmVerdict(
        score=float(worst["score"]) + 0.0,  # −0.0 becomes 0.0
        criterion=criterion if isinstance(criterion, str) and criterion in CRITERIA else NO_CRITERION,
        reason=printable(worst.get("reason"), REASON_MAX),
        quote=printable(worst.get("quote"), QUOTE_MAX),
    )


class _Malformed(Exception):
    def __init__(self, failure: Failure, sentence: str) -> None:
        super().__init__(sentence)
        self.failure = failure


def _decode(content: str) -> Any:
    """The JSON of a reply, from the whole of it or from its one Markdown fence."""
    for text in (content, _fenced(content)):
        try:
            return json.loads(text, object_pairs_hook=_object)
        except (ValueError, RecursionError):
            continue
    if _REFUSAL.match(content):
        raise _Malformed(Failure.REFUSED, "The model declined to judge.")
    raise _Malformed(Failure.NOT_JSON, "The model's answer is not JSON.")


def _fenced(content: str) -> str:
    """What stands between the first line that opens a Markdown fence and the last that closes one, or ''."""
    lines = content.splitlines()
    fences = [i for i, line in enumerate(lines) if line.lstrip().startswith("```")]
    if len(fences) < 2 or lines[fences[-1]].strip() != "```":
        return ""
    return "\n".join(lines[fences[0] + 1 : fences[-1]])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different: of two scores under one key nobody can say which one was meant."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _Malformed(Failure.WRONG_SHAPE, "The model's answer repeats a key.")
    return result


def _items(value: Any, nonces: tuple[Any, ...] = (), depth: int = 0) -> list[dict[str, Any]]:
    """Every score item, each with the nonces claimed by it and by what it stands in under `nonces`."""
    if depth > 3:
        raise _Malformed(Failure.WRONG_SHAPE, "The model's answer is nested too deeply.")
    if isinstance(value, list):
        return [item for element in value for item in _items(element, nonces, depth + 1)]
    if not isinstance(value, dict):
        raise _Malformed(Failure.WRONG_SHAPE, "The model's answer is not an object with scores.")
    if "nonce" in value:
        nonces = (*nonces, value["nonce"])
    if "verdicts" in value:
        return _items(value["verdicts"], nonces, depth + 1)
    return [{**value, "nonces": list(nonces)}]


def _score_failure(item: dict[str, Any]) -> Unscanned | None:
    if "score" not in item:
        return Unscanned(Failure.WRONG_SHAPE, "The model's answer has no score for this definition.")
    score = item["score"]
    if valid_score(score) is not None:
        return None
    number = isinstance(score, int) or (isinstance(score, float) and math.isfinite(score))
    if number and not isinstance(score, bool):
        return Unscanned(Failure.OUT_OF_RANGE, "The model's score is not between 0 and 100.")
    return Unscanned(Failure.NOT_A_NUMBER, "The model's score is not a finite number.")
