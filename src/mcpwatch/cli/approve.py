"""`mcpwatch approve` and `unapprove`: let exactly one text of a definition pass, after it was shown."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

import click

from mcpwatch.cli import ask, exits, report
from mcpwatch.cli.change import BY, ask_password, changing, with_password
from mcpwatch.cli.output import cut, local, print_line, safe
from mcpwatch.guard import approval
from mcpwatch.guard.lock import Denied
from mcpwatch.protocol.diff import Change, field_changes
from mcpwatch.store.definitions import text_before
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.levels import DANGER
from mcpwatch.store.records import SeenText
from mcpwatch.tui import shown
from mcpwatch.tui.fmt import plural

KINDS = ("tool", "prompt", "resource", "template", "instructions")
WORD = "APPROVE"

reference = click.argument("reference", metavar="SERVER/NAME", required=False)
fingerprint_argument = click.argument("fingerprint", required=False)
kind_option = click.option(
    "--kind", type=click.Choice(KINDS), default="tool", show_default=True, help="What is listed under that name."
)


@click.command(
    "approve",
    epilog="\b\nExamples:\n  mcpwatch approve calendar/add_event\n  mcpwatch approve --server notes --all\n"
    "  mcpwatch approve calendar/ --kind instructions",
)
@reference
@fingerprint_argument
@kind_option
@click.option("--server", help="With --all: the server.")
@click.option("--all", "everything", is_flag=True, help="Everything the server lists and that is not dangerous.")
@click.option("--yes", "-y", is_flag=True, help="Do not show and ask; only with a FINGERPRINT.")
def approve(
    reference: str | None, fingerprint: str | None, kind: str, server: str | None, everything: bool, yes: bool
) -> None:
    """Shows the text, what was found in it, and how it differs from the one approved before; then asks. An approval
    is for that text alone: the next change is looked at anew. What is held asks, with --yes too, for the password, or
    for a typed word where none is set; what could not be shown in full asks for the word in any case."""
    if everything:
        if server is None or reference is not None:
            raise click.UsageError("--all goes with --server NAME, and with nothing else")
        with changing() as ledger:
            _approve_server(ledger, server)
        return
    name = split(reference, kind, server)
    with changing() as ledger:
        text = find(ledger, *name, fingerprint)
        if yes and fingerprint is None:
            raise click.UsageError("--yes goes with the FINGERPRINT of what was seen before")
        in_full = yes or show(ledger, *name, text)
        frees = approval.frees(ledger, *name, text.fingerprint)
        why = "" if in_full else "Not all of it was shown"
        _agreed(ledger, "Approve exactly this text?", why, frees=frees, yes=yes)
        with_password(ledger, lambda secret: approval.approve(ledger, *name, text.fingerprint, secret, by=BY))
    print_line(f"Approved: {title(*name)}, text {text.fingerprint[:12]}.")


@click.command("unapprove", epilog="Example: mcpwatch unapprove calendar/add_event")
@reference
@fingerprint_argument
@kind_option
def unapprove(reference: str | None, fingerprint: str | None, kind: str) -> None:
    """Asks for nothing: the definition is judged by its score again."""
    take_back(reference, fingerprint, kind, "approved")


def take_back(reference: str | None, fingerprint: str | None, kind: str, decision: str) -> None:
    """Undo a decision about one text; about every text of the name that has it, when none is named."""
    name = split(reference, kind)
    with changing() as ledger:
        found = [text for text in ledger.texts(*name) if text.decision == decision]
        if fingerprint is not None:
            found = [text for text in found if text.fingerprint.startswith(fingerprint.lower())]
        if not found:
            raise exits.Failure(f"{title(*name)}: no text of it is {decision}")
        secret: str | None = None
        for text in found:
            try:
                approval.take_back(ledger, *name, text.fingerprint, secret, by=BY)
            except Denied as error:
                if error.code != "password-required" or secret is not None:
                    raise
                secret = ask_password(ledger)
                approval.take_back(ledger, *name, text.fingerprint, secret, by=BY)
            print_line(f"No longer {decision}: {title(*name)}, text {text.fingerprint[:12]}.")


def split(reference: str | None, kind: str, server: str | None = None) -> tuple[str, str, str]:
    """(server, kind, name) of `SERVER/NAME`; instructions have no name."""
    if reference is None or server is not None:
        raise click.UsageError("which one? SERVER/NAME")
    server, _, name = reference.partition("/")
    if not server or (not name and kind != "instructions"):
        raise click.UsageError(f"{reference!r} is not SERVER/NAME")
    return server, kind, "" if kind == "instructions" else name


def title(server: str, kind: str, name: str) -> str:
    """As it is shown."""
    return safe(report.Row(server, kind, name, "", "").title, limit=200, lines="show")


def find(ledger: Ledger, server: str, kind: str, name: str, fingerprint: str | None) -> SeenText:
    """The text of that name that is listed, or the one whose fingerprint begins so. Raises Failure."""
    texts = ledger.texts(server, kind, name)
    shown = title(server, kind, name)
    if not texts:
        raise exits.Failure(f"{shown} was never listed; `mcpwatch findings --all` says what is")
    if fingerprint is not None:
        found = [text for text in texts if text.fingerprint.startswith(fingerprint.lower())]
        if len(fingerprint) < 6 or len(found) != 1:
            raise exits.Failure(f"{shown}: {len(found)} texts begin with {fingerprint!r} (6 digits or more)")
        return found[0]
    listed = [text for text in texts if text.gone_utc is None]
    if len(listed) > 1:
        choices = ", ".join(text.fingerprint[:12] for text in listed)
        raise exits.Failure(f"{shown} is listed {len(listed)} times: say which text ({choices})")
    return listed[0] if listed else texts[-1]


def show(ledger: Ledger, server: str, kind: str, name: str, text: SeenText) -> bool:
    """The verdicts on a text, its evidence, and how it differs from the one approved or seen before it; all of it
    unless what did not change was approved. Returns whether nothing that would be approved was left out."""
    rows = [r for r in report.rows_of(ledger.judged(server, gone=True)) if r.fingerprint == text.fingerprint]
    report.print_rows([row for row in rows if (row.kind, row.name) == (kind, name)], quiet_safe=False)
    before = text_before(ledger.texts(server, kind, name), text)
    changes = field_changes(before.json, text.json) if before is not None else []
    if before is not None:
        word = "approved" if before.decision == "approved" else "seen"
        print_line(f"  Changed since the text {before.fingerprint[:12]} {word} {local(before.first_utc)}:")
    for change in changes:
        _show_change(change)
    if before is None or before.decision != "approved" or not changes:
        print_line("  The whole text:")
        for section in shown.sections(shown.parse(text.json)):
            print_line(f"    {section.title}")
            _print_side("+", section.text, "green")
    if shown.whole(text.json):
        return True
    print_line(click.style(f"  {shown.NOT_KEPT}", fg="yellow"))
    return False


def _show_change(change: Change) -> None:
    """Both sides in full, but for what they share far from the difference."""
    for row in _rows(safe(change.path, limit=len(change.path), lines="show") or "(whole)", 4):
        print_line(f"    {row}")
    parts = shown.difference(change)
    if parts.before:
        print_line(f"      {shown.the_same(parts.before)}")
    for sign, side, colour in (("-", parts.old, "red"), ("+", parts.new, "green")):
        if side is not None:
            _print_side(sign, "".join(side), colour)
    if parts.after:
        print_line(f"      {shown.the_same(parts.after)}")


def _print_side(sign: str, text: str, colour: str) -> None:
    """Every line of the terminal begins with the sign: no text can pass for what stands around it."""
    for line in safe(text, limit=len(text), lines="keep").split("\n"):
        for row in _rows(line, 8):
            print_line(click.style(f"      {sign} {row}", fg=colour))


def _rows(line: str, taken: int) -> Iterator[str]:
    """The line as rows of the terminal, `taken` cells of which are; as it is where there is none."""
    if not sys.stdout.isatty():
        yield line
        return
    room = max(20, shutil.get_terminal_size().columns - taken)
    start = 0
    while True:
        row = cut(line[start : start + room], room)
        rest = start + len(row) < len(line)
        if rest and (blank := row.rfind(" ")) > room // 2:
            row = row[: blank + 1]
        yield row
        start += len(row)
        if not rest:
            return


def confirmed(question: str) -> None:
    """Ends the command unless a person at the terminal says yes."""
    if not ask.agreed(f"{question} [y/N] "):
        raise exits.Failure("nothing was changed", exits.DENIED)


def _agreed(ledger: Ledger, question: str, why: str = "", *, frees: bool, yes: bool = False) -> None:
    """As on the screen: what is held now takes more than a yes, and so does what was not shown (`why`). The password
    is asked for by the change itself."""
    if frees and not ledger.policy().has_password:
        why = why or "It is held or unscanned now"
    if why:
        if ask.word(f"{question} {why}: type {WORD} to let it pass: ") != WORD:
            raise exits.Failure("nothing was changed", exits.DENIED)
    elif not yes:
        confirmed(question)


def _approve_server(ledger: Ledger, server: str) -> None:
    """Everything a server lists but what is dangerous, or decided about already."""
    rows = report.rows_of(ledger.judged(server))
    if not rows:
        raise exits.Failure(f"{safe(server)}: nothing is listed")
    open_rows: list[report.Row] = []
    rest: list[report.Row] = []
    for row in rows:
        (rest if row.level is DANGER or row.decision else open_rows).append(row)
    print_line(f"{safe(server)} lists {report.summary(rows)}.")
    for row in open_rows:
        report.print_rows([row], quiet_safe=False)
        texts = ledger.texts(row.server, row.kind, row.name)
        length = next((len(text.json) for text in texts if text.fingerprint == row.fingerprint), 0)
        print_line(f"      {plural(length, 'character')}, not shown here")
    if open_rows:
        print_line("  To read one: `mcpwatch approve SERVER/NAME`, or enter on it on the screen (d: its change).")
        print_line("  `mcpwatch findings --all` has the findings only.")
    report.print_rows(rest, quiet_safe=False)
    for row in rest:
        why = row.decision or "dangerous: approve it by itself, after reading it"
        print_line(f"  Left as it is: {safe(row.title, limit=200, lines='show')} ({why})")
    if not open_rows:
        raise exits.Failure("nothing is left to approve")
    frees = any(approval.frees(ledger, row.server, row.kind, row.name, row.fingerprint) for row in open_rows)
    these = "this text" if len(open_rows) == 1 else f"these {len(open_rows)} texts"
    _agreed(ledger, f"Approve {these} of {safe(server)}?", "Not shown in full here", frees=frees)
    secret: str | None = None
    for row in open_rows:
        name = (row.server, row.kind, row.name, row.fingerprint)
        try:
            approval.approve(ledger, *name, secret, by=BY)
        except Denied as error:
            if error.code != "password-required" or secret is not None:
                raise
            secret = ask_password(ledger)
            approval.approve(ledger, *name, secret, by=BY)
    print_line(f"Approved: {plural(len(open_rows), 'definition')} of {safe(server)}.")
