"""The table of verbs. `docs/verbs.md` is written from it; a test compares each door with both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from p42.api import care, companions, desired, doctor, hosting, legacy, looking, shapes, telling
from p42.api.asking import Nothing
from p42.model.verb import Door, Effect, Verb

AnyVerb = Verb[Any, Any]

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
    Verb("overview", "Is reality what the manifests say?", Nothing, shapes.Overview,
         READ, BOTH, looking.overview),
    Verb("get", "Objects with their live status", looking.Get, shapes.Listed,
         READ, BOTH, looking.get),
    Verb("table", "The same as a table of text", looking.GetTable, shapes.Table,
         READ, BOTH, looking.table),
    Verb("watch", "Objects now, then each change", looking.GetTable, dict,
         READ, BOTH, looking.watch, streams=True),
    Verb("describe", "Everything about one resource", looking.One, dict,
         READ, BOTH, looking.describe),
    Verb("tree", "What needs what", looking.Tree, shapes.Items, READ, BOTH, looking.tree),
    Verb("events", "What happened", telling.Events, shapes.Items,
         READ, BOTH, telling.events, streams=True),
    Verb("wait", "Until resources meet a condition", care.Wait, shapes.Items,
         READ, BOTH, care.wait, streams=True),
    Verb("top", "Sockets, their processes and what these use", Nothing, shapes.Items,
         READ, CONTROL, companions.top),
    Verb("logs", "Last words of a resource or of the daemon", telling.Logs, dict,
         READ, CONTROL, telling.logs, streams=True),
    Verb("config", "Settings in force and where they come from", Nothing, shapes.Items,
         READ, CONTROL, hosting.config),
    Verb("doctor", "What is not as it should be, with remedies", Nothing, doctor.Findings,
         READ, CONTROL, doctor.doctor),
    Verb("complete", "Live names for the shell", hosting.Complete, hosting.Names,
         READ, CONTROL, hosting.complete),
    Verb("diff", "What apply would do", desired.Diff, shapes.Steps, READ, CONTROL, desired.diff),
    Verb("apply", "Follow sources and make them real", desired.Apply, shapes.Results,
         PERSON, CONTROL, desired.apply, streams=True),
    Verb("delete", "Forget sources, or remove single resources", desired.Delete, shapes.Results,
         PERSON, CONTROL, desired.delete, streams=True),
    Verb("reconcile", "Look again now, back-off forgotten", care.Refs, shapes.Done,
         WRITE, CONTROL, care.reconcile),
    Verb("pause", "Watch without changing; or resume", care.Pause, shapes.Done,
         PERSON, CONTROL, care.pause),
    Verb("stop", "End the daemon", hosting.Stop, hosting.Stopping,
         PERSON, CONTROL, hosting.stop),
    Verb("answer", "A companion's chat message to its model (companions only)",
         companions.Answer, companions.Completion, WRITE, CONTROL, companions.answer),
)  # fmt: skip

VERBS: Mapping[str, AnyVerb] = {verb.name: verb for verb in _TABLE}
