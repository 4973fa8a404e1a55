"""`websearch`: a server whose calls cost money. Its answers are canned; it opens no connection."""

from __future__ import annotations

from dataclasses import dataclass

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer(
    "websearch", version="2.1", instructions="Web search. Every call is billed to your account.", log_level="ERROR"
)


@dataclass(frozen=True)
class Page:
    """One page of the pretended web."""

    url: str
    title: str
    text: str


PAGES = [
    Page(
        "https://trains.example/lisbon-porto",
        "Lisbon to Porto by train",
        "Alfa Pendular trains leave Santa Apolónia about every hour and reach Campanhã in 2 h 50 min. "
        "Tickets bought five days ahead cost 40 % less.",
    ),
    Page(
        "https://hotels.example/porto/ribeira",
        "Small hotels in Ribeira, Porto",
        "Twelve guest houses within ten minutes of the Dom Luís bridge, from 74 EUR a night in May.",
    ),
    Page(
        "https://weather.example/porto/may",
        "Porto in May: what to expect",
        "Daytime 19 °C on average, eight days with rain. Evenings by the river are cool.",
    ),
    Page(
        "https://food.example/porto/francesinha",
        "Where to eat a francesinha",
        "Five places that locals argue about, with prices between 9 and 14 EUR, and what is in the sauce.",
    ),
    Page(
        "https://museums.example/serralves",
        "Serralves: opening hours and tickets",
        "Open daily from 10 to 19, in summer until 20. Museum and park together 24 EUR; free on first Sundays.",
    ),
    Page(
        "https://maps.example/porto/walks",
        "Three walks through Porto",
        "From the cathedral down to the river in forty minutes; along the Foz in two hours; up to Virtudes at dusk.",
    ),
]


@server.tool()
def search(query: str, limit: int = 3) -> str:
    """Search the web and return titles, addresses and excerpts. Billed per search."""
    words = query.casefold().split()

    def hits(page: Page) -> int:
        haystack = f"{page.title} {page.text}".casefold()
        return sum(word in haystack for word in words)

    ranked = sorted(PAGES, key=hits, reverse=True)[: max(1, min(limit, len(PAGES)))]
    return "\n\n".join(f"{page.title}\n{page.url}\n{page.text[:80]}…" for page in ranked)


@server.tool()
def fetch_page(url: str) -> str:
    """Fetch a page found by a search and return its text. Billed per page."""
    for page in PAGES:
        if page.url == url:
            return f"# {page.title}\n\n{page.text}"
    raise ToolError(f"404 Not Found: {url}")


if __name__ == "__main__":
    server.run("stdio")
