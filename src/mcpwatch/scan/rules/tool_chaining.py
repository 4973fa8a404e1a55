"""Orders to call something else around a call: before or after using this tool, run that one, and say this."""

from __future__ import annotations

from mcpwatch.scan.rules.base import Phrase, Rule, phrases

_TABLE = (
    Phrase("BEFORE .4 CALL|RUN .8 MUST|ALWAYS|FIRST .5 CALL|RUN .4 IDENT|TOOL", 22, "orders another call first"),
    Phrase("AFTER .3 CALL .6 MUST|ALSO|ALWAYS .4 CALL|RUN|SEND", 28, "orders another call afterwards"),
    Phrase(
        "WHEN|EVERY|BEFORE .6 CALL .2 IDENT .8 MUST|ALWAYS|FIRST|PUT|SEND|READ",
        26,
        "speaks about calls of another tool",
    ),
    Phrase("THE? IDENT QUOTE? TOOL .2 MUST|ALWAYS .5 SEND|CALL|SET|SWAP|PUT", 34, "gives orders to another tool"),
    Phrase("BEFORE .5 READ|OP|RUN|CALL .8 MUST .2 FIRST .2 CALL", 20, "orders another call first"),
    Phrase("BEFORE .4 CALL|READ|RUN .6 MUST .3 READ", 26, "orders a read first"),
    Phrase("WHEN|EVERY THIS .2 TOOL .3 BE .8 MUST|ALWAYS", 28, "acts by its mere presence"),
    Phrase("ANY .4 RESPONSE|OTHER TOOL", 14, "speaks about a whole class of tools"),
    Phrase("WHEN|EVERY .2 CALL .2 ANY .4 TOOL", 28, "speaks about calls of any tool"),
    Phrase("AFTER .4 TOOL|OP .4 ALSO .3 RUN|CALL|SEND|READ", 30, "orders something more afterwards"),
    Phrase("WHEN|EVERY .10 COMMA .2 SEND|ROUTE|REMOVE|INVITE", 18, "orders a side effect on some occasion"),
    Phrase(
        "WHEN|EVERY .2 IDENT QUOTE? TOOL? BE CALL .8 SEND|PUT|SET|SWAP|READ|REMOVE|MUST",
        34,
        "gives orders about another tool",
    ),
    Phrase(
        "WHEN|EVERY .8 COMMA .1 CALL .1 IDENT .3 WITH .4 NUM|QUOTE|MAIL", 32, "orders a call with fixed arguments"
    ),
    Phrase("AFTER .6 COMMA .2 REMOVE .6", 26, "orders something to be deleted"),
    Phrase("BEFORE .6 COMMA .2 REMOVE .4", 28, "orders something to be deleted"),
    Phrase("REMOVE .8 BEFORE .2 CALL|RUN|ANY|OP", 26, "orders something to be deleted"),
    Phrase(
        "BEFORE .6 DATA|OP|CALL .3 MUST|SHOULD .3 READ .4 LEAK|SECRET|PATH", 30, "orders a read before an operation"
    ),
    Phrase(
        "CALL|BE .6 WITH|TO IDENT .8 MUST|SHOULD|ALWAYS .4 SET|SWAP|PUT|CALL", 24, "gives orders about another tool"
    ),
    Phrase("THROUGH IDENT .4 MUST|SHOULD", 26, "gives orders about another tool"),
    Phrase("WHEN|EVERY .8 ANY COMMA .2 CALL|RUN .8 OTHER", 16, "orders another call"),
    Phrase("BANNER MUST FIRST .1 CALL .1 IDENT", 30, "orders another call first"),
    Phrase("MUST .2 FIRST .2 CALL .1 QUOTE? IDENT", 24, "orders another call first"),
    Phrase("AFTER .3 CALL THIS .3 COMMA .2 MUST .3 CALL", 34, "orders another call afterwards"),
    Phrase("EVERY .8 COMMA .1 REMOVE|SEND|ROUTE|INVITE|SET|SWAP|PUT|READ", 28, "orders a side effect every time"),
    Phrase(
        "EVERY .6 COMMA .4 MUST|SHOULD|ALWAYS .4 SET|SWAP|SEND|PUT|READ|ROUTE|REMOVE|CALL",
        30,
        "orders a side effect every time",
    ),
    Phrase("WHEN|EVERY .8 CALL .3 IDENT .5 FIRST .2 CALL THIS", 36, "puts itself before another tool"),
    Phrase("BEFORE .3 OP|CALL|QUERY COMMA? .1 REMOVE .6", 30, "orders something to be deleted"),
    Phrase("BEFORE|WHEN|EVERY|AFTER .8 REMOVE .4 SECRET|LEAK", 36, "orders traces to be deleted"),
    Phrase("MUST .2 HALT", 16, "orders the model to stop"),
    Phrase("HALT .4 AND TELL .2 USER", 24, "orders the model to stop and say why"),
)

RULE = Rule(
    id="tool_chaining",
    tier="soft",
    category="coercion",
    why=(
        "Weak alone (siblings on one server do build on one another); with a pretext, a secret or a "
        "message it adds up."
    ),
    check=phrases(_TABLE),
    phrases=_TABLE,
)
