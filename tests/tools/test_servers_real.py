"""The MCP project's own servers, called by an agent: `P42_TEST_MCP` names where npm put them.

    npm install --prefix DIR @modelcontextprotocol/server-everything \\
        @modelcontextprotocol/server-filesystem
    P42_TEST_MCP=DIR pytest tests/tools/test_servers_real.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.tools.served import served

WHERE = Path(os.environ.get("P42_TEST_MCP", "")) / "node_modules" / ".bin"
pytestmark = pytest.mark.skipif(
    not (WHERE / "mcp-server-everything").exists(), reason="the servers are not here: see the file"
)


async def test_the_reference_server_is_offered_and_answers(tmp_path: Path) -> None:
    async with served(tmp_path) as there:
        there.declare(command=str(WHERE / "mcp-server-everything"), args=[])
        assert await there.tools.ready("muse", there.agent) == []
        assert (await there.run("echo", {"message": "hi"})).result == "Echo: hi"
        assert "is 3" in (await there.run("get-sum", {"a": 1, "b": 2})).result
        assert "image/png" in (await there.run("get-tiny-image")).result
        assert (await there.run("get-sum", {"a": "one"})).refused


async def test_the_filesystem_server_works_where_its_argument_says(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "a.txt").write_text("hello")
    async with served(tmp_path / "home") as there:
        there.declare(command=str(WHERE / "mcp-server-filesystem"), args=[str(given)])
        told = await there.run("read_text_file", {"path": str(given / "a.txt")})
        assert told.result == "hello"
        await there.run("write_file", {"path": str(given / "b.txt"), "content": "made"})
        assert (given / "b.txt").read_text() == "made"
        outside = await there.run("read_text_file", {"path": "/etc/passwd"})
        assert outside.result.startswith("failed: Access denied")
