"""The guard stands before every route: place, names, origins, sizes, tokens."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from p42.model.ports import World
from p42.web.table import ways
from tests.web.doors import Opened
from tests.web.raw import line, request, say

TABLE = ways(World(home=None, clock=None), None, clean=str).table  # type: ignore[arg-type]
EVERY = [(way.path.replace("{id:path}", "x"), method) for way in TABLE for method in way.methods]
HOSTS = [
    "evil.com", "evil.com:{p}", "localhost.evil.com:{p}", "127.0.0.1.evil.com:{p}",
    "localhost.:{p}", "LOCALHOST:{p}", "Localhost:{p}", "127.0.0.1", "localhost", "[::1]",
    "127.0.0.1:1", "127.0.0.1:0{p}", "127.0.0.1:{p}.", "127.1:{p}", "127.0.0.2:{p}", "0:{p}",
    "0.0.0.0:{p}", "2130706433:{p}", "0x7f.1:{p}", "[::]:{p}", "::1:{p}", "[0:0:0:0:0:0:0:1]:{p}",
    "[::ffff:127.0.0.1]:{p}", "[::1%lo]:{p}", "user@127.0.0.1:{p}", "127.0.0.1:{p}/", "",
    "127.0.0.1:{p}, evil.com", "evil.com, 127.0.0.1:{p}", "127.0.0.1:{p}#", "127.0.0.1:{p}?x",
]  # fmt: skip
ORIGINS = [
    "null", "http://evil.com", "https://127.0.0.1:{p}", "http://127.0.0.1", "http://127.0.0.1:1",
    "http://localhost.evil.com:{p}", "http://127.0.0.1:{p}.evil.com", "http://LOCALHOST:{p}",
    "http://127.0.0.1:{p}/", "http://127.0.0.1:{p} http://evil.com", "chrome-extension://abc",
    "file://", "http://127.0.0.1:{p},http://evil.com", "",
]  # fmt: skip


async def answer(door: Opened, **parts: Any) -> Any:
    return await say(door.port, request(door.port, **parts), bodiless=parts.get("method") == "HEAD")


async def allowed(door: Opened) -> dict[str, str]:
    return {"Authorization": f"Bearer {await door.secret('admin')}"}


@pytest.mark.parametrize(("path", "method"), EVERY)
async def test_no_route_answers_to_another_name(door: Opened, path: str, method: str) -> None:
    """DNS rebinding: the page's own name is what the browser sends as Host."""
    known = await allowed(door)
    for host in HOSTS:
        headers = {**known, "Host": host.replace("{p}", str(door.port))}
        told = await answer(door, path=path, method=method, headers=headers)
        assert told.status in (400, 421), host


@pytest.mark.parametrize(("path", "method"), EVERY)
async def test_no_route_answers_a_page_of_another_origin(
    door: Opened, path: str, method: str
) -> None:
    known = await allowed(door)
    for origin in ORIGINS:
        headers = {**known, "Origin": origin.replace("{p}", str(door.port))}
        told = await answer(door, path=path, method=method, headers=headers)
        assert told.status == 403, origin
    for site in ("cross-site", "same-site", ""):
        told = await answer(door, path=path, method=method, headers={"Sec-Fetch-Site": site})
        assert told.status == 403, site


@pytest.mark.parametrize(
    ("path", "method"), [(p, m) for p, m in EVERY if (p, m) not in {("/", "HEAD")}]
)
async def test_no_route_but_the_sign_of_life_goes_without_a_token(
    door: Opened, path: str, method: str
) -> None:
    told = await answer(door, path=path, method=method)
    assert told.status == (200 if path == "/healthz" else 401)
    if path != "/healthz":
        assert told.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
