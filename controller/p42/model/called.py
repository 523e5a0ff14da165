"""Called: which project a person means by a word: a name or a title, in any case."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from p42.model.errors import InvalidInput

NEAR = 0.6  # as difflib measures it, and as every `did you mean` here has it

_OTHER = re.compile(r"[^a-z0-9]+")


def the_project(word: str, titles: Mapping[str, str]) -> str:
    """The name of the one that `word` calls; `titles` by name. InvalidInput: none, or several."""
    found = meant(word, titles)
    if len(found) == 1:
        return found[0]
    if found:
        raise InvalidInput(
            f"{word!r} calls {len(found)} projects: {', '.join(found)}; say which by its name"
        )
    close = near(word, titles)
    also = f", did you mean {close}?" if close else ""
    raise InvalidInput(f"no project is called {word!r}{also}; see: p42 project list")


def meant(word: str, titles: Mapping[str, str]) -> Sequence[str]:
    """The names of those that `word` calls; a name comes before titles. [] = none."""
    wanted = _bare(word)
    if wanted in titles:
        return [wanted]
    return sorted(name for name, title in titles.items() if wanted in _spelled(name, title))


def near(word: str, titles: Mapping[str, str]) -> str:
    """The name of the one that is called nearly so; "" = none is."""
    spelled = {each: name for name, title in titles.items() for each in _spelled(name, title)}
    close = difflib.get_close_matches(_bare(word), spelled, n=1, cutoff=NEAR)
    return spelled[close[0]] if close else ""


def _bare(word: str) -> str:
    wanted = word.strip().casefold()
    return wanted.removeprefix("projectci/").removeprefix("ci/")


def _spelled(name: str, title: str) -> set[str]:
    """As a person may write it: a title also as the originals make a name of it, `with-agent`."""
    plain = title.strip().casefold()
    return {name, plain, _OTHER.sub("-", plain).strip("-")} - {""}
