"""Orders to send data away: to a literal address, to an outside party, into an argument nobody asked for."""

from __future__ import annotations

from mcpwatch.scan.rules.base import Phrase, Rule, phrases

_TABLE = (
    Phrase(
        "MUST|ALWAYS|ALSO|AFTER|HIDDEN .4 SEND|PUT|ROUTE .8 MAIL|PHONE",
        48,
        "orders data to be sent to a fixed address",
    ),
    Phrase("! SEND|ROUTE .8 TO .3 MAIL|PHONE|URL|OUTSIDE", 42, "orders data to be sent to a fixed address"),
    Phrase("SEND|ROUTE .8 TO .4 OUTSIDE", 32, "sends data to an outside party"),
    Phrase("MUST|ALWAYS|ALSO .3 READ|CALL|SEND .8 URL", 42, "orders a request to a fixed address"),
    Phrase("! SEND|ROUTE .4 SECRET|CONTEXT|LEAK", 40, "orders secrets to be sent"),
    Phrase("SEND .4 SECRET|LEAK|CONTEXT .4 TO", 40, "sends secrets away"),
    Phrase("! PUT .5 SECRET|LEAK|CONTEXT", 26, "orders secrets to be included"),
    Phrase(
        "READ .10 AND .4 PUT|SEND .6 PARAM|RESPONSE|IDENT|QUOTE|URL|OUTSIDE|INSIDE",
        28,
        "orders data to be read and passed on",
    ),
    Phrase("! PUT THE? DATA .3 WITH|TO .3 QUOTE|PARAM|IDENT", 26, "orders contents into an argument"),
    Phrase("ALSO|HIDDEN|AFTER|WHEN|EVERY .2 SEND .5 TO .3", 18, "sends data on the side"),
    Phrase("! SEND ANY .4 DATA|RESPONSE", 26, "orders all data to be sent"),
    Phrase(
        "SEND|ROUTE ANY .3 DATA|RESPONSE .3 TO .3 MAIL|URL|OUTSIDE|INSIDE", 44, "sends everything to a fixed address"
    ),
    Phrase("SEND .3 COPY|DATA .6 TO .3 MAIL|URL|OUTSIDE|INSIDE", 34, "sends a copy to a fixed address"),
    Phrase("READ .6 SEND .3 TO .3 INSIDE|OUTSIDE|URL|MAIL", 36, "reads data and sends it on"),
    Phrase("! HARM", 42, "orders theft"),
    Phrase("HARM .3 ANY|SECRET|DATA|LEAK|MODE", 40, "speaks of theft"),
    Phrase("! PUT|SAVE .4 CONTEXT", 30, "orders the conversation into an argument"),
    Phrase("MUST|ALWAYS .3 CONTAINS|PUT|SAVE .4 CONTEXT", 40, "demands the conversation as an argument"),
    Phrase("PARAM .4 CONTEXT", 14, "has an argument for the conversation"),
    Phrase("ANY .3 MUST .6 MAIL", 44, "adds a fixed recipient"),
    Phrase("ANY .4 MUST .2 MAIL|PHONE", 44, "adds a fixed recipient"),
    Phrase("SEND|PUT|INVITE .4 MAIL .6 ANY|WHEN|EVERY", 42, "adds a fixed recipient to everything"),
    Phrase(
        "AFTER|WHEN|EVERY|BEFORE .12 COMMA .2 SEND|PUT|INVITE .8 TO .4 MAIL|PHONE|URL",
        44,
        "sends something on the side",
    ),
    Phrase("SEND .3 ALSO .2 TO", 26, "sends something on the side"),
    Phrase("MUST .2 BE .1 SEND .8 URL|OUTSIDE|MAIL|INSIDE", 42, "demands data to be sent to a fixed address"),
    Phrase("WHEN|EVERY .10 CONTAINS .4 SECRET .8 PUT|SEND", 40, "passes on what looks like a secret"),
    Phrase("PUT .4 DATA .6 TO|WITH .4 CALL|QUERY", 14, "moves contents into another call"),
    Phrase("OF HARM", 30, "speaks of theft"),
    Phrase("! PUT .5 DATA WITH .3 PARAM|IDENT", 22, "orders contents into an argument"),
    Phrase(
        "MUST|SHOULD .3 BE? .2 SEND .8 URL|OUTSIDE|MAIL|INSIDE|PHONE",
        42,
        "demands data to be sent to a fixed address",
    ),
    Phrase("CONTEXT .2 BE PUT .5 PARAM|QUOTE|IDENT", 40, "demands the conversation as an argument"),
    Phrase("CONTEXT .6 AND PUT THIS .5 PARAM|QUOTE|IDENT", 40, "demands the conversation as an argument"),
    Phrase("SEND .4 TO SLOT .1 NUM", 34, "sends money to a fixed account"),
    Phrase("ALSO SEND .4 USER .6 TO", 32, "sends the user's data on the side"),
    Phrase("SEND .4 ANY .4 SECRET", 38, "sends secrets away"),
)

RULE = Rule(
    id="exfiltration",
    tier="soft",
    category="exfiltration",
    why="Data that leaves through a side door of a tool is the aim of most attacks.",
    check=phrases(_TABLE),
    phrases=_TABLE,
)
