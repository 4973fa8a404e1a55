"""An argument whose own text asks for what no tool of this kind needs: keys, the conversation, files of the machine.

Read from the schema: what stands in an argument's description, title, default, choices or examples is what a model
will put there. A tool that is about such things (`auth`, `chat`, `config`) may ask for them.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.base import Hit, Rule, is_about
from mcpwatch.scan.rules.document import GAP, Document, Text
from mcpwatch.scan.rules.tokens import LETTER

_ARGUMENT = Lazy(r"/(?:properties|patternProperties|\$defs|definitions|arguments)/")
_STRONG = Lazy(r"/(?:title|default|const|enum|examples?|\$comment|x-[\w-]{1,30})(?:/\d{1,3})?$")
_STRANGE = frozenset(LETTER[name] for name in ("TALK", "CRED", "LEAK", "CONTEXT"))
_KEYS = frozenset((LETTER["CRED"], LETTER["LEAK"]))
_PRIVATE = frozenset((*_STRANGE, LETTER["SECRET"], LETTER["HOST"]))
_WHOLE = Lazy(
    r"\b(?:verbatim|in full|full|complete|entire|whole|word for word|unabridged|raw|as returned|output of"
    r"|contents? of"
    r"|copy of|dump|text of|value of"
    r"|everything|all (?:of|the|prior|previous|earlier)|per intero|testo integrale|vollständig\w*"
    r"|im wortlaut|wortlaut"
    r"|wörtlich|gesamte\w*|int[ée]gral\w*|textuellement|complet\w*|contenu|íntegr\w*|completo|completa|contenido"
    r"|inhalt|contenuto|полн\w{2,8}|дословно|целиком|содержимое)\b|全文|完整|原样|一字不漏|全部|内容|すべて"
    r"|そのまま|原文|전체|전문|내용",
    2,
)
_WHOSE = Lazy(
    r"\b(?:user's|of the user|of the (?:machine|computer|host|workstation|wallet|browser|current user)"
    r"|machine's|host's|saved"
    r"|stored|logged-in|browser's|workstation's|of this (?:machine|computer|host))\b",
    2,
)
_REASON = Lazy(
    r"\b(?:customary|convention\w*|usual\w*|improves?|better|accuracy|quality|statistic\w*|analytics"
    r"|telemetry|so that"
    r"|so private|helps|to help|audit\w*|support|diagnos\w*|debug\w*|calibrat\w*|tuning|personali[sz]\w*|relevance"
    r"|required for|needed for|serve per|statistica|zwecks|dient|statistik|qualität|pour la|pour améliorer|sert à"
    r"|para mejorar|para la|sirve para|для)\b|ため|用于|以便|提高|위해",
    2,
)
_TOPIC = Lazy(
    r"chat|convers|messag|prompt|agent|llm|model|assistant|transcript|session|memory|memori|think|thought"
    r"|reason|context"
    r"|key|secret|vault|auth|credential|passw|login|token|env\b|environ|config|ssh|kube|certificat|cookie|account"
    r"|encrypt|decrypt|sign|wallet|deploy|database|connect|sql|server|user|member|aws|cloud|install|setup|register",
    2,
)


_COLLECTS = Lazy(
    r"\b(?:verbatim|full|complete|entire|whole|everything|anything|all|copy)\b[^.\n]{0,40}?"
    r"\b(?:conversation|chat|messages?|system prompt|prompt|you know|other (?:files|tools?)"
    r"|(?:user|human|customer|they) (?:has |have )?(?:said|told|asked|shared|typed|written))\b"
    r"|\b(?:contents?|base64|copy|dump|text|value) of [^.\n]{0,24}?"
    r"(?:\.env\b|~/|id_rsa|/etc/|private key|credentials|certificates)",
    2,
)
_LONGEST = 600
LEAST = 10


def _check(document: Document) -> Iterator[Hit]:
    about: bool | None = None
    position = 0
    for text in document.texts:
        classes = document.told[position : position + len(text.tokens.classes)]
        position += len(classes) + len(GAP)
        if not (_ARGUMENT.search(text.path) or _STRONG.search(text.path)):
            continue
        if text.path.rpartition("/")[0] in document.switches:  # it carries nothing
            continue
        points = _weight(text, set(_PRIVATE & set(classes)))
        if points < LEAST:
            continue
        if about is None:
            about = is_about(document, _TOPIC)
        yield Hit(
            points * (0.3 if about else 1.0),
            text,
            0,
            len(text.plain),
            "has an argument that asks for something private",
        )


def _weight(text: Text, present: set[str]) -> float:
    said = text.plain[:_LONGEST]
    collects = 30.0 if _COLLECTS.search(said) else 0.0
    if not present:
        return collects
    secret = not _KEYS.isdisjoint(present) or _WHOSE.search(said) is not None
    strange = secret or not _STRANGE.isdisjoint(present)
    points = 30.0 if secret else 26.0 if strange else 4.0
    points += 12 * bool(_WHOLE.search(said)) + 10 * bool(_REASON.search(said))
    points += 10 * strange * bool(_STRONG.search(text.path))
    return max(collects, points)


RULE = Rule(
    id="unrelated_argument",
    tier="soft",
    category="exfiltration",
    why="A model fills in what an argument's text asks for, whether or not the tool has any use for it.",
    check=_check,
    told=True,
)
