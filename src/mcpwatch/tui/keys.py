"""Every key of the screen, in one table: the bindings, the footer, the help and the palette are made of it.

A terminal's reply to a query can arrive as key presses, so a printable key may only move, change what is shown,
open a dialogue, or act in the safe direction. What loosens protection ends in a password or a typed word.
"""

from __future__ import annotations

from typing import NamedTuple

from textual.binding import Binding, BindingType


class Key(NamedTuple):
    id: str
    keys: str  # comma separated, Textual's names
    action: str
    context: str  # everywhere | open | main | list | dialog
    help: str
    show: str = ""  # footer label; "" keeps it out of the footer
    label: str = ""  # how the key is written
    group: str = ""  # heading on the help screen
    rank: int = 9  # footer: the highest numbers go first when it is narrow
    palette: bool = False


# context: `everywhere` binds with priority, inside text fields and dialogues too; `open` binds on every screen, but a
# text field that has the focus takes the key; `review` on every screen that is about definitions; `main`, `list`,
# `pager`, `clients` and `dialog` bind there only. `fields` binds in dialogues with priority: the focus has moved
# before the next key is looked at, or one typed right after would end up in the field that was left.
KEYS: tuple[Key, ...] = (
    Key("panic", "ctrl+k", "app.panic", "everywhere", "Panic: lock everything now, without a question",
        "PANIC LOCK", "ctrl+k", "Protection", 0, True),
    Key("panic-key", "exclamation_mark", "app.panic", "open", "Panic, wherever no text field has the focus",
        "", "!", "Protection"),
    Key("unlock", "U", "app.unlock", "main", "Unlock… (asks for the password)", "unlock", "U", "Protection", 1, True),
    Key("limits", "t", "app.limits", "main", "Limits… (raising one asks for the password)",
        "limits", "t", "Protection", 5, True),
    Key("arm", "A", "app.arm", "main", "Arm the limits, or observe only (asks for the password)",
        "arm", "A", "Protection", 6, True),
    Key("password", "P", "app.password", "main", "Set or change the password…", "", "P", "Protection", 9, True),
    Key("clients", "w", "app.clients", "main", "Clients: which of their servers are behind mcpwatch; wrap them…",
        "clients", "w", "Protection", 6, True),
    Key("approve", "a", "app.approve", "review", "Approve this definition, or all of a server… (shows it first)",
        "approve", "a", "Definitions", 4, True),
    Key("block", "b", "app.block", "review", "Block this definition at once; blocked: unblock… (asks)",
        "block", "b", "Definitions", 6, True),
    Key("diff", "d", "app.diff", "review", "What changed since it was approved, or seen before",
        "diff", "d", "Definitions", 5, True),
    Key("rescan", "s", "app.rescan", "review", "Have the LLM look again at a definition, or at a server's",
        "", "s", "Definitions", 9, True),
    Key("findings", "F,4", "app.findings", "main", "Findings of all servers, with their evidence",
        "findings", "F", "Definitions", 3, True),
    Key("problem", "n", "app.next_problem", "main", "To the next definition that waits for your review",
        "", "n", "Definitions", 9, True),
    Key("scanner", "L", "app.scanner", "main", "LLM scanner: state, progress, budget, opting in",
        "", "L", "Definitions", 9, True),
    Key("strict", "S", "app.strict", "main", "Strict mode: hold what is suspicious or changed (leaving it asks)",
        "", "S", "Definitions", 9, True),
    Key("detail", "enter", "choose", "list", "Open what the cursor is on", "detail", "enter", "Look", 3),
    Key("filter", "slash", "app.filter", "main", "Filter tools and calls", "filter", "/", "Look", 4, True),
    Key("clear", "escape", "app.clear", "main", "Clear the filter, then the chosen server", "", "esc", "Look"),
    Key("sort", "o", "app.sort", "main", "Sort the tools by the next column", "sort", "o", "Look", 7, True),
    Key("pause", "p", "app.pause", "main", "Pause tools and calls; the meters stay live",
        "pause", "p", "Look", 5, True),
    Key("follow", "f", "app.follow", "main", "Follow the newest call", "follow", "f", "Look", 8, True),
    Key("copy", "y", "app.copy", "review", "Copy what the cursor is on as JSON", "copy", "y", "Look", 8, True),
    Key("export", "e", "app.export", "review", "Write the list, as it is filtered, to a file of JSON Lines",
        "export", "e", "Look", 9, True),
    Key("down", "j,down", "move(1)", "list", "Down", "", "j ↓", "Move"),
    Key("up", "k,up", "move(-1)", "list", "Up", "", "k ↑", "Move"),
    Key("page-down", "ctrl+f,pagedown", "page(1)", "list", "A page down", "", "ctrl+f", "Move"),
    Key("page-up", "ctrl+b,pageup", "page(-1)", "list", "A page up", "", "ctrl+b", "Move"),
    Key("top", "g,home", "edge(-1)", "list", "To the first", "", "g", "Move"),
    Key("bottom", "G,end", "edge(1)", "list", "To the last", "", "G", "Move"),
    Key("servers", "1", "app.pane('servers')", "main", "Servers", "", "1", "Move"),
    Key("tools", "2", "app.pane('tools')", "main", "Tools", "", "2", "Move"),
    Key("calls", "3", "app.pane('calls')", "main", "Calls", "", "3", "Move"),
    Key("next", "tab", "app.next_pane(1)", "main", "Next pane", "", "tab", "Move"),
    Key("previous", "shift+tab", "app.next_pane(-1)", "main", "Previous pane", "", "shift+tab", "Move"),
    Key("gateway", "H", "app.gateway", "main", "HTTP gateway: state, servers, log; start, restart, stop…",
        "", "H", "App", 9, True),
    Key("command", "colon", "app.command", "main", "Every action by name", "command", ":", "App", 6),
    Key("command-any", "ctrl+p", "app.command", "main", "Every action by name", "", "ctrl+p", "App"),
    Key("theme", "T", "app.theme", "main", "Next theme: dark, light, colour-blind safe", "", "T", "App", 9, True),
    Key("help", "question_mark,f1", "app.help", "main", "All keys, and why it is locked",
        "help", "?", "App", 2, True),
    Key("quit", "q", "app.leave", "main", "Quit; guards go on protecting", "quit", "q", "App", 2, True),
    Key("quit-now", "ctrl+q", "app.quit", "everywhere", "Quit at once; guards go on protecting", "", "ctrl+q", "App"),
    Key("mark", "space", "mark", "clients", "Select a server, or all of a file", "", "space", "Clients"),
    Key("mark-all", "a", "mark_all", "clients", "Select all of yours that are unwatched, or none",
        "", "a", "Clients"),
    Key("wrap", "w", "wrap", "clients", "Wrap the selected: put mcpwatch in front… (asks first; so does enter)",
        "", "w", "Clients"),
    Key("unwrap", "u", "unwrap", "clients", "Unwrap the selected… (asks for a typed word)", "", "u", "Clients"),
    Key("again", "r", "again", "clients", "Look at the files again", "", "r", "Clients"),
    Key("other", "tab,shift+tab", "other", "clients", "The other pane", "", "tab", "Clients"),
    Key("close-clients", "escape,q", "close", "clients", "Close; what is selected stays so", "", "esc q", "Clients"),
    Key("gateway-start", "s", "start", "gateway", "Start it now, whatever it waits for", "", "s", "Gateway"),
    Key("gateway-restart", "r", "restart", "gateway", "Restart it… (asks: sessions end)", "", "r", "Gateway"),
    Key("gateway-stop", "x", "stop", "gateway", "Stop it, until s… (asks: clients are cut off)", "", "x", "Gateway"),
    Key("gateway-pane", "tab,shift+tab", "other", "gateway", "The other pane", "", "tab", "Gateway"),
    Key("close-gateway", "escape,q", "close", "gateway", "Close; the gateway goes on", "", "esc q", "Gateway"),
    Key("field", "tab", "app.focus_next", "fields", "The next field or button", "", "tab", "Dialogues"),
    Key("field-before", "shift+tab", "app.focus_previous", "fields", "The one before", "", "shift+tab", "Dialogues"),
    Key("close", "escape", "close", "dialog", "Close without changing anything", "", "esc", "Dialogues"),
    Key("close-text", "escape,q", "close", "pager", "Close the text", "", "esc q", "Dialogues"),
)  # fmt: skip

BY_ID = {key.id: key for key in KEYS}
_AT_ONCE = {"everywhere", "fields"}
_NEED_ROWS = {"detail", "copy", "export", "sort", "follow", "pause", "filter", "approve", "block", "diff", "findings"}


def bindings(*contexts: str) -> list[BindingType]:
    return [
        Binding(key.keys, key.action, key.help, show=False, id=key.id, priority=key.context in _AT_ONCE)
        for key in KEYS
        if key.context in contexts
    ]


def footer(*, locked: bool, armed: bool, paused: bool, any_rows: bool) -> list[tuple[Key, str]]:
    """The keys the footer shows now and their labels, in order of appearance."""
    labels = {"pause": "resume"} if paused else {}
    labels["arm"] = "observe" if armed else "arm"
    shown = [key for key in KEYS if key.show]
    if not locked:
        shown = [key for key in shown if key.id != "unlock"]
    if not any_rows:
        shown = [key for key in shown if key.id not in _NEED_ROWS]
    return [(key, labels.get(key.id, key.show)) for key in shown]


def groups() -> dict[str, list[Key]]:
    found: dict[str, list[Key]] = {}
    for key in KEYS:
        found.setdefault(key.group, []).append(key)
    return found
