"""The meter's tables: what is read from them and written to them, as SQL."""

from __future__ import annotations

RESERVATIONS = """SELECT request, at, account, agent, model, input, output, worst, seal
    FROM reservations"""
SPENDINGS = "SELECT account, month, spent, seal FROM spendings"
WINDOWS = "SELECT account, body, seal FROM windows"
CHAIN = "SELECT id, base, base_hash, number, hash, seal FROM chain"
# In the order of `Call`. NOT INDEXED: an index that is damaged must not hide a call.
CALLS = """SELECT number, at, request, account, agent, model, input, output, cached, stored, cost,
    latency, vendor, outcome, hash FROM calls NOT INDEXED"""
LAST_CALLS = f"{CALLS} ORDER BY number DESC LIMIT ?"
COSTS = "SELECT account, at, cost FROM calls NOT INDEXED WHERE cost > 0"
HAS_CALL = "SELECT 1 FROM calls WHERE number = ? AND hash = ?"
# What failed or was cancelled before it cost anything may be asked again under the same id. A
# request was billed too when one of its later tries was: `REQUEST#2` and on ('$' follows '#').
KNOWN = """SELECT asked.value, sum(coalesce(cost, 0)) FROM json_each(?) AS asked
    JOIN calls ON request = asked.value
        OR (request > asked.value || '#' AND request < asked.value || '$')
    WHERE outcome NOT IN ('failed', 'cancelled', 'failed-estimated', 'cancelled-estimated')
        OR cost > 0 GROUP BY asked.value"""

PUT_RESERVATION = """INSERT OR REPLACE INTO reservations
    (request, at, account, agent, model, input, output, worst, seal)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
DROP_RESERVATION = "DELETE FROM reservations WHERE request = ?"
PUT_CALL = """INSERT OR REPLACE INTO calls
    (number, at, request, account, agent, model, input, output, cached, stored, cost,
    latency, vendor, outcome, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
PUT_SPENDING = """INSERT OR REPLACE INTO spendings (account, month, spent, seal)
    VALUES (?, ?, ?, ?)"""
PUT_WINDOW = "INSERT OR REPLACE INTO windows (account, body, seal) VALUES (?, ?, ?)"
PUT_CHAIN = """INSERT OR REPLACE INTO chain (id, base, base_hash, number, hash, seal)
    VALUES (?, ?, ?, ?, ?, ?)"""
EMPTY = ("DELETE FROM reservations", "DELETE FROM spendings", "DELETE FROM windows")
EMPTY_CALLS = "DELETE FROM calls"
DROP_CALLS_AFTER = "DELETE FROM calls WHERE number > ?"

# The last two: how many calls nobody counted, and what those are billed as.
SUMMED = """SELECT account, agent, model, date(at / 1000, 'unixepoch') AS day, count(*),
    sum(input), sum(output), sum(cached), sum(coalesce(cost, 0)), sum(cost IS NULL),
    sum(guessed), sum(guessed * coalesce(cost, 0))
    FROM (SELECT *, outcome = 'unknown' OR outcome GLOB '*-estimated' AS guessed
        FROM calls NOT INDEXED) WHERE at >= ? AND at < ?
    GROUP BY account, agent, model, day ORDER BY account, agent, model, day"""
TOTALS = """SELECT account, strftime('%Y-%m', at / 1000, 'unixepoch'), sum(cost)
    FROM calls NOT INDEXED WHERE cost > 0 GROUP BY 1, 2"""
SPAN = "SELECT min(number), max(number) FROM calls NOT INDEXED WHERE at >= ? AND at < ?"
EXPORTED = f"{CALLS} WHERE number BETWEEN ? AND ? ORDER BY number"
IN_ORDER = f"{CALLS} ORDER BY number"
HASH_OF = "SELECT hash FROM calls NOT INDEXED WHERE number = ?"
ANY_CALL = "SELECT 1 FROM calls LIMIT 1"
HAS_TABLES = "SELECT 1 FROM sqlite_schema WHERE name = 'chain'"
