"""Previews for the disk: short, and with secrets masked before they get there.

The shapes are those of the credential formats their issuers publish (GitHub, Slack, AWS, Google, OpenAI,
Stripe, JWT, PEM), and any value whose key, variable or option is named as one.

The text is a server's, so every pattern takes linear time: repetitions are possessive or short, and a long run is
begun only where it begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain

PREVIEW_BYTES = 2048
_MARGIN = 1024  # read past the cut, so that a secret lying across it is still recognised
LONGEST_NAME = 1024  # characters of a name that a peer gives
MASK = "•••"

# Each group of patterns runs only on a text that holds one of its words (in lower case): most texts hold none, and
# looking for a plain word is a hundred times faster than any pattern.
_GROUPS: tuple[tuple[tuple[str, ...], tuple[re.Pattern[str], ...]], ...] = (
    (
        ("passw", "passphrase", "secret", "token", "key", "authorization", "credential", "cookie", "session"),
        (
            # "db_password": "…", the same inside a JSON string, PASSWORD=…, ?token=…
            re.compile(
                r"[PpSsTtAaCc](?i:(?<=p)(?:assw(?:or)?d|assphrase|rivate[_-]?key)|(?<=s)(?:ecret|ession[_-]?id)|(?<=t)oken"
                r"|(?<=a)(?:pi[_-]?key|ccess[_-]?key|uthorization)|(?<=c)(?:redential|ookie))[\w.-]{0,40}+"
                r'(?:\s{0,8}+"\s*+:\s*+"(?P<json>(?:[^"\\]|\\.)++)'
                r'|\s{0,8}+\\"\s*+:\s*+\\"(?P<nested>(?:[^"\\]|\\\\(?:\\["\\]|[^"\\])|\\[^"\\])++)'
                r"|=(?P<variable>[^\s\"'&;,\\<>]++))",
                re.DOTALL,
            ),
            # --api-key …
            re.compile(
                r"(?<![\w-])--?[\w-]{0,40}(?:passw(?:or)?d|secret|token|key|credential)s?"
                r" ++(?P<option>[^\s\"'\\]++)"
            ),
        ),
    ),
    (
        ("pwd",),
        (
            # "pwd": "…", Pwd=…; but not where a shell says in which folder it is
            re.compile(
                r"(?<![A-Za-z])[Pp](?i:wd)(?:"
                r'"\s*+:\s*+"(?![/~])(?P<json>(?:[^"\\]|\\.)++)|\\"\s*+:\s*+\\"(?![/~])(?P<nested>[^"\\]++)'
                r"|=(?![/~])(?P<variable>[^\s\"'&;,\\<>]++))",
                re.DOTALL,
            ),
        ),
    ),
    # In prose: "Password: …", and "Token: …" where it has a digit
    (
        ("password: ", "passwd: ", "passphrase: ", "pwd: "),
        (
            re.compile(
                r"[DdEe](?i:(?<=password)|(?<=passwd)|(?<=passphrase)|(?<=pwd)): ++(?P<prose>[^\s\"\\<>]{4,}+)"
            ),
        ),
    ),
    (
        ("secret: ", "token: ", "key: "),
        (
            re.compile(
                r"[TtNnYy](?i:(?<=secret)|(?<=token)|(?<=key)): ++"
                r"(?P<coded>(?=[^\s\"\\<>\d]{0,64}+\d)[^\s\"\\<>]{8,}+)"
            ),
        ),
    ),
    (("@",), (re.compile(r"://(?P<login>[^\s/:@\"]{1,256}+:[^\s/@\"]{1,256}+)@"),)),
    (
        ("private key",),
        (
            re.compile(
                r"(?P<pem>-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:[^-]|-(?!----))*+"
                r"(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?)"
            ),
        ),
    ),
    (
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "akia", "asia", "aiza", "sk-", "sk_",
         "rk-", "rk_", "npm_", "pypi-", "hf_", "dop_v1_", "eyj", "bearer ", "basic ", "token "),
        (
            re.compile(
                r"(?<![\w-])(?P<shape>gh[pousr]_\w{20,}+|github_pat_\w{20,}+|glpat-[\w-]{20,}+|xox[abeprs]-[\w-]{10,}+"
                r"|A(?:KI|SI)A[0-9A-Z]{16}|AIza[\w-]{30,}+|[sr]k[-_](?:live|test|ant|proj|or)?[-_]?[\w-]{16,}+"
                r"|npm_\w{30,}+|pypi-[\w-]{30,}+|hf_\w{20,}+|dop_v1_[a-f0-9]{40,}+"
                r"|eyJ[\w-]{8,}+(?:\.[\w-]*+){1,4}+"
                r"|(?i:bearer|basic|token) [A-Za-z0-9+/=._~-]{12,}+)"
            ),
        ),
    ),
)  # fmt: skip

# At least one of these is in every text that holds a word of some group.
_WORDS = (
    "key", "token", "secret", "passw", "passphrase", "pwd", "authorization", "credential", "cookie", "session", "@",
    "gh", "github_pat_", "glpat-", "xox", "akia", "asia", "aiza", "k-", "k_", "npm_", "pypi-", "hf_", "dop_v1_",
    "eyj", "bearer ", "basic ",
)  # fmt: skip


def _suspect(lower: str) -> bool:
    """Whether any group may have something to do: a plain loop, for it runs on every body that is recorded."""
    for word in _WORDS:  # noqa: SIM110
        if word in lower:
            return True
    return False


# What stands under a key that is itself a secret's name is one, of whatever type: "password": […], "token": 123. So
# is the value beside such a name: {"name": "password", "value": …}. A number counts under no other key: "tokens": 5.
_SECRET = (
    r"(?i:(?:(?:access|refresh|auth|bearer|api|client|user|db)[_-]?)?"
    r"(?:passw(?:or)?d|passphrase|pwd|secret|token|credentials?|authorization|cookie|(?:api|access|private|secret)[_-]?key))"
)


def _leads(quote: str) -> re.Pattern[str]:
    """What comes before such a value, at the depth where strings begin and end with `quote`."""
    colon = rf"{quote}\s*+:\s*+"
    return re.compile(
        rf"{quote}\s{{0,8}}+{_SECRET}\s{{0,8}}+{colon}(?=[\[{{\d-])"
        rf"|{quote}(?i:name|key|id|field|header){colon}{quote}[\w.-]{{0,16}}?{_SECRET}\s{{0,8}}+{quote}\s*+,\s*+"
        rf"{quote}(?i:value){colon}"
    )


def _parts(quote: str, inside: str) -> re.Pattern[str]:
    """A string (cut off or whole), a bracket, or another value, at that depth."""
    return re.compile(rf"{quote}(?P<string>{inside}*+)(?:{quote})?|[\[{{]|[\]}}]|[\w.+-]++", re.DOTALL)


_DEPTHS = (
    ('"', _leads('"'), _parts('"', r'(?:[^"\\]|\\.)')),
    ('\\"', _leads(r'\\"'), _parts(r'\\"', r'(?:[^"\\]|\\\\(?:\\["\\]|[^"\\])|\\[^"\\])')),
)
# The other way round: {"value": "…", "name": "password"}
_BEFORE = re.compile(
    rf'"value"\s*+:\s*+"(?P<value>(?:[^"\\]|\\.)++)"\s*+,\s*+"(?i:name|key|id|field|header)"\s*+:\s*+"[\w.-]{{0,16}}?{_SECRET}"',
    re.DOTALL,
)


def _valued(text: str) -> Iterator[tuple[int, int]]:
    """The values of whatever type that stand under a secret's name. Each character is looked at once a depth."""
    for quote, leads, parts in _DEPTHS:
        lead = leads.search(text) if quote in text else None
        while lead is not None:
            end = _value_end(text, lead.end(), parts)
            yield lead.end(), end
            lead = leads.search(text, max(end, lead.end()))
    if '"value"' in text:
        for match in _BEFORE.finditer(text):
            yield match.span("value")


