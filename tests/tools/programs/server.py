"""An MCP server over stdio, by hand: python server.py [MISCHIEF...] [DIRECTORY]."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

MISCHIEF = set(sys.argv[1:])
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
TOOLS = [
    {"name": "echo", "description": "Says it again.", "inputSchema": TEXT},
    {"name": "fail", "description": "Fails.", "inputSchema": {"type": "object"}},
    {"name": "env", "inputSchema": {"type": "object"}},
    {"name": "write", "inputSchema": TEXT},
    {"name": "slow", "inputSchema": {"type": "object"}},
    {"name": "die", "inputSchema": {"type": "object"}},
    {"name": "grow", "inputSchema": {"type": "object"}},
    {"name": "picture", "inputSchema": {"type": "object"}},
    {"name": "count", "inputSchema": {"type": "object"}},
    {"name": "wait", "inputSchema": TEXT},
]
STRANGE = [
    {"name": "a b", "inputSchema": {"type": "object"}},
    {"name": "remote", "inputSchema": {"$ref": "http://127.0.0.1:9/schema"}},
    {"name": "wrong", "inputSchema": {"type": "object", "properties": {"a": {"type": "objec"}}}},
    {"name": "list", "inputSchema": {"type": "array"}},
    {"name": "echo", "inputSchema": {"type": "object"}},
    {"inputSchema": {}}, "text", {"name": 7},
]  # fmt: skip


def send(body: Any) -> None:
    sys.stdout.write(json.dumps(body) + "\n")
    sys.stdout.flush()


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": said}], **more}


class Server:
    calls = 0

    def initialize(self, params: Any) -> Any:
        if "silent" in MISCHIEF:
            time.sleep(60)
        if "old" in MISCHIEF:
            return {"protocolVersion": "1999-01-01", "capabilities": {}}
        send({"jsonrpc": "2.0", "id": "s-1", "method": "ping"})
        send({"jsonrpc": "2.0", "id": 7, "method": "roots/list"})
        capabilities = {} if "toolless" in MISCHIEF else {"tools": {"listChanged": True}}
        return {"protocolVersion": params["protocolVersion"], "capabilities": capabilities,
                "serverInfo": {"name": "by hand", "version": "1"}}  # fmt: skip

    def list(self, params: Any) -> Any:
        if "endless" in MISCHIEF:
            return {"tools": TOOLS[:1], "nextCursor": "more"}
        if "strange" in MISCHIEF:
            return {"tools": [*TOOLS, *STRANGE]}
        return {"tools": TOOLS[4:]} if params.get("cursor") else {
            "tools": TOOLS[:4], "nextCursor": "4"}  # fmt: skip

    def call(self, params: Any) -> Any:
        Server.calls += 1
        given = params["arguments"]
        match params["name"]:
            case "echo" | "new":
                return text(given.get("text", ""))
            case "fail":
                return text("it is broken", isError=True)
            case "env":
                return text(json.dumps(dict(os.environ)))
            case "write":
                try:
                    Path(given["text"]).write_text("written")
                except OSError as error:
                    return text(str(error), isError=True)
                return text(str(Path.cwd()))
            case "slow":
                time.sleep(60)
            case "wait":
                Path("waits").touch()
                while not Path(given["text"]).exists():
                    time.sleep(0.01)
                return text("waited")
            case "die":
                print("it broke", file=sys.stderr)
                sys.exit(3)
            case "grow":
                TOOLS.append({"name": "new", "inputSchema": TEXT})
                send({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
                return text("grown")
            case "picture":
                return {"content": [{"type": "image", "data": "QUJD", "mimeType": "image/png"},
                                    {"type": "resource", "resource": {"uri": "a", "text": "R"}},
                                    {"type": "resource_link", "uri": "b"}, "x"]}  # fmt: skip
            case "count":
                return {"content": [], "structuredContent": {"calls": Server.calls}}
        raise KeyError(params["name"])


def main() -> None:
    server = Server()
    if "noisy" in MISCHIEF:
        print("Starting up...", flush=True)
        print("{not json", flush=True)
    if "broken" in MISCHIEF:
        print("no module named x", file=sys.stderr)
        sys.exit(1)
    if "flood" in MISCHIEF:
        while True:
            sys.stdout.write("x" * 65536)
    for line in sys.stdin:
        asked = json.loads(line)
        method, number = asked.get("method"), asked.get("id")
        if number is None or method is None:
            if "heard" in MISCHIEF:
                print(line, file=sys.stderr, end="")
            continue
        name = {"initialize": "initialize", "tools/list": "list", "tools/call": "call"}[method]
        try:
            result = getattr(server, name)(asked.get("params") or {})
            send({"jsonrpc": "2.0", "id": number, "result": result})
        except KeyError as error:
            refused = {"code": -32602, "message": f"unknown tool {error}"}
            send({"jsonrpc": "2.0", "id": number, "error": refused})


main()
