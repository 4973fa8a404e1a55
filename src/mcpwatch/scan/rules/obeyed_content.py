"""Content raised to orders: instructions in results that count as the user's, a guide on the web that replaces this
text, notes for the sessions to come.
"""

from __future__ import annotations

from mcpwatch.scan.rules.base import Phrase, Rule, phrases

_TABLE = (
    Phrase("GUIDE .12 OBEYS .6 ASIF", 46, "gives content the rank of the user"),
    Phrase("GUIDE|CONTENT .8 ASIF .6 USER|READERS|BANNER|RULES", 36, "gives content the rank of the user"),
    Phrase("OBEYS .4 ASIF .6 USER", 42, "gives content the rank of the user"),
    Phrase("CONTENT .10 GUIDE .14 OBEYS", 32, "has orders in content obeyed"),
    Phrase("GUIDE .6 FROM|OF|WITH .4 CONTENT .10 OBEYS", 32, "has orders in content obeyed"),
    Phrase("OBEYS|OBEY .4 GUIDE .8 CONTENT", 24, "has orders in content obeyed"),
    Phrase("CONTENT .10 GUIDE .12 CONSENTED", 40, "vouches for orders in content"),
    Phrase("GUIDE .10 FROM|OF|WITH .4 CONTENT .12 CONSENTED", 40, "vouches for orders in content"),
    Phrase("CONTENT .10 TOOL COMMA .2 CALL .3 TOOL", 34, "lets content name the next call"),
    Phrase("CONTENT .8 NAMED .3 TOOL", 30, "lets content name the next call"),
    Phrase("GUIDE .8 URL|PATH|IDENT .6 SUPERSEDES", 46, "puts a text from elsewhere above this one"),
    Phrase("URL .8 SUPERSEDES", 40, "puts a text from elsewhere above this one"),
    Phrase("SUPERSEDES .4 THIS .3 GUIDE|DATA|RESPONSE|RULES", 34, "puts a text from elsewhere above this one"),
    Phrase("READERS .4 READ|CALL .4 THIS .6 STARTUP", 36, "has orders fetched from elsewhere"),
    Phrase("READERS .3 READ|CALL|OBEYS|OBEY .10 OBEYS|URL", 30, "has orders fetched from elsewhere"),
    Phrase("GUIDE .6 URL .12 READ .8 OBEYS|OBEY|STARTUP", 40, "has orders fetched from elsewhere"),
    Phrase("READ .6 URL .8 OBEYS|OBEY|RUN", 36, "has orders fetched from elsewhere"),
    Phrase("READ .4 STARTUP .8 OBEYS|OBEY", 36, "has orders fetched from elsewhere"),
    Phrase("STARTUP .8 READ .6 URL", 34, "has orders fetched from elsewhere"),
)

RULE = Rule(
    id="obeyed_content",
    tier="soft",
    category="injection",
    why="Who may write the content, or change the page, would then give the orders.",
    check=phrases(_TABLE, told=True),
    phrases=_TABLE,
    told=True,
)
