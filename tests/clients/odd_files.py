"""Configuration files nobody would write, all valid: odd blanks, comments, quotes, orders and line endings."""

from __future__ import annotations

import json
from random import Random

WORDS = [
    "npx", "-y", "--", "", "a b", "ünï", "日本", "🐴", 'q"u', "it's", "C:\\dir\\x y", "${input:k}", "#no", "a: b",
    "- x", "[1]", "{x}", "a,b", "run", "--name", "&x", "*y", "%T%", "!t", "null", "true", "1.5", "\t", "~", "MARK",
]  # fmt: skip
ADDRESSES = [
    "https://example.com/mcp", "https://example.com/sse", "http://localhost:3000/mcp", "https://ünï.example/mcp?a=b#c",
    "https://example.com/mcp?x=it's", "HTTPS://Example.COM:8443/a%20b/", "https://exa.example/mcp?exaApiKey=k%2F1&x=it's",
    "https://example.com/sse?a=b&token=${input:k}#f", "https://example.com/mcp/?profile=MARK&api_key=🐴?/x",
]  # fmt: skip
NAMES = ["git", "a/b", "Ä ö", "🐴", "x.y", "--name", "with\ttab", 'quo"te', "MARK name", "@scope/pkg", "*", "a*b[c]?"]


class Odd:
    """Writes files. Every file has the word MARK in places that edits may change. With `web` some servers have an
    address."""

    def __init__(self, random: Random, *, web: bool = False) -> None:
        self.random = random
        self.web = web
        self.newline = random.choice(["\n", "\r\n"])

    def pick(self, *choices: str) -> str:
        return self.random.choice(choices)

    def command(self) -> tuple[str, list[str] | None]:
        """A command and its arguments, or None for no list."""
        words = [self.random.choice(WORDS) for _ in range(self.random.randrange(5))]
        command = self.random.choice([word for word in WORDS if word and not word.startswith(("~", "$", "%"))])
        return command, None if self.random.random() < 0.2 else words

    def names(self) -> list[str]:
        return self.random.sample(NAMES, self.random.randrange(1, 5))

    def address(self) -> str:
        """ "" for a server that is started; else one's address."""
        return self.random.choice(ADDRESSES) if self.web and self.random.random() < 0.5 else ""

    def string(self, text: str) -> str:
        """A JSON string with some characters escaped that need not be."""
        out = []
        for char in text:
            if self.random.random() < 0.1 and ord(char) < 0x10000:
                out.append(f"\\u{ord(char):04x}")
            else:
                out.append(json.dumps(char, ensure_ascii=False)[1:-1])
        return f'"{"".join(out)}"'

    # JSON

    def gap(self) -> str:
        return self.pick(
            "", "", " ", "\t", self.newline, f"  {self.newline}   ", "/* , MARK */", f"// ]}} ,{self.newline}"
        )

    def json(self) -> str:
        servers = {name: self.json_entry() for name in self.names()}
        rest = [
            ('"MARK"', self.string("MARK")),
            ('"n"', "[1, -2.5e3, null, true]"),
            ('"mcpServers"', self.map(servers)),
        ]
        self.random.shuffle(rest)
        return self.gap() + self.members(rest) + self.gap()

    def json_entry(self) -> str:
        if url := self.address():
            quoted = json.dumps(url, ensure_ascii=False)
            written = self.pick(quoted, quoted, quoted.replace("/", "\\/"), self.string(url))
            members = [
                (self.pick('"url"', '"serverUrl"'), written),
                ('"headers"', '{"Authorization": "MARK"}'),
                ('"type"', '"sse"'),
            ]
            self.random.shuffle(members)
            return self.members(members)
        command, args = self.command()
        members = [('"command"', self.string(command)), ('"env"', self.map({"E": self.string("MARK")}))]
        if args is not None:
            members.append(('"args"', self.list([self.string(arg) for arg in args])))
        if self.random.random() < 0.3:
            members = [('"command"', self.list([self.string(w) for w in (command, *(args or []))])), members[1]]
        self.random.shuffle(members)
        return self.members(members)

    def map(self, values: dict[str, str]) -> str:
        return self.members([(json.dumps(key, ensure_ascii=False), value) for key, value in values.items()])

    def members(self, members: list[tuple[str, str]]) -> str:
        return self.sequence("{", [f"{key}{self.gap()}:{self.gap()}{value}" for key, value in members], "}")

    def list(self, values: list[str]) -> str:
        return self.sequence("[", values, "]")

    def sequence(self, start: str, parts: list[str], end: str) -> str:
        text = start + self.gap()
        for i, part in enumerate(parts):
            text += part + self.gap()
            if i < len(parts) - 1 or self.random.random() < 0.2:
                text += f",{self.gap()}"
        return text + end

    # TOML

    def blank(self) -> str:
        return self.pick("", "", f"# MARK{self.newline}", self.newline, f"  {self.newline}")

    def toml_string(self, text: str) -> str:
        plain = "'" not in text and "\t" not in text
        return self.pick(
            f"'{text}'" if plain else self.string(text), self.string(text), f'"""{self.string(text)[1:-1]}"""'
        )

    def toml_list(self, values: list[str]) -> str:
        gap = lambda: self.pick("", " ", self.newline, f" # , ]{self.newline}")  # noqa: E731
        text = "[" + gap()
        for i, value in enumerate(values):
            text += self.toml_string(value) + gap()
            if i < len(values) - 1 or self.random.random() < 0.2:
                text += "," + gap()
        return text + "]"

    def toml(self) -> str:
        text = self.blank() + f'top = "MARK"{self.newline}' + self.blank()
        form = self.random.choice([self.toml_table, self.toml_table, self.toml_item, self.toml_pairs])
        if form == self.toml_pairs:
            text += f"[ mcp_servers ]{self.newline}"
        for name in self.names():
            text += form(json.dumps(name, ensure_ascii=False))
        return text + f"[other]{self.newline}x = [1, 2.0, inf, nan, 1979-05-27 07:32:00Z, {{ a.b = 1 }}] # MARK"

    def toml_lines(self) -> list[str]:
        if url := self.address():
            return [
                f"url {self.pick('=', ' = ')} {self.toml_string(url)}{self.pick('', ' # MARK')}",
                "api_key = 'MARK'",
            ]
        command, args = self.command()
        indent = self.pick("", "", "  ", "\t")
        pairs = [f"command {self.pick('=', ' = ')} {self.toml_string(command)}{self.pick('', ' # MARK')}"]
        if args is not None:
            pairs.append(f"args = {self.toml_list(args)}")
        self.random.shuffle(pairs)
        return [f"{indent}{pair}" for pair in pairs]

    def toml_item(self, key: str) -> str:
        lines = ["[[mcp_servers]]", f"name = {key}", *self.toml_lines(), "env = { E = 'MARK' }", ""]
        return self.newline.join(lines)

    def toml_table(self, key: str) -> str:
        lines = [f"[ mcp_servers . {key} ]", *self.toml_lines(), self.blank()]
        return self.newline.join([*lines, f"[mcp_servers.{key}.env]", 'E = "MARK"', ""])

    def toml_pairs(self, key: str) -> str:
        """Dotted keys, or an inline table."""
        if url := self.address():
            return f"{key} = {{ bearer_token = 'MARK', url = {self.toml_string(url)} }}{self.newline}"
        command, args = self.command()
        pairs = [f"command = {self.string(command)}"]
        if args is not None:
            pairs.append(f"args = [{', '.join(self.toml_string(arg) for arg in args)}]")
        self.random.shuffle(pairs)
        if self.random.random() < 0.5:
            return "".join(f"{key} . {pair} # MARK{self.newline}" for pair in pairs)
        return f"{key} = {{ {self.pick('', 'x = 1, ')}{', '.join(pairs)} }}{self.newline}"

    # YAML

    def yaml_string(self, text: str, flow: bool = False) -> str:
        simple = (
            text.replace(" ", "").replace("-", "").isalnum() and text[0].isalpha() and text not in ("null", "true")
        )
        choices = [self.string(text)]
        if "\t" not in text and "🐴" not in text:
            choices.append("'" + text.replace("'", "''") + "'")
        if simple:
            choices += [text, text]
        return self.pick(*choices)

    def yaml(self) -> str:
        step = self.random.choice([0, 2, 4])
        text = self.pick("", f"# MARK{self.newline}") + f"top: MARK # x{self.newline}mcpServers:{self.newline}"
        for name in self.names():
            text += self.yaml_item(name, " " * step)
        return text + f"rest: {{a: [1, MARK], 'b': ~}}{self.pick('', self.newline)}"

    def yaml_item(self, name: str, indent: str) -> str:
        if url := self.address():
            quoted = "'" + url.replace("'", "''") + "'"
            written = self.pick(url, quoted, self.string(url))
            lines = [f"name: {self.string(name)}", "apiKey: MARK", f"url: {written}{self.pick('', '  # MARK')}"]
            return f"{indent}- {f'{self.newline}{indent}  '.join(lines)}{self.newline}"
        command, args = self.command()
        if self.random.random() < 0.2:
            inner = f"name: {self.string(name)}, command: {self.string(command)}"
            inner += "" if args is None else f", args: [{', '.join(self.yaml_string(arg) for arg in args)}]"
            return f"{indent}- {{{inner}}}{self.newline}"
        members = [
            [f"name: {self.yaml_string(name)}"],
            [f"command: {self.yaml_string(command)}{self.pick('', ' # MARK')}"],
        ]
        if args:
            block = [f"- {self.yaml_string(arg)}{self.pick('', '  # - MARK')}" for arg in args]
            inner = self.pick("", "  ")
            flow = [f"args: [{self.pick('', ' ')}{', '.join(self.yaml_string(arg) for arg in args)}]"]
            members.append(self.random.choice([["args:", *(inner + line for line in block)], flow]))
        elif args is not None:
            members.append([f"args: [{self.pick('', ' ')}]"])
        members.append(["env:", "  E: MARK"])
        self.random.shuffle(members)
        lines = [line for member in members for line in member]
        text = f"{indent}- {lines[0]}{self.newline}"
        return text + "".join(f"{indent}  {line}{self.newline}" for line in lines[1:])

    # mcpwatch's own

    def config(self) -> str:
        """A configuration of ours."""
        parts = [f"retention_days = 5 # MARK{self.newline}", self.blank()]
        if self.random.random() < 0.5:
            table = self.pick("[servers.git]", '[ servers . "git" ]')
            parts.append(f"{table}{self.newline}url='https://mine'{self.newline}")
        parts += [self.blank(), self.pick("", "[gateway]" + self.newline + "port = 7373")]
        return "".join(parts)
