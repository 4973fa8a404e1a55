"""Everything known about one definition, as lines: verdicts, evidence, text, history, use. No Textual."""

from __future__ import annotations

from datetime import tzinfo

import msgspec

from mcpwatch.store.levels import CAUTION, DANGER, level_of
from mcpwatch.store.records import Policy, SeenText, Verdict
from mcpwatch.store.scans import ScannerStatus
from mcpwatch.tui import fmt
from mcpwatch.tui.cells import Line, wrap, wrap_spans
from mcpwatch.tui.definition import PRODUCERS, Found, definition_lines, finding_lines, findings_of, heading
from mcpwatch.tui.levels import MARKS
from mcpwatch.tui.rows import ToolLine
from mcpwatch.tui.safe_text import safe_text
from mcpwatch.tui.scan_text import why_no_verdict
from mcpwatch.tui.shown import parse


class Dossier(msgspec.Struct, frozen=True):
    """What was read about one definition. `texts` ends with the one that counts now."""

    line: ToolLine
    texts: tuple[SeenText, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @property
    def text(self) -> SeenText | None:
        return next((t for t in self.texts if t.fingerprint == self.line.fingerprint), None)

    def findings(self) -> list[Found]:
        """Both producers', the strongest first."""
        found = [finding for verdict in self.verdicts for finding in findings_of(verdict)]
        return sorted(found, key=lambda finding: -finding.score)

    def capabilities(self) -> list[str]:
        names = next((v.capabilities for v in self.verdicts if v.producer == "local"), "").split(",")
        return [safe_text(name, limit=20, lines="show") for name in names if name]


class Look(msgspec.Struct, frozen=True):
    """How and when lines are drawn."""

    width: int
    zone: tzinfo | None
    now: int
    ascii: bool = False
    policy: Policy = Policy()
    scan: ScannerStatus = ScannerStatus()


def field(name: str, value: str, style: str = "fg") -> Line:
    return [(f"{name:<14}", "dim"), (value, style)]


def tool_lines(dossier: Dossier, look: Look) -> list[Line]:
    line, width = dossier.line, look.width
    findings = dossier.findings()
    lines: list[Line] = [[], *_headline(dossier, look), []]
    lines += [*_why(line, look), []]
    lines += [*_scores(dossier, look)]
    text = dossier.text
    value = parse(text.json) if text is not None else None
    if findings:
        lines += [[], [*heading("Evidence"), ("  rules add up; 40 points are caution, 80 danger", "dim")]]
        for finding in findings:
            lines += [[], *finding_lines(value, finding, width, ascii=look.ascii)]
    if text is not None:
        lines += definition_lines(value, findings, width, ascii=look.ascii)
    lines += [[], heading("Use"), *_use(line, look)]
    lines += [[], heading("History"), *_history(dossier, look)]
    if "raw!" in line.badges:
        lines += [[], [("! A name holds hidden characters; they are spelled out.", "caution")]]
    return [*lines, []]


def _headline(dossier: Dossier, look: Look) -> list[Line]:
    line = dossier.line
    mark = MARKS[line.level]
    style = {DANGER: "chip-danger", CAUTION: "chip-caution"}.get(line.level, mark.style)
    score = "" if line.score is None else f" {line.score:.0f} of 100"
    chips: Line = [(f" {mark.level.mark} {mark.word}{score} ", style)]
    if line.level.advice:
        chips.append((f" {line.level.advice}", "dim"))
    for badge in dossier.capabilities():
        chips += [(" ", "fg"), (f"[{badge}]", "bold")]
    kind = "" if line.kind == "tool" else f"  {line.kind}"
    return [[(f"{line.server}/", "dim"), (line.name, "bold"), (kind, "dim")], chips]


def _why(line: ToolLine, look: Look) -> list[Line]:
    """What the gate does with it now, and what a person can do about it."""
    if line.why:
        effect = "Hidden from the model, and its calls are refused" if line.listed else "Its calls are refused"
        text = f"{line.state}: {line.why}. {effect}"
        style = "danger"
    elif line.review == "changed":
        text, style = "Changed since it was approved. It passes, flagged (strict mode would hold it)", "caution"
    elif line.changed:
        text, style = "Changed since it was seen before; nobody had approved that text. It passes", "caution"
    elif line.review == "approved":
        text, style = "Approved as it is: the next change is held or flagged", "fg"
    elif not line.listed:
        text, style = "Not on the server's list" + ("" if line.fingerprint else ", and never was"), "caution"
    else:
        text, style = "Passes", "fg"
    lines: list[Line] = [[(part, style)] for part in wrap(f"{text}.", look.width)]
    return [*lines, *_keys(line, look)]


def _keys(line: ToolLine, look: Look) -> list[Line]:
    """What can be done about it, by key."""
    if not line.fingerprint:
        return []
    asks = " (asks for the password)" if look.policy.has_password else " (asks to type a word)"
    does = {
        "blocked": [("b", "takes the block back" + asks)],
        "approved": [("a", "takes the approval back"), ("b", "blocks it")],
    }.get(line.review, [("a", "approves this text" + (asks if line.why else "")), ("b", "blocks it")])
    if line.changed or line.review == "changed":
        does = [("d", "shows the change"), *does]
    spans = [span for key, what in does for span in ((key, "key"), (f" {what}   ", "dim"))]
    return wrap_spans(spans, look.width)


def _scores(dossier: Dossier, look: Look) -> list[Line]:
    """One line a producer, also where it has no verdict: and then why."""
    lines: list[Line] = []
    by_producer = {verdict.producer: verdict for verdict in dossier.verdicts}
    for producer, who in PRODUCERS.items():
        verdict = by_producer.get(producer)
        name = f"{who:<14}"
        if verdict is None:
            why = why_no_verdict(look.scan) if producer == "remote" else "not looked at"
            lines.append([(name, "dim"), ("? ", "unscanned"), (why, "dim")])
            continue
        level = level_of(verdict.score)
        mark = MARKS[level]
        score = "no score" if verdict.score is None else f"{verdict.score:.0f}"
        said = verdict.error or verdict.reason or ("nothing found" if level.name == "safe" else "")
        version = safe_text(verdict.version, limit=40, lines="show", ascii=look.ascii)
        rest = f"  {safe_text(said, limit=600, ascii=look.ascii)}" if said else ""
        spent = f", {fmt.plural(verdict.tokens, 'token')}" if verdict.tokens else ""
        when = fmt.moment(verdict.utc, look.zone, look.now) if verdict.utc else ""
        judged = f"{mark.level.mark} {mark.word} {score}"
        parts = wrap(f"{judged}{rest}", max(20, look.width - 14))
        lines.append([(name, "dim"), (judged, mark.style), (parts[0][len(judged) :], "fg")])
        lines += [[(" " * 14, "fg"), (part, "fg")] for part in parts[1:]]
        lines.append([(" " * 14, "fg"), (f"{version}{spent} · {when}", "dim")])
    return lines


def _use(line: ToolLine, look: Look) -> list[Line]:
    lines = [field("in context", f"{fmt.plural(line.definition_tokens, 'token')} for its definition, every turn")]
    if line.kind != "tool":
        return lines
    last = fmt.moment(line.last_utc, look.zone, look.now) if line.last_utc else fmt.NONE
    return [
        *lines,
        field("calls", f"{fmt.exact(line.calls)}, {fmt.plural(line.errors, 'error')}, {line.refused} refused"),
        field("tokens", f"{fmt.exact(line.tokens)}, {fmt.money(line.cost)}"),
        field("p95, last", f"{fmt.duration(line.p95_ns)}, {last}"),
        field("protection", "protected" if line.protected else "exempt: neither counted nor refused"),
    ]


def _history(dossier: Dossier, look: Look) -> list[Line]:
    """Every text seen under the name, the newest first."""
    if not dossier.texts:
        return [[("  never listed by the server", "dim")]]
    lines: list[Line] = []
    for text in reversed(dossier.texts):
        now = text.fingerprint == dossier.line.fingerprint
        seen = fmt.moment(text.first_utc, look.zone, look.now)
        until = "" if text.gone_utc is None else f", gone {fmt.moment(text.gone_utc, look.zone, look.now)}"
        decision = f"  {text.decision}" if text.decision else ""
        decided = f" {fmt.moment(text.decided_utc, look.zone, look.now)}" if text.decided_utc else ""
        lines.append(
            [
                (f"  {text.fingerprint[:12]}  ", "bold" if now else "fg"),
                (f"first seen {seen}{until}", "dim"),
                (f"{decision}{decided}", {"approved": "safe", "blocked": "danger"}.get(text.decision, "dim")),
                ("  ← now" if now else "", "bold"),
            ]
        )
    return lines
