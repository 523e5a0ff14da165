"""Describing: one resource as a page, and what needs what as a tree, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from p42.cli import outputs, terminal
from p42.model.quantity import age

LABEL = 10  # columns of the longest label and its colon


def text(answer: dict[str, Any]) -> str:
    """The page of `p42 describe`."""
    return "\n".join(_lines(answer))


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    body = answer["object"]
    condition = body["status"]["conditions"][0]
    yield _field("Name", f"{body['kind'].lower()}/{body['metadata']['name']}")
    yield _field("File", f"{answer['file']}:{answer['line']}")
    if answer.get("written"):
        yield _field("Status in", answer["written"])
    for label in ("labels", "annotations"):
        for key, value in body["metadata"].get(label, {}).items():
            yield _field(label[:-1].capitalize(), f"{key}: {value}")
    yield _field("Ready", f"{condition['status']} ({condition['reason']})")
    if condition.get("message"):
        yield _field("Why", condition["message"])
    if answer.get("root"):
        yield _field("Root cause", answer["root"].lower())
    if answer.get("nextTry"):
        yield _field("Next try", f"{answer['nextTry']} (after {answer['attempts']} failed)")
    if answer.get("paused"):
        yield _field("Paused", "yes; p42 resume ends it")
    yield _field("Drift", "yes" if answer["drift"] else "no")
    if waits := answer.get("approval"):
        yield from _section("Waits to run", waits["diff"].split("\n"))
    yield from _section("Steps", (f"{s['step']}: {s['detail']}" for s in answer["steps"]))
    yield from _section("Needs", map(_brief, answer["needs"]))
    yield from _section("Needed by", map(_brief, answer["neededBy"]))
    yield from _section("Spec", outputs.as_yaml(body["spec"]).splitlines())
    status = {key: value for key, value in body["status"].items() if key != "conditions"}
    yield from _section("Status", outputs.as_yaml(status).splitlines())
    if "process" in answer:
        yield from _section("Process", _process(answer["process"]))
        yield from _section("Messages", (t for m in answer["messages"] for t in message(m)))
        yield from _section("Log", answer["log"])
    yield from _section("Events", map(event, answer["events"]))


def _process(process: dict[str, Any]) -> Iterator[str]:
    """The child behind a socket, in a few lines."""
    yield f"{process['state']} on {process['endpoint']}"
    if process["pid"]:
        mib = process["memory"] / (1 << 20)
        up = age(process["uptime"])
        yield f"pid {process['pid']}, up {up}, {mib:.1f} MiB, {process['cpu']:.2f} s of CPU"
    if process["probe"]:
        told = process["probe"]
        yield (f"answered a probe in {told['latencyMs']:.1f} ms: {told['clients']} clients, "
               f"{told['requests']} messages so far")  # fmt: skip
    elif process["pid"]:
        yield "did not answer a probe"
    restarts = f"{process['starts']} starts, {process['crashes']} crashes in a row"
    last = process["lastExit"]
    yield restarts + (f", last exit code {last}" if last is not None else "")


def message(item: dict[str, Any]) -> list[str]:
    """What a companion was asked and what it answered, in two lines."""
    asked, answered = terminal.plain(item["asked"]), terminal.plain(item["answered"])
    return [f"{item['at']} > {asked}", f"{item['at']} < {answered}"]


def branches(items: Sequence[dict[str, Any]]) -> list[str]:
    """The lines of `p42 tree`: each of `items` with what it needs below it."""
    return [line for item in items for line in (_brief(item), *_below(item["needs"], ""))]


def _below(items: Sequence[dict[str, Any]], prefix: str) -> list[str]:
    lines: list[str] = []
    for number, item in enumerate(items):
        is_last = number == len(items) - 1
        lines.append(f"{prefix}{'└─ ' if is_last else '├─ '}{_brief(item)}")
        lines += _below(item["needs"], prefix + ("   " if is_last else "│  "))
    return lines


def event(item: dict[str, Any]) -> str:
    """One event on one line; `!` marks a warning."""
    subject = f"{item['kind'].lower()}/{item['name']} " if item.get("kind") else ""
    times = f" (x{item['count']})" if item.get("count", 1) > 1 else ""
    mark = "! " if item.get("warning") else "  "
    message = f": {terminal.plain(item['message'])}" if item["message"] else ""
    return f"{item['at']} {mark}{subject}{item['reason']}{times}{message}"


def _brief(item: dict[str, Any]) -> str:
    name = f"{item['kind'].lower()}/{item['name']}"
    if item["ready"] == "True":
        return f"{name} ready"
    message = terminal.plain(item.get("message") or "")
    return f"{name} {item['reason']}" + (f": {message}" if message else "")


def _field(label: str, value: str) -> str:
    return f"{label + ':':<{LABEL + 2}}{terminal.plain(value)}"


def _section(title: str, lines: Any) -> Iterator[str]:
    found = [f"  {terminal.plain(line)}" for line in lines]
    if found:
        yield f"{title}:"
        yield from found
