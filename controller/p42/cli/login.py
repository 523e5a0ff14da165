"""Login: a person's key into the store, and the store's passphrase. Neither is ever an argument.

An argument would stand in `ps` and in the shell's history, so there is no flag for either.
"""

from __future__ import annotations

import getpass
import os
import sys
from typing import Annotated, Any

import typer

from p42.cli import terminal
from p42.cli.home import home
from p42.client import link
from p42.model.errors import Exit, InvalidInput

MAX_KEY = 64 * 1024  # bytes; more is no key
PASSPHRASE = "P42_KEYS_PASSPHRASE"  # noqa: S105 - the name of a variable
STORES = ("auto", "keychain", "file")
ANSWER = 90.0  # s; a passphrase takes seconds on purpose, on a slow machine many


def login(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The account.", show_default=False)],
    store: Annotated[
        str, typer.Option("--store", metavar="STORE", help="keychain or file; auto as configured.")
    ] = "auto",
) -> int:
    """Keep an account's key: asked for without echo, or read from standard input.

    The account's `key` says under which name. The key goes to the keychain, or to the encrypted
    file keys.age if you say so here or by keys.store; which one took it is told.
    """
    if store not in STORES:
        raise InvalidInput(f"--store {store!r}: there are {', '.join(STORES)}")
    reference = _reference(name)
    _open_file_if_needed(store)
    value = _secret(f"Key of {name} ({reference}): ")
    asked = {"reference": reference, "value": value, "store": store}
    took = link.ask(home(), "keys.store", asked, timeout=ANSWER)
    print(f"account/{name.lower()} key stored as {reference} in {took['where']}")
    return Exit.OK


def unlock() -> int:
    """Open the encrypted key file until the daemon ends; its passphrase is asked for."""
    where = link.ask(home(), "keys.where", {}, timeout=ANSWER)
    if where["unlocked"]:
        print(f"{where['file']} is open")
        return Exit.OK
    if not where["exists"]:
        raise InvalidInput(f"{where['file']} is not there; `p42 account login NAME --store file`")
    _unlock(where)
    print(f"{where['file']} unlocked")
    return Exit.OK


def _reference(name: str) -> str:
    """Where the account's key belongs. InvalidInput where p42 is not the one to put it there."""
    account = link.ask(home(), "get", {"kind": "Account", "names": [name]})["items"][0]
    reference = str(account["spec"].get("key") or "")
    scheme, _, place = reference.partition(":")
    if scheme == "keychain":
        return reference
    if scheme == "env":
        raise InvalidInput(
            f"{name} takes its key from the variable {place}; set it where p42 is started, then "
            f"`p42 restart`. To have p42 keep it, declare key: keychain:p42/{name}"
        )
    if scheme == "file":
        raise InvalidInput(
            f"{name} takes its key from the file {place}; write it there and `chmod 600 {place}`. "
            f"To have p42 keep it, declare key: keychain:p42/{name}"
        )
    raise InvalidInput(f"{name} declares no key; add key: keychain:p42/{name} to its spec")


def _open_file_if_needed(store: str) -> None:
    """Before the key is asked for: one that was typed must not be lost to a wrong passphrase."""
    where = link.ask(home(), "keys.where", {}, timeout=ANSWER)
    file = store == "file" or where["chosen"] == "file"
    if (file or (where["exists"] and where["chosen"] == "auto")) and not where["unlocked"]:
        _unlock(where)


def _unlock(where: dict[str, Any]) -> None:
    passphrase = os.environ.get(PASSPHRASE) or _asked_passphrase(where)
    link.ask(home(), "keys.unlock", {"passphrase": passphrase}, timeout=ANSWER)


def _asked_passphrase(where: dict[str, Any]) -> str:
    if not terminal.can_ask():
        raise InvalidInput(
            f"{where['file']} needs its passphrase: set {PASSPHRASE}, or do this in a terminal"
        )
    if where["exists"]:
        return _typed(f"Passphrase of {where['file']}: ")
    first = _typed(f"New passphrase for {where['file']}: ")
    if _typed("The same once more: ") != first:
        raise InvalidInput("the two differ; nothing was stored")
    return first


def _secret(question: str) -> str:
    if terminal.is_terminal(sys.stdin):
        return _typed(question)
    data = sys.stdin.buffer.read(MAX_KEY + 1)
    if len(data) > MAX_KEY:
        raise InvalidInput("what came in is too long for a key; nothing was stored")
    try:
        return _given(data.decode())
    except UnicodeDecodeError:
        raise InvalidInput("what came in is no text; nothing was stored") from None


def _typed(question: str) -> str:
    try:
        return _given(getpass.getpass(question, stream=sys.stderr))
    except EOFError:
        raise InvalidInput("nothing was typed; nothing was stored") from None


def _given(text: str) -> str:
    if not text.strip():
        raise InvalidInput("what was given is empty; nothing was stored")
    return text.strip("\r\n")
