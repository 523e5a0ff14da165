"""Doorstep: the last of p42 inside a sandbox: it says that it is there, and becomes the program.

Handed to an interpreter as text, for no file of p42's is in there:

    python -I -S -c TEXT CHANNEL STDERR MASK COUNT [PATH SEEN]... PROGRAM ARG...

It looks first whether at each of COUNT paths is what was granted there (`sights.py`).

Who reads the channel is told our number by the kernel (unix(7), SO_PASSCRED), and answers when what
was signalled meanwhile has been passed on. Until then all signals but MASK are let through by
nobody: bubblewrap, which holds them back for good, would die of a Ctrl-C that the program handles.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # `signal` makes enumerations of it: 4 ms
import os
import sys


def main(words: list[str]) -> None:
    """Become the program. Exits with 126 or 127, as a shell would, where that cannot be."""
    channel, stderr, count = int(words[0]), int(words[1]), 2 * int(words[3])
    for path, seen in zip(words[4 : 4 + count : 2], words[5 : 4 + count : 2], strict=True):
        found = os.stat(path)  # noqa: PTH116
        if f"{found.st_dev}:{found.st_ino}" != seen:
            os.write(2, f"{path}: it is not what was granted: a link was laid on the way".encode())
            os._exit(126)
    os.write(channel, b"!")
    os.read(channel, 1)
    os.close(channel)
    os.dup2(stderr, 2)
    os.close(stderr)
    # What Python has changed, no more: what the caller ignores stays ignored (nohup).
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)
    if callable(_signal.getsignal(_signal.SIGINT)):
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    _signal.pthread_sigmask(
        _signal.SIG_SETMASK, [int(each) for each in words[2].split(",") if each]
    )
    program = words[4 + count :]
    try:
        os.execvp(program[0], program)  # noqa: S606 - that is what it is for
    except OSError as error:
        os.write(
            2, f"p42: {program[0]}: {error.strerror}, in the sandbox\n".encode(errors="replace")
        )
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


if __name__ == "__main__":
    main(sys.argv[1:])
