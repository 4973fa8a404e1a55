"""An MCP server that wants OAuth, and its authorization server, which agrees at once. Prints its port first.

Tokens live for `--seconds N` (3600). What happened is at /told.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import socket
import sys
import urllib.parse
from typing import Any

from aiohttp import web

codes: dict[str, dict[str, str]] = {}
valid: set[str] = set()
refreshes: set[str] = set()
told: dict[str, Any] = {"refreshed": 0, "used": []}
SECONDS = int(sys.argv[sys.argv.index("--seconds") + 1]) if "--seconds" in sys.argv else 3600
base = ""


async def mcp(request: web.Request) -> web.Response:
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    told["used"].append(token)
    if token not in valid and token != "their own":
        where = f'Bearer resource_metadata="{base}/.well-known/oauth-protected-resource/mcp"'
        return web.Response(status=401, headers={"WWW-Authenticate": where})
    frame = await request.json()
    return web.json_response({"jsonrpc": "2.0", "id": frame.get("id"), "result": {"content": []}})


async def resource(request: web.Request) -> web.Response:
    return web.json_response({"resource": f"{base}/mcp", "authorization_servers": [base]})


async def metadata(request: web.Request) -> web.Response:
    return web.json_response(
        {
            "issuer": base,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "registration_endpoint": f"{base}/register",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
        }
    )


async def register(request: web.Request) -> web.Response:
    asked = await request.json()
    return web.json_response(asked | {"client_id": "client-1"}, status=201)


async def authorize(request: web.Request) -> web.Response:
    query = dict(request.query)
    if query.get("resource") != f"{base}/mcp" or query.get("code_challenge_method") != "S256":
        return web.Response(status=400)
    code = secrets.token_hex(8)
    codes[code] = query
    back = urllib.parse.urlencode({"code": code, "state": query["state"]})
    return web.Response(status=302, headers={"Location": f"{query['redirect_uri']}?{back}"})


async def token(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    if form["grant_type"] == "authorization_code":
        asked = codes.pop(str(form["code"]))
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        good = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
    else:
        good = str(form["refresh_token"]) in refreshes and form.get("resource") == f"{base}/mcp"
        refreshes.discard(str(form["refresh_token"]))
        valid.clear()
        told["refreshed"] += good
    if not good or form["client_id"] != "client-1":
        return web.json_response({"error": "invalid_grant"}, status=400)
    access, refresh = secrets.token_hex(8), secrets.token_hex(8)
    valid.add(access)
    refreshes.add(refresh)
    seconds = SECONDS if form["grant_type"] == "authorization_code" else 3600
    granted = {"access_token": access, "token_type": "Bearer", "expires_in": seconds, "refresh_token": refresh}
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(json.dumps(granted)[:40].encode())
    await asyncio.sleep(0.05)  # it comes in two pieces
    await response.write(json.dumps(granted)[40:].encode())
    return response


async def tell(request: web.Request) -> web.Response:
    return web.json_response(told)


async def main() -> None:
    global base
    app = web.Application()
    app.add_routes(
        [
            web.post("/mcp", mcp),
            web.get("/.well-known/oauth-protected-resource/mcp", resource),
            web.get("/.well-known/oauth-authorization-server", metadata),
            web.post("/register", register),
            web.get("/authorize", authorize),
            web.post("/token", token),
            web.get("/told", tell),
        ]
    )
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    runner = web.AppRunner(app)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    print(listener.getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
