"""Previews for the disk: short, and with secrets masked before they get there.

The shapes are those of the credential formats their issuers publish (GitHub, Slack, AWS, Google, OpenAI,
Stripe, JWT, PEM), and any value under a key whose name says it is one.
"""

from __future__ import annotations

import re

PREVIEW_BYTES = 2048
_MARGIN = 1024  # read past the cut, so that a secret lying across it is still recognised
MASK = "•••"

_KEYS = (
    r"[\w.-]{0,40}(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|apikey|access[_-]?key|private[_-]?key"
    r"|authorization|credential|cookie|session[_-]?id|client[_-]?secret)s?[\w.-]{0,40}"
)
_BY_KEY = re.compile(
    rf'(?P<key>\\?"(?P<name>{_KEYS})\\?"\s{{0,8}}:\s{{0,8}})(?P<quote>\\?")(?:[^"\\]|\\(?!"(?:\s*[,}}\]]))[^"]?){{1,4096}}(?=\\?"|$)',
    re.IGNORECASE,
)
_BY_SHAPE = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.{0,8192}?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)"
    r"|\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|xox[abeprs]-[\w-]{10,}"
    r"|A(?:KI|SI)A[0-9A-Z]{16}|AIza[\w-]{30,}|[sr]k[-_](?:live|test|ant|proj|or)?[-_]?[\w-]{16,}"
    r"|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{30,}|hf_[A-Za-z0-9]{20,}|dop_v1_[a-f0-9]{40,}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{0,}"
    r"|(?:Bearer|Basic|Token) [A-Za-z0-9+/=._~-]{12,})"
    r"|(?<=://)[^\s/:@\"]{1,256}:[^\s/@\"]{1,256}(?=@)",
    re.DOTALL,
)
# A cheap test that most frames fail, before the real patterns run.
_SUSPECT = re.compile(
    r"passw|passphrase|secret|token|key|authorization|credential|cookie|session|gh[pousr]_|github_pat|glpat-|xox"
    r"|AKIA|ASIA|AIza|[sr]k[-_]|npm_|pypi-|hf_|dop_v1|eyJ|bearer|basic |://[^/\s]{1,512}@",
    re.IGNORECASE,
)


def masked(text: str) -> str:
    """The text with everything that looks like a secret replaced."""
    if _SUSPECT.search(text) is None:
        return text
    text = _BY_KEY.sub(lambda m: f"{m['key']}{m['quote']}{MASK}", text)
    return _BY_SHAPE.sub(MASK, text)


def preview(raw: bytes, *, whole: bool = False) -> str:
    """The first 2 KiB of a JSON fragment (all of it when `whole`), masked. Undecodable bytes are shown as �."""
    if whole:
        return masked(raw.decode("utf-8", "replace"))
    text = masked(raw[: PREVIEW_BYTES + _MARGIN].decode("utf-8", "replace"))
    if len(raw) <= PREVIEW_BYTES:
        return text
    return text[:PREVIEW_BYTES] + "…"
