"""Schema: the tables of state.db, as numbered steps that only go forward.

A step once released is never edited: a database out there has already taken it. Each step runs in
one transaction with its number (`user_version`), so a crash leaves the old version or the new.

`seal` is a digest of the row's other columns (`rows.sealed`): `quick_check` finds a damaged tree,
not a byte that changed inside a value. WITHOUT ROWID: no second tree that could disagree.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from p42.stores.state.unlinked import unlink

APPLICATION_ID = 0x70343253  # "p42S": tells our file from any other SQLite file at that path

STEPS: tuple[tuple[str | Callable[[sqlite3.Connection], None], ...], ...] = (
    (
        """CREATE TABLE sources (
            path TEXT PRIMARY KEY, position INTEGER NOT NULL, seal TEXT NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE ledger (
            kind TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, seal TEXT NOT NULL,
            PRIMARY KEY (kind, name)) WITHOUT ROWID""",
        """CREATE TABLE registry (
            kind TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, facts TEXT NOT NULL,
            seal TEXT NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID""",
        """CREATE TABLE works (
            id TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, position INTEGER NOT NULL,
            ok INTEGER NOT NULL, detail TEXT NOT NULL, result BLOB NOT NULL,
            seal TEXT NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE events (
            id INTEGER PRIMARY KEY, kind TEXT, name TEXT, reason TEXT NOT NULL,
            message TEXT NOT NULL, warning INTEGER NOT NULL, count INTEGER NOT NULL,
            first REAL NOT NULL, last REAL NOT NULL)""",
    ),
    (
        """CREATE TABLE leases (
            kind TEXT NOT NULL, name TEXT NOT NULL, port INTEGER NOT NULL, wish TEXT NOT NULL,
            token TEXT NOT NULL, seal TEXT NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE tokens (
            id TEXT PRIMARY KEY, digest TEXT NOT NULL, facts TEXT NOT NULL,
            seal TEXT NOT NULL) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE reservations (
            request TEXT PRIMARY KEY, at INTEGER NOT NULL, account TEXT NOT NULL,
            agent TEXT NOT NULL, model TEXT NOT NULL, input INTEGER NOT NULL,
            output INTEGER NOT NULL, worst INTEGER, seal TEXT NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE spendings (
            account TEXT NOT NULL, month TEXT NOT NULL, spent INTEGER NOT NULL,
            seal TEXT NOT NULL, PRIMARY KEY (account, month)) WITHOUT ROWID""",
        """CREATE TABLE windows (
            account TEXT PRIMARY KEY, body TEXT NOT NULL, seal TEXT NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE calls (
            number INTEGER PRIMARY KEY, at INTEGER NOT NULL, request TEXT NOT NULL,
            account TEXT NOT NULL, agent TEXT NOT NULL, model TEXT NOT NULL,
            input INTEGER NOT NULL, output INTEGER NOT NULL, cached INTEGER NOT NULL,
            stored INTEGER NOT NULL, cost INTEGER, latency INTEGER NOT NULL,
            vendor TEXT NOT NULL, outcome TEXT NOT NULL, hash TEXT NOT NULL)""",
        "CREATE INDEX calls_by_request ON calls (request)",
        """CREATE TABLE chain (
            id INTEGER PRIMARY KEY CHECK (id = 1), base INTEGER NOT NULL, base_hash TEXT NOT NULL,
            number INTEGER NOT NULL, hash TEXT NOT NULL, seal TEXT NOT NULL)""",
    ),
    (
        """CREATE TABLE forwards (
            kind TEXT NOT NULL, name TEXT NOT NULL, target TEXT NOT NULL, seal TEXT NOT NULL,
            PRIMARY KEY (kind, name)) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE approvals (
            kind TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, seal TEXT NOT NULL,
            PRIMARY KEY (kind, name)) WITHOUT ROWID""",
        """CREATE TABLE pins (
            path TEXT NOT NULL, owner TEXT NOT NULL, seal TEXT NOT NULL,
            PRIMARY KEY (path, owner)) WITHOUT ROWID""",
    ),
    (unlink,),
)
VERSION = len(STEPS)


def version_of(connection: sqlite3.Connection) -> int:
    """The version the database is at; 0 = nothing in it yet."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection) -> None:
    """Take every step that is missing. Assumes autocommit mode and a version not above ours."""
    for version in range(version_of(connection) + 1, VERSION + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for step in STEPS[version - 1]:
                if callable(step):
                    step(connection)
                else:
                    connection.execute(step)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {version}")
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
