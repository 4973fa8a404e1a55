"""The LLM scanner: what it does, how far it is, what it costs; and the question whether definitions may leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen
from textual.widget import Widget

from mcpwatch.guard.lock import Denied
from mcpwatch.store.database import StateError
from mcpwatch.store.scans import ScannerStatus, ScanProgress
from mcpwatch.tui import fmt, keys
from mcpwatch.tui.cells import Line, bar, fit, wrap
from mcpwatch.tui.definition import heading
from mcpwatch.tui.safe_text import safe_text
from mcpwatch.tui.scan_text import done, spending, state_words, sums
from mcpwatch.tui.screens.dialog import Dialog
from mcpwatch.tui.widgets.controls import FlatButton, Prose
from mcpwatch.tui.widgets.pager import Pager

if TYPE_CHECKING:
    from mcpwatch.tui.app import McpWatchApp

WHAT_LEAVES = (
    "The LLM can look at what your servers tell the model, and find what rules cannot. For that it reads whole"
    " definitions: names, descriptions and schemas of tools, prompts and resources, and servers' instructions."
)
WHAT_STAYS = "Calls and their results never leave, nor does your key go anywhere else."


class OptInScreen(Dialog):
    """Asked once on a screen; what is answered is kept."""

    HEADING = "May definitions leave this machine?"

    def body(self) -> list[Widget]:
        scanner = self.host.scanner
        self._to = scanner.destination if scanner is not None else ""
        budget = self.host.model.scan.budget
        cost = f" At most {fmt.exact(budget)} tokens a day are used." if budget else ""
        paragraphs = (
            WHAT_LEAVES,
            f"They are sent to {safe_text(self._to, limit=200)}. {WHAT_STAYS}{cost}",
            "Without it the rules judge alone, and the LLM's verdict stays off. L changes your answer later.",
        )
        lines: list[Line] = []
        for paragraph in paragraphs:
            lines += [[], [(paragraph, "fg")]]
        self._later = FlatButton("Not now", "esc", id="cancel")
        return [
            Prose(*lines[1:]),
            self.buttons(self._later, FlatButton("Keep them here", id="no"), FlatButton("Send them", id="yes")),
        ]

    def on_mount(self) -> None:
        self._later.focus()

    @on(FlatButton.Pressed, "#no")
    async def _no(self) -> None:
        await answer(self.host, "declined", self._to)
        self.dismiss(False)

    @on(FlatButton.Pressed, "#yes")
    async def _yes(self) -> None:
        await answer(self.host, "agreed", self._to)
        self.dismiss(True)


_ANSWERS = {
    "agreed": "Definitions are sent from now on, and judged one by one.",
    "declined": "Nothing leaves: the rules judge alone.",
    "withdrawn": "Withdrawn: nothing leaves from now on. Verdicts so far are kept.",
}


async def answer(host: McpWatchApp, word: str, destination: str) -> None:
    """Write the answer down, and say it."""
    try:
        await host.source.consent(word, destination)
    except (Denied, StateError) as error:
        host.say(str(error), "error")
        return
    if host.scanner is not None and word == "agreed":
        host.scanner.resume()
    host.say(_ANSWERS[word])


# --- progress ---


def progress_lines(rows: list[ScanProgress], names: dict[str, str], width: int) -> list[Line]:
    """A line a server: bar, how many are through, and what became of them."""
    wide = width >= 84
    size = 16 if wide else 10
    name = max(10, min(24, width - size - 46))
    head = f"  {'SERVER':<{name}} {'':<{size + 2}} {'DONE':>9} {'BEFORE':>6} {'NEW':>5} {'FAILED':>6} {'FLAGGED':>7}"
    lines: list[Line] = [[(fit(head, width), "head")]]
    for row in [*rows, *([sums(rows)] if len(rows) > 1 else [])]:
        through = done(row)
        full, empty = bar(100.0 * through / row.total if row.total else 100.0, size)
        shown = names.get(row.server, row.server) if row.server else "all servers"
        lines.append(
            [
                (f"  {fit(shown, name)} ", "fg" if row.server else "bold"),
                ("▕", "dim"),
                (full, "accent"),
                (empty, "track"),
                ("▏", "dim"),
                (f" {f'{through}/{row.total}':>9}", "bold"),
                (f" {row.cached:>6} {row.scanned:>5}", "dim"),
                (f" {row.failed:>6}", "caution" if row.failed else "dim"),
                (f" {row.flagged:>7}", "danger" if row.flagged else "dim"),
            ]
        )
    return lines


_RUNS = {"running": "running", "done": "done", "cancelled": "cancelled", "stopped": "stopped before its end"}


def scan_lines(host: McpWatchApp, width: int) -> list[Line]:
    status, model = host.model.scan, host.model
    words, style = state_words(status)
    lines: list[Line] = [[], [("LLM scanner  ", "bold"), (words, style)]]
    lines += [[(part, "fg")] for part in wrap(safe_text(status.detail, limit=400), width)] if status.detail else []
    lines += [[], *_facts(status, host)]
    lines += [[], heading("Progress"), []]
    rows = [model.scans[key] for key in sorted(model.scans, key=str.casefold)]
    if not rows:
        return [*lines, [("  no server has listed anything yet", "dim")]]
    lines += progress_lines(rows, {key: model.name(key) for key in model.scans}, width)
    lines += [[], *([(part, "dim")] for part in wrap(_LEGEND, width)), []]
    return lines


_LEGEND = (
    "BEFORE was judged in earlier runs, NEW in this one. FAILED stays unscanned, never safe, and is tried again"
    " later. FLAGGED scores caution or danger. The rules judge everything in any case."
)


def _facts(status: ScannerStatus, host: McpWatchApp) -> list[Line]:
    def fact(name: str, value: str) -> Line:
        return [(f"{name:<12}", "dim"), (value, "fg")]

    consent = {"": "never asked", "agreed": "you agreed", "declined": "you declined", "withdrawn": "withdrawn"}
    said = consent.get(status.consent, safe_text(status.consent, limit=40))
    if status.consent_utc:
        said += f", {fmt.moment(status.consent_utc, host.zone, host.now())}"
    to = status.consent_to or (host.scanner.destination if host.scanner is not None else "")
    lines = [fact("may leave", f"{said}" + (f" · to {safe_text(to, limit=120)}" if to else ""))]
    if status.version:
        lines.append(fact("judges with", safe_text(status.version, limit=80)))
    if status.budget:
        full, empty = bar(100.0 * status.spent / status.budget, 16)
        lines.append([*fact("budget", ""), ("▕", "dim"), (full, "accent"), (empty, "track"), ("▏ ", "dim"),
                      (spending(status), "fg")])  # fmt: skip
    if status.run_state:
        began = fmt.moment(status.run_started_utc, host.zone, host.now()) if status.run_started_utc else ""
        lines.append(fact("last run", f"{_RUNS.get(status.run_state, '')} · began {began}"))
    if status.host and status.host != "screen":
        lines.append(fact("runs in", f"{safe_text(status.host, limit=40)}, pid {status.pid}"))
    return lines


class ScanScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.bindings("pager", "open"),
        ("c", "cancel", "Cancel the run"),
        ("r", "go_on", "Go on, or look again"),
        ("o", "consent", "Opt in, or withdraw"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._pager = Pager("LLM scanner", "o opt in or withdraw · c cancel · r go on · esc close", id="pager")

    @property
    def host(self) -> McpWatchApp:
        return cast("McpWatchApp", self.app)

    def compose(self) -> ComposeResult:
        yield self._pager

    def on_mount(self) -> None:
        self._pager.focus()
        self.definitions_changed()

    def on_resize(self) -> None:
        self.definitions_changed()

    def definitions_changed(self) -> None:
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        self._pager.set_lines("LLM scanner", scan_lines(self.host, self._pager.size.width - 4))

    def action_close(self) -> None:
        self.dismiss(None)

    def action_cancel(self) -> None:
        scanner = self.host.scanner
        if scanner is None or self.host.model.scan.state != "running":
            self.host.say("No run of this screen's is under way.")
            return
        scanner.cancel()
        self.host.say("Cancelled: what was asked ends now, what was judged is kept. r goes on.", "warning")

    def action_go_on(self) -> None:
        scanner = self.host.scanner
        if scanner is None:
            self.host.say("This screen runs no scanner.")
            return
        scanner.resume()
        self.host.say("The scanner looks for what is not judged yet.")

    async def action_consent(self) -> None:
        host, scanner = self.host, self.host.scanner
        if scanner is None or not scanner.destination:
            host.say("This screen runs no scanner that could send anything.")
        elif host.model.scan.consent == "agreed" or (scanner.by_config and host.model.scan.consent != "withdrawn"):
            await answer(host, "withdrawn", scanner.destination)
        else:
            host.push_screen(OptInScreen())
