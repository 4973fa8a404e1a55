"""The main screen before anything has happened: how to put the first server behind mcpwatch."""

from __future__ import annotations

from mcpwatch.clients.survey import Status
from mcpwatch.tui import fmt
from mcpwatch.tui.cells import Line, Span, fit_line
from mcpwatch.tui.gateway_view import GatewayView
from mcpwatch.tui.widgets.lines import Lines

SNIPPET = "mcpwatch run --name NAME -- COMMAND"
DEMO = "mcpwatch demo"
EXAMPLE = (
    '"files": {',
    '  "command": "/absolute/path/to/mcpwatch",',
    '  "args": ["run", "--name", "files", "--", "npx", "-y",',
    '           "@modelcontextprotocol/server-filesystem", "."]',
    "}",
)
CARD = 72
_SOON = "Its calls show up here, live, in a few seconds."


def text(words: str, style: str = "fg") -> Line:
    return [(words, style)]


def _first(behind: int, view: GatewayView) -> str:
    """What is behind mcpwatch before the first call: entries of the clients' files, the gateway's servers."""
    if view.servers:
        state = "; none called yet" if view.is_up else ", which is not up"
        return f"{fmt.plural(len(view.servers), 'HTTP server')} behind the gateway{state}."
    if behind:
        return f"{fmt.plural(behind, 'server')} behind mcpwatch; no client has started one yet."
    return "Nothing is behind mcpwatch yet."


class Onboarding(Lines, can_focus=True):
    def _card(self) -> list[Line]:
        if self.host.demo:
            return [[], text("The demo's servers and its agent are starting.", "bold"), [], text(_SOON), []]
        entries = self.host.model.configured
        found = [entry for entry in entries if entry.to_wrap]
        behind = sum(1 for entry in entries if entry.status is Status.WATCHED)
        view = self.host.gateway.view if self.host.gateway is not None else GatewayView()
        first = _first(behind, view)
        if found:
            return self._found(first, len(found), len({entry.client for entry in found}))
        if view.servers:
            return self._served(first, view)
        return [
            [],
            text(first, "bold"),
            [],
            text("1  In your client's MCP configuration, start the server through a guard:"),
            [],
            [("   ", "fg"), (SNIPPET, "accent")],
            [],
            text("   A server that was started with npx then looks like this:"),
            [],
            *[[("   ", "fg"), (part, "dim")] for part in EXAMPLE],
            [],
            text("2  Restart the client. Its calls show up here, live."),
            [],
            [("Or watch it at work first:  ", "fg"), (DEMO, "accent")],
            [],
            [("y", "key"), (" copies the line   ", "dim"), ("?", "key"), (" all keys", "dim")],
            [],
        ]

    def _found(self, first: str, servers: int, clients: int) -> list[Line]:
        """The short way: there are servers that can be wrapped from here."""
        what = f"the {fmt.exact(servers)} servers" if servers > 1 else "the server"
        return [
            [],
            text(first, "bold"),
            [],
            [("1  Press ", "fg"), ("w", "key"), (f" to put a guard in front of {what} found", "fg")],
            text(f"   in {fmt.plural(clients, 'AI client')} on this machine. It shows every change first,"),
            text("   keeps a copy of each file, and can be undone byte by byte."),
            [],
            text("2  Restart the client. Its calls show up here, live."),
            [],
            [("Or watch it at work first:  ", "fg"), (DEMO, "accent")],
            [],
            [("w", "key"), (" clients   ", "dim"), ("?", "key"), (" all keys", "dim")],
            [],
        ]

    def _served(self, first: str, view: GatewayView) -> list[Line]:
        """The gateway has servers, and nobody has reached one through it."""
        n = len(view.servers)
        names = [self.host.model.name(name) for name in sorted(view.servers, key=str.casefold)]
        shown = ", ".join(names[:3]) + (f" and {n - 3} more" if n > 3 else "")
        return [
            [],
            text(first, "bold"),
            text(shown),
            [],
            text("1  Give your client this address, not the server's:"),
            [],
            [("   ", "fg"), (f"{view.found.url}/<server>/mcp", "accent") if view.is_up else ("H tells it", "dim")],
            [],
            text("2  Restart the client. Its calls show up here, live."),
            [],
            text("A server that a command starts goes behind a guard:"),
            [("   ", "fg"), (SNIPPET, "accent")],
            [],
            [("H", "key"), (" gateway   ", "dim"), ("?", "key"), (" all keys", "dim")],
            [],
        ]

    def draw(self, width: int, height: int) -> list[Line]:
        card = self._card()
        if height < len(card) + 2 and len(card) > 15:  # the example goes first
            card = [*card[:7], *card[15:]]
        if height < len(card) + 2:
            card = [line for line in card if line]
        size = min(CARD + 6, width - 2)
        left: Span = (" " * ((width - size) // 2), "fg")
        above = max(0, (height - len(card) - 2) // 2)
        edge: Span = ("│", "frame")
        body = [[left, edge, ("  ", "fg"), *fit_line(line, size - 4), edge] for line in card]
        title = " Wire your first server "
        upper: Line = [left, ("╭─", "frame"), (title, "title"), ("─" * (size - 3 - len(title)) + "╮", "frame")]
        lower: Line = [left, ("╰" + "─" * (size - 2) + "╯", "frame")]
        return [*[[] for _ in range(above)], upper, *body, lower]
