"""Words: kinds and names as people type them, `cmd/hello` or `Commands hello`, to Refs."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping

from p42.model.errors import InvalidInput, P42Error
from p42.model.kind import AnyKind
from p42.model.refs import Ref

ALL = "all"


def kind_of(kinds: Mapping[str, AnyKind], word: str) -> str:
    """The kind's name, from singular, plural or short name in any case. InvalidInput if none."""
    wanted = word.casefold()
    spelled = {name.casefold(): kind.name for kind in kinds.values() for name in _names(kind)}
    if wanted in spelled:
        return spelled[wanted]
    raise InvalidInput(
        f"no kind is called {word!r}{did_you_mean(wanted, spelled)}; "
        f"there are {', '.join(sorted(kind.plural for kind in kinds.values()))}"
    )


def _names(kind: AnyKind) -> tuple[str, ...]:
    return (kind.name, kind.plural, kind.short)


def ref_of(kinds: Mapping[str, AnyKind], text: str) -> Ref:
    """`cmd/hello` to Command/hello. InvalidInput if it is not KIND/NAME."""
    kind, slash, name = text.partition("/")
    if not slash or not name or "/" in name:
        raise InvalidInput(f"{text!r} is not KIND/NAME, such as command/hello")
    return Ref(kind_of(kinds, kind), name)


def kinds_of(kinds: Mapping[str, AnyKind], word: str) -> frozenset[str]:
    """The kinds that `word` names: one, or with `all` every one."""
    return frozenset(kinds) if word.casefold() == ALL else frozenset({kind_of(kinds, word)})


def must_exist(wanted: Iterable[Ref], there: Collection[Ref]) -> None:
    """Raise P42Error for the first of `wanted` that is not declared."""
    for ref in wanted:
        if ref not in there:
            near = did_you_mean(ref.name, [each.name for each in there if each.kind == ref.kind])
            raise P42Error(f"{ref} is not declared{near}; see: p42 get {ref.kind.lower()}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean X?` or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f", did you mean {close[0]}?" if close else ""
