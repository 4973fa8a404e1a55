"""What rules and LLM found, over all servers: a list with a filter, and the finding under the cursor in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.screen import ModalScreen

from mcpwatch.store.database import StateError
from mcpwatch.store.levels import DANGER
from mcpwatch.tui import filters, fmt, keys
from mcpwatch.tui.cells import Line, Span, fit
from mcpwatch.tui.definition import finding_lines as evidence_lines
from mcpwatch.tui.definition import points
from mcpwatch.tui.finding_rows import FindingLine, filter_findings, finding_lines
from mcpwatch.tui.levels import MARKS
from mcpwatch.tui.rows import ToolKey
from mcpwatch.tui.safe_text import safe_text
from mcpwatch.tui.shown import parse
from mcpwatch.tui.widgets.controls import Field, Words
from mcpwatch.tui.widgets.linelist import LineList
from mcpwatch.tui.widgets.pager import Pager

if TYPE_CHECKING:
    from mcpwatch.tui.app import McpWatchApp

EXAMPLE = "level:danger server:git rule:secret kind:prompt words"


class FindingList(LineList[FindingLine]):
    total = 0
    filter_text = ""
    loaded = False

    def row_key(self, row: FindingLine) -> tuple[object, ...]:
        return (*row.key, row.fingerprint, row.n)

    def titles(self) -> tuple[list[Span], list[Span]]:
        worst = len({(*row.key, row.fingerprint) for row in self.rows if row.level is DANGER})
        return [(" Findings ", "title")], [
            (f"{fmt.plural(worst, 'dangerous definition')} ", "danger")
        ] if worst else []

    def foot(self) -> list[Span]:
        spans: list[Span] = []
        if self.filter_text:
            spans.append((f" filter: {self.filter_text} · ", "accent"))
        if self.rows:
            spans.append((f" {self.cursor + 1} of {len(self.rows)}", "dim"))
        if self.total != len(self.rows):
            spans.append((f" · {self.total} in all", "dim"))
        return [*spans, (" ", "dim")] if spans else []

    def nothing(self) -> list[str]:
        if not self.loaded:
            return ["reading…"]
        return ["nothing matches the filter", "esc clears it"] if self.total else ["nothing was found"]

    def _layout(self, width: int) -> tuple[int, int, int]:
        """Cells for server/tool, for the rule, and for who says it."""
        if width >= 100:
            return 34, 22, 6
        return max(18, (width - 22) // 2), 16, 0

    def head(self, width: int) -> Line:
        name, rule, who = self._layout(width)
        by = fit("BY", who) + " " if who else ""
        return [(f" {'SAFETY':<12}{fit('SERVER/TOOL', name)} {fit('RULE', rule)} {by}{'PTS':>4} DETAIL", "head")]

    def row_line(self, row: FindingLine, width: int) -> Line:
        name, rule, who = self._layout(width)
        mark = MARKS[row.level]
        shown = fit(f"{row.server}/{row.title}", name)
        cut = min(len(row.server) + 1, len(shown))
        line: Line = [(f"{mark.gutter}", mark.style), (fit(f"{mark.level.mark} {mark.word}", 11) + " ", mark.style)]
        line += [(shown[:cut], "dim"), (shown[cut:] + " ", "fg"), (fit(row.rule, rule) + " ", "bold")]
        if who:
            line.append((fit(row.who, who) + " ", "dim"))
        shown = points(row.who, row.score) if row.score >= 0 else "–"
        line.append((f"{shown:>4} ", "accent" if row.score >= 0 else "dim"))
        decision = f"[{row.decision}] " if row.decision else "Δ " if row.changed else ""
        return [*line, (decision, "caution"), (row.detail or row.evidence, "dim")]


class FindingsScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.bindings("review", "open"),
        ("escape,q", "close", "Clear the filter, or close"),
        ("slash", "filter", "Filter"),
        ("tab,shift+tab", "other", "The other pane"),
    ]
    AUTO_FOCUS = ""
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.findings = FindingList(id="findings")
        self.shown = Pager(
            "Finding", "enter open · a approve · b block · d diff · / filter · e save · esc close", id="finding"
        )
        self.field = Field(id="filter", placeholder=EXAMPLE)
        self._all: list[FindingLine] = []
        self._terms: tuple[filters.Term, ...] = ()
        self._value: tuple[str, object] = ("", None)  # fingerprint and the definition of it

    @property
    def host(self) -> McpWatchApp:
        return cast("McpWatchApp", self.app)

    @property
    def tool_key(self) -> ToolKey | None:
        row = self.findings.selected
        return row.key if row is not None else ("", "", "")

    def compose(self) -> ComposeResult:
        yield self.findings
        prompt = Words(id="prompt")
        prompt.set([("/", "key")])
        with Horizontal(id="filter-bar"):
            yield prompt
            yield self.field
        yield self.shown

    def on_mount(self) -> None:
        self.query_one("#filter-bar").display = False
        self.findings.focus()
        self.definitions_changed()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_finding)

    def definitions_changed(self) -> None:
        self.run_worker(self._read, exclusive=True, group="read")  # type: ignore[arg-type]

    async def _read(self) -> None:
        try:
            judged = await self.host.source.judged()
        except StateError as error:
            self.host.say(str(error), "error")
            return
        self._all = finding_lines(judged, self.host.model.name, ascii=self.host.ascii)
        self.findings.loaded = True
        self._filter()

    def _filter(self) -> None:
        self.findings.total = len(self._all)
        self.findings.set_rows(filter_findings(self._all, self._terms))
        self._show_selected()

    def _show_selected(self) -> None:
        self.run_worker(self._read_text, exclusive=True, group="text")  # type: ignore[arg-type]

    async def _read_text(self) -> None:
        row = self.findings.selected
        if row is not None and self._value[0] != row.fingerprint:
            try:
                texts = await self.host.source.texts(*row.key)
            except StateError:
                texts = []
            text = next((t.json for t in texts if t.fingerprint == row.fingerprint), "")
            self._value = (row.fingerprint, parse(text))
        self.call_after_refresh(self._show_finding)

    def _show_finding(self) -> None:
        row = self.findings.selected
        if row is None:
            self.shown.set_lines("Finding", [])
            return
        width, ascii = self.shown.size.width - 4, self.host.ascii
        decision = row.decision or ("changed" if row.changed else "")
        lines: list[Line] = [[(f"{row.server}/", "dim"), (row.title, "bold"), (f"  {decision}", "caution")]]
        if row.found is not None:
            lines += evidence_lines(self._value[1], row.found, width, ascii=ascii)
        else:
            lines += [[(f"  unscanned by {row.who or 'anybody'}: {row.detail}", "unscanned")]]
        self.shown.set_lines("Finding", lines)

    # --- keys ---

    def action_close(self) -> None:
        if self.field.has_focus or self._terms:
            self.field.clear()
            self._close_filter()
        else:
            self.dismiss(None)

    def action_filter(self) -> None:
        self.query_one("#filter-bar").display = True
        self.set_focus(self.field)

    def action_other(self) -> None:
        (self.shown if self.findings.has_focus else self.findings).focus()

    def _close_filter(self) -> None:
        self.query_one("#filter-bar").display = False
        self.findings.focus()

    @on(Field.Changed, "#filter")
    def _filtering(self) -> None:
        self._terms = filters.parse(self.field.value)
        shown = " ".join(self.field.value.split())
        self.findings.filter_text = safe_text(shown, limit=80, ascii=self.host.ascii) if self._terms else ""
        self._filter()

    @on(Field.Submitted, "#filter")
    def _filtered(self) -> None:
        self._close_filter()

    @on(LineList.Moved)
    def _moved(self, event: LineList.Moved) -> None:
        if event.source is self.findings:
            self._show_selected()

    @on(LineList.Chosen)
    def _chosen(self, event: LineList.Chosen) -> None:
        row = self.findings.selected
        line = self.host.model.tool(row.key) if row is not None else None
        if event.source is self.findings and line is not None:
            self.host.open_tool(line)
