"""A picture or link in the reply that carries the user's data in its address: fetching it is sending it."""

from __future__ import annotations

from collections.abc import Iterator

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.base import Hit, Rule
from mcpwatch.scan.rules.document import Document

_SLOT = r"(?:[A-Z][A-Z_]{2,20}|\{[^{}\s]{1,30}\}{1,2}|<[^<>\s]{1,30}>|\[[^\[\]\s]{1,30}\]|\$\w{1,30}|%s|\.\.\.|…|)"
_LINK = Lazy(
    rf"(?P<image>!\[[^\]\n]{{0,80}}\]\()?(?:<img\s{{1,3}}src=.)?https?://[^\s()<>\"'{{}}]{{3,200}}[?&/=#](?P<slot>{_SLOT})(?:[)\s\"'.,;&>]|$)"
)
_PICTURE = Lazy(r"\b(?:image|picture|pixel|logo|badge|icon|bild|imagen|immagine)\b|画像|图片", 2)
_REPLY = Lazy(
    r"\b(?:repl(?:y|ies)|responses?|answers?|messages?|summary|output|render\w*|display\w*|preview|finish\w*"
    r"|end|ends|clos(?:e|es|ing)"
    r"|begin|embed\w*|show|include\w*|image|pixel|badge|click\w*|antwort\w*|réponse|respuesta|risposta"
    r"|ответ\w*)\b|回答|回复|返信|답변",
    2,
)
_DATA = Lazy(
    r"\b(?:user(?:'s|s')?|question|conversation|chat|figures|account|e-?mails?|name|password|secret|key|token"
    r"|stands? for"
    r"|url-?encoded|percent-encoded|base64|last message|summary|contents?|nutzer\w*|utilisateur|usuario"
    r"|utente|пользовател\w*)\b"
    r"|用户|会话|利用者|ユーザ|사용자",
    2,
)
_NEAR = 160


def _check(document: Document) -> Iterator[Hit]:
    if "://" not in document.prose:
        return
    for text, offset, found in document.find(_LINK):
        start, end = found.start() - offset, found.end() - offset
        image = found["image"] is not None or _PICTURE.search(text.plain, max(0, start - 60), start) is not None
        if not image and not found["slot"]:
            continue
        near = text.plain[max(0, start - _NEAR) : start] + text.plain[end : end + _NEAR]
        reply, data = bool(_REPLY.search(near)), bool(_DATA.search(near))
        points = 12 * image + 12 * bool(found["slot"]) + 10 * reply + 10 * data - 8
        yield Hit(points, text, start, end, "has the reply carry data in a link")


RULE = Rule(
    id="rendered_link",
    tier="soft",
    category="exfiltration",
    why="A client that draws the picture fetches it, and with it goes whatever the address holds.",
    check=_check,
)
