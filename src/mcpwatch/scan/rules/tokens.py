"""A string as a row of one-letter word classes, which is what patterns read.

`Tokens.classes` holds one character per token; `spans[i]` is where token `i` stands in the normalised text. Words
outside
the vocabulary keep their place (they count in a gap) and have no class. `|` ends a sentence: no pattern crosses it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules import words, words_other
from mcpwatch.scan.rules.words_told import TOLD

# `BREAK` stands between two texts laid end to end (`document.py`).
END, OTHER_WORD, BREAK = "|", "~", "\x00"

# Classes that come from the shape of a token, not from the vocabulary.
SHAPES = (
    "URL",
    "MAIL",
    "LEAK",
    "PATH",
    "IDENT",
    "SELF",
    "QUOTE",
    "COLON",
    "NUM",
    "OPEN",
    "CLOSE",
    "EQUALS",
    "PIPE",
    "PHONE",
    "COMMA",
)

NAMES: tuple[str, ...] = (*SHAPES, *words.ENGLISH, *TOLD)
# Letters no regex treats specially, one per class.
LETTER: dict[str, str] = {name: chr(0x100 + index) for index, name in enumerate(NAMES)}

# Files that hold secrets or run code at log-in: reading or changing them is never a detail of another tool.
SENSITIVE = Lazy(
    r"(?:^|[\\/~.])(?:ssh|aws|gnupg|kube|azure|netrc|npmrc|pypirc|pgpass|git-credentials|bashrc"
    r"|bash_profile|bash_history"
    r"|zshrc|zsh_history|zshenv|docker|cursor|vault-token|htpasswd)(?:$|[\\/])|\.env(?:\.\w{1,12})?$"
    r"|id_(?:rsa|dsa|ecdsa|ed25519)|authorized_keys|known_hosts|/etc/(?:passwd|shadow|sudoers|hosts"
    r"|crontab|ssl|environment)"
    r"|(?:^|[\\/])mcp(?:_config|_settings)?\.json|claude_desktop_config|credentials?(?:\.\w+)?$|\.(?:pem"
    r"|p12|pfx|keystore|kdbx|ovpn)$"
    r"|wallet\.dat|/\.profile$|keychain|login data|cookies\.sqlite|secrets?(?:\.\w+)?$|\.secrets"
    r"|private[_.-]?key|/proc/self|(?:^|[\\/])sam$"
    r"|serviceaccount|passwords?\.\w+$|(?:^|[\\/])shadow$|system32|master\.key|token\.json",
    re.IGNORECASE,
)

_NAME = r"[\w.~*$@%+-]+"
_EXTENSIONS = (
    "env|ssh|aws|bashrc|zshrc|netrc|npmrc|pem|secrets|gnupg|bash_history|git-credentials|profile"
    "|txt|json|conf|ini|ya?ml|log|key|sh|toml|cfg|db|sqlite"
)
# Where a line break ends a sentence: a blank line, a bullet, a label ("Args:"), or after East Asian text.
_LINE_END = (
    r"\n\s*\n|[→⇒]|\n\s*(?:[-*•#–]|\d{1,2}[.)])\s|\n\s*(?=[A-Za-z]{2,20}:\s)"
    r"|(?<=[\u3000-\u9fff\uff00-\uffef])\n"
)
# Every repetition that can fail is bounded: time stays linear on hostile text.
# In this order: the first that fits wins. `plain` is the quick way for most words.
_SHAPES_OF = {
    "rule": r"[_#=~*|<>-]{4,}",
    "run": r"[\u0600-\u06ff\u0900-\u097f\u0e00-\u0e7f]+",
    "plain": r"[^\W\d_]+(?:['’-][^\W\d_]+)?(?![\w@\\/'’-]|[.:]\S)",
    "url": r"(?:https?|ftp|wss?)://[^\s'\"<>)\]}`]+",
    "mail": r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}",
    "path": (
        rf"(?<![\w)])(?:~|\.{{1,2}}|[A-Za-z]:)?[\\/](?=[\w.~*$-]){_NAME}(?:[\\/]{_NAME})*/?"
        r"|\$\{?[A-Z][A-Z0-9_]{3,}\}?"
        rf"|[\w-]{{0,30}}\.(?:{_EXTENSIONS})\b(?![-])(?:[\\/.][\w.-]+)*"
        r"|[a-z][\w+.-]{1,15}://[^\s'\"<>)\]}`]+|\bid_(?:rsa|dsa|ecdsa|ed25519)(?:\.pub)?\b"
    ),
    "phone": r"\+\d[\d\s()-]{5,18}\d",
    "ident": (
        r"[A-Za-z][A-Za-z0-9]{0,63}(?:[_.]{1,2}[A-Za-z0-9]{1,64}){1,16}(?:\(\))?"
        r"|[a-z]{1,64}(?:[A-Z][a-z0-9]{1,64}){1,16}(?:\(\))?"
        r"|[a-z][a-z0-9]{0,63}(?:-[a-z0-9]{1,64}){2,16}"
    ),
    "word": r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\#1\b|99(?:\.9+)?%|100%|10+x\b|5x\b",
    "num": r"\d[\d.,]*%?",
    "tag": r"</?[A-Za-z][\w:. -]{0,40}>",
    "pipe": r"&&|\|\||\$\(|>>",
    "end": rf"[.!?]+(?=[\s\"'”’)\]*]|$)|[;。！？；]+|{_LINE_END}",
    "colon": r"[:：]+",
    "comma": r"[,，、()（）]+",
    "equals": r"=+",
    "quote": r"[\"“”«»„「」『』`]+|(?<![\w])['‘]|['’](?!\w)",
    "open": r"\[{1,3}|<<",
    "close": r"\]{1,3}|>>",
}
_TOKEN = Lazy("|".join(f"(?P<{name}>{shape})" for name, shape in _SHAPES_OF.items()))

_CJK = Lazy("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


class Tokens:
    """The classes of one normalised text (see module)."""

    __slots__ = ("classes", "names", "spans", "text", "words")

    def __init__(self, text: str, own: str, most: int) -> None:
        """Of at most about `most` tokens."""
        self.text = text
        self.spans: list[tuple[int, int]] = []
        self.words: list[str] = []
        # Identifiers as written (lower case), with the index of their token.
        self.names: dict[str, int] = {}
        letters: list[str] = []
        vocabulary, starts, longest = _vocabulary()
        tail: list[str] = []
        for match in _TOKEN.finditer(text):
            if len(letters) >= most:
                break
            kind = match.lastgroup or ""
            if kind == "rule":
                continue
            span = match.span()
            written = match.group()
            # `plain` is the quick way for most words; a capital inside makes an identifier of it.
            if kind == "plain" and written[0].islower() and not written.islower() and written.isalpha():
                kind = "ident"
            if kind == "run":
                self._add_cjk(written, span[0], letters)
                tail.clear()
                continue
            if kind in ("plain", "word"):
                word = written.lower().replace("’", "'")
                if not word.isascii() and _CJK.search(word):
                    self._add_cjk(word, span[0], letters)
                    tail.clear()
                    continue
                if "'" in word and word not in vocabulary:
                    # "user's", and the elided French "n'informe".
                    word = word[:-2] if word.endswith("'s") else word.partition("'")[2]
                if tail and (joined := self._join(tail, word, starts, longest)):
                    name, back = joined
                    del letters[-back:]
                    begin = self.spans[-back][0]
                    del self.spans[-back:]
                    said = " ".join([*self.words[-back:], word])
                    del self.words[-back:]
                    letters.append(LETTER[name])
                    self.spans.append((begin, span[1]))
                    self.words.append(said)
                    tail.clear()
                    continue
                letters.append(vocabulary.get(word) or words_other.stem(word) or OTHER_WORD)
                tail.append(word)
            else:
                if kind == "end":
                    if not letters or letters[-1] == END:
                        continue
                    letter, word = END, END
                else:
                    letter, word = _shape(kind, written, own)
                    if kind == "ident":
                        self.names.setdefault(written.removesuffix("()").lower(), len(letters))
                letters.append(letter)
                tail.clear()
            self.spans.append(span)
            self.words.append(word)
        self.classes = "".join(letters)

    def _join(
        self, tail: list[str], word: str, starts: dict[str, dict[str, str]], longest: int
    ) -> tuple[str, int] | None:
        for back in range(min(longest - 1, len(tail)), 0, -1):
            phrases = starts.get(tail[-back])
            if phrases and (name := phrases.get(" ".join([*tail[-back + 1 :], word]) if back > 1 else word)):
                return name, back
        return None

    def _add_cjk(self, run: str, at: int, letters: list[str]) -> None:
        """Chinese, Japanese and Korean are written without blanks or with particles: known words are picked out."""
        known = words_other.cjk()
        position = 0
        for match in known.finditer(run):
            if match.start() > position:
                self._put(OTHER_WORD, run[position : match.start()], at + position, letters)
            self._put(LETTER[words_other.CJK_CLASS[match.group()]], match.group(), at + match.start(), letters)
            position = match.end()
        if position < len(run):
            self._put(OTHER_WORD, run[position:], at + position, letters)

    def _put(self, letter: str, word: str, at: int, letters: list[str]) -> None:
        letters.append(letter)
        self.spans.append((at, at + len(word)))
        self.words.append(word)


def _shape(kind: str, text: str, own: str) -> tuple[str, str]:
    if kind == "url":
        return LETTER["URL"], "<url>"
    if kind == "mail":
        return LETTER["MAIL"], "<mail>"
    if kind == "path":
        if SENSITIVE.search(text.rstrip("/.")):
            return LETTER["LEAK"], "<secret-path>"
        return LETTER["PATH"], "<path>"
    if kind == "ident":
        if SENSITIVE.search(text):
            return LETTER["LEAK"], "<secret-path>"
        name = text.removesuffix("()").lower()
        known = _vocabulary()[0].get(name)
        if name == own:
            return LETTER["SELF"], "<self>"
        return known or LETTER["IDENT"], "<ident>"
    if kind == "tag":
        return LETTER["CLOSE" if text[1] == "/" else "OPEN"], "<tag>"
    return LETTER[kind.upper()], {"num": "<num>", "quote": "<quote>"}.get(kind, kind)


@cache
def _vocabulary() -> tuple[dict[str, str], dict[str, dict[str, str]], int]:
    """Word → letter, first word → rest of phrase → class name, and the longest phrase in words."""
    single: dict[str, str] = {}
    phrases: dict[str, dict[str, str]] = {}
    longest = 1
    for table in (words.ENGLISH, words_other.LATIN):
        for name, listed in table.items():
            singles, *more = listed.split("|")
            for word in singles.split():
                single.setdefault(word, LETTER[name])
            for phrase in more:
                first, _, rest = phrase.partition(" ")
                if rest:
                    phrases.setdefault(first, {})[rest] = name
                    longest = max(longest, phrase.count(" ") + 1)
                else:
                    single.setdefault(first, LETTER[name])
    for name in _VERBS:
        for verb in words.ENGLISH[name].partition("|")[0].split():
            for form in _inflected(verb):
                single.setdefault(form, LETTER[name])
    return single, phrases, longest


# Classes of verbs whose participles order as well: "by supplying the key", "the file is pasted".
_VERBS = ("RUN", "READ", "SEND", "PUT", "SWAP", "ROUTE", "REMOVE", "TELL", "IGNORE", "BYPASS")


def _inflected(verb: str) -> Iterator[str]:
    """The participles of an English verb as it is listed; of a participle, nothing."""
    if not verb.isascii() or not verb.isalpha() or verb.endswith(("ing", "ed", "es", "ss")):
        return
    stem = verb[:-1] if verb.endswith("e") else verb
    yield stem + "ing"
    yield stem[:-1] + "ied" if stem.endswith("y") else stem + "ed"
    if len(verb) < 6 and verb[-1] in "bdgmnprt" and verb[-2] in "aeiou" and verb[-3:-2] not in "aeiou":
        yield verb + verb[-1] + "ing"
        yield verb + verb[-1] + "ed"
