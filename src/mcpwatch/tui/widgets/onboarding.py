"""The main screen before anything has happened: how to put the first server behind mcpwatch."""

from __future__ import annotations

from mcpwatch.clients.survey import Status
from mcpwatch.tui import fmt
from mcpwatch.tui.cells import Line, Span, fit_line
from mcpwatch.tui.widgets.lines import Lines

SNIPPET = "mcpwatch run --name NAME -- COMMAND"
DEMO = "mcpwatch demo"
EXAMPLE = (
    '"files": {',
    '  "command": "mcpwatch",',
    '  "args": ["run", "--name", "files", "--", "npx", "-y",',
    '           "@modelcontextprotocol/server-filesystem", "."]',
    "}",
)
CARD = 72


def text(words: str, style: str = "fg") -> Line:
    return [(words, style)]


class Onboarding(Lines, can_focus=True):
    def _card(self) -> list[Line]:
        entries = self.host.model.configured
        found = [entry for entry in entries if entry.to_wrap]
        behind = sum(1 for entry in entries if entry.status is Status.WATCHED)
        if found:
            return self._found(len(found), len({entry.client for entry in found}))
        first = "Nothing is behind mcpwatch yet."
        if behind:
            first = f"{fmt.plural(behind, 'server')} behind mcpwatch; no client has started one yet."
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

    def _found(self, servers: int, clients: int) -> list[Line]:
        """The short way: there are servers that can be wrapped from here."""
        what = f"the {fmt.exact(servers)} servers" if servers > 1 else "the server"
        return [
            [],
            text("Nothing is behind mcpwatch yet.", "bold"),
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
