"""An MCP server that wants OAuth and is its own login server, with what a hostile one would say. Prints its port.

The first argument is JSON: `metadata` is merged into that of the login server (null for a name leaves it out, null
for all: there is none), `then` is what is merged from the second time on; `where` is the address of the resource's
metadata, `logins` the login servers it names (both null: it has none); `register` is the answer to a registration,
which fails. `{base}` stands for its own address. It answers to whatever host it is asked for, as a proxy too. What
was asked is at /seen.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

SAID: dict[str, Any] = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
KNOWN = "/.well-known/oauth-authorization-server"
seen: list[str] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, code: int, body: Any = None, **headers: str) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def filled(self, value: Any) -> Any:
        return json.loads(json.dumps(value).replace("{base}", f"http://{self.headers['Host']}"))

    def asked(self) -> str:
        path = urlsplit(self.path).path
        seen.append(f"{self.command} {path}")
        return path

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        match self.asked():
            case "/mcp" if self.headers.get("Authorization") == "Bearer tok":
                self.answer(200, {"jsonrpc": "2.0", "id": 0, "result": {}}, Content_Type="application/json")
            case "/mcp":
                where = self.filled(SAID.get("where", "{base}/prm"))
                self.answer(401, **({"WWW_Authenticate": f'Bearer resource_metadata="{where}"'} if where else {}))
            case "/register" if "register" in SAID:
                self.answer(400, SAID["register"])
            case "/register":
                self.answer(201, json.loads(body) | {"client_id": "c"})
            case "/token":
                self.answer(200, {"access_token": "tok", "token_type": "Bearer", "expires_in": 3600})
            case _:
                self.answer(404)

    def do_GET(self) -> None:
        if self.path == "/seen":
            return self.answer(200, seen)
        path = self.asked()
        logins = SAID.get("logins", ["{base}"])
        if path == "/prm" and logins:
            return self.answer(200, self.filled({"resource": "{base}/mcp", "authorization_servers": logins}))
        changed = SAID.get("then" if seen.count(f"GET {KNOWN}") > 1 and "then" in SAID else "metadata", {})
        if path != KNOWN or changed is None:
            return self.answer(404)
        endpoints = {
            f"{x}_endpoint": f"{{base}}/{y}" for x, y in (("authorization", "authorize"), ("token", "token"))
        }
        said = {
            "issuer": "{base}",
            **endpoints,
            "registration_endpoint": "{base}/register",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
        } | changed
        return self.answer(200, self.filled({name: value for name, value in said.items() if value is not None}))

    def log_message(self, format: str, *args: Any) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
