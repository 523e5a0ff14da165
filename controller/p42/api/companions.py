"""Companions: what they ask, and what is asked about them: the table of `top`, a close look."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypedDict

from p42.api.asking import Nothing, asks
from p42.api.forwarding import target_of
from p42.api.house import engine_of, house_of
from p42.api.minds import must_answer
from p42.api.shapes import Items, Json, when
from p42.api.telling import tail_of
from p42.model.errors import P42Error
from p42.model.plan import Instant
from p42.model.ports import World
from p42.model.refs import Ref
from p42.model.session import OF_PROJECTS
from p42.model.sockets import Unit
from p42.model.talk import Said, Say
from p42.wire.tekton import ci_name

PATIENCE = 18.5  # s; the companion gives up after 19, and the reason has to be there before
MESSAGES, LINES = 5, 5  # what `describe` shows of each


class Completion(TypedDict):
    """What the model said."""

    text: str


@asks
class Answer:
    """A companion's chat message. `token` is its own, drawn with its port; nobody else's counts."""

    project: str
    token: str
    content: str


async def answer(world: World, request: Answer) -> Completion:
    """Who the project's messages go to answers: a person, or its companion, which has no key.

    The companion's agent knows the project's page and remembers what was said on this socket.
    """
    ref = house_of(world).owner(request.token)
    if ref is None or ref.name != request.project:
        raise P42Error("this token belongs to no companion")
    # The originals begin each message so. The agent is told in its context whom it speaks for.
    text = request.content.removeprefix(f"[Project: {_title(world, ref)}] ")
    forwarded = await _forwarded(world, ref, text)
    if isinstance(forwarded, str):
        return {"text": forwarded}
    talk: Any = world.talks.say(await _saying(world, forwarded, text, heard_by=ref))
    async with aclosing(talk) as spoken:
        async for piece in spoken:
            if isinstance(piece, Said):
                return {"text": "\n\n".join([piece.answer.reply.text, *_made(piece)])}
    raise P42Error(f"{ref} gave no answer")


def _made(said: Said) -> Iterator[str]:
    """What came of `/forge`, or of a spec in the reply: a line of text is all a client shows."""
    for each in said.forged:
        ref = f"command/{each.name}"
        yield (
            f"[no command was made: {each.problem}]" if not each.file
            else f"[{ref} waits for a person: p42 approve {ref}]" if each.waits
            else f"[{ref} stands, and waits for nobody]"
        )  # fmt: skip


async def _forwarded(world: World, ref: Ref, text: str) -> str | Ref:
    """What the sender is told if a person took it; else the project whose companion answers."""
    target = target_of(world, ref)
    if not target:
        return ref
    if await house_of(world).terminals.deliver(target, ref.name, text):
        return f"Message forwarded to {target}"
    other = Ref(ref.kind, target)
    if other in engine_of(world).view().rows:
        return other
    world.journal.note(ref, "Undelivered", f"{target} did not take a message; it answered itself",
                       warning=True)  # fmt: skip
    return ref


async def _saying(world: World, ref: Ref, text: str, *, heard_by: Ref) -> Say:
    """`text` to the companion of `ref`, in the conversation of the socket it came from."""
    row = engine_of(world).view().rows.get(ref)
    if row is None:
        raise P42Error(f"{ref} is not declared any more")
    spec, path = row.resource.spec, None
    if spec.get("path"):
        path = _beside(row.resource.place.file, spec["path"])
        if not await asyncio.to_thread(path.is_dir):
            text = f"path: {path} is no directory; messages are answered without what stands there"
            world.journal.note(ref, "NoDirectory", text, warning=True)
    if spec.get("agentRef"):
        must_answer(world, spec["agentRef"])
    about = [f"Project {_title(world, ref)}" + (f" at {path}" if path is not None else "")]
    if heard_by != ref:
        about.append(f"You also answer messages of the project {_title(world, heard_by)}.")
    return Say(
        spec.get("agentRef") or ci_name(ref.name), text,
        session=f"{OF_PROJECTS}{heard_by.name}", of_project=True, declared=True,
        model=spec.get("model") or "", account=spec.get("accountRef"), by=str(ref).lower(),
        context="\n\n".join([*about, *filter(None, [spec.get("context")])]),
        material=await house_of(world).pages.page(path) if path is not None else "",
        timeout=PATIENCE,
    )  # fmt: skip


def _beside(file: str, path: str) -> Path:
    """A path of a manifest: relative to its file, `~` is the user's home."""
    return (Path(file).parent / Path(path).expanduser()).resolve()


def _title(world: World, ref: Ref) -> str:
    row = engine_of(world).view().rows.get(ref)
    return str(row.resource.spec.get("project") or ref.name) if row is not None else ref.name


async def top(world: World, request: Nothing) -> Items:
    """Every socket p42 holds, the awake ones first, with what their processes use."""
    units = house_of(world).units()
    rows = await asyncio.to_thread(lambda: [_row(ref, unit) for ref, unit in units.items()])
    return {"items": sorted(rows, key=lambda row: (not row["pid"], -row["memory"], row["name"]))}


def _row(ref: Ref, unit: Unit) -> Json:
    return {
        "kind": ref.kind, "name": ref.name, "port": unit.port, "state": unit.state,
        "pid": unit.pid or None, "starts": unit.starts, "crashes": unit.crashes,
        "uptime": max(0.0, time.time() - unit.since) if unit.pid else 0.0, **usage(unit.pid),
    }  # fmt: skip


def usage(pid: int) -> dict[str, Any]:
    """Resident bytes that are its own (shared pages of the zygote left out) and seconds of CPU.

    Blocking: 0.1 ms a process.
    """
    if not pid:
        return {"memory": 0, "cpu": 0.0}
    import psutil  # 10 ms of a start, and nobody has asked yet

    try:
        process = psutil.Process(pid)
        full, times = process.memory_full_info(), process.cpu_times()
    except psutil.Error:
        return {"memory": 0, "cpu": 0.0}
    return {"memory": getattr(full, "uss", full.rss), "cpu": times.user + times.system}


async def companion(world: World, ref: Ref) -> Json:
    """The part of `describe` about a socket and its child; {} for what has none."""
    house = house_of(world)
    unit = house.units().get(ref)
    if unit is None:
        return {}
    probe = await world.units.probe(ref) if unit.pid else None
    used = await asyncio.to_thread(usage, unit.pid)
    log = await asyncio.to_thread(tail_of, log_path(world, ref), LINES)
    messages = await asyncio.to_thread(house.messages, ref, MESSAGES)
    return {
        "process": {
            "state": unit.state, "endpoint": f"127.0.0.1:{unit.port}", "pid": unit.pid or None,
            "since": when(Instant(unit.since)) if unit.pid else None,
            "uptime": time.time() - unit.since if unit.pid else None,
            "starts": unit.starts, "crashes": unit.crashes, "lastExit": unit.last_exit,
            "draining": unit.draining, **used,
            "probe": None if probe is None else {
                "latencyMs": round(probe.latency * 1000, 3), "clients": probe.clients,
                "requests": probe.requests,
            },
        },
        "messages": messages, "log": log,
    }  # fmt: skip


def log_path(world: World, ref: Ref) -> Any:
    """Where a child of `ref` writes."""
    return world.home / "logs" / "units" / f"{ref.kind.lower()}-{ref.name}.log"
