"""What a body is, by its Content-Type: what of it can be judged, and what goes on in place of the sender's word.

A body is judged as UTF-8, as JSON or as an event stream. A reader that goes by another `charset`, or by one of two
types, reads another message; so those are refused, and what was judged goes on under a type of our own.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Final

from aiohttp import web
from multidict import CIMultiDict, MultiMapping

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"
PLAIN: Final = "text/plain; charset=utf-8"
TYPE: Final = "Content-Type"
ENCODING: Final = "Content-Encoding"
_UTF_8: Final = ("utf-8", "utf8")


class Foreign(Exception):
    """Which text a body is cannot be told, or it is not UTF-8. One sentence."""


def media_type(headers: MultiMapping[str]) -> str:
    """The media type that a head names, in lower case and without parameters; "" for none. Raises `Foreign`."""
    said = headers.get(TYPE)
    if said is None:
        return ""
    if len(headers.getall(TYPE)) > 1:
        raise Foreign("more than one Content-Type")
    return _media_type(said)


def check_request(headers: MultiMapping[str]) -> None:
    """That the body of a POST is JSON in UTF-8. Raises an HTTP error (415)."""
    try:
        kind = media_type(headers)
    except Foreign as error:
        raise web.HTTPUnsupportedMediaType(text=f"only JSON in UTF-8 can be judged: {error}") from None
    if kind not in (JSON, ""):
        raise web.HTTPUnsupportedMediaType(text=f"only {JSON} can be judged, not {kind[:80]!r}")
    if headers.get(ENCODING, "identity").strip().lower() != "identity":
        raise web.HTTPUnsupportedMediaType(text="encoded bodies are not judged")


def judged_as(kind: str, came: Mapping[str, str], headers: CIMultiDict[str]) -> CIMultiDict[str]:
    """The `headers` of an answer that `came`, and was judged as this type."""
    headers[TYPE] = f"{kind}; charset=utf-8" if "charset" in came.get(TYPE, "").lower() else kind
    return headers


def unjudged(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    """The `headers` of an error whose text nobody judged: of a type that no client takes for a stream."""
    try:
        misread = "event-stream" in media_type(headers)
    except Foreign:
        misread = True
    if misread:
        headers[TYPE] = PLAIN
    return headers


@functools.lru_cache(256)
def _media_type(said: str) -> str:
    kind, *parameters = said.lower().split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if "charset" in name and (name.strip() != "charset" or value.strip().strip('"') not in _UTF_8):
            raise Foreign(f"a Content-Type of another charset, {said[:80]!r}")
    return kind.strip()
