"""What is the user's, told to travel: "the draft answer goes into `log`", "agents attach the key pair"."""

from __future__ import annotations

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.base import Phrase, Rule, phrases

_TABLE = (
    Phrase(
        "TALK|CONTEXT .14 MOVES|PUT|SEND|SAVE|COPY .6 PARAM|IDENT|SELF|URL|MAIL|OUTSIDE", 42, "moves the conversation"
    ),
    Phrase("MOVES|PUT|SAVE|COPY .8 TALK", 28, "moves the conversation"),
    Phrase("PARAM|IDENT|SELF .10 MOVES|PUT|SEND|SET|CONTAINS .10 TALK|CONTEXT", 42, "moves the conversation"),
    Phrase("SET .3 TO .4 TALK|CONTEXT", 40, "moves the conversation"),
    Phrase("CRED|LEAK .14 MOVES|PUT|SEND|SAVE|COPY .6 PARAM|IDENT|SELF|URL|MAIL|OUTSIDE", 42, "moves a secret"),
    Phrase("MOVES|PUT|SEND|SAVE|COPY .12 CRED|LEAK", 34, "moves a secret"),
    Phrase("PARAM|IDENT|SELF .10 MOVES|PUT|SEND|SET|CONTAINS .10 CRED|LEAK", 42, "moves a secret"),
    Phrase("NORM .10 MOVES|PUT|SEND|SAVE|COPY .14 CRED|LEAK|SECRET|TALK|CONTEXT|HOST", 44, "moves a secret by habit"),
    Phrase("CRED|LEAK|SECRET|TALK|CONTEXT|HOST .14 MOVES|PUT|SEND|SAVE|COPY .10 NORM", 42, "moves a secret by habit"),
    Phrase(
        "READERS .6 MOVES|PUT|SEND|SAVE|COPY .12 CRED|LEAK|SECRET|TALK|CONTEXT|HOST",
        40,
        "says that models pass it on",
    ),
    Phrase("HOST .10 MOVES|SEND .6 PARAM|IDENT|SELF|URL|MAIL|OUTSIDE", 34, "moves what lies on the machine"),
    Phrase("MOVES|PUT SECRET .4 PARAM|IDENT|QUOTE", 24, "moves a secret"),
    Phrase("MOVES|PUT|SEND THE .2 SECRET .2 PARAM|IDENT|QUOTE", 30, "moves a secret"),
    Phrase("USER .3 SECRET .8 MOVES|PUT|SEND .6 PARAM|IDENT|SELF", 34, "moves a secret"),
)

RULE = Rule(
    id="told_flow",
    tier="soft",
    category="exfiltration",
    why="Told as a habit of the house it is no order, and a model does it all the same.",
    check=phrases(
        _TABLE,
        told=True,
        topic=Lazy(
            r"chat|conversation|messag|memory|memori|prompt|agent|llm|transcript|session|context|assistant|reason|though"
            r"|think|key|secret|vault|auth|credential|passw|login|token|env\b|environ|config|ssh|kube|certificat|webhook",
            2,
        ),
    ),
    phrases=_TABLE,
    told=True,
)
