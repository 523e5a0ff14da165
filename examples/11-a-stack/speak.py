"""speak.py PORT LINE: what a Tekton client does: one line of JSON out, one line in."""

import socket
import sys

with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20) as line:
    line.sendall(sys.argv[2].encode() + b"\n")
    sys.stdout.write(line.makefile().readline())
