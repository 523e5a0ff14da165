"""Program: read the wish, load the model, serve, and end with standard input.

The wish is one line: {"key", "models": directory, "slots", "threads", "context"}. The answer is one
line, by `state`: {"state": "ready", "port"} | {"state": "missing", "package"} |
{"state": "broken", "text"} | {"state": "unloaded", "text"} | {"state": "damaged", "text"} |
{"state": "fault", "errno", "place"}.

llama.cpp serves by threads of its own, so the main thread has nothing to do but to wait. It listens
on a loopback port that the kernel draws and asks everyone for the key, but for `/health`.
"""

from __future__ import annotations

import ctypes
import json
import os
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from p42.localserver import gguf

NAME = "gemma-3-270m"  # what it is called to those who ask it
LONGEST = 65536  # bytes of a wish
BATCH = 512  # tokens read at once: half of llama.cpp's memory for it, and no slower on few cores
# Without it the model may say the same line until its tokens run out; more, and it strays.
REPEAT_PENALTY = 1.1
# Where the asker names no stop word. It goes on with the next turn of the user, and there it ends.
STOPS = ("\nUser:", "\nAssistant:")
MOST_TOKENS = 1024  # where the asker names no limit: it sometimes counts for ever
_PR_SET_DUMPABLE = 4

Json = dict[str, Any]


def main() -> NoReturn:
    """Serve until standard input ends; 1 when it cannot."""
    _undumpable()
    reports = os.dup(1)
    os.dup2(2, 1)  # what a library prints is not for our reader
    wish = json.loads(_line())
    server, report = _begun(wish)
    os.write(reports, json.dumps(report).encode() + b"\n")
    if server is None:
        os._exit(1)
    while os.read(0, LONGEST):
        pass
    os._exit(0)  # nobody is left to hear the rest of an answer; taking llama.cpp down takes seconds


def _begun(wish: Json) -> tuple[Any, Json]:
    """The server, kept alive by being held, and what to say; None where there is none."""
    try:
        llama: Any = import_module("xllamacpp")
        model = gguf.whole(Path(wish["models"]))
        server = llama.Server(_params(llama, model, wish))
    except ModuleNotFoundError as error:
        return None, {"state": "missing", "package": error.name or str(error)}
    except (ImportError, AttributeError, TypeError) as error:  # no binary for it, or another API
        return None, {"state": "broken", "text": str(error)}
    except RuntimeError as error:
        return None, {"state": "unloaded", "text": str(error)}
    except gguf.Damaged as error:
        return None, {"state": "damaged", "text": str(error)}
    except OSError as error:
        place = error.filename or wish["models"]
        return None, {"state": "fault", "errno": error.errno, "place": str(place)}
    return server, {"state": "ready", "port": urlsplit(server.listening_address).port}


def _params(llama: Any, model: Path, wish: Json) -> Any:
    params = llama.CommonParams()
    params.model.path, params.model_alias = str(model), {NAME}
    params.chat_template, params.use_jinja = (
        Path(__file__).with_name("turns.jinja").read_text(),
        True,
    )
    params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [wish["key"]]
    # llama.cpp divides its context among the slots.
    params.n_parallel, params.n_ctx = wish["slots"], wish["slots"] * wish["context"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = wish["threads"]
    params.n_batch = params.n_ubatch = BATCH
    params.n_threads_http = wish["slots"] + 4  # its default is one for each core
    params.fit_params = False  # it would load the model twice, to see what a graphics card holds
    params.sampling.penalty_repeat = REPEAT_PENALTY
    params.antiprompt, params.n_predict = list(STOPS), MOST_TOKENS
    # No page, no list of prompts, and no page of elsewhere may read an answer.
    params.ui, params.endpoint_slots, params.endpoint_props = False, False, False
    params.cors_origins, params.cors_credentials = "null-origin", False
    # Old prompts are not kept: 8 GiB of them by default.
    params.cache_ram_mib, params.n_ctx_checkpoints = 0, 2
    params.verbosity = 1  # errors
    return params


def _line() -> bytes:
    """The first line of standard input, or what there is when it ends before."""
    data = b""
    while not data.endswith(b"\n") and len(data) < LONGEST:
        more = os.read(0, LONGEST)
        if not more:
            break
        data += more
    return data


def _undumpable() -> None:
    """Before the key is here: no core dump, and nobody of this user reads our memory (prctl(2))."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


if __name__ == "__main__":
    main()
