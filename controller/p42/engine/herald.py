"""Herald: tells of an outcome: the board, those who wait for it, the journal, the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from p42.engine.board import Standing
from p42.engine.desk import Desk
from p42.engine.needs import Cause
from p42.engine.queue import Priority
from p42.engine.settled import body_of
from p42.engine.view import Planned
from p42.engine.wish import State
from p42.model.kind import Published
from p42.model.plan import Instant
from p42.model.reasons import Mend
from p42.model.refs import Ref
from p42.model.resource import Resource
from p42.model.status import Status


@dataclass(frozen=True, slots=True)
class News:
    """An outcome before it is compared with the last one."""

    status: Status
    mend: Mend
    observed: str = ""
    steps: tuple[Planned, ...] = ()
    drift: bool = False
    cause: Cause | None = None
    next_try: Instant | None = None


class Herald:
    """Remembers what it last handed to the status writer, so that nothing is written twice."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._handed: dict[Ref, tuple[Resource, Mapping[str, Any]]] = {}

    def post(self, ref: Ref, news: News) -> None:
        """The standing of `ref` is now this; what it publishes stays as it is."""
        desk = self._desk
        old = desk.board.get(ref)
        same = (old.status.ready, old.status.reason) == (news.status.ready, news.status.reason)
        standing = Standing(
            status=news.status, mend=news.mend, observed=news.observed, drift=news.drift,
            steps=news.steps, cause=news.cause, attempts=desk.backoff.attempts(ref),
            next_try=news.next_try,
            changed=old.changed if same and old.changed is not None else desk.clock.now(),
        )  # fmt: skip
        if desk.board.set(ref, standing):
            # To wait for what is on its way is everyday order, nothing that happened.
            passing = news.status.reason == "Waiting" and news.mend is Mend.TIME
            if news.status.reason not in ("InProgress", "Observed") and not passing:
                warning = news.status.ready == "False"
                desk.journal.note(ref, news.status.reason, news.status.text, warning=warning)
            if not desk.needs.publishes(ref):
                self._wake_users(ref)
        self._write(ref, news)

    def publish(self, ref: Ref, published: Published | None) -> None:
        """Let those who need `ref` know; None = it is not ready."""
        if self._desk.needs.publish(ref, published):
            self._wake_users(ref)

    def unwrite(self, resource: Resource) -> None:
        """Take our status out of the file; then the name is handed out once more, to be erased."""
        ref = resource.ref
        self._handed.pop(ref, None)

        def unwritten() -> None:
            self._desk.records.unwritten(ref)
            self._desk.queue.add(ref, Priority.RESYNC)

        self._desk.statuses.put(resource, None, then=unwritten)

    def bury(self, ref: Ref) -> None:
        """It has been taken down."""
        self._desk.journal.note(ref, "Deleted", "taken down")
        self._desk.board.drop(ref)

    def _wake_users(self, ref: Ref) -> None:
        users = self._desk.needs.users(ref)
        for user in users:
            self._desk.backoff.reset(user)
        self._desk.wake(users, Priority.HEAL)

    def _write(self, ref: Ref, news: News) -> None:
        """Only of a good document, and only of the spec that was looked at."""
        wish = self._desk.catalog.wishes.get(ref)
        if wish is None or wish.state is not State.GOOD or wish.resource.digest != news.observed:
            return
        body = body_of(news.status, news.observed, news.cause)
        if body is None:
            return
        handed, told = self._handed.get(ref, (None, None))
        # The same document means that its file was not read anew: our block still stands there. A
        # stale editor buffer or a checkout may have taken it out, and the next look puts it back.
        if handed is wish.resource and told == body:
            return
        self._handed[ref] = (wish.resource, body)
        self._desk.statuses.put(wish.resource, body)
