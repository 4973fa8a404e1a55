"""Writes the pages that are tables of something in the code: configuration, keys, rules, clients.

`python docs/generate.py` writes them, `--check` only says which are out of date (exit code 1). A test does the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec

HERE = Path(__file__).parent
NOTICE = "<!-- Made by docs/generate.py: change it there, or in the code it reads. -->\n"

# What a field means; its name, type, range and default come from mcpwatch.store.config.
MEANING = {
    "Config.record": "What is kept of the arguments and the result of a call: nothing, the first 2 KiB of each, or"
    " all. Secrets are masked in either case; sizes, tokens and cost are always kept.",
    "Config.retention_days": "Days that calls, sessions and the audit are kept.",
    "Config.retention_mb": "MiB the state file may hold; beyond it the oldest calls go first. The youngest 10 000 of"
    " the last day stay.",
    "Config.max_frame_mb": "MiB of the largest message that is relayed; a larger one is refused or dropped, and"
    " recorded.",
    "Config.tokenizer": "`auto` counts exactly with a tiktoken vocabulary if one is on this machine"
    " (`mcpwatch doctor --fetch-tokenizer`); `estimate` never loads one.",
    "Config.default_price_per_1k": "US dollars for 1 000 tokens of any call that no `[[prices]]` table matches.",
    "Config.prices": "See [`[[prices]]`](#prices).",
    "Config.scanner": "See [`[scanner]`](#scanner).",
    "Config.servers": "See [`[servers.NAME]`](#serversname).",
    "Config.gateway": "See [`[gateway]`](#gateway).",
    "Price.pattern": "`server/tool`, with shell globs on each side. The first table that matches a tool counts.",
    "Price.per_call": "US dollars for each call, on top of its tokens.",
    "Price.per_1k_in": "US dollars for 1 000 tokens of arguments.",
    "Price.per_1k_out": "US dollars for 1 000 tokens of results.",
    "Price.model": "Instead of the two above: a model whose token prices are known to the `genai-prices` package.",
    "Scanner.llm": "Whether definitions may be sent to the model without asking you once, on the screen or in"
    " a terminal.",
    "Scanner.model": "The model that is asked.",
    "Scanner.server_url": "A server with Mistral's wire format, `https://host[:port][/path]`, or `http` on this"
    " machine. Without one: `https://api.mistral.ai`.",
    "Scanner.budget_tokens_per_day": "Tokens the scanner may use in one UTC day. 0: none.",
    "HttpServer.url": "Where the server is.",
    "HttpServer.headers": "Headers the gateway adds to each request. `${NAME}` stands for an environment variable of"
    " the gateway; when it is not set, the server cannot be reached and says why.",
    "Gateway.host": "Address to listen on. Any but a loopback address needs a `token_file`.",
    "Gateway.port": "Port to listen on. 0: any that is free.",
    "Gateway.token_file": "A file with a word of 16 characters or more that every request must bring.",
    "Gateway.hosts": "Names in the `Host` header that are let in, besides those of this machine.",
    "Gateway.origins": "Values of the `Origin` header that are let in, besides pages of this machine.",
    "Gateway.scan": "Whether the LLM scanner runs beside the gateway, so that it needs no screen.",
}
VARIABLES = {
    "MCPWATCH_STATE": "Folder of the state file, the gateway's log and the list of wrapped entries.",
    "MCPWATCH_CONFIG": "Path of the configuration file.",
    "MCPWATCH_THEME": "Theme of the screen.",
    "MISTRAL_API_KEY": "Key for the LLM scanner. Without it, `.env` beside `config.toml` and then, last, `.env` in"
    " the working folder are looked at; only this one name is read from them.",
    "NO_COLOR": "Set to anything: no colour.",
    "TIKTOKEN_CACHE_DIR": "Where tiktoken keeps its vocabularies (`DATA_GYM_CACHE_DIR` is its older name).",
}
SECTIONS = (  # heading, type, what the section is for
    ("Top level", "Config", "These stand before the first table of the file."),
    ("`[[prices]]`", "Price", "One table a rule. What it does not say costs the default; 0 makes it free."),
    ("`[scanner]`", "Scanner", "The LLM scanner; see [the scanner](scanner.md#the-llm)."),
    ("`[servers.NAME]`", "HttpServer", "Servers behind the gateway; see [HTTP servers](http.md)."),
    ("`[gateway]`", "Gateway", "`mcpwatch serve`."),
)
CONTEXTS = {
    "everywhere": "everywhere, text fields too",
    "open": "every screen, outside text fields",
    "review": "wherever definitions are shown",
    "main": "main screen",
    "list": "in a list",
    "clients": "clients screen",
    "pager": "in a text",
    "dialog": "in a dialogue",
    "fields": "in a dialogue",
    "gateway": "the gateway's screen",
}


def configuration() -> str:
    """The reference of `config.toml`."""
    from mcpwatch.store import config

    lines = [
        "# Configuration\n",
        "One TOML file, `config.toml`. There need not be one: everything has a default. `mcpwatch doctor` says where"
        " it is looked for and whether it can be used.\n",
        "What decides about protection is *not* in it: the lock, limits, patterns, strict mode and the password are"
        " in the state file, where every guard sees a change at once and loosening asks for the password. See"
        " [limits and prices](limits-and-prices.md).\n",
        "The file is checked strictly. An unknown name, a wrong type or an impossible number makes it unusable as a"
        " whole, and the message names the field. Guards then meter with the defaults; where the limits are armed"
        " they refuse protected calls with the code `config`, since they do not know what calls cost. A guard reads"
        " the file when it starts: restart the server in your client after a change. The gateway reads its servers"
        " again when the file changes.\n",
        "## Where\n",
        "| | Linux | macOS | Windows |",
        "|---|---|---|---|",
        "| configuration | `~/.config/mcpwatch/config.toml` | `~/Library/Application Support/mcpwatch/config.toml` |"
        " `%LOCALAPPDATA%\\mcpwatch\\config.toml` |",
        "| state folder | `~/.local/state/mcpwatch` | `~/Library/Application Support/mcpwatch` |"
        " `%LOCALAPPDATA%\\mcpwatch` |\n",
        "`XDG_CONFIG_HOME` and `XDG_STATE_HOME` are honoured on Linux.\n",
        "## An example\n",
        "<!-- file: config.toml -->",
        "```toml",
        EXAMPLE.strip(),
        "```\n",
        "```sh",
        "mcpwatch doctor",
        "```\n",
    ]
    used = set()
    for heading, name, about in SECTIONS:
        lines += [f"## {heading}\n", f"{about}\n", "| name | type | default | meaning |", "|---|---|---|---|"]
        for field in msgspec.structs.fields(getattr(config, name)):
            key = f"{name}.{field.name}"
            used.add(key)
            shown = (f"`{field.name}`", _type(field.type), _default(field), MEANING[key])
            lines.append(_row(shown))
        lines.append("")
    if stale := MEANING.keys() - used:
        raise SystemExit(f"docs/generate.py describes fields that do not exist: {', '.join(sorted(stale))}")
    lines += ["## Environment variables\n", "| name | meaning |", "|---|---|"]
    lines += [_row((f"`{name}`", meaning)) for name, meaning in VARIABLES.items()]
    return "\n".join(lines) + "\n"


EXAMPLE = """
record = "preview"
retention_days = 14

