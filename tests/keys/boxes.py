"""Keychains of our own making: one in memory, and one that refuses, hangs or forgets."""

from __future__ import annotations

import threading

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


class Box(KeyringBackend):
    """A keychain in memory. `refuses` is raised instead of an answer; a `gate` holds it up."""

    priority = 1.0
    name = "Box"

    def __init__(self, refuses: Exception | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.refuses = refuses
        self.gate: threading.Event | None = None
        self.asked = 0
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        self._enter()
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._enter()
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._enter()
        if self.held.pop((service, username), None) is None:
            raise PasswordDeleteError

    def _enter(self) -> None:
        self.asked += 1
        if self.gate is not None:
            self.gate.wait()
        if self.refuses is not None:
            raise self.refuses


class Prompting(Box):
    """One that shows a prompt nobody answers. For a daemon of its own: it never comes back."""

    def _enter(self) -> None:
        threading.Event().wait()


class Locked(Box):
    """One that has no way to ask."""

    def _enter(self) -> None:
        raise KeyringLocked("canary")
