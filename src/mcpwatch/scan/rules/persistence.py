"""Text for a file that is read again and again: an assistant's instructions, a memory, a hook, a start-up script."""

from __future__ import annotations

from collections.abc import Iterator

from mcpwatch.scan.lazy import Lazy
from mcpwatch.scan.rules.base import Hit, Rule, is_about
from mcpwatch.scan.rules.document import Document

_PLACE = Lazy(
    r"\b(?:claude|agents?|gemini|copilot|conventions|memory|qwen|warp)\.md\b|\.(?:cursor|windsurf|cline|roo"
    r"|continue)rules\b"
    r"|\.cursor[\\/]rules|copilot-instructions|\.github[\\/]copilot|\.(?:bash|zsh)(?:rc|_profile|env)\b|\.profile\b"
    r"|\.git[\\/]hooks|\b(?:pre|post)-(?:commit|push|merge|checkout)\b|\bcrontab\b|launch(?:agents|daemons)"
    r"|\bpostinstall\b"
    r"|\.vscode[\\/](?:tasks|settings)|\bsystemd\b|\bautostart\b|\bstartup (?:folder|script|file)s?\b"
    r"|\blogin items?\b"
    r"|\bsitecustomize\b|\.gitconfig\b|\bauthorized_keys\b"
    r"|\b(?:your|the assistant's|the agent's|the model's|long-term|persistent|permanent|standing|project)"
    r" (?:long-term |persistent |project )?(?:memory|memories|instructions|rules|system prompt|notes"
    r"|rules file|rule file)\b"
    r"|\b(?:ihrem|deinem|dein) gedächtnis|\b(?:votre|ta) mémoire\b|\btu memoria\b|\btua memoria\b"
    r"|系统提示|長期記憶|长期记忆|记忆文件|メモリ|记忆中|記憶に",
    2,
)
_WRITE = Lazy(
    r"\b(?:append\w*|add(?:s|ed|ing)?|writ(?:e|es|ing|ten)|insert\w*|put|puts|placed?|sav(?:e|es|ed|ing)"
    r"|stor(?:e|es|ed|ing)"
    r"|record\w*|not(?:e|es|ed)|remember\w*|memori[sz]e\w*|keep|kept|persist\w*|includ(?:e|es|ed|ing)"
    r"|register\w*|install\w*"
    r"|creat(?:e|es|ed|ing)|updat(?:e|es|ed|ing)|remov(?:e|es|ed|ing)|delet(?:e|es|ed|ing)|edit(?:s|ed|ing)?"
    r"|pin(?:s|ned)?"
    r"|belongs?|goes|receives?|gets?|line"
    r"|hinzu\w*|füge|eintrag\w*|trage|schreib\w*|ergänz\w*|speicher\w*|merke\w*|ajout\w*|écri\w+|inscri\w+"
    r"|enregistr\w+"
    r"|añad\w+|agreg\w+|escrib\w+|guard\w+|aggiung\w+|scriv\w+|salv\w+|memorizz\w+|добав\w+|запи\w+|сохран\w+"
    r"|внес\w+)\b"
    r"|追記|書き込|書き加|書き足|保存|記録|登録|追加|写入|添加|加入|记录|추가|기록|저장",
    2,
)
_LATER = Lazy(
    r"\b(?:future|later|next|every|each|all|any) (?:session|sessions|conversation|conversations|chat|chats"
    r"|run|runs|task|tasks"
    r"|answer|answers|reply|replies|turn|turns)\b|\bfrom now on\b|\bhenceforth\b|\bpermanently\b"
    r"|\bbefore (?:any|each|every|all)"
    r"|\bin future\b|\balways\b|\bnever\b|\bmust\b|\bkünftig|\bimmer\b|\bjede|\bdésormais|\btoujours"
    r"|\bsiempre|\bsempre"
    r"|\bвсегда|次回|今後|毎回|必ず|すべての|以后|今后|每次|始终|必须|앞으로|항상|매번",
    2,
)
_TOPIC = Lazy(
    r"memory|memori|remember|rules?|instruction|hook|cron|git|shell|dotfile|startup|install|config|agents?\b"
    r"|claude|note",
    2,
)
# One of these occurs in every match: a quick look before the slow one.
_MARKS = (
    *("claude.md", "agents.md", "agent.md", "gemini.md", "copilot.md", "conventions.md", "memory.md", "qwen.md"),
    *("warp.md", "rrules", "frules", "erules", "orules", ".cursor", "copilot-instructions", ".github", "bashrc"),
    *("zshrc", "bash_profile", "zsh_profile", "zshenv", "bashenv", ".profile", ".git", "pre-", "post-", "crontab"),
    *("launchagents", "launchdaemons", "postinstall", ".vscode", "systemd", "autostart", "startup ", "login item"),
    *(
        "sitecustomize",
        "authorized_keys",
        "your memor",
        "your instructions",
        "your rule",
        "your notes",
        "your system",
    ),
    *("your long-term", "your persistent", "your project", "assistant's ", "agent's ", "model's ", "long-term "),
    *("persistent ", "permanent ", "standing ", "project mem", "project inst", "project rule", "project notes"),
    *("project long", "project pers", "project system", "gedächtnis", "mémoire", "tu memoria", "tua memoria"),
    *("系统提示", "長期記憶", "长期记忆", "记忆文件", "メモリ", "记忆中", "記憶に"),
)
_NEAR = 110


def _check(document: Document) -> Iterator[Hit]:
    if not any(mark in document.lowered for mark in _MARKS):
        return
    about: bool | None = None
    for text, offset, found in document.find(_PLACE):
        start, end = found.start() - offset, found.end() - offset
        near = text.plain[max(0, start - _NEAR) : end + _NEAR]
        if not _WRITE.search(near):
            continue
        points = 40.0 if _LATER.search(near) else 20.0
        if about is None:
            about = is_about(document, _TOPIC)
        yield Hit(
            points * (0.3 if about else 1.0), text, start, end, "writes where it will be read in later sessions"
        )


RULE = Rule(
    id="persistence",
    tier="soft",
    category="injection",
    why="What is written into an assistant's instructions outlives the tool, the session and the review.",
    check=_check,
)
