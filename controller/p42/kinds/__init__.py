"""Kinds: one folder each, found by looking. Nobody lists them; a sixth is one new folder.

A kind's folder holds

    spec.py      what can be declared: SPEC, KIND, PLURAL, SHORT (schemas are generated from it)
    plan.py      what must be done: pure
    driver.py    what is there, and one step of work: the only awaits
    cases.yaml   want, seen -> steps: the fixed point that is meant (run by tests/cases)
    __init__.py  `kind`: all of it as one record

Kinds whose reality is a row in the registry share plan and driver: registration.py.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from p42.model.kind import AnyKind


def discover() -> dict[str, AnyKind]:
    """The kinds by name, sorted. Raises ValueError when two folders claim one word."""
    found: dict[str, AnyKind] = {}
    words: dict[str, str] = {}
    for module in sorted(pkgutil.iter_modules(__path__)):
        if not module.ispkg:
            continue  # the shared frame and the field types
        kind: AnyKind = import_module(f"{__name__}.{module.name}").kind
        for word in {kind.name.lower(), kind.plural.lower(), kind.short.lower()}:
            if words.setdefault(word, kind.name) != kind.name:
                raise ValueError(f"kinds {words[word]} and {kind.name} both call themselves {word}")
        if kind.name in found:
            raise ValueError(f"two folders under p42/kinds are the kind {kind.name}")
        found[kind.name] = kind
    return dict(sorted(found.items()))
