"""The real llama.cpp, as p42 ships it, by the OpenAI protocol: no stranger played by us."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from p42.model.completion import Message, Prompt, Reply, Text
from p42.model.errors import Blocked
from p42.providers.opening import open_provider
from p42.runtimes.local.model import PACKAGES
from tests.providers.kit import pieces, reply, text

MISSING = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
KEY = "k-of-the-tests"
MODEL = "gemma-3-270m"
SHAPE = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "blue"]}},
    "required": ["colour"],
    "additionalProperties": False,
}

pytestmark = [
    pytest.mark.xdist_group("localmodel"),  # one worker: it is 241 MiB and wants every core
    pytest.mark.skipif(bool(MISSING), reason=f"p42[local] is not installed here: {MISSING}"),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server's address."""
    models: Path = tmp_path_factory.mktemp("models")
    wish = {"key": KEY, "models": str(models), "slots": 1, "threads": 1, "context": 512}
    with subprocess.Popen(
        [sys.executable, "-m", "p42.localserver.program"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as server:  # fmt: skip
        assert server.stdin
        assert server.stdout
        server.stdin.write(json.dumps(wish).encode() + b"\n")
        server.stdin.flush()
        yield f"http://127.0.0.1:{json.loads(server.stdout.readline())['port']}/v1"
        server.stdin.close()


def _asked(question: str = "Say hello.", **fields: Any) -> Prompt:
    return Prompt(MODEL, (Message("user", question),), max_tokens=24, temperature=0.0, **fields)


async def test_it_answers_in_pieces_and_counts_them(url: str) -> None:
    provider = open_provider({"provider": "local"}, KEY, base_url=url)
    said = await pieces(provider, _asked())
    await provider.close()
    last = said[-1]
    assert isinstance(last, Reply)
    assert text(said) == last.text
    assert 0 < last.usage.output <= 24
    assert 0 < last.usage.input <= provider.most_input(_asked())


async def test_a_shape_binds_its_answer(url: str) -> None:
    provider = open_provider({"provider": "local"}, KEY, base_url=url)
    # With room for the white space that the model likes to put between the words.
    asked = Prompt(MODEL, (Message("user", "A red hat."),), max_tokens=200, shape=SHAPE)
    answer = json.loads((await reply(provider, asked)).text)
    await provider.close()
    assert answer["colour"] in {"red", "blue"}


async def test_who_leaves_frees_the_only_slot(url: str) -> None:
    provider: Any = open_provider({"provider": "local"}, KEY, base_url=url)
    long = Prompt(MODEL, (Message("user", "Count."),), max_tokens=400)
    async with asyncio.timeout(30):
        async with aclosing(provider.stream(long)) as stream:
            assert isinstance(await anext(stream), Text)
        assert (await reply(provider, _asked())).text
    await provider.close()


async def test_it_is_checked_and_listed_and_refuses_as_any_vendor_does(url: str) -> None:
    provider = open_provider({"provider": "local"}, KEY, base_url=url)
    await provider.check()
    assert [card.id for card in await provider.models()] == [MODEL]
    with pytest.raises(Blocked, match="context"):
        await reply(provider, _asked("word " * 2000))
    await provider.close()
    stranger = open_provider({"provider": "local"}, "k-other", base_url=url)
    with pytest.raises(Blocked) as caught:
        await stranger.check()
    assert caught.value.reason == "KeyRejected"
    await stranger.close()
