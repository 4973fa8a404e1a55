"""Shell lines in prose: `curl … | sh`, `rm -rf`, `&& echo`, `$(whoami)`, an `export` for a start-up file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.base import Hit, Rule, match_regex
from mcpwatch.scan.rules.document import Document

_PAYLOAD = Lazy(
    r"\b(?:curl|wget)\s+(?:-\S+\s+){0,4}\S{0,20}https?://"
    r"|\brm\s+-[rf]{1,2}\b|\bcat\s+(?:~|/etc/|/home|\$HOME|\.env|/root)|(?:&&|\|\||;)\s*(?:echo|curl|wget"
    r"|rm|cat|sh|bash)\b"
    r"|\$\(\s*(?:whoami|env|date|cat|id|hostname|curl|printenv)\b|\|\s*(?:ba|z)?sh\b|\bsudo\s+(?:-\w|rm"
    r"|cat|chmod|sh|bash)"
    r"|\bexport\s+[A-Z_]{3,}=|\bchmod\s+-?[R0-7+]\S*\s+\S|\bbase64\s+-d|\becho\s+\$[A-Z]{3,}|\bnc\s+-\w|\|\s*base64\b"
    r"|\bos\.system\(|\bsubprocess\.(?:run|call|Popen)|>>\s*~?/|/dev/tcp/|\bpowershell\b.{0,20}-(?:enc|e|c|nop)\b",
)
# One of these occurs in every payload: a quick look before the slow one.
_MARKS = (
    *("curl ", "wget ", "rm -", "cat ", "&&", "||", "$(", "sudo ", "export ", "chmod ", "base64", "echo ", "nc -"),
    *("os.system", "subprocess", ">>", "/dev/tcp", "owershell", "| sh", "|sh", "| bash", "|bash"),
)
# Tools whose job is a shell quote such lines honestly.
_SHELL_TOOL = Lazy(
    r"shell|bash|command|cmd|terminal|exec|run|script|docker|kube|helm|ssh|git|curl|http|sandbox|container|console|code|process|install|deploy|package",
    re.IGNORECASE,
)


def _check(document: Document) -> Iterator[Hit]:
    points = 12 if _SHELL_TOOL.search(document.name) else 30
    if any(mark in document.prose for mark in _MARKS):
        yield from match_regex(document, _PAYLOAD, points, "carries a shell command")


RULE = Rule(
    id="shell_payload",
    tier="soft",
    category="execution",
    why="A command line in the description of a tool that is no shell is there to be run.",
    check=_check,
)
