"""The overview: header, lock, meters, servers and their tools, the live calls, footer."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widget import Widget

from mcpwatch.tui import filters, keys
from mcpwatch.tui.rows import SORTS, CallLine, ToolLine, filter_calls, filter_tools, sort_tools
from mcpwatch.tui.widgets.bars import LEAST, Footer, Header, Notice, ReviewBar, TooSmall
from mcpwatch.tui.widgets.call_log import CallLog
from mcpwatch.tui.widgets.controls import Field, Words
from mcpwatch.tui.widgets.linelist import LineList
from mcpwatch.tui.widgets.lock_banner import LockBanner
from mcpwatch.tui.widgets.meters import Meters
from mcpwatch.tui.widgets.onboarding import Onboarding
from mcpwatch.tui.widgets.safety_box import SafetyBox
from mcpwatch.tui.widgets.server_list import ServerList
from mcpwatch.tui.widgets.tool_table import ToolTable

if TYPE_CHECKING:
    from mcpwatch.tui.app import McpWatchApp


class MainScreen(Screen[None], inherit_bindings=False):
    BINDINGS = keys.bindings("main", "review", "open")
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (LEAST[0], "-narrow"), (100, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (LEAST[1], "-short"), (30, "-tall")]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.header = Header(id="header")
        self.notice = Notice(id="notice")
        self.banner = LockBanner(id="banner")
        self.meters = Meters(id="meters")
        self.review = ReviewBar(id="review")
        self.servers = ServerList(id="servers")
        self.safety = SafetyBox(id="safety")
        self.tools = ToolTable(id="tools")
        self.calls = CallLog(id="calls")
        self.onboarding = Onboarding(id="onboarding")
        self.field = Field(id="filter", placeholder=filters.EXAMPLE)
        self.footer = Footer(id="footer")
        self.too_small = TooSmall(id="too-small")
        self.terms: tuple[filters.Term, ...] = ()
        self._frozen: tuple[list[ToolLine], list[CallLine]] | None = None
        self._arrived = 0
        self._empty: bool | None = None
        self._shown: tuple[object, ...] = ()
        self._held: Widget | None = None  # what had the focus last

    @property
    def host(self) -> McpWatchApp:
        return cast("McpWatchApp", self.app)

    def compose(self) -> ComposeResult:
        yield self.too_small
        yield self.header
        yield self.notice
        yield self.banner
        yield self.meters
        yield self.review
        with Horizontal(id="panes"):
            with Vertical(id="side"):
                yield self.servers
                yield self.safety
            yield self.tools
        yield self.calls
        yield self.onboarding
        prompt = Words(id="prompt")
        prompt.set([("/", "key")])
        with Horizontal(id="filter-bar"):
            yield prompt
            yield self.field
        yield self.footer

    def on_mount(self) -> None:
        self.notice.text_shown = self.host.notice
        self.notice.show()
        self.review.display = False
        self.query_one("#filter-bar").display = False
        self.tools.focus()

    def on_screen_resume(self) -> None:
        self.redraw(everything=True)

    # --- the focus ---

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Where the panes do not all fit, the servers are drawn while they have the focus."""
        self._held = event.widget
        if event.widget in (self.servers, self.tools, self.calls):
            self.set_class(event.widget is self.servers, "-servers")

    def on_resize(self) -> None:
        self.call_after_refresh(self._refocus)

    def _refocus(self) -> None:
        """What is no longer drawn has lost the focus: it gets it back when it is drawn again, or one that is has it
        meanwhile."""
        if self.focused is None and self.app.app_focus:
            drawn = self.focus_chain
            panes = (self._held, self.tools, self.onboarding, self.calls, self.servers)
            self.set_focus(next((pane for pane in panes if pane in drawn), None))

    # --- drawing ---

    def show_empty(self) -> None:
        """The card for the first server stands in for the panes until there is something to show."""
        model = self.host.model
        if not model.ready:
            return
        empty = model.empty and not model.error
        if empty != self._empty:
            self._empty = empty
            self.set_class(empty, "-empty")
            # What is hidden cannot keep the focus, so it moves after the layout did.
            self.call_after_refresh((self.onboarding if empty else self.tools).focus)

    def warn(self, text: str) -> None:
        """Something that must not be missed: it stays in sight."""
        self.notice.text_shown, self.notice.style = text, "caution"
        self.notice.show()

    def redraw_lock(self) -> None:
        self.banner.show()
        self.header.redraw()
        self.meters.redraw()
        self.footer.redraw()
        self.too_small.redraw()

    def redraw(self, *, everything: bool = False) -> None:
        """What the tick shows. Covered lists wait until they are seen again; paused ones until they resume."""
        self._refocus()
        with self.host.batch_update():
            self.show_empty()
            self.onboarding.redraw()
            self.redraw_lock()
            self.review.show()
            if self.host.screen is self or everything:
                self._redraw_lists(everything)

    def _redraw_lists(self, everything: bool) -> None:
        model = self.host.model
        self.calls.rate = model.rate(self.host.now())
        self.calls.paused = self.tools.paused = self.host.paused
        self._fill_frozen()
        wanted = (model.tools_version, model.calls_version, self._scope, self.terms, self.tools.sort, self._frozen)
        if not everything and wanted == self._shown:
            # Nothing came: only ages and counters move.
            if not self.host.paused:
                self.tools.redraw()
            self.calls.redraw()
            return
        self._shown = wanted
        tools, calls = self._frozen or (model.tools(), model.calls())
        if self._frozen is not None:
            self.calls.unseen = model.arrived - self._arrived
        self.calls.total = len(calls)
        shown = filter_tools(tools, self.terms, self._scope)
        self.tools.total = len(filter_tools(tools, (), ""))
        # A cursor nobody has moved stays on the worst.
        self.tools.set_rows(sort_tools(shown, self.tools.sort), stick=not self.tools.touched)
        self.calls.set_rows(filter_calls(calls, self.terms, self._scope), stick=self.calls.following)
        self.servers.set_rows(model.servers())
        self.safety.redraw()

    @property
    def _scope(self) -> str:
        """The raw name of the chosen server, "" for all."""
        chosen = self.servers.selected
        return chosen.key if chosen is not None else ""

    # --- what the keys do ---

    def pause(self) -> None:
        model = self.host.model
        self._frozen = (list(model.tools()), model.calls()) if self.host.paused else None
        self._arrived = model.arrived
        self.calls.unseen = 0
        self.redraw(everything=True)

    def _fill_frozen(self) -> None:
        """A list that was empty when it was paused would say that nothing is there: the first that comes is kept."""
        if self._frozen is None or all(self._frozen):
            return
        model, (tools, calls) = self.host.model, self._frozen
        if not calls:
            self._arrived = model.arrived
        self._frozen = (tools or list(model.tools()), calls or model.calls())

    def follow(self) -> None:
        self.calls.following = not self.calls.following
        self.redraw(everything=True)

    def next_sort(self) -> None:
        self.tools.sort = SORTS[(SORTS.index(self.tools.sort) + 1) % len(SORTS)]
        self.redraw(everything=True)

    def focus_pane(self, name: str) -> None:
        if self.host.model.empty:
            return
        self.set_class(name == "servers", "-servers")
        self.call_after_refresh(self.query_one(f"#{name}", LineList).focus)

    def next_pane(self, by: int) -> None:
        panes = ("servers", "tools", "calls")
        focused = self.focused.id if self.focused is not None else None
        at = panes.index(focused) if focused in panes else 1
        self.focus_pane(panes[(at + by) % 3])

    def next_problem(self) -> None:
        """The cursor goes to the next definition that waits for a look, whatever the filter hides."""
        waiting = [(line.key, line.fingerprint) for line in self.host.model.to_review()]
        if not waiting:
            self.host.say("Nothing waits for review.")
            return
        here = self.tools.selected
        at = waiting.index((here.key, here.fingerprint)) if here and (here.key, here.fingerprint) in waiting else -1
        wanted = waiting[(at + 1) % len(waiting)]
        if wanted not in [self.tools.row_key(row) for row in self.tools.rows]:
            self.servers.go_to("")
            self.close_filter(clear=True)
        self.focus_pane("tools")
        self.tools.go_to(wanted)

    def open_filter(self) -> None:
        self.query_one("#filter-bar").display = True
        self.set_focus(self.field)

    def close_filter(self, *, clear: bool) -> None:
        if clear:
            self.field.clear()
            self.terms = ()
            self.tools.filter_text = ""
        self.query_one("#filter-bar").display = False
        self.tools.focus()
        self.redraw(everything=True)

    def clear(self) -> None:
        """esc: the filter goes first, then the chosen server."""
        if self.field.has_focus or self.terms:
            self.close_filter(clear=True)
        elif self._scope:
            self.servers.action_edge(-1)

    @on(Field.Changed, "#filter")
    def _filter(self) -> None:
        self.terms = filters.parse(self.field.value)
        self.tools.filter_text = self.host.model.name(" ".join(self.field.value.split())) if self.terms else ""
        self.redraw(everything=True)

    @on(Field.Submitted, "#filter")
    def _filtered(self) -> None:
        self.close_filter(clear=not self.terms)

    @on(LineList.Moved)
    def _moved(self, event: LineList.Moved) -> None:
        if event.source is self.servers:
            chosen = self.servers.selected
            self.tools.title = chosen.name if chosen is not None and chosen.key else "all servers"
            self.redraw(everything=True)
        elif event.source is self.calls:
            # Looking back at a call is not following; at the first row it is again.
            self.calls.following = self.calls.cursor == 0
            self.calls.redraw()

    @on(LineList.Chosen)
    def _chosen(self, event: LineList.Chosen) -> None:
        if event.source is self.servers:
            chosen = self.servers.selected
            if chosen is not None and chosen.past:
                self.host.action_clients()
            else:
                self.focus_pane("tools")
        elif isinstance(event.source.selected, (ToolLine, CallLine)):
            self.host.open_detail(event.source.selected)

    @property
    def under_cursor(self) -> ToolLine | CallLine | None:
        for pane in (self.calls, self.tools):
            if pane.has_focus:
                return pane.selected
        return None