async def test_its_own_names_and_origins_are_answered(door: Opened, name: str) -> None:
    host = f"{name}:{door.port}"
    for further in ({}, {"Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}):
        assert (await answer(door, headers={"Host": host, **further})).status == 200


async def test_it_listens_on_both_loopback_addresses(door: Opened) -> None:
    for address in ("127.0.0.1", "::1"):
        async with line(door.port, address) as there:
            await there.send(request(door.port))
            assert (await there.told()).json == {"status": "ok"}


@pytest.mark.parametrize(
    "data",
    [
        "GET /healthz HTTP/1.1\r\n\r\n",
        "GET /healthz HTTP/1.0\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{p}\r\nHost: evil.com\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: evil.com\r\nHost: 127.0.0.1:{p}\r\n\r\n",
        "GET http://evil.com/healthz HTTP/1.1\r\nHost: 127.0.0.1:{p}\r\n\r\n",
        "GET http://127.0.0.1:{p}/healthz HTTP/1.1\r\nHost: 127.0.0.1:{p}\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1:{p}\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost : 127.0.0.1:{p}\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{p}\r\nContent-Length: 1\r\n"
        "Content-Length: 2\r\n\r\nab",
        "CONNECT 127.0.0.1:{p} HTTP/1.1\r\nHost: 127.0.0.1:{p}\r\n\r\n",
        '{{"type":"status","id":"1"}}\n\n',
        "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{p}\r\nbad header\r\n\r\n",
        "GET /healthz HTTP/9.9\r\nHost: 127.0.0.1:{p}\r\n\r\n",
    ],
)
async def test_a_request_that_two_could_read_differently_is_refused(
    door: Opened, data: str
) -> None:
    told = await say(door.port, data.format(p=door.port).encode())
    assert told.status in (400, 421, 505)


async def test_a_duplicate_origin_is_refused_though_one_is_ours(door: Opened) -> None:
    own = f"http://127.0.0.1:{door.port}"
    head = request(door.port)[:-2].decode()
    told = await say(door.port, f"{head}Origin: {own}\r\nOrigin: {own}\r\n\r\n".encode())
    assert told.status == 403


async def test_headers_past_the_limits_are_refused(door: Opened) -> None:
    many = {f"X-{number}": "1" for number in range(70)}
    assert (await answer(door, headers=many)).status == 431
    large = {"X-Large": "x" * 16_400}
    assert (await answer(door, headers=large)).status in (400, 431)
    assert (await answer(door, headers={"X-Larger": "x" * 300_000})).status in (400, 431)


async def test_a_body_past_the_limit_is_refused_before_and_while_it_comes(door: Opened) -> None:
    known = await allowed(door)
    path, most = "/v1/messages", 32 << 20
    said = {**known, "Content-Type": "application/json", "Content-Length": str(most + 1)}
    told = await answer(door, path=path, method="POST", headers=said)
    assert (told.status, told.json["error"]["type"]) == (413, "request_too_large")
    chunked = {**known, "Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    async with line(door.port) as there:
        await there.send(request(door.port, path, method="POST", headers=chunked))
        chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
        with suppress(ConnectionError):  # it hangs up on the rest, before or after we read
            for _ in range(33):
                await there.send(chunk)
            assert (await there.head())[0] == 413


@pytest.mark.parametrize(
    "shown",
    [
        {"Authorization": "Bearer {other}"}, {"Authorization": "Basic {t}"},
        {"Authorization": "{t}"}, {"Authorization": "Bearer {t}x"}, {"X-Api-Key": "{t}"},
        {"Authorization": "Bearer " + "a" * 4000}, {"Cookie": "token={t}"},
    ],
)  # fmt: skip
async def test_only_the_whole_secret_in_its_place_is_a_token(
    door: Opened, shown: dict[str, str]
) -> None:
    secret = await door.secret("admin")
    other = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    headers = {n: v.replace("{t}", secret).replace("{other}", other) for n, v in shown.items()}
    assert (await answer(door, path="/nothing", headers=headers)).status == 401
    assert (await answer(door, path=f"/nothing?token={secret}")).status == 401


async def test_an_error_is_a_problem_and_under_v1_anthropics(door: Opened) -> None:
    known = await allowed(door)
    told = await answer(door, path="/nothing", headers=known)
    assert told.headers["content-type"] == "application/problem+json"
    assert told.json == {
        "type": "about:blank", "title": "Not Found", "status": 404,
        "detail": "there is nothing at this path",
    }  # fmt: skip
    told = await answer(door, path="/v1/nothing", headers=known)
    assert told.headers["content-type"] == "application/json"
    assert told.json["error"]["type"] == "not_found_error"
    told = await answer(door, path="/v1/messages", headers=known)
    assert (told.status, told.headers["allow"]) == (405, "POST")


async def test_a_token_without_the_scope_is_told_which_one(door: Opened) -> None:
    headers = {"Authorization": f"Bearer {await door.secret('read', 'write')}"}
    told = await answer(door, path="/v1/models", headers=headers)
    assert told.status == 403
    assert "p42 token create --scope agents" in told.json["error"]["message"]


async def test_what_is_no_json_is_not_read(door: Opened) -> None:
    """A form post needs no preflight; application/json does."""
    known = await allowed(door)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data"):
        headers = {**known, "Content-Type": kind}
        told = await answer(door, path="/v1/messages", method="POST", headers=headers, body=b"{}")
        assert told.status == 415


async def test_a_connection_is_kept_after_a_refusal(door: Opened) -> None:
    async with line(door.port) as there:
        for _ in range(3):
            await there.send(request(door.port, "/v1/models"))
            assert (await there.told()).status == 401
        await there.send(request(door.port))
        assert (await there.told()).status == 200
