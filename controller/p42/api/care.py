"""Care: wait for what is declared, look again now, pause and resume."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from p42.api.asking import asks
from p42.api.house import engine_of, house_of
from p42.api.selecting import values_at
from p42.api.shapes import Done, Items, Json, item_of, object_of, progress
from p42.api.waiting import changes_until, code_of, deadline_in, is_current, worst
from p42.api.words import ALL, must_exist, ref_of
from p42.engine.view import Row, View
from p42.model.errors import Exit, InvalidInput
from p42.model.ports import World
from p42.model.reasons import PASSING, Mend
from p42.model.refs import Ref
from p42.model.verb import Last

Met = Callable[[Row | None], bool]
DEFAULT_TIMEOUT = 60.0  # s
GONE = ("deleted", "delete")


@asks
class Wait:
    """`for` is Ready, Deleted or jsonpath=PATH[=VALUE]; `refs` KIND/NAME, or `all`.

    `condition=Ready` and `delete`, as others write it, mean the same.
    A ref that is not declared yet is waited for. `timeout` in seconds, None = no end.
    """

    refs: tuple[str, ...]
    for_: str = "Ready"
    timeout: float | None = DEFAULT_TIMEOUT


@asks
class Refs:
    """KIND/NAME, or `all`."""

    refs: tuple[str, ...]


@asks
class Pause:
    """`on` false resumes."""

    refs: tuple[str, ...]
    on: bool = True


async def wait(world: World, request: Wait) -> AsyncIterator[Json | Last[Items]]:
    """Until every one meets the condition; at once when one waits for the user."""
    engine, met = engine_of(world), condition(request.for_)
    deadline, fails_fast = deadline_in(request.timeout), _plain(request.for_) not in GONE
    watched = set(_refs(world, engine.view(), request.refs))
    missing = {ref for ref in watched if not met(engine.row(ref))}

    def is_over() -> bool:
        rows = (engine.row(ref) for ref in missing)
        return not missing or (fails_fast and any(row and _is_stuck(row) for row in rows))

    def done(ref: Ref, row: Row | None) -> bool:
        if ref in watched:
            (missing.discard if met(row) else missing.add)(ref)
        return ref in watched and is_over()

    if not is_over():
        async for change in changes_until(engine, done, deadline):
            if (change.ref if isinstance(change, Row) else change) in watched:
                yield progress(change)
    rows = {ref: engine.row(ref) for ref in sorted(watched)}
    codes = [_code(row) for row in rows.values() if not met(row)]
    items = [_found(ref, row, met=met(row)) for ref, row in rows.items()]
    yield Last({"items": items, "code": worst(codes)})


def _is_stuck(row: Row) -> bool:
    passes = row.status.reason in PASSING
    return row.mend in (Mend.USER, Mend.FAILED) and is_current(row) and not passes


def _code(row: Row | None) -> int:
    """Of one that does not meet the condition: what is ready and still does not ran out of time."""
    return (code_of(row) if row is not None else Exit.OK) or Exit.TIMEOUT


def condition(text: str) -> Met:
    """What `--for` asks. InvalidInput if it is none of the three."""
    word, _, rest = text.partition("=")
    if _plain(text) == "ready":
        return lambda row: row is not None and row.status.ready == "True" and is_current(row)
    if _plain(text) in GONE:
        return lambda row: row is None
    if word.casefold() == "jsonpath" and rest:
        path, equals, value = _split(rest)
        values_at({}, path)  # a path that is none is told before the wait
        return lambda row: row is not None and _fits(object_of(row), path, equals, value)
    raise InvalidInput(f"--for {text!r}: there are Ready, Deleted and jsonpath=PATH[=VALUE]")


def _plain(text: str) -> str:
    return text.casefold().removeprefix("condition=")


def _split(rest: str) -> tuple[str, bool, str]:
    if rest.startswith("{"):
        path, brace, value = rest.partition("}")
        return path + brace, value.startswith("="), value.removeprefix("=")
    path, equals, value = rest.partition("=")
    return path, bool(equals), value


def _fits(body: Json, path: str, equals: bool, value: str) -> bool:
    found = values_at(body, path)
    if not equals:
        return bool(found)
    return any(_text(each) == value for each in found)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refs(world: World, view: View, refs: tuple[str, ...]) -> list[Ref]:
    if [text.casefold() for text in refs] == [ALL]:
        return sorted(view.rows)
    return [ref_of(house_of(world).kinds, text) for text in refs]


def _found(ref: Ref, row: Row | None, *, met: bool) -> Json:
    if row is None:
        return {"kind": ref.kind, "name": ref.name, "declared": False, "met": met}
    return {**item_of(row), "declared": True, "met": met}


async def reconcile(world: World, request: Refs) -> Done:
    """Look again now; back-off starts afresh."""
    refs = _declared(world, request.refs)
    for ref in refs:
        engine_of(world).nudge(ref)
    return {"refs": [str(ref) for ref in refs]}


async def pause(world: World, request: Pause) -> Done:
    """Watched, not changed, until resumed; kept over restarts."""
    refs = _declared(world, request.refs)
    for ref in refs:
        await engine_of(world).pause(ref, on=request.on)
    return {"refs": [str(ref) for ref in refs]}


def _declared(world: World, texts: tuple[str, ...]) -> list[Ref]:
    view = engine_of(world).view()
    refs = _refs(world, view, texts)
    must_exist(refs, view.rows)
    return refs
