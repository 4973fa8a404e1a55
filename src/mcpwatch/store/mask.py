"""Previews for the disk: short, and with secrets masked before they get there.

The shapes are those of the credential formats their issuers publish (GitHub, Slack, AWS, Google, OpenAI,
Stripe, JWT, PEM), and any value whose key, variable or option is named as one.

The text is a server's, so every pattern takes linear time: repetitions are possessive or short, and a long run is
begun only where it begins.
"""

from __future__ import annotations

import re

PREVIEW_BYTES = 2048
_MARGIN = 1024  # read past the cut, so that a secret lying across it is still recognised
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
                r'(?:"\s*+:\s*+"(?P<json>(?:[^"\\]|\\.)++)'
                r'|\\"\s*+:\s*+\\"(?P<nested>(?:[^"\\]|\\\\(?:\\["\\]|[^"\\])|\\[^"\\])++)'
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
    "key", "token", "secret", "passw", "passphrase", "authorization", "credential", "cookie", "session", "@", "gh",
    "github_pat_", "glpat-", "xox", "akia", "asia", "aiza", "k-", "k_", "npm_", "pypi-", "hf_", "dop_v1_", "eyj",
    "bearer ", "basic ",
)  # fmt: skip


def _suspect(lower: str) -> bool:
    """Whether any group may have something to do: a plain loop, for it runs on every body that is recorded."""
    for word in _WORDS:  # noqa: SIM110
        if word in lower:
            return True
    return False


def masked(text: str, end: int | None = None) -> str:
    """The text, up to `end` if given, with everything that looks like a secret replaced."""
    lower = text.lower()
    if not _suspect(lower):
        return text[:end]
    spans = sorted(
        match.span(match.lastgroup or 0)
        for words, patterns in _GROUPS
        if any(word in lower for word in words)
        for pattern in patterns
        for match in pattern.finditer(text)
    )
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
