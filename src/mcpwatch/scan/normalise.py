"""What a string says once its disguises are off: the text the rules read, with a way back to the original.

`plain(text)` returns the text a model would effectively read: compatibility forms folded (NFKC), invisible characters
removed, look-alike letters folded into Latin inside words that mix scripts, escape sequences replaced by a space.
`invisibles(text)` lists what was hidden and decodes it where it carries text of its own (tag characters, variation
selectors). `decoded_spans(text)` finds encoded runs (base64, hex, URL, `\\uXXXX`, character codes) that decode to
readable text.

Every function is linear in the length of its input and never raises on any `str`.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from mcpwatch.scan import disguises
from mcpwatch.scan.disguises import Decoded
from mcpwatch.scan.lazy import Lazy

# Tag characters mirror ASCII at U+E0000; models read them, screens draw nothing.
_TAG = Lazy("[\U000e0000-\U000e007f]+")
# Flags of England, Scotland and Wales are a black flag, tag letters, and a cancel tag: the one honest use.
_TAG_FLAG = Lazy("\U0001f3f4[\U000e0061-\U000e007a\U000e0030-\U000e0039]{3,6}\U000e007f")
_SELECTOR = Lazy("[\ufe00-\ufe0f\U000e0100-\U000e01ef]+")
_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff\u180e\u00ad\u034f\u115f\u1160\u3164\uffa0"
_INVISIBLE = Lazy(f"[{_ZERO_WIDTH}\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\u206a-\u206f]+")
_ANY_INVISIBLE = Lazy(
    f"[{_ZERO_WIDTH}\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\u206a-\u206f\ufe00-\ufe0f\U000e0000-\U000e01ef]+"
)
_BIDI_OVERRIDE = frozenset("\u202d\u202e")
_BIDI_EMBED = frozenset("\u202a\u202b\u2066\u2067\u2068")
_RIGHT_TO_LEFT = Lazy("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
# CSI, OSC/DCS/APC/PM/SOS strings, then any two-character escape; C1 forms included. Bounded, so linear.
_ESCAPE = Lazy(
    "(?:\x1b\\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]|(?:\x1b[\\]PX^_]"
    "|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\\\|\x9c)?"
    "|\x1b.?"
)
_CONTROL = Lazy("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+")

_WORD = Lazy(r"[^\W\d_]{2,}")

# Letters drawn like Latin ones (Unicode confusables, the Cyrillic and Greek part that matters to prose).
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁԛԝһӏклмнтвАВЕЗКМНОРСТХУІЈЅԌαοερνικυτωΑΒΕΖΗΙΚΜΝΟΡΤΥΧɡıⅼ",
    "aeopcyxijsdqwhlkлmhtbABE3KMHOPCTXYIJSGaoepvikutwABEZHIKMNOPTYXgil",
)


class Hidden(NamedTuple):
    """One run of characters nobody sees: `kind`, where it stands, and the text it carries ('' when none)."""

    kind: str
    start: int
    end: int
    text: str


def escapes(text: str) -> list[tuple[int, int]]:
    """Spans of terminal escape sequences."""
    if "\x1b" not in text and text.isascii():
        return []
    return [match.span() for match in _ESCAPE.finditer(text)]


def controls(text: str) -> list[tuple[int, int]]:
    """Spans of control characters other than tab, line feed and carriage return, escapes aside."""
    if text.isprintable():
        return []
    return [match.span() for match in _CONTROL.finditer(text)]


def invisibles(text: str, *, machine: bool = False) -> list[Hidden]:
    """Invisible characters that have no honest reason to be there.

    Left alone: joiners and breaks between letters of scripts that use them (Persian, Indic, Thai, CJK), emoji
    sequences, soft hyphens, a leading byte order mark, direction marks, and a stray zero-width space that follows a
    blank (web editors leave them). `machine` says the string is a value for programs (a name, default, enum,
    const), where no invisible character is honest.
    """
    if text.isascii():
        return []
    found: list[Hidden] = []
    flags = [match.span() for match in _TAG_FLAG.finditer(text)]
    for match in _TAG.finditer(text):
        if not any(start <= match.start() < end for start, end in flags):
            letters = "".join(chr(ord(char) - 0xE0000) for char in match.group() if 0xE0020 <= ord(char) < 0xE007F)
            found.append(Hidden("tag characters", *match.span(), letters))
    right_to_left: bool | None = None
    for match in _INVISIBLE.finditer(text):
        run, start, end = match.group(), match.start(), match.end()
        before, after = text[start - 1 : start], text[end : end + 1]
        if _BIDI_OVERRIDE & set(run):
            found.append(Hidden("direction override", start, end, ""))
        elif _BIDI_EMBED & set(run):
            if right_to_left is None:
                right_to_left = _RIGHT_TO_LEFT.search(text) is not None
            if not right_to_left:
                found.append(Hidden("direction embedding", start, end, ""))
        elif start and (len(run) > 8 or _is_joint(run, before, after, machine)):
            found.append(Hidden("zero-width characters", start, end, _bits(run)))
    for match in _SELECTOR.finditer(text):
        run = match.group()
        before = text[match.start() - 1 : match.start()]
        if len(run) > 1 or _is_plain(before):
            found.append(Hidden("variation selectors", *match.span(), _selector_text(run)))
    return found


def _is_joint(run: str, before: str, after: str, machine: bool) -> bool:
    if set(run) <= {"\u00ad", "\u200e", "\u200f", "\u061c"}:
        return False
    if machine:
        return (not before or before.isascii()) and (not after or after.isascii())
    if _is_plain(before) and not after.isspace() and (_is_plain(after) or after in "[<{("):
        return True
    return bool(before) and before in ".!?" and _is_plain(after)


def _is_plain(char: str) -> bool:
    """A letter of a script that needs no joiners: Latin, Greek or Cyrillic."""
    return bool(char) and char.isalpha() and ord(char) < 0x0530


def _bits(run: str) -> str:
    """Text smuggled as two alternating zero-width characters, eight bits a letter ('' when it is not that)."""
    kinds = sorted(set(run))
    if len(kinds) != 2 or len(run) < 24 or len(run) > 65536:
        return ""
    for zero in kinds:
        digits = "".join("0" if char == zero else "1" for char in run)
        data = bytes(int(digits[i : i + 8], 2) for i in range(0, len(digits) - 7, 8))
        if (text := _readable(data)) is not None:
            return text
    return ""


def _selector_text(run: str) -> str:
    """Bytes smuggled as variation selectors (VS1–VS256 stand for 0–255)."""
    data = bytes(ord(char) - 0xFE00 if ord(char) < 0xFE10 else ord(char) - 0xE0100 + 16 for char in run)
    return _readable(data) or ""


def plain(text: str, limit: int | None = None) -> str:
    """The text as a model reads it, or the first `limit` characters of that. ASCII without control characters comes
    back as the same object."""
    if text.isascii():
        said = text if "\x1b" not in text else _ESCAPE.sub(" ", text)
        return said if limit is None else said[:limit]
    if limit is not None:
        text = text[: limit * 2]  # what is hidden between letters is no more than they are, or speaks for itself
    if not text.isprintable():
        text = _ESCAPE.sub(" ", text)
    text = _compatible(_ANY_INVISIBLE.sub("", text), limit)
    return _WORD.sub(_fold_word, text) if not text.isascii() else text


_CHUNK = 2000


def _compatible(text: str, limit: int | None) -> str:
    """NFKC, a piece at a time where there is a limit: one character can become eighteen (U+FDFA)."""
    if limit is None or len(text) <= _CHUNK:
        return unicodedata.normalize("NFKC", text)[:limit]
    pieces: list[str] = []
    size = 0
    for start in range(0, len(text), _CHUNK):
        pieces.append(unicodedata.normalize("NFKC", text[start : start + _CHUNK]))
        size += len(pieces[-1])
        if size >= limit:
            break
    return "".join(pieces)[:limit]


def _fold_word(match: re.Match[str]) -> str:
    word = match.group()
    # A word is in disguise when Latin and look-alike letters meet in it; a Russian or Greek word is left alone.
    if word.isascii():
        return word
    folded = word.translate(_LOOKALIKES)
    if folded == word:
        return word
    mixed = any(char.isascii() for char in word)
    return folded if mixed and folded.isascii() else word


def original_span(original: str, said: str, start: int, end: int) -> tuple[int, int]:
    """The span of `original` that `said[start:end]` came from, `said` being what `plain` made of it (approximate
    where NFKC recombines)."""
    if original.isascii() and "\x1b" not in original:
        return start, min(end, len(original))
    if len(said) == len(original) and not _ANY_INVISIBLE.search(original):
        return start, min(end, len(original))
    skip = {m.start(): m.end() for m in _ESCAPE.finditer(original)} if not original.isprintable() else {}
    position = index = first = 0
    begun = False
    while index < len(original):
        if index in skip:
            width, step = 1, skip[index] - index
        else:
            width, step = _width(original[index]), 1
        if not begun and position + width > start:
            first, begun = index, True
        position += width
        index += step
        if position >= end:
            break
    return (first, index) if begun else (len(original), len(original))


@lru_cache(maxsize=4096)
def _width(char: str) -> int:
    return 0 if _ANY_INVISIBLE.match(char) else len(unicodedata.normalize("NFKC", char))


_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{20,}={0,2}(?![A-Za-z0-9+/=_-])")
_HEX = Lazy(r"(?<![0-9A-Za-z])(?:(?:\\x|0x)?[0-9A-Fa-f]{2}[\s,:]{0,2}){12,}")
_PERCENT = Lazy(r"(?:[A-Za-z0-9_.~+-]{0,12}%[0-9A-Fa-f]{2}){6,}[A-Za-z0-9_.~+-]{0,40}")
_UNICODE_ESCAPES = Lazy(r"(?:\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|&#x?[0-9A-Fa-f]{2,5};){6,}")
_CODES = Lazy(r"(?<![\d.])(?:\d{2,3}[\s,]{1,2}){11,}\d{2,3}(?![\d.])")
_LIMIT = 8


def decoded_spans(text: str) -> list[Decoded]:
    """Encoded runs that decode to readable prose, at most eight a string."""
    if len(text) < 20:
        return []
    found: list[Decoded] = []
    if "\\" in text or "&#" in text:
        found += _decode(_UNICODE_ESCAPES, "escaped characters", text, _from_escapes)
    if "%" in text:
        found += _decode(_PERCENT, "URL encoding", text, _from_percent)
    found += _decode(_BASE64, "base64", text, _from_base64)
    found += _decode(_HEX, "hexadecimal", text, _from_hex)
    found += _decode(_CODES, "character codes", text, _from_codes)
    found += disguises.spans(text)
    return found[:_LIMIT]


def _decode(
    pattern: Lazy | re.Pattern[str], name: str, text: str, decoder: Callable[[str], str | None]
) -> list[Decoded]:
    found = []
    for match in pattern.finditer(text):
        said = decoder(match.group())
        if said is not None and said != match.group():
            found.append(Decoded(name, *match.span(), said))
            if len(found) == _LIMIT:
                break
    return found


def _readable(data: bytes) -> str | None:
    """`data` as text when it reads as prose: valid UTF-8, printable, with a blank between words."""
    try:
        text = data.decode("utf-8").strip("\x00 \r\n\t")
    except UnicodeDecodeError:
        return None
    if len(text) < 8 or not text.replace("\n", " ").replace("\t", " ").replace("\r", " ").isprintable():
        return None
    letters = sum(char.isalpha() or char == " " for char in text)
    return text if letters >= 0.6 * len(text) and (" " in text or not text.isascii() or "/" in text) else None


def _from_base64(run: str) -> str | None:
    body = run.rstrip("=").replace("-", "+").replace("_", "/")
    # A word or path is no base64: that mixes cases or holds digits.
    if body.isalpha() and (body.islower() or body.isupper()):
        return None
    try:
        return _readable(base64.b64decode(body + "=" * (-len(body) % 4)))
    except (binascii.Error, ValueError):
        return None


def _from_hex(run: str) -> str | None:
    digits = re.sub(r"\\x|0x|[\s,:]", "", run)
    return _readable(bytes.fromhex(digits[: len(digits) // 2 * 2]))


def _from_percent(run: str) -> str | None:
    from urllib.parse import unquote_to_bytes

    if run.count("%") * 3 < len(run) // 6:
        return None
    return _readable(unquote_to_bytes(run.replace("+", " ")))


_ESCAPED = Lazy(r"\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})|&#x([0-9A-Fa-f]{2,5});|&#(\d{2,5});")


def _from_escapes(run: str) -> str | None:
    def char(match: re.Match[str]) -> str:
        wide, narrow, entity, decimal = match.groups()
        code = int(decimal) if decimal else int(wide or narrow or entity, 16)
        return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"

    return _readable(_ESCAPED.sub(char, run).encode("utf-8"))


def _from_codes(run: str) -> str | None:
    codes = [int(code) for code in re.findall(r"\d+", run)]
    if not all(code in (9, 10, 13) or 32 <= code < 127 for code in codes):
        return None
    return _readable(bytes(codes))
