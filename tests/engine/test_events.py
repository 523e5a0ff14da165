"""Events may be lost, doubled, reordered and stale: the end depends on the files alone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.home import Home, settled, virtually
from tests.engine.lines import file_look

NAMES = ("a.yaml", "b.yaml", "sub/c.yaml")
LINES = st.sampled_from(
    ["Note a text=x", "Note a text=xyz", "Note b text=y pot=p", "Note c text=!", "Pot p", "?", ""]
)
EDITS = st.tuples(st.sampled_from(NAMES), st.none() | st.lists(LINES, max_size=3).map("\n".join))
HINTS = st.lists(st.none() | st.sets(st.sampled_from(NAMES)).map(frozenset), max_size=3)
PAUSES = st.sampled_from([0.0, 0.001, 0.3, 1.1, 2.5, 6.0])
STORY = st.lists(st.tuples(EDITS, HINTS, st.booleans(), PAUSES), max_size=8)
END = {"a.yaml": "Note a text=end\nPot p", "sub/c.yaml": "Note c text=end pot=p", "d.yaml": "Pot q"}


@settings(max_examples=80)
@given(story=STORY)
def test_the_end_depends_on_the_files_alone(
    story: list[tuple[tuple[str, str | None], list[frozenset[str] | None], bool, float]],
) -> None:
    async def play() -> None:
        with TemporaryDirectory() as root:
            home = Home(Path(root))
            home.save("d.yaml", "Pot q")
            async with home.running() as engine:
                for (name, text), hints, stale, pause in story:
                    path = home.source / name
                    before = path.read_text() if path.exists() else ""
                    path.parent.mkdir(exist_ok=True)
                    path.unlink(missing_ok=True) if text is None else path.write_text(text)
                    if stale:  # the next looks show what stood there before
                        home.sources.stale[str(path)] = file_look(str(path), before)
                    for hint in hints:
                        home.sources.wake(hint and frozenset(f"{home.path}/{n}" for n in hint))
                    await asyncio.sleep(pause)
                home.sources.stale.clear()
                write_end(home)
                await asyncio.sleep(65)
                await engine.follow([home.path], prune=True)
                await settled(engine)
                assert home.real() == {
                    "Note/a": "#p42\nend", "Note/c": "#p42\nend", "Pot/p": "/", "Pot/q": "/",
                }  # fmt: skip
                assert engine.view().broken == ()
                assert (await engine.plan([])).steps == ()

    virtually(play)


def write_end(home: Home) -> None:
    for path in home.source.rglob("*.yaml"):
        path.unlink()
    for name, text in END.items():
        (home.source / name).parent.mkdir(exist_ok=True)
        (home.source / name).write_text(text)


@settings(max_examples=40)
@given(text=st.sampled_from(["Note a text=first\nNote b text=second", "Pot p\nNote a text=x"]))
def test_every_prefix_of_a_manifest_written_slowly_causes_no_act(text: str) -> None:
    async def play() -> None:
        with TemporaryDirectory() as root:
            home = Home(Path(root))
            home.save("z.yaml", "Note z")
            home.save("a.yaml", text)
            async with home.running() as engine:
                home.land.acts.clear()
                for end in range(len(text)):
                    home.save("a.yaml", text[:end])
                    await asyncio.sleep(0.09)
                home.save("a.yaml", text)
                await settled(engine)
                assert home.land.acts == []

    virtually(play)
