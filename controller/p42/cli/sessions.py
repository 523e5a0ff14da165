"""Sessions: `p42 session`: the conversations there are, and what was said in them."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from p42.cli import applying, outputs, params, spawning, tables, terminal
from p42.cli.home import home
from p42.cli.onlooking import Onlooker, line
from p42.client import link
from p42.model.errors import Exit, InvalidInput
from p42.model.faults import fault

app = typer.Typer(
    help="Conversations.", add_completion=False, no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip
Id = Annotated[str, typer.Argument(metavar="ID", help="Or how it begins.", show_default=False)]
LARGEST = 64 << 20  # bytes of an imported session; the daemon takes no more
CHUNK = 1 << 20  # bytes
COUNTED = 1000  # archived conversations; more are "or more"
STDIN = "-"
FOUND = {"\x02": "\033[1m", "\x03": "\033[0m"}


@app.callback()
def _group() -> None:
    """Conversations."""


@app.command("list")
def listing(
    agent: Annotated[str, typer.Option("--agent", metavar="NAME")] = "",
    archived: Annotated[bool, typer.Option("--archived", help="Those as well.")] = False,
    lines: params.Lines = 50,
    output: params.TableOrJson = "table",
) -> int:
    """The latest first."""
    outputs.checked(output, outputs.TABLE_OR_JSON)
    whom = agent.removeprefix("@")
    asked = {"agent": whom, "archived": archived, "limit": lines}
    items = link.ask(home(), "session.list", asked)["items"]
    if output == "json":
        outputs.print_json({"items": items})
    elif items:
        keys = ("id", "agent", "state", "messages", "lastActivity", "title")
        columns = ["ID", "AGENT", "STATE", "MESSAGES", "LAST", "TITLE"]
        tables.show(columns, [[terminal.plain(str(item[key])) for key in keys] for item in items])
    else:
        hidden = 0 if archived else _archived(whom)
        terminal.notice(_none(whom, hidden))
    return Exit.OK


def _archived(whom: str) -> int:
    """How many conversations there are where all of them are archived; as many as are looked at."""
    asked = {"agent": whom, "archived": True, "limit": COUNTED}
    return len(link.ask(home(), "session.list", asked)["items"])


def _none(whom: str, archived: int) -> str:
    """Why nothing is listed, and what to do."""
    if archived:
        many = f"{archived} or more" if archived == COUNTED else str(archived)
        of = f" of those with @{whom}" if whom else ""
        return f"{many}{of} {'is' if archived == 1 else 'are'} archived: --archived"
    said = f"nothing was said to @{whom} yet" if whom else "nothing was said yet"
    return f"{said}; p42 possess @{whom or 'AGENT'}"


@app.command("show")
def show(session: Id, output: params.TableOrJson = "table") -> int:
    """All that was said in one."""
    outputs.checked(output, outputs.TABLE_OR_JSON)
    found = link.ask(home(), "session.show", {"session": session})
    if output == "json":
        outputs.print_json(found)
        return Exit.OK
    print(f"{found['id']}  @{found['agent']}  {found['state']}  {found['created']}")
    for message in found["messages"]:
        print(line(message))
    return Exit.OK


@app.command("watch")
def watch(session: Id, output: params.TableOrJson = "table") -> int:
    """All that was said in one, and what is said in it from now on; Ctrl-C ends."""
    outputs.checked(output, outputs.TABLE_OR_JSON)
    pieces = link.stream(home(), "session.watch", {"session": session, "said": True})
    with closing(Onlooker()) as onlooker:
        for piece in pieces:
            if "stream" in piece and output == "json":
                outputs.print_line(piece["stream"])
            elif "stream" in piece:
                onlooker.see(piece["stream"])
    return Exit.OK


@app.command("search")
def search(
    words: Annotated[list[str], typer.Argument(metavar="WORDS", show_default=False)],
    lines: params.Lines = 20,
    output: params.TableOrJson = "table",
) -> int:
    """What was said, by words; archived conversations too."""
    outputs.checked(output, outputs.TABLE_OR_JSON)
    asked = {"words": " ".join(words), "limit": lines}
    found = link.ask(home(), "session.search", asked)
    items = found["items"]
    if output == "json":
        for item in items:
            item["excerpt"] = item["excerpt"].replace("\x02", "").replace("\x03", "")
        outputs.print_json({"items": items, "ranked": found["ranked"], "more": found["more"]})
        return Exit.OK
    for item in items:
        print(f"{item['session']}  @{item['agent']}  {item['at']}  {_excerpt(item['excerpt'])}")
    if not items:
        terminal.notice("nobody said that")
    if found["more"]:
        terminal.notice(f"more than {found['ranked']} messages match: these are the best of the "
                        "latest ones; one more word finds fewer")  # fmt: skip
    return Exit.OK if items else Exit.FAILED


def _excerpt(text: str) -> str:
    marks = FOUND if terminal.has_colours(sys.stdout) else dict.fromkeys(FOUND, "")
    return "".join(marks[c] if c in marks else terminal.plain(c) for c in text)


@app.command("resume")
def resume(session: Id) -> int:
    """Go on with one, on a terminal."""
    from p42.cli.repl.loop import converse
    from p42.cli.repl.talk import Talk

    found = link.ask(home(), "session.show", {"session": session})
    if not terminal.can_ask():
        raise InvalidInput(
            "resume needs a terminal; without one: "
            f"p42 possess @{found['agent']} MESSAGE --session {found['id']}"
        )
    for message in found["messages"][-4:]:
        print(line(message))
    return converse(Talk(found["agent"], found["id"]))


@app.command("end")
def end(session: Id) -> int:
    """Say that one is over. It can be taken up again."""
    found = link.ask(home(), "session.end", {"session": session})
    print(f"{found['id']} {found['state']}")
    return Exit.OK


@app.command("delete")
def delete(session: Id, yes: params.Yes = False) -> int:
    """Forget one, with all that was said in it."""
    if not yes and not (terminal.can_ask() and terminal.agrees(f"Forget {session} for good?")):
        raise InvalidInput("nothing was deleted; --yes deletes without asking")
    print(f"{link.ask(home(), 'session.delete', {'session': session})['id']} deleted")
    return Exit.OK


@app.command("export")
def export(session: Id) -> int:
    """One whole, as JSON on standard output."""
    outputs.print_json(link.ask(home(), "session.export", {"session": session}))
    return Exit.OK


@app.command("import")
def take_in(
    file: Annotated[str, typer.Argument(metavar="FILE", help="- for standard input.")],
) -> int:
    """Keep one that `export` wrote, of at most 64 MiB: all of it, or nothing."""
    spawning.ensure(home())
    try:
        with _readable(file) as path:
            found = link.ask(home(), "session.import", {"file": path})
    except InvalidInput as error:
        raise InvalidInput(f"{terminal.plain(file)}: {error}; nothing was kept") from None
    print(f"{terminal.plain(found['id'])} kept, {found['messages']} messages")
    return Exit.OK


@contextmanager
def _readable(file: str) -> Iterator[str]:
    """The path of what is named, for the daemon; standard input stands in a file meanwhile."""
    if file != STDIN:
        yield applying.absolute(file)
        return
    spool = Path(home(), "run", f"import-{secrets.token_hex(8)}")
    try:
        _spooled(spool)
        yield str(spool)
    finally:
        spool.unlink(missing_ok=True)


def _spooled(spool: Path) -> None:
    """Standard input as a file for this user alone, one byte too long where it has no end."""
    left = LARGEST + 1
    try:
        with os.fdopen(os.open(spool, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            while left > 0 and (part := sys.stdin.buffer.read(min(left, CHUNK))):
                file.write(part)
                left -= len(part)
    except OSError as error:
        raise fault(error, str(spool)) from error
