"""One server in a client's file: how it is started, whether by us, and why it must be left as it is.

A wrapped entry is `MCPWATCH run --name NAME -- COMMAND ARG …`. All that is needed to undo it stands in it: the
command's own text, unchanged, is the first argument after `--`, and what follows is the argument list as it was.
Nothing is copied elsewhere, so no secret is. Where there was no list at all the name is written `--name=NAME`, which
is how unwrapping knows to take the list away.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mcpwatch.clients.node import Member, Node
from mcpwatch.clients.table import Place

URL_KEYS = ("url", "serverUrl", "httpUrl", "uri")
ENV_KEYS = ("env", "environment", "envs")
_PLACEHOLDER = re.compile(r"\$\{|\{env:|\{file:|^\$|%\w+%")
# What may stand behind a package's name: `@latest`, `@1.2`, `[extra]@^1`, `==0.1`.
_VERSION = re.compile(r"(\[[^\]]*\])?(@([a-z]+|[v^~<>=]*\d.*)|[=~!<>]=?.*)?", re.DOTALL)
# Other guards and gateways a server may stand behind: the command's name, and a word among its arguments.
PROXIES = (
    ("pipelock", "mcp"),
    ("mcp-scan", "proxy"),
    ("snyk-agent-scan", "proxy"),
    ("agent-scan", "proxy"),
    ("mcp-context-protector", ""),
    ("mcp-context-protector.sh", ""),
    ("mcpproxy", ""),
    ("mcpproxy-go", ""),
    ("mcpsnoop", ""),
    ("mcp-guardian", ""),
    ("thv", ""),
    ("docker", "gateway"),
)


@dataclass(frozen=True)
class Form:
    """The parts of an entry that say how its server is started. `args` is None where `command` is a list that holds
    everything, or where there are no arguments."""

    holder: Node
    command: Member
    args: Member | None

    @property
    def array(self) -> bool:
        """Whether command and arguments are one list."""
        return self.command.node.kind == "list"

    @property
    def words(self) -> list[Node]:
        """The command and its arguments."""
        if self.array:
            return self.command.node.items
        return [self.command.node, *(self.args.node.items if self.args else [])]

    @property
    def texts(self) -> list[str]:
        """The same as text."""
        return [str(word.value) for word in self.words]


@dataclass(frozen=True)
class Wrapped:
    """A command line that goes through mcpwatch: `count` words stand before the server's own."""

    program: str
    name: str
    count: int
    joined: bool  # --name=NAME
    module: bool = False  # `program` is a Python that is told to run the module …
    isolated: bool = False  # … and not to look for it in its working folder
    url: str = ""  # what it reaches, in place of a command


@dataclass(frozen=True)
class Entry:
    """A server as it stands in the file; `way` are the keys that lead to it, its own name last."""

    way: tuple[str, ...]
    name: str
    node: Node
    place: Place
    doubled: bool  # another entry has the same name

    @property
    def form(self) -> Form | None:
        """How it is started; None when it is not a process."""
        holder, key = self.node, self.place.command
        member = holder.member(key)
        if member is not None and member.node.kind == "map":  # Zed's older form
            holder, key = member.node, "path"
            member = holder.member(key)
        if member is None:
            return None
        return Form(holder, member, None if member.node.kind == "list" else holder.member(self.place.args))

    @property
    def url(self) -> Node | None:
        """The address of a server reached over HTTP."""
        for key in URL_KEYS:
            node = self.node.get(key)
            if node is not None and node.kind == "string":
                return node
        return None

    @property
    def disabled(self) -> bool:
        """Whether the client does not use it at present."""
        off, on = self.node.get("disabled"), self.node.get("enabled")
        return (off is not None and str(off.value).lower() == "true") or (
            on is not None and str(on.value).lower() == "false"
        )

    @property
    def wrapped(self) -> Wrapped | None:
        """How it goes through mcpwatch, if it does so directly."""
        form = self.form
        return None if form is None else wrapped(form.texts)

    @property
    def bridge(self) -> Wrapped | None:
        """How mcpwatch reaches an address for it, if it does."""
        form = self.form
        return None if form is None else bridge(form.texts)

    @property
    def proxy(self) -> str:
        """The other guard it goes through, or ""."""
        form = self.form
        found = None if form is None else wrapped(form.texts)
        texts = [] if form is None else form.texts[found.count if found else 0 :]
        for i, text in enumerate(texts):
            for name, word in PROXIES:
                if _is_named(text, name) and (not word or word in texts[i + 1 :]):
                    return name
        return ""

    @property
    def inside(self) -> bool:
        """Whether mcpwatch runs within its arguments, behind another program, or as a bridge to a URL."""
        form = self.form
        texts = [] if form is None else form.texts
        return bridge(texts) is not None or any(wrapped(texts[i:]) for i in range(1, len(texts)))

    @property
    def unclear(self) -> str:
        """Why clients may disagree about what it starts, or ""."""
        form = self.form
        if self.doubled:
            return "two servers of the file have this name"
        twice = self.node.twice() or (form.holder.twice() if form is not None else "")
        if twice:
            return f"the key {twice!r} appears twice in it"
        both = form is not None and self.url is not None
        return "it has a command and an address: which of them is used only its client knows" if both else ""

    def reason(self, placeholders: bool) -> str:
        """Why its command line must stay as it is, or "". `placeholders`: the client expands them in arguments."""
        form = self.form
        if form is None:
            return "it is reached over HTTP" if self.url is not None else "it has no command"
        command, args = form.command.node, form.args.node if form.args else None
        if self.unclear:
            return self.unclear
        fixed = next((node.fixed for node in (self.node, command, args, *form.words) if node and node.fixed), "")
        if fixed:
            return fixed
        if not form.words or form.words[0].kind != "string" or not form.words[0].value:
            return "its command is not a text"
        if args is not None and args.kind != "list":
            return "its arguments are not a list"
        return self._unsafe(str(form.words[0].value), form.array or placeholders)

    @property
    def fixed_address(self) -> str:
        """Why its address must stay as it is, or "": what the file says, whatever the address is."""
        if self.doubled:
            return "two servers of the file have this name"
        twice = self.node.twice()
        if twice:
            return f"the key {twice!r} appears twice in it"
        if sum(self.node.get(key) is not None for key in URL_KEYS) > 1:
            return "it has two addresses"
        return next((node.fixed for node in (self.node, self.url) if node and node.fixed), "")

    def _unsafe(self, command: str, expanded: bool) -> str:
        """What would work differently behind a guard."""
        if command.startswith("~"):
            return "its command begins with ~, which only the client expands"
        if _PLACEHOLDER.search(command) and not expanded:
            return "its command has a placeholder, which the client may not expand among arguments"
        dev = self.node.get("dev")
        if dev is not None and dev.get("debug") is not None:
            return "it is being debugged (dev.debug), which needs its own command"
        return ""


