"""A definition laid out for the rules: every string it holds, normalised, tokenised, with its place.

Definitions are arbitrary JSON from a stranger. Reading one is bounded (`MAX_CHARACTERS`, `MAX_STRINGS`,
`MAX_DEPTH`); what lies
beyond a bound is not read, `Document.over` says so, and a rule turns that into a finding.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

from mcpwatch.scan import normalise
from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.tokens import BREAK, END, Tokens
from mcpwatch.scan.rules.told import told

# The longest of four thousand honest definitions has 8,500 characters, 1,600 words and 100 different strings.
MAX_CHARACTERS = 32_000  # of normalised text
MAX_WORDS = 6_000
MAX_STRINGS = 5_000
SENTENCE = 5  # words of a name that is read as one
LEAST = 12  # characters that a string counts for, however short
MAX_DEPTH = 64
# Of one expression in one definition.
MOST_MATCHES = 100

# Stands between two texts: it ends a sentence, and what follows is a beginning, not an order.
GAP = END + BREAK

_PARTS = Lazy(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

_UNDERSCORES = Lazy(r"(?<!id)_|-(?=[a-z]+[_-])")  # id_rsa stays one word
_BETWEEN = "\n\x00\n"

# Keys of a schema whose values programs read rather than people: no invisible character is honest there.
_MACHINE = frozenset(
    {"name", "uri", "uriTemplate", "mimeType", "default", "const", "enum", "pattern", "format", "$ref", "type"}
)
# Keywords of JSON Schema and MCP that are no text of the server's own.
_KEYWORDS = frozenset(
    [
        "type",
        "string",
        "object",
        "array",
        "integer",
        "number",
        "boolean",
        "null",
        "properties",
        "items",
        "required",
        "additionalProperties",
        "anyOf",
        "oneOf",
        "allOf",
        "$schema",
        "$defs",
        "definitions",
        "format",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "title",
        "description",
        "default",
        "enum",
        "const",
        "examples",
        "inputSchema",
        "outputSchema",
        "annotations",
        "name",
        "_meta",
        "readOnlyHint",
        "destructiveHint",
        "idempotentHint",
        "openWorldHint",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minItems",
        "maxItems",
        "uniqueItems",
        "pattern",
        "true",
        "false",
        "propertyNames",
        "arguments",
        "http://json-schema.org/draft-07/schema#",
        "https://json-schema.org/draft/2020-12/schema",
        "date-time",
        "uri",
        "email",
        "icons",
    ]
)


@dataclass(frozen=True, slots=True)
class Context:
    """What a proxy knows besides the definition: `own` are the names listed by the same server (as listed,
    duplicates kept),
    `others` maps each other server's name to its tools' names."""

    own: tuple[str, ...] = ()
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class Text:
    """One string: where it stands (a JSON pointer), as it came, as a model reads it, and as word classes."""

    path: str
    original: str
    plain: str
    tokens: Tokens
    machine: bool
    # Set when this text was found encoded or invisible inside another: what to show as evidence instead.
    carrier: tuple[str, int, int] | None = None
    encoding: str = ""  # how it was encoded or hidden there


class Document:
    """One definition of one server (`kind`: tool, prompt, resource, resource_template, instructions)."""

    def __init__(self, definition: Any, kind: str, server: str, context: Context) -> None:
        self.kind = kind
        self.server = server
        self.context = context
        name = definition.get("name") if isinstance(definition, dict) else None
        self.name: str = name if isinstance(name, str) else ""
        self.over: list[str] = []
        self.properties: list[tuple[str, str, bool]] = []
        self.switches: set[str] = set()  # JSON pointers of schemas that take a boolean or a number
        self.texts: list[Text] = []
        self.hidden: list[tuple[Text, normalise.Hidden]] = []
        self.decoded: list[tuple[Text, normalise.Decoded]] = []
        self._own = self.name.lower()
        self._characters, self._words = MAX_CHARACTERS, MAX_WORDS  # that may still be read
        self._read(definition)
        self.offsets: list[int] = []
        self.classes = self._join()
        self.present = frozenset(self.classes)
        self._prose_offsets: list[int] = []
        self.prose = self._join_prose()
        self.lowered = self.prose.lower()

    def _read(self, definition: Any) -> None:
        seen: set[str] = set()
        for path, value, machine in self._strings(definition):
            if value in seen or value in _KEYWORDS:
                continue
            seen.add(value)
            self._add(path, value, machine)
            if self._characters <= 0 or self._words <= 0:
                most = f"{MAX_CHARACTERS} characters" if self._characters <= 0 else f"{MAX_WORDS} words"
                self.over.append(f"more than {most}")
                break

    def _add(self, path: str, value: str, machine: bool) -> None:
        text = self._text(path, value, machine)
        self.texts.append(text)
        if not value.isascii():
            self._add_hidden(text, normalise.invisibles(value[: 2 * MAX_CHARACTERS], machine=machine))
        if machine and len(words := _PARTS.findall(text.plain[:200])) >= SENTENCE:
            said = _UNDERSCORES.sub(" ", text.plain[:200]) if "/" in value else " ".join(words).lower()
            self._add_carried(text, said, 0, len(value), "a name that is a sentence")
        for span in normalise.decoded_spans(text.plain):
            self.decoded.append((text, span))
            start, end = normalise.original_span(value, text.plain, span.start, span.end)
            self._add_carried(text, span.text, start, end, span.encoding)

    def _add_hidden(self, text: Text, found: Sequence[normalise.Hidden]) -> None:
        self.hidden += [(text, hidden) for hidden in found[:MOST_MATCHES]]
        # What is hidden a letter here and a letter there is read as one.
        for kind in dict.fromkeys(hidden.kind for hidden in found if hidden.text):
            parts = [hidden for hidden in found if hidden.kind == kind and hidden.text]
            self._add_carried(text, "".join(part.text for part in parts), parts[0].start, parts[-1].end, kind)

    def _add_carried(self, carrier: Text, said: str, start: int, end: int, encoding: str) -> None:
        text = self._text(carrier.path, said, False)
        text.carrier, text.encoding = (carrier.original, start, end), encoding
        self.texts.append(text)

    def _text(self, path: str, value: str, machine: bool) -> Text:
        plain = normalise.plain(value, max(0, self._characters))
        tokens = Tokens(plain, self._own, max(0, self._words))
        self._characters -= max(LEAST, len(plain))
        self._words -= len(tokens.classes)
        return Text(path, value, plain, tokens, machine)

    def _strings(self, definition: Any) -> Iterator[tuple[str, str, bool]]:
        """Every string with its pointer, in document order; property names included. Iterative: depth is the
        stranger's choice.
        """
        stack: list[tuple[str, Any, int, bool]] = [("", definition, 0, False)]
        count = 0
        while stack:
            path, value, depth, machine = stack.pop()
            if isinstance(value, str):
                count += 1
                if count > MAX_STRINGS:
                    self.over.append(f"more than {MAX_STRINGS} strings")
                    return
                yield path, value, machine
            elif isinstance(value, (dict, list)) and depth >= MAX_DEPTH:
                self.over.append(f"nested deeper than {MAX_DEPTH} levels")
            elif isinstance(value, dict):
                self._note_properties(value)
                if value.get("type") in ("boolean", "integer", "number"):
                    self.switches.add(path)
                for key in reversed(list(value)):
                    pointer = f"{path}/{_escape(key)}"
                    stack.append((pointer, value[key], depth + 1, machine or key in _MACHINE))
                    if isinstance(key, str) and not (key in _KEYWORDS or (key.isascii() and len(key) < 24)):
                        stack.append((pointer, key, depth + 1, True))
            elif isinstance(value, list):
                if len(value) > MAX_STRINGS:
                    self.over.append(f"more than {MAX_STRINGS} strings")
                for index in range(min(len(value), MAX_STRINGS) - 1, -1, -1):
                    stack.append((f"{path}/{index}", value[index], depth + 1, machine))

    def _note_properties(self, schema: dict[Any, Any]) -> None:
        properties = schema.get("properties")
        if isinstance(properties, dict) and len(self.properties) < 1000:
            required = schema.get("required")
            needed = {item for item in required if isinstance(item, str)} if isinstance(required, list) else set()
            for name, value in properties.items():
                about = value.get("description") if isinstance(value, dict) else None
                self.properties.append((str(name), about if isinstance(about, str) else "", name in needed))

    def _join(self) -> str:
        """The classes of all texts in a row. `GAP` stands between two texts."""
        parts: list[str] = []
        position = 0
        for text in self.texts:
            self.offsets.append(position)
            parts.append(text.tokens.classes)
            position += len(text.tokens.classes) + len(GAP)
        return GAP.join(parts)

    @cached_property
    def told(self) -> str:
        """`classes` in the second reading (`told.py`): other letters, the same places."""
        parameters = frozenset(name.lower() for name, _about, _required in self.properties)
        return GAP.join([told(text.tokens, parameters, self._own) for text in self.texts])

    @cached_property
    def told_present(self) -> frozenset[str]:
        return frozenset(self.told)

    def text_at(self, position: int) -> tuple[Text, int]:
        """The text a position in `classes` belongs to, and where that text begins."""
        index = bisect_right(self.offsets, position) - 1
        return self.texts[index], self.offsets[index]

    def _join_prose(self) -> str:
        """All normalised texts in a row, between line breaks."""
        position = 0
        for text in self.texts:
            self._prose_offsets.append(position)
            position += len(text.plain) + len(_BETWEEN)
        return _BETWEEN.join([text.plain for text in self.texts])

    def find(self, pattern: Lazy) -> Iterator[tuple[Text, int, re.Match[str]]]:
        """Matches of a regex over all texts: the text, where it begins in `prose`, the match (positions in
        `prose`).
        """
        for match in islice(pattern.finditer(self.prose), MOST_MATCHES):
            index = bisect_right(self._prose_offsets, match.start()) - 1
            yield self.texts[index], self._prose_offsets[index], match


def _escape(key: object) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")
