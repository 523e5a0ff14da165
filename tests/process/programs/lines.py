"""A program that reads lines and writes lines. What it does, the line says."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

history = [sys.stdin.readline() for _ in range(int(os.environ.get("P42_HISTORY", "0")))]


def model(text: str) -> str:
    """What a model says, asked at the door that p42 told of."""
    body = {"model": os.environ["P42_MODEL"], "max_tokens": 50,
            "messages": [{"role": "user", "content": text}]}  # fmt: skip
    headers = {"content-type": "application/json", "x-api-key": os.environ["ANTHROPIC_API_KEY"],
               "anthropic-version": "2023-06-01"}  # fmt: skip
    url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(json.load(answer)["content"][0]["text"])


for count, line in enumerate(sys.stdin, 1):
    word, _, rest = line.rstrip("\n").partition(" ")
    match word:
        case "history":
            print("".join(history) or "none", end="", flush=True)
        case "model":
            print(model(rest), flush=True)
        case "servers":
            print(Path(os.environ["P42_MCP_CONFIG"]).read_text(), flush=True)
        case "count":
            print(count, flush=True)
        case "many":
            print("one\n\ntwo\nthree", flush=True)
        case "raw":
            print(line, end="", flush=True)
        case "env":
            print(os.environ.get(rest, "none"), flush=True)
        case "slow":
            for number in range(3):
                print(number, flush=True)
                time.sleep(float(rest))
            print("\x04", flush=True)
        case "marked":
            print("first\n\x04", flush=True)
        case "prompt":
            print("no line end", end="", flush=True)
        case "late":
            print("early", flush=True)
            time.sleep(1)
            print("late", flush=True)
        case "pid":
            print(os.getpid(), flush=True)
        case "fork":
            child = subprocess.Popen(["sleep", "600"])
            print(os.getpid(), child.pid, flush=True)
        case "hang":
            time.sleep(600)
        case "flood":
            while True:
                print("y" * 1000)
        case "long":
            sys.stdout.write("z" * (3 << 20))
            sys.stdout.flush()
            time.sleep(600)
        case "bye":
            print("bye", flush=True)
            sys.exit(0)
        case "die":
            print("aa", flush=True)
            print("it broke", file=sys.stderr)
            sys.exit(2)
        case "warn":
            print("a warning", file=sys.stderr, flush=True)
            print("warned", flush=True)
        case "empty":
            print(rest, file=sys.stderr, flush=True)
            print("\x04", flush=True)
        case "blank":
            print(flush=True)
        case "quit":
            sys.exit(3)
        case "mute":
            print("I cannot", file=sys.stderr)
            sys.exit(1)
        case "binary":
            sys.stdout.buffer.write(b"\xff\xfe ok\r\n")
            sys.stdout.flush()
        case _:
            print(f"you said: {line.strip()}", flush=True)
