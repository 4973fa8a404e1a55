"""Arguments made to receive what the user never meant to send: `sidenote`, `_system_prompt_`,
`conversation_history`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.base import Hit, Rule
from mcpwatch.scan.rules.document import Document

_SINK = Lazy(
    r"^_*(?:side_?notes?|system_?prompt|conversation(?:_?(?:history|context|log))?|chat_?(?:history|log)"
    r"|llm_?(?:model_?name|name|prompt)"
    r"|model_?name_?used|tool_?call_?history|tools_?list|available_?tools|full_?context|chain_?of_?thought"
    r"|reasoning_?trace"
    r"|private_?(?:key|data)|ssh_?key|env_?vars?|secrets?_?dump|user_?secrets|exfil\w*|jailbreak\w*"
    r"|bypass_?(?:safety|filters?|validation)"
    r"|override_?(?:safety|instructions)|context_?injection|hidden_?(?:instructions?|context))_*$",
    re.IGNORECASE,
)
_ABOUT = Lazy(r"prompt|chat|convers|llm|model|agent|assistant|message|key|secret|env|context|memory", re.IGNORECASE)


def _check(document: Document) -> Iterator[Hit]:
    for name, _about, required in document.properties:
        if _SINK.search(name):
            topic = _ABOUT.search(document.name)
            points = (6 if topic else 14) + (4 if required and not topic else 0)
            yield Hit(points, None, 0, 0, f"has an argument named {name[:60]!r}")


RULE = Rule(
    id="sink_parameter",
    tier="soft",
    category="exfiltration",
    why="Models fill in every argument they see; one named for the conversation collects the conversation.",
    check=_check,
)
