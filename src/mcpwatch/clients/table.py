"""Which AI clients there are, and where and how each keeps its MCP servers. Data only.

`source` is the client's own documentation; `unverified` says what was not found there and rests on other tools'
tables or on reports.

Paths: `~` is the home folder, `$NAME` an environment variable, `{config}` `$XDG_CONFIG_HOME` or `~/.config`,
`{support}` `~/Library/Application Support`, `{appdata}` `%APPDATA%`, `{project}` the project's folder, `{editor}` the
folder of each editor that is built on VS Code; `*` matches as in a shell. Of alternatives parted by ` | ` the first
one counts whose variables are all set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

System = Literal["linux", "macos", "windows"]
Format = Literal["json", "toml", "yaml"]
Scope = Literal["user", "project"]

EDITORS = ("Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf")

ANY: tuple[System, ...] = ("linux", "macos", "windows")
UNIX: tuple[System, ...] = ("linux", "macos")


@dataclass(frozen=True)
class Place:
    """Files of one form. `keys` are the ways to the servers in it, `*` standing for any key; servers are the members
    of a map there, or the items of a list, each with its `name`."""

    path: str
    keys: tuple[tuple[str, ...], ...]
    systems: tuple[System, ...] = ANY
    format: Format = "json"
    scope: Scope = "user"
    command: str = "command"  # its value may be a list that holds the arguments, too
    args: str = "args"


@dataclass(frozen=True)
class Client:
    """`placeholders`: whether `${…}` in `args` is expanded by it as in `command`. `http`: whether a server in its
    file may have an address in place of a command."""

    id: str
    name: str
    source: str
    places: tuple[Place, ...]
    placeholders: bool = False
    http: bool = True
    unverified: str = ""


MCP_SERVERS = (("mcpServers",),)
_VS_CODE = (("servers",),)
_OPENCODE = (("mcp", "servers"), ("mcp",))  # version 2, version 1


def _app_data(path: str, keys: tuple[tuple[str, ...], ...]) -> tuple[Place, ...]:
    """Below the folder where the system has applications keep their data."""
    return (
        Place(f"{{config}}/{path}", keys, ("linux",)),
        Place(f"{{support}}/{path}", keys, ("macos",)),
        Place(f"{{appdata}}/{path}", keys, ("windows",)),
    )


def _claude_plugins(path: str, keys: tuple[tuple[str, ...], ...]) -> tuple[Place, ...]:
    """In every installed plugin: marketplace, plugin, version. An update is a new folder, and not wrapped yet."""
    below = f"plugins/cache/*/*/*/{path}"
    return (Place(f"$CLAUDE_CONFIG_DIR/{below} | ~/.claude/{below}", keys),)


CLIENTS: tuple[Client, ...] = (
    Client(
        "claude-code",
        "Claude Code",
        "https://code.claude.com/docs/en/mcp",
        (
            Place(
                "$CLAUDE_CONFIG_DIR/.claude.json | ~/.claude.json",
                (("mcpServers",), ("projects", "*", "mcpServers")),  # user scope, local scope
            ),
            *_claude_plugins(".mcp.json", (("mcpServers",), ())),
            *_claude_plugins(".claude-plugin/plugin.json", MCP_SERVERS),
            Place("{project}/.mcp.json", MCP_SERVERS, scope="project"),
        ),
        placeholders=True,
        unverified="$CLAUDE_CONFIG_DIR moving .claude.json; the folder of installed plugins",
    ),
    Client(
        "claude-desktop",
        "Claude Desktop",
        "https://modelcontextprotocol.io/docs/develop/connect-local-servers",
        (
            *_app_data("Claude/claude_desktop_config.json", MCP_SERVERS),
            Place(
                "$LOCALAPPDATA/Packages/Claude_*/LocalCache/Roaming/Claude/claude_desktop_config.json",
                MCP_SERVERS,
                ("windows",),
            ),
        ),
        http=False,
        unverified="Linux (no official build), the Microsoft Store's folder on Windows",
    ),
    Client(
        "cursor",
        "Cursor",
        "https://cursor.com/docs/mcp.md",
        (
            Place("~/.cursor/mcp.json", MCP_SERVERS),
            Place("{project}/.cursor/mcp.json", MCP_SERVERS, scope="project"),
        ),
        placeholders=True,
    ),
    Client(
        "vscode",
        "VS Code",
        "https://code.visualstudio.com/docs/agents/reference/mcp-configuration.md",
        (
            *_app_data("Code/User/mcp.json", _VS_CODE),
            *_app_data("Code/User/profiles/*/mcp.json", _VS_CODE),
            Place("{project}/.vscode/mcp.json", _VS_CODE, scope="project"),
        ),
        placeholders=True,
        unverified="the folder of a profile other than the default",
    ),
    Client(
        "vscode-insiders",
        "VS Code Insiders",
        "https://code.visualstudio.com/docs/agents/reference/mcp-configuration.md",
        (
            *_app_data("Code - Insiders/User/mcp.json", _VS_CODE),
            *_app_data("Code - Insiders/User/profiles/*/mcp.json", _VS_CODE),
        ),
        placeholders=True,
        unverified="the folder of a profile other than the default",
    ),
    Client(
        "windsurf",
        "Windsurf",
        "https://docs.windsurf.com/windsurf/cascade/mcp",
        (
            Place("~/.codeium/windsurf/mcp_config.json", MCP_SERVERS),
            Place("~/.codeium/mcp_config.json", MCP_SERVERS),  # its plugin for other editors
        ),
        placeholders=True,
    ),
    Client(
        "codex",
        "Codex",
        "https://developers.openai.com/codex/mcp",
        (
            Place("$CODEX_HOME/config.toml | ~/.codex/config.toml", (("mcp_servers",),), format="toml"),
            Place("{project}/.codex/config.toml", (("mcp_servers",),), format="toml", scope="project"),
        ),
    ),
    Client(
        "gemini-cli",
        "Gemini CLI",
        "https://github.com/google-gemini/gemini-cli/blob/main/docs/tools/mcp-server.md",
        (
            Place("~/.gemini/settings.json", MCP_SERVERS),
            Place("{project}/.gemini/settings.json", MCP_SERVERS, scope="project"),
        ),
        placeholders=True,
    ),
    Client(
        "zed",
        "Zed",
        "https://zed.dev/docs/ai/mcp",
        (
            Place("{config}/zed/settings.json", (("context_servers",),), ("linux",)),
            Place("~/.config/zed/settings.json", (("context_servers",),), ("macos",)),
            Place("{appdata}/Zed/settings.json", (("context_servers",),), ("windows",)),
            Place("{project}/.zed/settings.json", (("context_servers",),), scope="project"),
        ),
        unverified="the settings file's folder on each system",
    ),
    Client(
        "cline",
        "Cline",
        "https://docs.cline.bot/getting-started/config",
        (
            Place(
                "$CLINE_DATA_DIR/settings/cline_mcp_settings.json | $CLINE_DIR/data/settings/cline_mcp_settings.json"
                " | ~/.cline/data/settings/cline_mcp_settings.json",
                MCP_SERVERS,
            ),
            *_app_data(
                "{editor}/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json", MCP_SERVERS
            ),
        ),
        unverified="the editors' globalStorage, where versions before 3.40 kept it; $CLINE_DIR and $CLINE_DATA_DIR",
    ),
    Client(
        "roo",
        "Roo Code",
        "https://docs.roocode.com/features/mcp/using-mcp-in-roo",
        (
            *_app_data(
                "{editor}/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json", MCP_SERVERS
            ),
            Place("{project}/.roo/mcp.json", MCP_SERVERS, scope="project"),
        ),
        placeholders=True,
        unverified="the folder of mcp_settings.json; placeholders in args",
    ),
    Client(
        "continue",
        "Continue",
        "https://docs.continue.dev/customize/deep-dives/mcp",
        (
            Place("~/.continue/config.yaml", MCP_SERVERS, format="yaml"),
            Place("~/.continue/mcpServers/*.yaml", MCP_SERVERS, format="yaml"),
            Place("~/.continue/mcpServers/*.json", MCP_SERVERS),
            Place("{project}/.continue/mcpServers/*.yaml", MCP_SERVERS, format="yaml", scope="project"),
            Place("{project}/.continue/mcpServers/*.json", MCP_SERVERS, scope="project"),
        ),
        unverified="~/.continue/mcpServers",
    ),
    Client(
        "opencode",
        "OpenCode",
        "https://opencode.ai/v2/docs/mcp-servers/",
        (
            Place("{config}/opencode/opencode.json", _OPENCODE),
            Place("{config}/opencode/opencode.jsonc", _OPENCODE),
            Place("$OPENCODE_CONFIG", _OPENCODE),
            Place("{project}/opencode.json", _OPENCODE, scope="project"),
            Place("{project}/opencode.jsonc", _OPENCODE, scope="project"),
            Place("{project}/.opencode/opencode.json", _OPENCODE, scope="project"),
            Place("{project}/.opencode/opencode.jsonc", _OPENCODE, scope="project"),
        ),
        placeholders=True,
    ),
    Client(
        "goose",
        "Goose",
        "https://block.github.io/goose/docs/guides/config-files",
        (
            Place("~/.config/goose/config.yaml", (("extensions",),), UNIX, "yaml", command="cmd"),
            Place(
                "{appdata}/Block/goose/config/config.yaml", (("extensions",),), ("windows",), "yaml", command="cmd"
            ),
        ),
    ),
    Client(
        "lm-studio",
        "LM Studio",
        "https://lmstudio.ai/docs/app/mcp",
        (
            Place("~/.lmstudio/mcp.json", MCP_SERVERS),
            Place("~/.cache/lm-studio/mcp.json", MCP_SERVERS, UNIX),
        ),
        unverified="~/.cache/lm-studio, where installations begun before 0.3 keep it",
    ),
    Client(
        "kiro",
        "Kiro",
        "https://kiro.dev/docs/mcp/configuration",
        (
            Place("~/.kiro/settings/mcp.json", MCP_SERVERS),
            Place("{project}/.kiro/settings/mcp.json", MCP_SERVERS, scope="project"),
        ),
    ),
    Client(
        "copilot-cli",
        "Copilot CLI",
        "https://docs.github.com/en/copilot/how-tos/use-copilot-agents/use-copilot-cli",
        (Place("$COPILOT_HOME/mcp-config.json | ~/.copilot/mcp-config.json", MCP_SERVERS),),
    ),
    Client(
        "amp",
        "Amp",
        "https://ampcode.com/manual",
        (
            Place("~/.config/amp/settings.json", (("amp.mcpServers",),)),
            Place("{project}/.amp/settings.json", (("amp.mcpServers",),), scope="project"),
        ),
        unverified="all of it: the manual's page could not be read, other tools agree on the paths and the key",
    ),
    Client(
        "vibe",
        "Mistral Vibe",
        "https://docs.mistral.ai/vibe/code/cli/mcp-servers",
        (
            Place("$VIBE_HOME/config.toml | ~/.vibe/config.toml", (("mcp_servers",),), format="toml"),
            Place("{project}/.vibe/config.toml", (("mcp_servers",),), format="toml", scope="project"),
        ),
        unverified="$VIBE_HOME",
    ),
    Client(
        "antigravity",
        "Antigravity",
        "https://antigravity.google/docs/mcp",
        (
            Place("~/.gemini/config/mcp_config.json", MCP_SERVERS),
            Place("~/.gemini/antigravity/mcp_config.json", MCP_SERVERS),
            Place("{project}/.agents/mcp_config.json", MCP_SERVERS, scope="project"),
        ),
        unverified="all of it: its page could not be read; other products' instructions name ~/.gemini/config,"
        " and for earlier builds ~/.gemini/antigravity",
    ),
    Client(
        "kimi",
        "Kimi Code",
        "https://moonshotai.github.io/kimi-code/en/customization/mcp",
        (
            Place("$KIMI_CODE_HOME/mcp.json | ~/.kimi-code/mcp.json", MCP_SERVERS),
            Place("~/.kimi/mcp.json", MCP_SERVERS),
            Place("{project}/.kimi-code/mcp.json", MCP_SERVERS, scope="project"),
        ),
        unverified="~/.kimi/mcp.json, of the earlier Kimi CLI",
    ),
    Client(
        "factory",
        "Factory Droid",
        "https://docs.factory.ai/cli/configuration/mcp",
        (
            Place("~/.factory/mcp.json", MCP_SERVERS),
            Place("{project}/.factory/mcp.json", MCP_SERVERS, scope="project"),
        ),
        unverified="the two paths: other products' instructions agree on them",
    ),
    Client(
        "junie",
        "Junie",
        "https://www.jetbrains.com/help/junie/model-context-protocol-mcp.html",
        (
            Place("~/.junie/mcp/mcp.json", MCP_SERVERS),
            Place("{project}/.junie/mcp/mcp.json", MCP_SERVERS, scope="project"),
        ),
        unverified="the two paths, and that a server may have an address: other products' instructions agree on them",
    ),
    Client(
        "trae",
        "Trae",
        "https://docs.trae.ai/ide/model-context-protocol",
        (
            *_app_data("Trae/User/mcp.json", MCP_SERVERS),
            *_app_data("Trae CN/User/mcp.json", MCP_SERVERS),
            Place("{project}/.trae/mcp.json", MCP_SERVERS, scope="project"),
        ),
        unverified="all of it: its page could not be read, other tools agree on the paths and the key",
    ),
)

BY_ID = {client.id: client for client in CLIENTS}

# Of a file named by its path alone, the servers are where the first of these ways leads to any.
ANYWHERE = (
    ("mcpServers",),
    ("servers",),
    ("mcp", "servers"),
    ("context_servers",),
    ("amp.mcpServers",),
    ("mcp_servers",),
    ("extensions",),
    ("mcp",),
    ("projects", "*", "mcpServers"),
)
