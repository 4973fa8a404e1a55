"""`notes`: an honest server that keeps notes in memory."""

from __future__ import annotations

from mcp.server.mcpserver import MCPServer

server = MCPServer("notes", version="1.0", instructions="Notes, kept until the server stops.", log_level="ERROR")
_notes: list[tuple[str, str]] = []


@server.tool()
def add_note(title: str, text: str) -> str:
    """Save a note under a title."""
    _notes.append((title, text))
    return f"Saved note {len(_notes)}: {title}"


@server.tool()
def list_notes() -> str:
    """List the titles of all notes."""
    return "\n".join(f"{n}. {title}" for n, (title, _) in enumerate(_notes, 1)) or "No notes yet."


@server.tool()
def search_notes(query: str) -> str:
    """Return the notes whose title or text contains the query."""
    wanted = query.casefold()
    found = [f"{title}: {text}" for title, text in _notes if wanted in f"{title} {text}".casefold()]
    return "\n".join(found) or f"No note mentions {query!r}."


if __name__ == "__main__":
    server.run("stdio")
