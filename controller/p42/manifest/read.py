"""Read: followed sources as looks, again and again, reading only what changed.

What did not change costs one stat(2), and one for each file its specs name, and comes back as the
same object. Whatever cannot be trusted to have been seen to its end (just written, unreadable) is
read again at the next look.

What held a manifest goes on being looked at as long as something is at its path: that git ignores
it now, or that a link leads elsewhere, are the words of others, and take nothing away.
"""

# Thousands of paths a look; pathlib takes ten times as long, and 5 ms to import.
# ruff: noqa: PTH112, PTH120
from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from p42.manifest import disk, git, links, prescan
from p42.manifest.attached import NOTHING
from p42.manifest.check import Checker
from p42.manifest.discover import Walker
from p42.manifest.disk import Signature, signature_at, signature_of
from p42.manifest.engines import EngineName
from p42.manifest.finding import Finding, diagnose
from p42.manifest.kindbook import KindBook
from p42.manifest.known import OURS, Key, Known, Seen
from p42.manifest.reading import NOT_UTF8, Origin, Reading, encodable, whole
from p42.manifest.strays import is_manifest, led_away, led_out
from p42.manifest.traced import traced
from p42.manifest.watch import Watch
from p42.model.look import Broken, FileLook, SourceLook, Traced
from p42.model.resource import Place, Resource

_IGNORED = Finding(
    0, 1, "git-ignored", "git ignores it now; p42 follows it all the same, as it did before",
    suggestion="delete it or move it away, if what it declares is to go", severity="warning",
)  # fmt: skip


