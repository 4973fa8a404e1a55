"""What changing the clients' files would do, and what it did, as lines that read without colour. No Textual."""

from __future__ import annotations

from collections.abc import Sequence

from mcpwatch.clients.plan import Change
from mcpwatch.clients.survey import Status
from mcpwatch.store.mask import MASK
from mcpwatch.store.paths import config_file
from mcpwatch.tui import fmt
from mcpwatch.tui.cells import Line, wrap
from mcpwatch.tui.client_rows import ASCII_MASK, LOOKS, EntryLine, FileLine, where
from mcpwatch.tui.definition import indented
from mcpwatch.tui.safe_text import safe_text
from mcpwatch.tui.wiring import Done, Plan

RESTART = "Restart the clients, or have them reload their servers, for this to take effect."
GATEWAY = "What has an address is now reached through the gateway, and only while that runs: H shows it."
_STEPS = {
    "wrap": "through mcpwatch, as",
    "repair": "through this mcpwatch, as",
    "unwrap": "directly again, with no guard",
    "point": "through the gateway, as",
}
_MOST_LINES = 2000

# What a person can do about a server that is not as it should be.
_ADVICE = {
    Status.REMOVED: "Someone or something took mcpwatch away from it: nothing is seen, limited or refused. Find out"
    " who; enter puts it back. (To leave it so, wrap and unwrap it.)",
    Status.DRIFTED: "It is started through another mcpwatch than this one, or one that is gone: enter has it start"
    " through this one.",
    Status.UNWATCHED: "Its calls do not pass through mcpwatch: nothing is seen, limited or refused.",
    Status.HTTP: "It is reached at an address, past mcpwatch: nothing is seen, limited or refused.",
}


def advice(row: EntryLine | FileLine | None) -> str:
    """What is to be said of the row under the cursor where nothing would change."""
    if row is None:
        return ""
    if isinstance(row, FileLine):
        if row.error:
            return f"{row.error}. mcpwatch leaves a file alone that it does not understand: mend it, then r."
        return "" if row.entries else "No server is configured in this file."
    if row.status is Status.WATCHED:
        return "Its calls pass through mcpwatch." + (" u takes it out." if row.unwraps else "")
    if row.status is Status.DRIFTED and not row.wraps:
        return "Whether its calls pass through this mcpwatch is not certain, for the reason beside it."
    asks = " `mcpwatch wrap --probe` asks it." if "--probe" in row.remark else ""
    return f"{_ADVICE[row.status]}{asks}"


def plan_lines(plan: Plan, home: str, width: int, *, ascii: bool = False) -> list[Line]:
    """File by file: what becomes of its servers, then the lines of it that change."""
    lines: list[Line] = []
    for change in plan.changes:
        lines += [*_change(change, home, width, ascii), []]
    if plan.problem:
        lines += indented([(safe_text(plan.problem, limit=400, ascii=ascii), "danger")], width, "")
    if plan.routes:
        lines.append([("mcpwatch", "bold"), (f"  {where(str(config_file()), home, ascii=ascii)}", "dim")])
    for line in plan.routes:
        text = safe_text(line, limit=400, lines="show", ascii=ascii)
        lines += indented([(text, "diff-new")], width, "  ", ("+ ", "diff-new"))
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], [(f"… and {fmt.plural(len(lines) - _MOST_LINES, 'more line')}", "caution")]]
    return lines


def _change(change: Change, home: str, width: int, ascii: bool) -> list[Line]:
    path = where(str(change.file.path), home, ascii=ascii)
    lines: list[Line] = [[(change.file.client.name, "bold"), (f"  {path}", "dim")]]
    for step in change.steps:
        name = safe_text(step.server.name, limit=60, lines="show", ascii=ascii)
        guard = "" if step.action == "unwrap" else f" {safe_text(step.guard, limit=110, lines='show', ascii=ascii)}"
        style = "caution" if step.action == "unwrap" else "fg"
        lines += indented([(f"{name}: ", "bold"), (f"{_STEPS[step.action]}{guard}", style)], width)
    for server, reason in change.kept:
        name = safe_text(server.name, limit=60, lines="show", ascii=ascii)
        said = safe_text(reason, limit=300, ascii=ascii)
        lines += indented([(f"{name}: ", "bold"), (f"stays as it is: {said}", "dim")], width)
    for line in change.diff():
        style = "diff-old" if line.startswith("-") else "diff-new"
        shown = line[2:].replace(MASK, ASCII_MASK) if ascii else line[2:]
        text = safe_text(shown, limit=400, lines="show", ascii=ascii)
        lines += indented([(text, style)], width, "  ", (line[:2], style))
    return lines


def done_lines(done: Sequence[Done], progress: str, width: int) -> list[Line]:
    """What came of each file."""
    lines: list[Line] = []
    for one in done:
        mark, style, said = ("✓", "safe", "changed") if one.written else ("✗", "danger", "not changed")
        lines.append([(f"{mark} {said}  ", style), (one.client, "bold"), (f"  {one.where}", "dim")])
        told = f"as it was: {one.said}" if one.written else one.said
        lines += [[("    ", "fg"), (part, "dim" if one.written else "fg")] for part in wrap(told, max(20, width - 4))]
    if progress:
        return [*lines, [(f"{progress}…", "dim")]]
    if any(one.written for one in done):
        said = RESTART if not any(one.routed for one in done) else f"{RESTART} {GATEWAY}"
        lines += [[], *[[(part, "bold")] for part in wrap(said, width)]]
    return lines


def summary(files: Sequence[FileLine]) -> list[tuple[str, str]]:
    """How many servers are how, as spans."""
    entries = [entry for file in files for entry in file.entries]
    spans: list[tuple[str, str]] = []
    broken = sum(1 for file in files if file.error)
    if broken:
        spans += [(f"{fmt.plural(broken, 'file')} not understood", "danger"), (" · ", "dim")]
    for status in (Status.REMOVED, Status.DRIFTED, Status.UNWATCHED, Status.WATCHED):
        statuses = (Status.UNWATCHED, Status.HTTP) if status is Status.UNWATCHED else (status,)
        n = sum(1 for entry in entries if entry.status in statuses)
        if n:
            look = LOOKS[status]
            spans += [(f"{n} {look.word.lower()}", look.style), (" · ", "dim")]
    return [*spans[:-1], (" ", "dim")] if spans else []
