"""Redaction: no secret that was read leaves by a sink, in any form in which it may be repeated."""

from __future__ import annotations

import base64
import copy
import json
import logging
import pickle
import threading
from pathlib import Path
from urllib.parse import quote, quote_plus

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p42.model.secret import Secret
from p42.runtimes.daemonlog import daemon_log
from p42.stores.keys.redaction import MOST, SHORTEST, Redactor
from p42.wire.port42 import encode

KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FFF), min_size=12, max_size=60)
AROUND = st.text("ab :/=", max_size=9)


def known(*texts: str) -> Redactor:
    redactor = Redactor()
    redactor.add(*(Secret(text) for text in texts))
    return redactor


@settings(max_examples=150)
@given(key=KEYS, before=AROUND, after=AROUND)
def test_every_form_of_a_secret_is_taken_out(key: str, before: str, after: str) -> None:
    raw = key.encode("utf-8", "surrogatepass")
    whole = f"{before}{key}{after}"
    texts = [
        whole, json.dumps(whole), json.dumps({"a": json.dumps(whole)}), repr(whole), repr(raw),
        quote(key, safe=""), quote(key), quote_plus(key), quote(key, safe="").replace("%2F", "%2f"),
        raw.hex(), raw.hex().upper(), encode({"a": whole}).decode(),
        orjson.dumps({"a": whole}).decode(),
    ]  # fmt: skip
    cleaned = [known(key).clean(text) for text in texts]
    for form in (key, json.dumps(key)[1:-1], repr(key)[1:-1], raw.hex(), quote(key, safe="")):
        assert not any(form in text or form.upper() in text for text in cleaned if form != "***")


@settings(max_examples=150)
@given(key=KEYS, before=st.binary(max_size=8), after=st.binary(max_size=8))
def test_base64_of_a_text_around_a_secret_does_not_give_it_away(
    key: str, before: bytes, after: bytes
) -> None:
    raw = key.encode("utf-8", "surrogatepass")
    for encode_ in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode_(before + raw + after).decode()
        cleaned = known(key).clean(text)
        assert "***" in cleaned
        # At most the bits that share a character with a neighbour are left on each side.
        assert len(cleaned) - 3 <= len(text) - (len(raw) - 2) * 8 // 6


@settings(max_examples=100)
@given(key=KEYS, rest=st.dictionaries(st.text(max_size=4), st.text(max_size=9), max_size=3))
def test_a_reply_line_stays_json(key: str, rest: dict[str, str]) -> None:
    redactor = known(key)
    for said in (key, json.dumps(key)[1:-1], repr(key)[1:-1], quote(key), " ".join(key)):
        line = encode({**rest, "id": "t", "said": f"a {said} b"})
        assert redactor.finds(line)
        cleaned = redactor.clean_value(orjson.loads(line))
        assert cleaned["said"] == "a *** b"


def test_a_secret_shows_itself_to_nobody_who_does_not_ask() -> None:
    secret = Secret("canary")
    shown = [str(secret), repr(secret), f"{secret}", f"{secret!r}", "%s" % secret, str([secret])]  # noqa: UP031
    assert not any("canary" in text for text in shown)
    for dump in (json.dumps, orjson.dumps, pickle.dumps):
        with pytest.raises(TypeError):
            dump(secret)
    assert copy.deepcopy(secret) is secret
    assert secret == Secret("canary") != Secret("other")
    assert secret != "canary"
    with pytest.raises(ValueError, match="empty"):
        Secret("")


def test_what_is_too_short_for_a_key_does_not_maul_words() -> None:
    assert known("ollama", "none").clean("ollama has none") == "ollama has none"
    assert len("ollama") < SHORTEST


def test_the_longest_form_goes_first() -> None:
    assert known("canary-123", "canary-123456").clean("<canary-123456>") == "<***>"


def test_old_secrets_make_room_for_new_ones() -> None:
    redactor = known(*(f"canary-{number:06d}" for number in range(MOST + 1)))
    assert redactor.clean("canary-000000") == "canary-000000"
    assert redactor.clean(f"canary-{MOST:06d}") == "***"


def test_the_log_is_cleaned_tracebacks_threads_and_destructors_too(tmp_path: Path) -> None:
    class Falls:
        def __del__(self) -> None:
            raise RuntimeError("canary-in-destructor")

    def fail() -> None:
        raise RuntimeError("canary-in-thread")

    redactor = known("canary-in-trace", "canary-in-thread", "canary-in-destructor")
    with daemon_log(tmp_path, "info", clean=redactor.clean):
        try:
            raise ValueError("canary-in-trace")
        except ValueError:
            logging.getLogger("p42").exception("a key was %s", "canary-in-trace")
        thread = threading.Thread(target=fail, name="t")
        thread.start()
        thread.join()
        falls = Falls()
        del falls
    text = (tmp_path / "logs" / "daemon.log").read_text()
    assert "canary" not in text
    assert text.count("RuntimeError: ***") == 2
    assert "ValueError: ***" in text
