"""The table of verbs. `docs/verbs.md` is written from it; a test compares each door with both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from p42.api import shapes
from p42.api.asking import Nothing
from p42.api.later import AnyVerb, Table, modules
from p42.model.verb import Door, Effect, Verb

if TYPE_CHECKING:
    from p42.api import (
        approving,
        ask,
        care,
        companions,
        desired,
        doctor,
        editing,
        forging,
        forwarding,
        hosting,
        keys,
        legacy,
        looking,
        talks,
        telling,
        tokens,
        transfer,
        usage,
        whom,
    )
else:  # each is imported when one of its verbs is first asked for; see later.py
    approving, ask, care, companions, desired, doctor = modules(
        "approving", "ask", "care", "companions", "desired", "doctor"
    )
    editing, forging, forwarding, hosting, keys, legacy = modules(
        "editing", "forging", "forwarding", "hosting", "keys", "legacy"
    )
    looking, talks, telling, tokens, transfer, usage, whom = modules(
        "looking", "talks", "telling", "tokens", "transfer", "usage", "whom"
    )

__all__ = ["VERBS", "AnyVerb"]

BOTH = frozenset(Door)
CONTROL = frozenset({Door.CONTROL})
READ, WRITE, PERSON = Effect.READ, Effect.WRITE, Effect.PERSON

_TABLE: tuple[AnyVerb, ...] = (
    Verb("status", "Alive, where, since when (original)", Nothing, legacy.Swimming,
         READ, BOTH, legacy.status, legacy=True),
    Verb("list", "Files in the commands directory (original)", Nothing, legacy.Commands,
         READ, BOTH, legacy.commands, legacy=True),
    Verb("ping", "Nothing but success (original)", Nothing, type(None),
         READ, BOTH, legacy.ping, legacy=True),
    Verb("possess", "Say something to an agent (original)", legacy.Possess, legacy.Possessed,
         WRITE, BOTH, legacy.possess, private=True, streams=True, legacy=True, named=True,
         needs_payload=True),
    Verb("memory", "Conversations in short (original)", Nothing, legacy.Memory,
         READ, BOTH, legacy.memory, private=True, legacy=True),
    Verb("end", "A conversation is over (original)", legacy.End, legacy.Ended,
         WRITE, BOTH, legacy.end, private=True, legacy=True, named=True),
    Verb("say", "Say something to a declared agent", talks.Saying, talks.Answered,
         WRITE, CONTROL, talks.say, private=True, streams=True),
    Verb("say.into", "The same; a command that comes of it is declared in a directory",
         talks.SayingInto, talks.Answered, PERSON, CONTROL, talks.say, streams=True),
    Verb("tool.decide", "Whether an agent's call that waits may be run", talks.Decide, dict,
         PERSON, CONTROL, talks.decide),
    Verb("session.list", "Conversations, the latest first", talks.Sessions, shapes.Items,
         READ, CONTROL, talks.sessions, private=True),
    Verb("session.show", "One conversation with all that was said", talks.Shown, dict,
         READ, CONTROL, talks.session, private=True),
    Verb("session.search", "What was said, by words", talks.Search, shapes.Hits,
         READ, CONTROL, talks.search, private=True),
    Verb("session.watch", "What is said in a session from now on", talks.Watching, dict,
         READ, CONTROL, talks.watch, private=True, streams=True),
    Verb("session.whom", "Who would answer in a conversation", whom.Meant, dict,
         READ, CONTROL, whom.whom, private=True),
    Verb("session.end", "A conversation is over", talks.Watched, dict,
         PERSON, CONTROL, talks.end),
    Verb("session.delete", "Forget a conversation", talks.Watched, dict,
         PERSON, CONTROL, talks.forget),
    Verb("session.export", "A conversation whole, for import", talks.Watched, dict,
         READ, CONTROL, transfer.export, private=True),
    Verb("session.import", "Keep a conversation from elsewhere", transfer.Import, dict,
         PERSON, CONTROL, transfer.take_in),
    Verb("overview", "Is reality what the manifests say?", Nothing, shapes.Overview,
         READ, BOTH, looking.overview),
    Verb("get", "Objects with their live status", looking.Get, shapes.Listed,
         READ, BOTH, looking.get),
    Verb("table", "The same as a table of text", looking.GetTable, shapes.Table,
         READ, BOTH, looking.table),
    Verb("watch", "Objects now, then each change", looking.GetTable, dict,
         READ, BOTH, looking.watch, streams=True),
    Verb("describe", "Everything about one resource", looking.One, dict,
         READ, BOTH, looking.describe, private=True),
    Verb("tree", "What needs what", looking.Tree, shapes.Items, READ, BOTH, looking.tree),
    Verb("events", "What happened", telling.Events, shapes.Items,
         READ, BOTH, telling.events, streams=True),
    Verb("wait", "Until resources meet a condition", care.Wait, shapes.Items,
         READ, BOTH, care.wait, streams=True),
    Verb("top", "Sockets, their processes and what these use", Nothing, shapes.Items,
         READ, CONTROL, companions.top),
    Verb("logs", "Last words of a resource or of the daemon", telling.Logs, dict,
         READ, CONTROL, telling.logs, private=True, streams=True),
    Verb("config", "Settings in force and where they come from", Nothing, shapes.Items,
         READ, CONTROL, hosting.config),
    Verb("usage", "What calls to models used and cost", usage.Report, usage.Usage,
         READ, CONTROL, usage.usage),
    Verb("doctor", "What is not as it should be, with remedies", Nothing, doctor.Findings,
         READ, CONTROL, doctor.doctor),
    Verb("complete", "Live names for the shell", hosting.Complete, hosting.Names,
         READ, CONTROL, hosting.complete),
    Verb("diff", "What apply would do", desired.Diff, shapes.Steps, READ, CONTROL, desired.diff),
    Verb("apply", "Follow sources and make them real", desired.Apply, shapes.Results,
         PERSON, CONTROL, desired.apply, streams=True),
    Verb("delete", "Forget sources, or remove single resources", desired.Delete, shapes.Results,
         PERSON, CONTROL, desired.delete, streams=True),
    Verb("manifest", "The file that declares a resource", editing.One, editing.Written,
         READ, CONTROL, editing.manifest),
    Verb("edit", "Write a manifest of the home", editing.Edit, editing.Edited,
         PERSON, CONTROL, editing.edit),
    Verb("approvals", "Changes that wait for a person's word, with what they would run",
         approving.Waiting, shapes.Items, READ, CONTROL, approving.approvals),
    Verb("approve", "Agree to what such a change would run, as it was shown",
         approving.Approve, shapes.Done, PERSON, CONTROL, approving.approve),
    Verb("rollback", "Go back to the version before of a forged command", forging.Of,
         forging.RolledBack, PERSON, CONTROL, forging.rollback),
    Verb("forge", "Forge a command's prompt once more", forging.Of, forging.Changed,
         PERSON, CONTROL, forging.forge),
    Verb("forge.into", "Whether commands of an agent could be declared in a directory",
         forging.Into, forging.Held, READ, CONTROL, forging.into),
    Verb("reconcile", "Look again now, back-off forgotten", care.Refs, shapes.Done,
         WRITE, CONTROL, care.reconcile),
    Verb("pause", "Watch without changing; or resume", care.Pause, shapes.Done,
         PERSON, CONTROL, care.pause),
    Verb("stop", "End the daemon", hosting.Stop, hosting.Stopping,
         PERSON, CONTROL, hosting.stop),
    Verb("token.create", "Make a key to the HTTP door; it is shown once",
         tokens.Create, tokens.Created, PERSON, CONTROL, tokens.create),
    Verb("token.list", "The keys to the HTTP door, without their secrets", Nothing, shapes.Items,
         PERSON, CONTROL, tokens.listing),
    Verb("token.revoke", "End a key to the HTTP door, and what it has open",
         tokens.Revoke, tokens.Revoked, PERSON, CONTROL, tokens.revoke),
    Verb("keys.where", "Which key store is in use, and how it stands", Nothing, keys.Where,
         PERSON, CONTROL, keys.where),
    Verb("keys.store", "Keep a key under its reference; it is never shown again",
         keys.Store, keys.Stored, PERSON, CONTROL, keys.store),
    Verb("keys.forget", "Remove a key from wherever it is kept", keys.Reference, keys.Forgotten,
         PERSON, CONTROL, keys.forget),
    Verb("keys.unlock", "Open keys.age with its passphrase, until the daemon ends",
         keys.Unlock, keys.Where, PERSON, CONTROL, keys.unlock),
    Verb("ask", "A question to a model, answered as it comes", ask.Ask, ask.Asked,
         WRITE, CONTROL, ask.ask, private=True, streams=True),
    Verb("account.check", "Ask a provider about an account's key now, without spending",
         ask.Of, ask.Checked, WRITE, CONTROL, ask.check),
    Verb("models.list", "What an account's provider offers, and what it costs",
         ask.OfAny, shapes.Items, READ, CONTROL, ask.models),
    Verb("project.forward", "A project's messages to somebody else", forwarding.Forward, dict,
         PERSON, CONTROL, forwarding.forward),
    Verb("project.unforward", "Its companion answers again", forwarding.Project, dict,
         PERSON, CONTROL, forwarding.unforward),
    Verb("project.forwards", "Where messages go, and who is attached", Nothing, shapes.Items,
         READ, CONTROL, forwarding.forwards, private=True),
    Verb("terminal.attach", "Messages for a terminal as they come", forwarding.Attach, dict,
         PERSON, CONTROL, forwarding.attach, streams=True),
    Verb("terminal.shown", "A terminal showed a message", forwarding.Shown, dict,
         PERSON, CONTROL, forwarding.shown),
    Verb("answer", "A companion's chat message to its model (companions only)",
         companions.Answer, companions.Completion, WRITE, CONTROL, companions.answer),
)  # fmt: skip

VERBS: Mapping[str, AnyVerb] = Table(_TABLE)