class Reader:
    """Reads sources. One call at a time, but for `watch`, which runs beside them."""

    def __init__(self, book: KindBook, *, engine: EngineName = "auto") -> None:
        self.book = book
        self._reading = Reading(book, Checker(engine))
        self._walker = Walker()
        self._known = Known()
        self._directories: dict[str, list[str]] = {}  # by source: what its last walk entered
        self._warned: dict[Key, tuple[FileLook, FileLook]] = {}  # as read, and with the warning

    def real(self, path: str) -> str:
        """`path` (absolute) as sources and their files are named: where it leads, without links."""
        return self._walker.known_as(links.real(path))

    def look(self, source: str) -> SourceLook:
        """Walk the whole source. `source` is an absolute path of a file or directory."""
        if led := _led_away(source, source):
            return SourceLook(source, (led,))
        if not os.path.isdir(source):
            look = self.look_file(source, source)
            self._known.keep(source, {source})
            gone = look.state in ("missing", "unreadable")
            return SourceLook(source, () if gone else (look,), _reason(look) if gone else "")
        try:
            walk = self._walker.walk(source)
        except OSError as error:
            return SourceLook(source, (), disk.why(error))
        self._directories[source] = walk.directories
        looks = [self._looked(path, source, signature_of(found)) for path, found in walk.files]
        looks += [self._stray(path, source) for path in walk.strays]
        met = {look.path for look in looks} | {problem.path for problem in walk.problems}
        lost = (path for path in self._known.ours(source) if path not in met)
        looks += [self._judged(path, source) for path in lost if os.path.lexists(path)]
        self._known.keep(source, {look.path for look in looks} | met)
        shown = [look for look in looks if look.state not in ("foreign", "missing")]
        problems = (_unreadable(p.path, Finding(0, 1, p.code, p.message)) for p in walk.problems)
        return SourceLook(source, (*shown, *problems))

    def look_file(self, path: str, source: str) -> FileLook:
        """Read one file of `source` again. Foreign if `source` would not have entered it."""
        return _led_away(path, source) or self._judged(path, source)

    def expect(self, files: Iterable[tuple[str, str]]) -> None:
        """At start: (path, source) of files that held manifests when the ledger was written."""
        for path, source in files:
            before = FileLook(path, "read")
            if self._known.get(source, path) is None:
                self._known.put(source, path, Seen(before, None, {}))

    def explained(self, source: str, files: Sequence[str]) -> frozenset[str]:
        """Those of the missing `files` whose absence git explains."""
        return git.explained(source, files)

    def traced(self, resource: Resource) -> Traced:
        """What git knows of a document."""
        return traced(resource)

    async def watch(
        self,
        sources: Callable[[], Sequence[str]],
        wake: Callable[[frozenset[str] | None], None],
    ) -> None:
        """Hint at changed paths until cancelled; `wake(None)` = anything."""
        await Watch(self._watched, self._meant).run(sources, wake)

    def _judged(self, path: str, source: str) -> FileLook:
        """A path that a walk has not just come across."""
        verdict = self._walker.verdict(source, path)
        if verdict == "in":
            return self._looked(path, source, signature_at(path))
        if verdict == "out":
            return self._stray(path, source)
        if self._was_ours(path, source):
            if verdict == "ignored":
                return self._ignored(path, source)
            if verdict == "behind":
                return self._stray(path, source)
        self._known.drop(source, path)
        return FileLook(path, "foreign")

    def _was_ours(self, path: str, source: str) -> bool:
        known = self._known.get(source, path)
        return known is not None and known.look.state in OURS

    def _ignored(self, path: str, source: str) -> FileLook:
        """What git ignores now and p42 goes on following, with a warning that says so."""
        look = self._looked(path, source, signature_at(path))
        if not look.documents:
            return look
        before, warned = self._warned.get((source, path), (None, look))
        if before is not look:
            warned = replace(look, warnings=(diagnose(_IGNORED, encodable(path), ""),))
            self._warned[source, path] = look, warned
        return warned

    def _stray(self, path: str, source: str) -> FileLook:
        """What leads out of the source: told where it was or would be a manifest, and not read."""
        known, signature = self._known.get(source, path), signature_at(path)
        out = _unreadable(path, led_out(path, source))
        if self._was_ours(path, source):
            return out
        if known is not None and signature is not None and known.signature == signature:
            return known.look
        look = out if is_manifest(path, self._reading) else FileLook(path, "foreign")
        self._known.put(source, path, Seen(look, signature, {}))
        return look

    def _looked(self, path: str, source: str, signature: Signature | None) -> FileLook:
        known = self._known.get(source, path)
        if known is None or signature is None or known.signature != signature:
            return self._read(path, source, known)
        if all(signature_at(name) == was for name, was in known.attached.items()):
            return known.look
        return self._read(path, source, known)

    def _read(self, path: str, source: str, known: Seen | None) -> FileLook:
        was_ours, named = self._was_ours(path, source), path == source
        root = os.path.dirname(path) if named else source
        real = links.within(path, root)
        if real is None:
            return self._stray(path, source)
        read = disk.read(real, limit=prescan.SIZE_LIMIT, root=root)
        if read.state == "missing":
            self._known.drop(source, path)
            return FileLook(path, "missing")
        if read.state in ("busy", "unreadable"):
            kept = known.look if was_ours and known is not None else FileLook(path, "foreign")
            self._known.put(source, path, Seen(kept, None, {}))
            if read.state == "busy":
                return FileLook(path, "busy")
            found = Finding(0, 1, "unreadable", f"cannot be read: {read.why}")
            return _unreadable(path, found)
        certain = named or was_ours
        if not certain and not self._reading.may_be_ours(read.data):
            return self._keep(source, FileLook(path, "foreign"), read, NOTHING.signatures)
        if read.state == "large":
            size = read.signature[1] if read.signature is not None else len(read.data)
            flaw = whole((prescan.too_large(size),), path, "")
            look = FileLook(path, "read", (flaw,), read.data)
            return self._keep(source, look, read, NOTHING.signatures)
        look = self._understood(path, source, read, certain=certain)
        if real != path and (seen := self._known.get(source, path)) is not None:
            # A link counts as naming its file: so that is watched.
            named_too = {**seen.attached, real: read.signature}
            self._known.put(source, path, seen._replace(attached=named_too))
        return look

    def _understood(self, path: str, source: str, read: disk.Reading, *, certain: bool) -> FileLook:
        root = os.path.dirname(path) if path == source else source
        shown = encodable(path)
        content = self._reading.read(read.data, Origin(shown, root, named=path == source))
        if content.busy:
            return FileLook(path, "busy")
        documents = content.documents
        if shown != path and documents:
            documents = (whole((NOT_UTF8,), shown, ""),)
        ours = content.ours and (certain or self._reading.speaks_of_us(read.data, content))
        if ours or certain:
            look = FileLook(path, "read", documents, read.data, content.empty)
        else:
            look = FileLook(path, "foreign", empty=content.empty)
        fresh = read._replace(fresh=read.fresh or content.fresh)
        return self._keep(source, look, fresh, content.attached)

    def _keep(
        self,
        source: str,
        look: FileLook,
        read: disk.Reading,
        attached: Mapping[str, Signature | None],
    ) -> FileLook:
        old = self._known.get(source, look.path)
        if old is not None and old.look == look:
            look = old.look  # the same object, so that nobody compares it again
        signature = None if read.fresh else read.signature
        self._known.put(source, look.path, Seen(look, signature, attached))
        return look

    def _watched(self, source: str) -> frozenset[str]:
        """The directories whose entries matter to `source`."""
        attached = {os.path.dirname(name) for name in self._known.named(source)}
        attached |= {os.path.dirname(path) for of, path in tuple(self._warned) if of == source}
        if not os.path.isdir(source):
            return frozenset({os.path.dirname(source), *attached})
        return frozenset({source, *self._directories.get(source, ()), *attached})

    def _meant(self, path: str, sources: Sequence[str]) -> frozenset[str]:
        """The manifests that a change of `path` is about; none for other people's files."""
        users = self._known.users(path)
        if any(path == source or self._is_candidate(path, source) for source in sources):
            return users | {path}
        return users

    def _is_candidate(self, path: str, source: str) -> bool:
        if not path.startswith(source.rstrip("/") + "/"):
            return False
        return path.endswith((".yaml", ".yml", ".json"))


def _unreadable(path: str, finding: Finding) -> FileLook:
    shown = encodable(path)
    told = diagnose(finding, shown, "")
    return FileLook(path, "unreadable", (Broken(Place(shown, 0, 1), None, (told,)),))


def _led_away(path: str, source: str) -> FileLook | None:
    """What a look at `path` says if `source` is not where it was named any more; None = it is."""
    finding = led_away(source)
    return None if finding is None else _unreadable(path, finding)


def _reason(look: FileLook) -> str:
    if look.state == "missing":
        return "no such file or directory"
    documents = look.documents
    first = documents[0] if documents else None
    return first.diagnostics[0].message if isinstance(first, Broken) else "cannot be read"
