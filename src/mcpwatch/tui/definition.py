"""A definition as a person reads it: its text with the evidence marked, and what its verdicts found. No Textual.

What comes in is raw: a server's JSON and what rules or a model wrote about it. What goes out is safe to draw.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from mcpwatch.store.levels import level_of, severity_of, valid_score
from mcpwatch.store.records import Verdict
from mcpwatch.tui.cells import Line, Span, wrap_spans
from mcpwatch.tui.safe_text import safe_text
from mcpwatch.tui.shown import Room, not_shown, sections

CONTEXT = 160  # characters shown before and after a quotation
_MOST_STRINGS = 5000
PRODUCERS = {"local": "rules", "remote": "LLM"}


class Found(msgspec.Struct, frozen=True):
    """One finding of one verdict, as it came: none of its strings is safe to draw."""

    producer: str  # rules | LLM
    rule: str
    tier: str
    category: str
    score: float  # its points
    severity: str  # of its verdict
    detail: str
    path: str
    evidence: str
    decoded: str
    encoding: str


def findings_of(verdict: Verdict) -> list[Found]:
    """What a verdict found. One of caution or danger always has something, even where its notes cannot be read."""
    who, score = PRODUCERS.get(verdict.producer, verdict.producer), valid_score(verdict.score)
    try:
        entries = msgspec.json.decode(verdict.findings)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        entries = []
    found = [
        _found(who, score, entry)
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict)
    ]
    if not found and score is not None and level_of(score).verdict == "deny":
        found = [Found(who, f"{who}.score", "", "", score, severity_of(score), verdict.reason, "", "", "", "")]
    return found


def _found(who: str, score: float | None, entry: dict[Any, Any]) -> Found:
    def text(key: str) -> str:
        value = entry.get(key)
        return value if isinstance(value, str) else ""

    points = valid_score(entry.get("score")) or 0.0
    return Found(
        producer=who,
        rule=text("rule") or "unnamed",
        tier=text("tier"),
        category=text("category"),
        score=points,
        severity=severity_of(score, points),
        detail=text("detail"),
        path=text("path"),
        evidence=text("evidence"),
        decoded=text("decoded"),
        encoding=text("encoding"),
    )


# --- the text, and where in it the evidence is ---


def at(value: Any, path: str) -> Any:
    """What stands at a JSON pointer (RFC 6901), or None."""
    for part in path.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isascii() and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def strings(value: Any) -> Iterator[str]:
    """Every string of a definition."""
    stack, seen = [value], 0
    while stack and seen < _MOST_STRINGS:
        item = stack.pop()
        seen += 1
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def quotation(value: Any, found: Found, *, more: str = "…") -> tuple[str, str, str]:
    """(before, the evidence, after) as it stands in the definition `value`; raw. `more` marks a cut."""
    evidence = found.evidence
    if not evidence:
        return "", "", ""
    here = at(value, found.path) if found.path else None
    for text in (*([here] if isinstance(here, str) else []), *strings(value)):
        start = text.find(evidence)
        if start >= 0:
            return _around(text, start, start + len(evidence), more)
    return "", evidence, ""


def _around(text: str, start: int, end: int, more: str) -> tuple[str, str, str]:
    """The lines the span stands in, cut where they are long."""
    first, last = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    last = len(text) if last < 0 else last
    before, after = text[max(first, start - CONTEXT) : start], text[end : min(last, end + CONTEXT)]
    return (
        (more if start - first > CONTEXT else "") + before,
        text[start:end],
        after + (more if last - end > CONTEXT else ""),
    )


def marked(text: str, evidences: Iterable[str], *, plain: str = "fg", ascii: bool = False) -> list[Span]:
    """`text` with every piece of evidence in it marked; safe to draw."""
    spans: list[Span] = []
    last = 0
    for start, end in _spans(text, evidences):
        spans.append((_safe(text[last:start], ascii), plain))
        spans.append((_safe(text[start:end], ascii), "evidence"))
        last = end
    spans.append((_safe(text[last:], ascii), plain))
    return [span for span in spans if span[0]]


def _safe(text: str, ascii: bool) -> str:
    return safe_text(text, limit=len(text), lines="keep", ascii=ascii)


def _spans(text: str, evidences: Iterable[str]) -> list[tuple[int, int]]:
    """Where the evidence stands, without overlaps."""
    found = sorted((start, start + len(e)) for e in set(evidences) if e and (start := text.find(e)) >= 0)
    merged: list[tuple[int, int]] = []
    for start, end in found:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


# --- as lines ---


def indented(spans: Sequence[Span], width: int, indent: str = "  ", edge: Span | None = None) -> list[Line]:
    first: Line = [(indent, "fg"), *([edge] if edge else [])]
    taken = len(indent) + (len(edge[0]) if edge else 0)
    return [[*first, *line] for line in wrap_spans(spans, max(20, width - taken))]


def points(producer: str, score: float) -> str:
    """A rule's finding adds points to a definition's score; a model's is the score."""
    return f"+{score:.0f}" if producer == PRODUCERS["local"] else f"{score:.0f}"


def finding_lines(value: Any, found: Found, width: int, *, ascii: bool = False) -> list[Line]:
    """One finding: who says what, then the quotation in its context."""

    def word(text: str, limit: int = 60) -> str:
        return safe_text(text, limit=limit, lines="show", ascii=ascii)

    head: Line = [
        (f"  {points(found.producer, found.score):>4}  ", "accent"),
        (word(found.rule), "bold"),
        (f"  {found.producer}", "dim"),
    ]
    about = " · ".join(word(part) for part in (found.tier, found.category) if part)
    if about:
        head.append((f" · {about}", "dim"))
    detail = safe_text(found.detail, limit=600, ascii=ascii)
    lines: list[Line] = [head, *(indented([(detail, "fg")], width, "    ") if detail else [])]
    before, evidence, after = quotation(value, found, more="~" if ascii else "…")
    if evidence:
        where = f"at {word(found.path, 200)}" if found.path else "in the definition"
        lines.append([(f"    {where}:", "dim")])
        spans: list[Span] = [
            (_safe(before, ascii), "dim"),
            (_safe(evidence, ascii), "evidence"),
            (_safe(after, ascii), "dim"),
        ]
        lines += indented(spans, width, "    ", ("│ ", "dim"))
    if found.decoded:
        how = f" ({word(found.encoding)})" if found.encoding else ""
        lines.append([(f"    which reads{how}:", "dim")])
        lines += indented(
            [(safe_text(found.decoded, limit=600, ascii=ascii), "evidence")], width, "    ", ("│ ", "dim")
        )
    return lines


def definition_lines(
    value: Any, findings: Sequence[Found], width: int, *, ascii: bool = False, room: Room | None = None
) -> list[Line]:
    """The whole definition: its prose first, then its schemas, then whatever else it holds. What there is no `room`
    for is counted."""
    room = Room() if room is None else room
    hidden = room.hidden
    evidences = [found.evidence for found in findings]
    written = [msgspec.json.encode(text).decode()[1:-1] for text in evidences]  # as JSON writes it
    lines: list[Line] = []
    for title, text, is_json in sections(value):
        spans = marked(room.take(text), written if is_json else evidences, ascii=ascii)
        lines += [[], heading(title), *indented(spans, width)]
    if room.hidden > hidden:
        lines += [[], [(f"! {not_shown(room.hidden - hidden)}", "caution")]]
    return lines


def heading(text: str) -> Line:
    return [(text, "accent")]
