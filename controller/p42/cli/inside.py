"""Inside: `p42 __inside -- FILE ARG...`: the first line of a command that declares `sandbox:`.

It reads from the file's head what runs it and what it may reach, goes into the sandbox and becomes
that: bubblewrap where it works, with an escort outside (`runtimes/sandbox/escort.py`), else
Landlock, where nothing of p42 is left. Nothing is asked of the daemon, and nothing is remembered.
Whatever is not as it should be, the command does not run: 126, and a sentence.
"""

from __future__ import annotations

import os
import sys

from p42.cli.home import home
from p42.runtimes.sandbox import walls
from p42.runtimes.sandbox.sights import Elsewhere, sights
from p42.scripts import inside as heads
from p42.scripts import ways
from p42.scripts.paths import Astray, reached, within

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from p42.scripts.inside import Inside

NAME = "__inside"  # as a forged file's first line calls it
REFUSED = 126  # exit code of shells for what is there and cannot be run


class Call:
    """One call of such a command: what runs, where, and what it may reach.

    `program` begins with the interpreter. `read` and `write` are real paths, `names` lead to them.
    """

    def __init__(self, file: str, arguments: Sequence[str], inside: Inside) -> None:
        """Raises Headless, Astray, and OSError where it cannot be noted what may be written."""
        path, places = os.path.abspath(file), _cwd()  # noqa: PTH100
        self.program = [*heads.begins(inside), path, *arguments]
        self.network: bool = inside.network
        here, private = places[0] if places else "", os.path.realpath(home())
        read, write = (reached(each, here=here, private=private)
                       for each in (inside.read, inside.write))  # fmt: skip
        led = ways.taken(read, write, private)
        self.system = tuple(walls.system(_path(), _private()))
        seen = (*led, *led.values(), *self.system)
        self.cwd = next((each for each in places if within(each, seen)), "/")
        trees = walls.trees(self.system, led.values())
        own = os.path.realpath(path)
        self.names = {**led, **trees, path: own}
        self.write = [led[each] for each in write]
        self.read = [*(led[each] for each in read), *trees.values()]
        # A link among the system's programs is there already, and leads to the other.
        self.read += [] if within(own, self.system) else [own]


def main(argv: Sequence[str]) -> int:
    """Run FILE with its arguments in its sandbox. Returns only if it did not become the program."""
    if not argv:
        return _refuse("", "no file to run")
    file, *arguments = argv
    try:
        with open(file, "rb") as opened:  # noqa: PTH123
            call = Call(file, arguments, heads.parsed(opened.read(heads.LONGEST)))
        return _bubblewrap(call)
    except heads.Headless as error:
        name = os.path.basename(file)  # noqa: PTH119
        return _refuse(file, f"{error}; to have it put back: p42 reconcile command/{name}")
    except (Astray, Elsewhere) as error:
        return _refuse(file, str(error))
    except OSError as error:
        why = error.strerror or str(error)
        return _refuse(file, why if error.filename in (file, None) else f"{error.filename}: {why}")


def _bubblewrap(call: Call) -> int:
    """Inside bubblewrap; if it is not here, or does not work here at all, by Landlock."""
    program = walls.which("bwrap", _path())
    if program is None:
        return _landlock(call)
    from p42.runtimes.sandbox import escort

    def around(keys: int | None) -> Sequence[str]:
        line = walls.bwrap(program, modes, names, network=call.network, cwd=call.cwd, keys=keys)
        return [*line, "--"]

    library = {each: os.path.realpath(each) for each in escort.library()
               if not within(each, call.system)}  # fmt: skip
    names = {**library, **call.names}
    modes = walls.mounts(read=[*library.values(), *call.read], write=call.write, names=names)
    try:
        code = escort.escort(around, call.program, sights(modes, names))
    except escort.Unready as error:
        from p42.runtimes.sandbox.sandbox import Sandbox

        found = Sandbox.find(_path())
        if found is not None and found.form == "bwrap":  # it works, but not with these paths
            return _refuse(call.program[0], f"its sandbox could not be set up: {error}")
        return _landlock(call)
    os._exit(code)  # nothing of ours is left to flush


def _landlock(call: Call) -> int:
    """Give up all else, and become the program."""
    import signal

    from p42.runtimes.sandbox import keystrokes, landlock

    if not landlock.works():
        return _refuse("", walls.NONE)
    rules = landlock.rules(
        walls.there((*walls.SYSTEM, *walls.SETTINGS)), walls.there(call.read),
        walls.there(call.write), network=call.network,
    )  # fmt: skip
    os.chdir(call.cwd)
    os.environ["PWD"] = call.cwd
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and so would it
        signal.signal(number, signal.SIG_DFL)
    keystrokes.restrict()
    try:
        landlock.main([rules, *call.program])
    except SystemExit:
        os._exit(REFUSED)  # it was told why; behind the walls nothing more can be imported
    return REFUSED


def _cwd() -> Sequence[str]:
    """Where it is run: by the name that the shell has for it, and by its own; () = it is gone."""
    try:
        real, named = os.getcwd(), os.environ.get("PWD", "")  # noqa: PTH109
        same = named.startswith("/") and os.path.samefile(named, real)  # noqa: PTH121
    except OSError:
        return ()
    return (named, real) if same else (real,)


def _path() -> str:
    return os.environ.get("PATH", os.defpath)


def _private() -> Sequence[str]:
    person = os.path.expanduser("~")  # noqa: PTH111
    return (home(), person, f"{person}/.local")


def _refuse(file: str, why: str) -> int:
    print(f"p42: {file}: {why}" if file else f"p42: {why}", file=sys.stderr)
    return REFUSED