[[prices]]
pattern = "websearch/*"
per_call = 0.02

[[prices]]
pattern = "summarize/*"
model = "gpt-4o-mini"

[scanner]
budget_tokens_per_day = 50_000

[servers.search]
url = "https://example.com/mcp"
headers = { Authorization = "Bearer ${SEARCH_TOKEN}" }
"""


def _type(annotation: Any) -> str:
    """A field's type in a reader's words."""
    if get_origin(annotation) is Literal:
        return ", ".join(f'`"{value}"`' for value in get_args(annotation))
    return _said(msgspec.inspect.type_info(annotation))


def _said(info: Any) -> str:
    inspect = msgspec.inspect
    match info:
        case inspect.UnionType(types):
            return " or ".join(_said(x) for x in types if not isinstance(x, inspect.NoneType))
        case inspect.IntType(ge=low, le=high):
            return "whole number" if low is None else f"whole number, {_grouped(low)} to {_grouped(high)}"
        case inspect.FloatType():
            return "number, 0 to 10 000"  # MAX_PRICE: every one of them is an amount
        case inspect.BoolType():
            return "`true`, `false`"
        case inspect.StrType():
            return "text"
        case inspect.VarTupleType(item_type=inspect.StructType()):
            return "tables"
        case inspect.VarTupleType(item_type=item):
            return f"list of {_said(item)}s"
        case inspect.DictType(value_type=inspect.StructType()):
            return "tables"
        case inspect.DictType():
            return "table of texts"
        case inspect.StructType():
            return "table"
    raise SystemExit(f"docs/generate.py has no words for the type {info}")


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _default(field: Any) -> str:
    if field.required:
        return "needed"
    default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if default is None or default == () or default == {} or isinstance(default, msgspec.Struct):
        return "none"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f'`"{default}"`' if isinstance(default, str) else f"`{default}`"


def keys() -> str:
    """The keys of the screen."""
    from mcpwatch.tui import keys as table

    lines = [
        "# Keys\n",
        "Every key of the screen. The footer shows the most useful ones, `?` all of them, and `:` or `ctrl+p` every"
        " action by name.\n",
        "No single printable key loosens anything: a terminal's replies to programs can arrive as key presses. What"
        " loosens ends in a password or a typed word.\n",
    ]
    for group, members in table.groups().items():
        lines += [f"## {group}\n", "| key | what it does | where |", "|---|---|---|"]
        lines += [
            _row((" ".join(f"`{part}`" for part in key.label.split()), key.help, CONTEXTS[key.context]))
            for key in members
        ]
        lines.append("")
    return "\n".join(lines)


def rules() -> str:
    """The offline rules."""
    from mcpwatch.scan.ruleset import RULES

    lines = [
        "# The rules\n",
        f"The {len(RULES)} offline rules, in the order they run. How their points become a score is on the page about"
        " [the scanner](scanner.md). A *hard* finding stands on its own: neither other rules nor the LLM bring a"
        " definition below its points. *Soft* findings add up.\n",
        "| rule | tier | about | why |",
        "|---|---|---|---|",
        *(_row((f"`{rule.id}`", rule.tier, rule.category.replace("_", " "), rule.why)) for rule in RULES),
    ]
    return "\n".join(lines) + "\n"


def clients() -> str:
    """Where each AI client keeps its servers."""
    from mcpwatch.clients.table import CLIENTS

    lines = [
        "# Clients\n",
        "The AI clients that `mcpwatch wrap`, `unwrap`, `clients` and `scan` know, the files they look at, and where"
        " in each file the servers are. `mcpwatch clients --all` prints the paths of your machine. `PROJECT` is the"
        " folder you are in and its repository's; those files are changed with `--project` only.\n",
        "A file of any other client goes by its path: `--file PATH`.\n",
        "The pictures show what `mcpwatch wrap` makes of a file of each, on Linux; they are drawn from the files that"
        " the tests use.\n",
    ]
    for client in CLIENTS:
        lines += [f"## {client.name}\n", f"`--client {client.id}` · [its documentation]({client.source})\n"]
        lines += ["| file | systems | servers under |", "|---|---|---|"]
        for place in client.places:
            ways = " or ".join(f"`{'.'.join(way)}`" if way else "no key" for way in place.keys)
            systems = "all" if len(place.systems) == 3 else ", ".join(place.systems)
            lines.append(_row((_path(place.path), systems, f"{ways} ({place.format})")))
        lines.append("")
        if not client.http:
            lines.append("Its servers are commands; one with an address is left alone.\n")
        lines.append(
            f"![mcpwatch clients and mcpwatch wrap --dry-run with {client.name}](pictures/{client.id}.svg)\n"
        )
        if client.unverified:
            lines.append(f"Not found in its documentation, taken from other tools or reports: {client.unverified}.\n")
    return "\n".join(lines)


def _path(template: str) -> str:
    names = {
        "{config}": "~/.config",
        "{support}": "~/Library/Application Support",
        "{appdata}": "%APPDATA%",
        "{project}": "PROJECT",
        "{editor}": "EDITOR",
    }
    for name, shown in names.items():
        template = template.replace(name, shown)
    return ", else ".join(f"`{part}`" for part in template.split(" | "))


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


PAGES: dict[str, Callable[[], str]] = {
    "configuration.md": configuration,
    "keys.md": keys,
    "rules.md": rules,
    "clients.md": clients,
}


def page(name: str) -> str:
    """The text of one page, as it should be."""
    return NOTICE + PAGES[name]().rstrip() + "\n"


def main() -> int:
    """Write or check every page; the exit code."""
    stale = [name for name in PAGES if not _is_current(name)]
    if "--check" in sys.argv[1:]:
        sys.stdout.writelines(f"docs/{name} is out of date: run python docs/generate.py\n" for name in stale)
        return 1 if stale else 0
    for name in stale:
        (HERE / name).write_text(page(name), "utf-8")
    return 0


def _is_current(name: str) -> bool:
    path = HERE / name
    return path.exists() and path.read_text("utf-8") == page(name)


if __name__ == "__main__":
    raise SystemExit(main())