def _value_end(text: str, start: int, parts: re.Pattern[str]) -> int:
    """Where the value that begins at `start` ends; the end of the text when it is cut off."""
    depth = 0
    for part in parts.finditer(text, start):
        if part.start() > start and depth == 0:
            return start
        mark = part[0]
        depth += (mark in "[{") - (mark in "]}")
        if depth <= 0:
            return part.end() if mark not in "]}" or part.start() > start else start
    return len(text) if depth else start


_ESCAPE = re.compile(r"\\++u00(?:[2-6][0-9a-fA-F]|7[0-9a-eA-E])")


def _unescaped(text: str) -> str:
    """The same JSON with plain characters for escapes of ASCII ones, also in JSON within a string: a secret or its
    key may be spelled so. Never longer than it was."""
    return _ESCAPE.sub(_plain, text) if "\\u00" in text else text


def _plain(escape: re.Match[str]) -> str:
    slashes = escape[0].rindex("u")
    nested = slashes % 2 == 0
    character = chr(int(escape[0][-2:], 16))
    if character in '"\\':
        character = ("\\\\\\" if nested else "\\") + character if character == '"' else "\\" * (4 if nested else 2)
    return "\\" * (slashes - (2 if nested else 1)) + character


def masked(text: str, end: int | None = None) -> str:
    """The text, up to `end` if given, with everything that looks like a secret replaced."""
    if "\\u00" in text:
        end = end if end is None else len(_unescaped(text[:end]))
        text = _unescaped(text)
    lower = text.lower()
    if not _suspect(lower):
        return text[:end]
    found = (
        match.span(match.lastgroup or 0)
        for words, patterns in _GROUPS
        if any(word in lower for word in words)
        for pattern in patterns
        for match in pattern.finditer(text)
    )
    named = "pwd" in lower or any(word in lower for word in _GROUPS[0][0])
    spans = sorted(chain(found, _valued(text)) if named else found)
    pieces: list[str] = []
    done = 0
    for start, stop in spans:
        if end is not None and start >= end:
            break
        if start >= done:
            pieces += (text[done:start], MASK)
        done = max(done, stop)
    pieces.append(text[done:end])
    return "".join(pieces)


_ORDINARY = re.compile(r"[A-Za-z_./-]*+").fullmatch  # no credential is without a digit


@lru_cache(256)
def masked_name(text: str) -> str:
    """A name (of a tool, a method, a client) with what looks like a secret replaced; an ordinary one as it is, but no
    longer than LONGEST_NAME."""
    name = text if _ORDINARY(text) else masked(text[: 2 * LONGEST_NAME])
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def preview(raw: bytes, *, whole: bool = False) -> str:
    """The first 2 KiB of a JSON fragment (all of it when `whole`), masked. Undecodable bytes are shown as �."""
    if whole or len(raw) <= PREVIEW_BYTES:
        return masked(raw.decode("utf-8", "replace"))
    text = raw[: PREVIEW_BYTES + _MARGIN].decode("utf-8", "replace")
    return masked(text, len(_cut(raw))) + "…"


def _cut(raw: bytes) -> str:
    """The characters that are whole within the first 2 KiB."""
    end = PREVIEW_BYTES
    while end > PREVIEW_BYTES - 4 and raw[end] & 0xC0 == 0x80:  # within a character
        end -= 1
    return raw[:end].decode("utf-8", "replace")
