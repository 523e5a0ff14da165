"""SessionSearch: the turns that hold some words, best first, at a price that is known beforehand.

FTS5 ranks every match before it gives the first (`ORDER BY rank`), counts every turn of every word
to weigh it (bm25), and puts together every turn of every word that begins so before it looks at one
(`"wor"*`): a second where a million messages match. So the index is asked for rowids alone, the
latest first, which it reads off its lists one by one, and stops after `RANKED`. Those are weighed
among themselves, in a table in memory with the same tokens. How rare a word is counts for nothing
there: each of them holds them all.

A beginning of up to `tables.INDEXED` letters is a list of its own in the index. A longer one is
asked for as the words that begin so; where there are more than `ENDINGS` of them FTS5 puts them
together after all, which takes a third of a second where a million messages hold one (measured;
only numbers and ids are so many). Words that are all frequent and never stand together cost a walk
along their lists: some 15 ms each for a million entries.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from p42.model.errors import InvalidInput
from p42.model.session import Found, Hit
from p42.stores.sessions.rows import moment
from p42.stores.sessions.tables import AGENT, INDEXED, TOKENS
from p42.stores.sessions.words import joined, phrases

RANKED = 500  # matches; nobody reads further, and weighing so many takes some 10 ms
CHARACTERS = 1 << 19  # that are weighed, as `RANKED`: long messages are fewer (20 ms)
ENDINGS = 128  # words; to look each up takes 0.1 ms, and they are read side by side
MOST_WORDS = 100  # of one question; each is a list that is walked
LONGEST = 999  # letters of a beginning, in FTS5
# snippet() takes the square of how often a word stands in a text: 65,000 times "tea" took minutes.
PIECE = 1000  # characters of what it is shown at a time
SHOWN = 80  # characters, where what was found lies across two pieces
_Phrase = tuple[str, ...]

# temp: the connection's own, in memory, and never in anybody's file.
_TABLES = (
    f'CREATE VIRTUAL TABLE IF NOT EXISTS temp.said_now USING fts5(content, tokenize="{TOKENS}")',
    f'CREATE VIRTUAL TABLE IF NOT EXISTS temp.pieces USING fts5(content, tokenize="{TOKENS}")',
    "CREATE VIRTUAL TABLE IF NOT EXISTS temp.heard USING fts5vocab(temp, said_now, instance)",
    "CREATE VIRTUAL TABLE IF NOT EXISTS temp.vocabulary USING fts5vocab(main, words, instance)",
)
_HEAR = "INSERT INTO temp.said_now (rowid, content) VALUES (?, ?)"
_HEARD = "SELECT doc, term FROM temp.heard ORDER BY doc, offset"
_NEXT = "SELECT term FROM temp.vocabulary WHERE term >= ? ORDER BY term LIMIT 1"
_LATEST = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?"
_TEXT = "SELECT CASE spaced WHEN '' THEN content ELSE spaced END FROM turns WHERE key = ?"
_SCALES = 'CREATE VIRTUAL TABLE temp.weighed USING fts5(content, prefix={}, tokenize="{}")'
_WEIGH = "INSERT INTO temp.weighed (rowid, content) VALUES (?, ?)"
_BEST = """SELECT rowid FROM temp.weighed WHERE weighed MATCH ?
    ORDER BY bm25(weighed), rowid DESC LIMIT ?"""
_HIT = """SELECT t.session, s.agent, t.number, t.role, t.at, weighed.content,
        weighed.rowid
    FROM temp.weighed JOIN turns t ON t.key = weighed.rowid JOIN sessions s ON s.id = t.session
    WHERE weighed.rowid = ? AND ? IN ('', s.agent)"""
_CUT = "INSERT INTO temp.pieces (content) VALUES (?)"
_SIZE = "SELECT coalesce(max(rowid), 0) FROM temp.pieces"
_SNIPPET = """SELECT snippet(weighed, 0, char(2), char(3), '…', 12) FROM temp.weighed
    WHERE weighed MATCH ? AND rowid = ?"""
_EXCERPT = """SELECT snippet(pieces, 0, char(2), char(3), '…', 12) FROM temp.pieces
    WHERE pieces MATCH ? AND rowid > ? ORDER BY bm25(pieces), rowid LIMIT 1"""


def search(db: sqlite3.Connection, words: str, *, agent: str, limit: int) -> Found:
    """On a connection that is in no transaction, and is in none afterwards.

    InvalidInput for more than `MOST_WORDS`.
    """
    wanted = phrases(words)
    if len(wanted) > MOST_WORDS:
        raise InvalidInput(f"{len(wanted)} words are too many; search for {MOST_WORDS} at most")
    for statement in _TABLES:
        db.execute(statement)
    db.execute("BEGIN")  # one state of the file; and what is put into memory is taken back
    try:
        asked = _heard(db, wanted)
        return _found(db, asked, agent, max(0, min(limit, RANKED))) if asked else Found()
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _found(db: sqlite3.Connection, asked: Sequence[_Phrase], agent: str, limit: int) -> Found:
    question = _for_index(db, asked, agent)
    if not question or not limit:
        return Found()
    keys = [row[0] for row in db.execute(_LATEST, (question, RANKED + 1)).fetchall()]
    # 500 messages have thousands of words that begin with a letter: a list for those, here, too.
    db.execute(_SCALES.format(min(len(asked[-1][-1]), LONGEST), TOKENS))
    ranked = _weigh(db, keys[:RANKED], limit)
    among = " AND ".join(map(_quoted, asked)) + "*"
    best = db.execute(_BEST, (among, limit)).fetchall()
    rows = [row for key in best for row in db.execute(_HIT, (*key, agent)).fetchall()]
    excerpts = [_excerpt(db, asked, *row[-2:]) for row in rows]
    hits = tuple(
        Hit(each, of, number, role, moment(at), excerpt)
        for (each, of, number, role, at, *_), excerpt in zip(rows, excerpts, strict=True)
    )
    return Found(hits, ranked, more=len(keys) > ranked)


def _heard(db: sqlite3.Connection, wanted: Sequence[str]) -> Sequence[_Phrase]:
    """`wanted` as the index has its words: folded, without accents; what is none falls out."""
    db.executemany(_HEAR, enumerate(wanted))
    heard: dict[int, list[str]] = {}
    for number, term in db.execute(_HEARD).fetchall():
        heard.setdefault(number, []).append(term)
    return [tuple(heard[number]) for number in sorted(heard)]


def _for_index(db: sqlite3.Connection, asked: Sequence[_Phrase], agent: str) -> str:
    """What the index is asked; "" = no word begins like the last."""
    *whole, last = asked
    parts = [_quoted(phrase) for phrase in whole]
    endings = None if len(last[-1]) <= INDEXED else _endings(db, last[-1])
    if endings is None:
        parts.append(f"{_quoted(last)}*")
    elif endings:
        parts.append(" OR ".join(_quoted((*last[:-1], each)) for each in endings))
    else:
        return ""
    if agent:
        parts.append(f'"{AGENT}{agent.encode().hex()}"')
    return " AND ".join(f"({part})" for part in parts)


def _endings(db: sqlite3.Connection, start: str) -> Sequence[str] | None:
    """The words that begin with `start`; None = more than `ENDINGS`."""
    found, least = list[str](), start
    while len(found) <= ENDINGS:
        row = next(iter(db.execute(_NEXT, (least,)).fetchall()), None)
        if row is None or not row[0].startswith(start):
            return found
        found.append(row[0])
        least = f"{row[0]}\0"  # no word holds NUL: the next one
    return None


def _weigh(db: sqlite3.Connection, keys: Sequence[int], least: int) -> int:
    """Put the first of `keys` into memory, `least` of them whatever their length; how many."""
    spent = 0
    for number, key in enumerate(keys):
        if number >= least and spent > CHARACTERS:
            return number
        ((text,),) = db.execute(_TEXT, (key,)).fetchall()
        db.execute(_WEIGH, (key, text))
        spent += len(text)
    return len(keys)


def _excerpt(db: sqlite3.Connection, asked: Sequence[_Phrase], text: str, key: int) -> str:
    """The words of `text` about what was looked for."""
    if len(text) <= PIECE:
        among = " AND ".join(map(_quoted, asked)) + "*"
        found = db.execute(_SNIPPET, (among, key)).fetchone()
    else:
        first = db.execute(_SIZE).fetchone()[0]
        db.executemany(_CUT, ((text[at : at + PIECE],) for at in range(0, len(text), PIECE)))
        found = db.execute(_EXCERPT, (" OR ".join(map(_quoted, asked)) + "*", first)).fetchone()
    return joined(found[0] if found else text[:SHOWN])


def _quoted(phrase: _Phrase) -> str:
    return f'"{" ".join(phrase)}"'
