"""Orders to read keys, passwords, configuration or the conversation, outside a tool made for that."""

from __future__ import annotations

from mcpwatch.scan.rules.base import Phrase, Rule, phrases

_TABLE = (
    Phrase("! READ .9 LEAK", 44, "orders the model to read a sensitive file"),
    Phrase("MUST|ALWAYS|FIRST|ALSO .4 READ .7 LEAK|SECRET|CONTEXT", 44, "orders the model to read secrets"),
    Phrase("READ .6 LEAK .8 PUT|SEND", 46, "orders the model to read a sensitive file and pass it on"),
    Phrase("READ .6 LEAK", 22, "reads a sensitive file"),
    Phrase("! READ .3 SECRET", 22, "orders the model to collect secrets"),
    Phrase("READ .3 SECRET|CONTEXT .3 FROM .3 CONTEXT|USER", 34, "takes secrets from the conversation"),
    Phrase("READ .3 CONTEXT .6 SEND|PUT", 42, "takes the conversation and passes it on"),
    Phrase("! READ .3 CONTEXT", 26, "orders the model to read the conversation"),
    Phrase("READ .2 ANY .3 SECRET .4 SEND", 45, "collects secrets and sends them"),
    Phrase("RUN|CALL .6 LEAK", 25, "runs something on a sensitive file"),
    Phrase("SET|SWAP|PUT .8 LEAK", 30, "orders a change to a sensitive file"),
    Phrase("ASK .3 USER .4 SECRET .8 PUT|SEND", 40, "asks the user for a secret and passes it on"),
    Phrase("! ASK .2 USER? .3 SECRET", 22, "asks the user for a secret"),
    Phrase("READ .8 SECRET .8 PUT|SEND", 40, "collects secrets and passes them on"),
    Phrase("BEFORE .8 READ .6 SECRET|LEAK", 38, "orders secrets to be read before an operation"),
    Phrase("SHOW .2 ANY .2 SECRET|LEAK", 26, "shows secrets"),
    Phrase("SHOW .2 ANY .2 SECRET .6 PUT|SEND", 42, "shows secrets and passes them on"),
    Phrase("READ ANY .4 LEAK", 30, "reads sensitive files"),
)

RULE = Rule(
    id="secret_access",
    tier="soft",
    category="exfiltration",
    why="The reader of a description is told to fetch what no argument of the tool asked for.",
    check=phrases(_TABLE),
    phrases=_TABLE,
)
