"""`python -m tests.bench.races`: editors saving while p42 writes; what was lost, what was torn.

A process of its own plays the editor: it reads the file, adds an edit to the spec, saves, and after
a moment begins again. Meanwhile the writer puts a new status into the file as fast as it can. An
edit that is neither in the file at the end nor in a `.p42-conflict` beside it is lost; a file that
does not parse, or lacks its last line, is torn.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from p42.manifest.finding import Malformed
from p42.manifest.parse import parse
from p42.manifest.write.draft import Job, Wanted
from p42.manifest.write.scribe import Scribe
from p42.manifest.write.verdict import Pace
from p42.model.refs import Ref
from p42.model.resource import Place, Resource, digest_of
from tests.bench.disk import file_system
from tests.bench.editors import MARK, STYLES, missing

SHARES = {  # of all saves; a real editor takes 5 to 300 ms for one
    "truncate": 0.28, "slow truncate": 0.05, "rename": 0.28, "rename away": 0.28, "sed": 0.05,
    "ed": 0.01, "vim": 0.01, "vim backupcopy=yes": 0.01, "vim backupcopy=no": 0.01,
    "vim -n": 0.01, "nano": 0.002, "emacs": 0.008,
}  # fmt: skip
LAST = "# the end"
# Without leases a quiet file is all there is to go by: 2 s, here 50 ms, still longer than a save.
RESTLESS = Pace(gather=0.0, gather_limit=0.0, settle=0.0, quiet=0.05, gap=0.0, keep=2.0,
                young=2.0, often=0.0, seldom=0.0)  # fmt: skip
_SHORT, _LONG = 0.004, 0.08  # s; the longest pauses between two saves
_LONG_SHARE = 0.25  # so that quiet files come about, and saves that end the quiet


@dataclass(slots=True)
class Score:
    """What became of the saves of one style."""

    saves: int = 0
    asked: int = 0  # the editor noticed us, and wants to ask a person
    beside: int = 0  # kept in a conflict file
    lost: int = 0
    torn: int = 0
    writes: int = 0  # of ours
    seconds: float = 0.0


def race(directory: Path, style: str, saves: int, *, leases: bool, seed: int) -> Score:
    """`saves` saves of that style in `directory`, against a writer that never rests."""
    path = directory / "race.yaml"
    path.write_text(_manifest())
    os.utime(path, (0, 0))  # it has been quiet for long
    edits = [f"edit-{number}" for number in range(saves)]
    score = Score(saves)
    start = time.monotonic()
    context = multiprocessing.get_context("forkserver")
    receiver, sender = context.Pipe(duplex=False)
    editor = context.Process(target=_edit, args=(sender, path, style, edits, seed))
    with _leases(leases):
        scribe = Scribe(str(directory / "home"), mode="inline", pace=RESTLESS, tell=_quiet,
                        durable=False)  # fmt: skip
        editor.start()
        sender.close()
        score.writes = _write_until(editor, path, scribe)
        score.asked = len(refused := receiver.recv())
        receiver.close()
        scribe.look()  # the editor has ended: what it wrote late is there now
        scribe.close()
    score.seconds = time.monotonic() - start
    _judge(score, path, [edit for edit in edits if edit not in refused])
    return score


def _edit(sender: object, path: Path, style: str, edits: Sequence[str], seed: int) -> None:
    """The editor's process. Sends the edits that it did not save itself."""
    chance = random.Random(seed)
    save, refused = STYLES[style], []
    for edit in edits:
        if not save(path, edit):
            refused.append(edit)
        longest = _LONG if chance.random() < _LONG_SHARE else _SHORT
        time.sleep(chance.random() * longest)
    sender.send(refused)  # type: ignore[attr-defined]


def _write_until(editor: multiprocessing.Process, path: Path, scribe: Scribe) -> int:
    written = 0
    for number in itertools.count():
        if not editor.is_alive():
            break
        what = _resource(path)
        if what is not None:
            body = {"observedSpec": what.digest, "conditions": [], "number": number}
            (draft,) = scribe.write([Job(str(path), (Wanted(what, body),))])
            written += draft.wrote
        scribe.look()
    editor.join()
    return written


def _resource(path: Path) -> Resource | None:
    """What the reader would make of the file; None if it is being saved."""
    try:
        (document,) = parse(path.read_text())
        value = document.build()
        spec = value["spec"]
    except (OSError, ValueError, KeyError, Malformed):
        return None
    return Resource(Ref("Command", "race"), Place(str(path), 0, 1), spec,
                    digest=digest_of(spec, {}))  # fmt: skip


def _judge(score: Score, path: Path, edits: Sequence[str]) -> None:
    text = path.read_text()
    beside = "".join(p.read_text() for p in path.parent.glob("*.p42-conflict*"))
    for edit in edits:
        if f"- {edit}\n" not in text:
            found = f"- {edit}\n" in beside
            score.beside += found
            score.lost += not found
    score.torn += _resource(path) is None or LAST not in text


def _manifest() -> str:
    """About 8 KB, so that an editor writes it in two pieces."""
    filler = "".join(f"    echo line {number:04} of a script\n" for number in range(220))
    return (
        "apiVersion: p42.dev/v1\nkind: Command\nmetadata: {name: race}\nspec:\n"
        f"  source: |\n{filler}  edits:\n{MARK}\n    - none\n{LAST}\n"
    )


@contextmanager
def _leases(there: bool) -> Iterator[None]:
    if there:
        yield
        return
    with mock.patch("p42.manifest.write.kernel.lease", return_value="unsupported"):
        yield


def _quiet(path: str, what: str) -> None:
    """Late saves are counted at the end, by what is in the files."""


def main() -> None:
    """Run all styles twice, with leases and without; exit 1 if anything was lost or torn."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.races")
    parser.add_argument("--saves", type=int, default=10_000, help="each with and without leases")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--directory", type=Path, default=Path(".bench"))
    words = parser.parse_args()
    words.directory.mkdir(parents=True, exist_ok=True)
    print(f"file system {file_system(words.directory)}, N={words.saves} saves with leases and "
          f"{words.saves} without, seed {words.seed}")  # fmt: skip
    bad = 0
    for leases in (True, False):
        print("with leases:" if leases else "without leases:")
        for style, share in SHARES.items():
            bad += _run(words, style, max(1, round(words.saves * share)), leases=leases)
    sys.exit(1 if bad else 0)


def _run(words: argparse.Namespace, style: str, saves: int, *, leases: bool) -> int:
    lacking = missing(style)
    if lacking:
        print(f"  {style:<20} not run: {lacking} is not installed")
        return 0
    with tempfile.TemporaryDirectory(dir=words.directory, prefix="races-") as name:
        score = race(Path(name), style, saves, leases=leases, seed=words.seed)
    print(
        f"  {style:<20} saves {score.saves:>5}  lost {score.lost}  torn {score.torn}  "
        f"beside {score.beside}  editor asked {score.asked}  "
        f"our writes {score.writes:>6}  {score.seconds:.1f} s",
        flush=True,
    )
    return score.lost + score.torn


if __name__ == "__main__":
    main()