def entries(root: Node, place: Place) -> list[Entry]:
    """The servers of a file, in its order."""
    found = []
    for keys in place.keys:
        for way, container in _reach(root, keys, ()):
            if container.kind == "map":
                named = [(member.key, member.node) for member in container.members]
            else:
                named = [(str(label.value), item) for item in container.items if (label := item.get("name"))]
            names = Counter(name for name, _ in named)
            for name, node in named:
                entry = Entry((*way, name), name, node, place, names[name] > 1)
                if node.kind == "map" and (entry.form is not None or entry.url is not None):
                    found.append(entry)
    return found


def _reach(node: Node, keys: tuple[str, ...], way: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Node]]:
    if not keys:
        if node.kind in ("map", "list"):
            yield way, node
        return
    for member in node.members:
        if keys[0] in ("*", member.key):
            yield from _reach(member.node, keys[1:], (*way, member.key))


def wrapped(words: Sequence[str]) -> Wrapped | None:
    """What a command line says of mcpwatch, when that is what it starts."""
    start = _run(words)
    return None if start is None else _options(words, start)


def bridge(words: Sequence[str]) -> Wrapped | None:
    """What a command line says of mcpwatch, when that is `mcpwatch run` in front of a URL: all words are its own."""
    start = _run(words)
    if start is None:
        return None
    options = list(words[start.count :])
    options = options[: options.index("--")] if "--" in options else options
    given: dict[str, str] = {}
    for i, word in enumerate(options):
        option, equals, value = word.partition("=")
        given[option] = value if equals else "".join(options[i + 1 : i + 2])
    if "--url" not in given:
        return None
    return replace(start, name=given.get("--name", ""), count=len(words), url=given["--url"])


def _run(words: Sequence[str]) -> Wrapped | None:
    """A command line that starts mcpwatch's guard, as far as `run`."""
    if not words:
        return None
    at, module, flags = 1, _stem(words[0]).startswith("python"), set()
    if module:
        while at < len(words) and words[at] in ("-I", "-E", "-s", "-P", "-u"):
            flags.add(words[at])
            at += 1
        if list(words[at : at + 2]) != ["-m", "mcpwatch"]:
            return None
        at += 2
    elif not _is_named(words[0], "mcpwatch"):
        return None
    if at >= len(words) or words[at] != "run":
        return None
    return Wrapped(words[0], "", at + 1, False, module, bool(flags & {"-I", "-P"}))


def _options(words: Sequence[str], start: Wrapped) -> Wrapped | None:
    at, name, joined = start.count, "", False
    while at < len(words) and words[at].startswith("-"):
        option, equals, value = words[at].partition("=")
        at += 1
        if option == "--":
            break
        if option != "--name":
            return None
        if not equals and at < len(words):
            value = words[at]
            at += 1
        name, joined = value, bool(equals)
    return replace(start, name=name, count=at, joined=joined) if at < len(words) else None


def _is_named(text: str, name: str) -> bool:
    """Whether it is the program, or the package of that name, in whatever version."""
    stem = _stem(text)
    return stem.startswith(name) and _VERSION.fullmatch(stem, len(name)) is not None


def _stem(command: str) -> str:
    name = command.replace("\\", "/").rpartition("/")[2].lower()
    for ending in (".exe", ".cmd", ".bat"):
        name = name.removesuffix(ending)
    return name
