"""SessionTables: the tables of sessions.db, as numbered steps that only go forward.

A step once released is never edited: a file out there has already taken it. Each runs in one
transaction with its number (`user_version`). Steps may use `p42_spaced` and `p42_moment`.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from p42.model.errors import InvalidInput
from p42.stores.sessions.rows import moment
from p42.stores.sessions.words import spaced

APPLICATION_ID = 0x70343254  # "p42T"
TOKENS = "unicode61 remove_diacritics 2 categories 'L* N* Co So Cn'"
INDEXED = 5  # letters at most of a beginning that has a list: 20 MB each for a million messages
AGENT = "\U0010fffd"  # begins the word that stands for an agent; in a question it is no letter

_log = logging.getLogger("p42.sessions")


def _said(row: str, agent: str) -> str:
    """SQL of what the index takes in of a row of turns: its text, and the word for `agent`."""
    text = f"CASE {row}.spaced WHEN '' THEN {row}.content ELSE {row}.spaced END"
    return f"{text} || char(31, {ord(AGENT)}) || hex({agent})"


_OF_TURN, _OF_NEW, _OF_OLD = (
    f"(SELECT agent FROM sessions WHERE id = {row}.session)"  # noqa: S608 - constants
    for row in ("turns", "new", "old")
)

STEPS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE sessions (
            id TEXT PRIMARY KEY, agent TEXT NOT NULL, created REAL NOT NULL, last REAL NOT NULL,
            messages INTEGER NOT NULL DEFAULT 0, ended INTEGER NOT NULL DEFAULT 0,
            archived INTEGER NOT NULL DEFAULT 0, model TEXT NOT NULL DEFAULT '',
            title TEXT NOT NULL DEFAULT '', command TEXT NOT NULL DEFAULT '',
            summary TEXT NOT NULL DEFAULT '', summarized INTEGER NOT NULL DEFAULT 0)""",
        "CREATE INDEX sessions_by_last ON sessions (archived, last)",
        "CREATE INDEX sessions_by_agent ON sessions (agent, last)",
        """CREATE TABLE turns (
            key INTEGER PRIMARY KEY, session TEXT NOT NULL, number INTEGER NOT NULL,
            role TEXT NOT NULL, content TEXT NOT NULL, at REAL NOT NULL,
            cut INTEGER NOT NULL DEFAULT 0, more TEXT NOT NULL DEFAULT '',
            UNIQUE (session, number))""",
        """CREATE VIRTUAL TABLE words USING fts5(
            content, content='turns', content_rowid='key',
            tokenize='unicode61 remove_diacritics 2')""",
        """CREATE TRIGGER turns_in AFTER INSERT ON turns BEGIN
            INSERT INTO words (rowid, content) VALUES (new.key, new.content); END""",
        """CREATE TRIGGER turns_out AFTER DELETE ON turns BEGIN
            INSERT INTO words (words, rowid, content) VALUES ('delete', old.key, old.content);
            END""",
        # What is being said just now; left behind by a crash it becomes a cut turn.
        """CREATE TABLE speaking (
            session TEXT PRIMARY KEY, content TEXT NOT NULL, at REAL NOT NULL) WITHOUT ROWID""",
    ),
    ("ALTER TABLE sessions ADD COLUMN vendor TEXT NOT NULL DEFAULT ''",),
    (
        # Which file of memory/sessions is a conversation's, and which others stand there.
        "ALTER TABLE sessions ADD COLUMN file TEXT NOT NULL DEFAULT ''",
        "CREATE INDEX sessions_by_file ON sessions (file) WHERE file <> ''",
        """CREATE TABLE strays (
            path TEXT PRIMARY KEY, session TEXT NOT NULL, mark TEXT NOT NULL) WITHOUT ROWID""",
        "CREATE INDEX strays_by_session ON strays (session)",
        "CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        "INSERT INTO notes SELECT 'memory', 'before' WHERE EXISTS (SELECT 1 FROM sessions)",
        "ALTER TABLE sessions ADD COLUMN answered TEXT NOT NULL DEFAULT ''",
        "CREATE INDEX sessions_by_time ON sessions (last)",
        "CREATE INDEX sessions_forged ON sessions (id) WHERE command <> ''",
        # Times that were let in, in other units or none.
        """UPDATE sessions SET created = p42_moment(created), last = p42_moment(last)
            WHERE created NOT BETWEEN 0 AND 253402300799
            OR last NOT BETWEEN 0 AND 253402300799""",
        "UPDATE sessions SET summarized = 0 WHERE summarized > messages",
        "UPDATE turns SET at = p42_moment(at) WHERE at NOT BETWEEN 0 AND 253402300799",
        # Signs are words of their own: see sessionwords.
        "ALTER TABLE turns ADD COLUMN spaced TEXT NOT NULL DEFAULT ''",
        "DROP TRIGGER turns_in",
        "DROP TRIGGER turns_out",
        "DROP TABLE words",
        """UPDATE turns SET spaced = p42_spaced(content)
            WHERE length(CAST(content AS BLOB)) > length(content)""",
        """CREATE VIEW said AS
            SELECT key, CASE spaced WHEN '' THEN content ELSE spaced END AS content FROM turns""",
        """CREATE VIRTUAL TABLE words USING fts5(
            content, content='said', content_rowid='key',
            tokenize="unicode61 remove_diacritics 2 categories 'L* N* Co So Cn'")""",
        "INSERT INTO words (words) VALUES ('rebuild')",
        """CREATE TRIGGER turns_in AFTER INSERT ON turns BEGIN
            INSERT INTO words (rowid, content) VALUES
            (new.key, CASE new.spaced WHEN '' THEN new.content ELSE new.spaced END); END""",
        """CREATE TRIGGER turns_out AFTER DELETE ON turns BEGIN
            INSERT INTO words (words, rowid, content) VALUES ('delete', old.key,
            CASE old.spaced WHEN '' THEN old.content ELSE old.spaced END); END""",
    ),
    (
        # Beginnings have lists of their own, and whose a turn is stands beside its words: so a
        # search reads the latest of anything, off one list.
        "DROP TRIGGER turns_in",
        "DROP TRIGGER turns_out",
        "DROP TABLE words",
        "DROP VIEW said",
        f"""CREATE VIEW said AS SELECT key, {_said("turns", _OF_TURN)} AS content FROM turns""",  # noqa: S608
        f"""CREATE VIRTUAL TABLE words USING fts5(
            content, content='said', content_rowid='key', prefix='1 2 3 4 5',
            tokenize="{TOKENS}")""",
        "INSERT INTO words (words) VALUES ('rebuild')",
        f"""CREATE TRIGGER turns_in AFTER INSERT ON turns BEGIN
            INSERT INTO words (rowid, content) VALUES (new.key, {_said("new", _OF_NEW)}); END""",  # noqa: S608
        f"""CREATE TRIGGER turns_out AFTER DELETE ON turns BEGIN
            INSERT INTO words (words, rowid, content)
            VALUES ('delete', old.key, {_said("old", _OF_OLD)}); END""",  # noqa: S608
        f"""CREATE TRIGGER another_agent AFTER UPDATE OF agent ON sessions
            WHEN old.agent <> new.agent BEGIN
            INSERT INTO words (words, rowid, content)
            SELECT 'delete', key, {_said("turns", "old.agent")} FROM turns WHERE session = old.id;
            INSERT INTO words (rowid, content)
            SELECT key, {_said("turns", "new.agent")} FROM turns WHERE session = new.id; END""",  # noqa: S608
    ),
)


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Take every step that is missing. InvalidInput for a file that a newer p42 wrote."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(STEPS):
        raise InvalidInput(f"{path} was written by a newer p42; use that one, or move it away")
    connection.create_function("p42_spaced", 1, spaced, deterministic=True)
    connection.create_function("p42_moment", 1, moment, deterministic=True)
    if 0 < version < len(STEPS):
        _log.info("%s is brought up to date; a million messages take half a minute, once", path)
    for number, step in enumerate(STEPS[version:], version + 1):
        connection.execute("BEGIN IMMEDIATE")
        for statement in step:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
