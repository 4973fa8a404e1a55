"""Another outcome than the one asked for, told: "addresses in transfers are replaced by …", "a copy goes to …",
"backups are tidied away on the way", "the tool is run again after each reply".
"""

from __future__ import annotations

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.base import Phrase, Rule, phrases

_TABLE = (
    Phrase("SLOT|CRED .8 ELSEWHERE .6 CHANGES|SWAP|SET", 46, "changes what another tool is given"),
    Phrase("ELSEWHERE .12 SLOT|CRED .8 CHANGES|SWAP|SET", 44, "changes what another tool is given"),
    Phrase("ELSEWHERE .12 CHANGES|SWAP|SET .8 SLOT|PARAM", 40, "changes what another tool is given"),
    Phrase("SLOT .8 CHANGES .3 WITH|TO .4 NUM|MAIL|PHONE|URL|IDENT", 34, "replaces a value"),
    Phrase("ELSEWHERE .14 LEFTOUT|DROPS", 30, "takes something out of another tool's call"),
    Phrase("ELSEWHERE .14 LEFTOUT|DROPS .14 MOVES|PUT|SEND", 44, "takes something out of another tool's call"),
    Phrase("ELSEWHERE .16 MOVES|PUT|SEND|BCC .8 MAIL|URL|PHONE|SELF", 44, "sends something by another tool"),
    Phrase("IDENT|TOOL .8 MAIL .4 BCC", 42, "adds a recipient"),
    Phrase("ELSEWHERE .10 MAIL .8 BCC", 44, "adds a recipient to another tool's messages"),
    Phrase("VALUABLE .8 DROPS", 26, "tells of something deleted"),
    Phrase("NORM .12 VALUABLE .8 DROPS", 40, "tells of something deleted on the side"),
    Phrase("VALUABLE .8 DROPS .6 NORM", 40, "tells of something deleted on the side"),
    Phrase("MAIL .6 BCC", 34, "adds a recipient"),
    Phrase("BCC .4 MAIL|PHONE", 38, "adds a recipient"),
    Phrase("MOVES|SEND .6 TO .2 MAIL", 34, "sends something to a fixed address"),
    Phrase("HOST|TALK .8 MOVES|SEND|BCC .6 MAIL|URL|PHONE", 42, "sends something to a fixed address"),
    Phrase("READERS .4 DROPS|REMOVE .8 VALUABLE|DATA|PATH|LEAK", 34, "tells of something deleted on the side"),
    Phrase("DROPS|REMOVE .8 VALUABLE", 24, "tells of something deleted"),
    Phrase("NORM .10 DROPS|REMOVE .8 VALUABLE|DATA|PATH", 40, "tells of something deleted on the side"),
    Phrase("DROPS|REMOVE .12 NORM", 22, "tells of something deleted on the side"),
    Phrase("AGAIN .6 ENDLESS", 40, "wants to be called without end"),
    Phrase("AGAIN .12 ENDLESS .8 USER|CHAT", 42, "wants to be called without end"),
    Phrase("CALL|RUN SELF|THIS? .4 ENDLESS", 30, "wants to be called without end"),
    Phrase("CHANGES .6 SLOT .10 LEFTOUT", 42, "changes a value and hides it"),
    Phrase("SLOT .6 CHANGES .14 LEFTOUT", 44, "changes a value and hides it"),
    Phrase("LEFTOUT .8 CHANGES", 36, "changes something and hides it"),
)

RULE = Rule(
    id="told_tampering",
    tier="soft",
    category="deception",
    why="The tool does, or has done, what the user did not ask for; nothing in the sentence commands.",
    check=phrases(
        _TABLE,
        told=True,
        topic=Lazy(
            r"mail|newsletter|calendar|invite|delete|remove|clean|prune|purge|backup|snapshot|poll|wait|loop", 2
        ),
    ),
    phrases=_TABLE,
    told=True,
)
