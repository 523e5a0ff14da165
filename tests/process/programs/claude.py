"""A program that speaks as the claude CLI does, without a model. What it does, the prompt says.

say TEXT | tool | think | fork | hang | silent | die | garbage | flood | fail TEXT | api STATUS |
env NAME
Its transcripts stand under $HOME, so it knows the ids it gave, and no others.
"""

import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

ARGS = sys.argv[1:]


def option(name):
    return ARGS[ARGS.index(name) + 1] if name in ARGS else ""


def tell(**body):
    print(json.dumps(body), flush=True)


def text(words):
    tell(type="assistant", message={"id": "m", "content": [{"type": "text", "text": words}]})


def end(result="", **more):
    tell(type="result", subtype="success", result=result, session_id=SESSION,
         usage={"input_tokens": 7, "output_tokens": 3}, total_cost_usd=0.5, **more)  # fmt: skip


def streamed(words):
    tell(type="stream_event", event={"type": "message_start", "message": {"id": "m"}})
    block("text", words)


def block(kind, *pieces):
    start = {"type": "content_block_start", "content_block": {"type": kind, kind: ""}}
    tell(type="stream_event", event=start)
    for piece in pieces:
        delta = {"type": f"{kind}_delta", kind: piece}
        tell(type="stream_event", event={"type": "content_block_delta", "delta": delta})


PROMPT = ARGS[ARGS.index("--") + 1] if "--" in ARGS else sys.stdin.read()
RESUME = option("--resume")
SESSION = RESUME or str(uuid.uuid4())
FILE = Path(os.environ["HOME"], "transcripts", SESSION)
FILE.parent.mkdir(exist_ok=True)
if RESUME and not FILE.exists():
    why = [f"No conversation found with session ID: {RESUME}"]
    tell(type="result", subtype="error_during_execution", is_error=True, errors=why)
    sys.exit(1)
WORD, _, REST = PROMPT.partition(" ")
if WORD == "silent":
    time.sleep(600)
tell(type="system", subtype="init", session_id=SESSION, model=option("--model") or "own")
with FILE.open("a") as transcript:
    transcript.write(PROMPT[:100] + "\n")
match WORD:
    case "say":
        streamed(REST)
        text(REST)
        end(REST)
    case "args":
        end(json.dumps(ARGS))
    case "env":
        end(json.dumps({name: os.environ.get(name) for name in REST.split()} if REST
                       else dict(os.environ)))  # fmt: skip
    case "history":
        end("; ".join(FILE.read_text().splitlines()))
    case "size":
        end(str(len(PROMPT)))
    case "mcp":
        path = Path(option("--mcp-config"))
        end(json.dumps([oct(path.stat().st_mode & 0o777), json.loads(path.read_text())]))
    case "tool":
        call = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}}
        text("Let me look.")
        tell(type="assistant", message={"content": [{"type": "thinking", "thinking": "hm"}, call]})
        result = {"type": "tool_result", "tool_use_id": "t1", "content": "a b", "is_error": False}
        tell(type="user", message={"content": [result]})
        text("Two files.")
        end("Two files.")
    case "think":
        tell(type="stream_event", event={"type": "message_start", "message": {"id": "m"}})
        block("thinking", "Is it ", "five?")
        thought = [{"type": "thinking", "thinking": "Is it five?", "signature": "x"},
                   {"type": "redacted_thinking", "data": "x"}]  # fmt: skip
        tell(type="assistant", message={"id": "m", "content": thought})
        block("text", "Four.")
        text("Four.")
        end("Four.")
    case "fork":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                                 start_new_session=REST == "away")  # fmt: skip
        streamed(f"{os.getpid()} {child.pid}")
        time.sleep(600)
    case "hang":
        streamed("half of")
        time.sleep(600)
    case "die":
        streamed("half of")
        print("something broke", file=sys.stderr)
        sys.exit(3)
    case "early":
        print("nothing works: key is " + os.environ.get("ANTHROPIC_API_KEY", ""), file=sys.stderr)
        sys.exit(1)
    case "garbage":
        sys.stdout.buffer.write(b"\xff\xfe{not json\n[]\n12\n\n" + b"{" * 100_000 + b"\n")
        sys.stdout.buffer.flush()
        tell(type="from the future", body=[1])
        text("whole")
        end("whole")
    case "flood":
        while True:
            text("x" * 1000)
    case "fail":
        end("", is_error=True, errors=[REST])
    case "api":
        end(f"API Error: {REST} no", is_error=True, api_error_status=int(REST))
    case "write":
        try:
            Path(REST).write_text("x")
            end("written")
        except OSError as error:
            end(f"refused: {error.strerror}")
    case "rename":
        try:
            Path(REST.split()[0]).rename(REST.split()[1])
            end("renamed")
        except OSError as error:
            end(f"refused: {error.strerror}")
    case "shell":
        done = subprocess.run(REST, shell=True, capture_output=True, text=True)
        end(done.stdout + done.stderr or "done")
    case "read":
        try:
            end(Path(REST).read_text())
        except OSError as error:
            end(f"refused: {error.strerror}")
