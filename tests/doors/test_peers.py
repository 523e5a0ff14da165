"""Whose program is at the other end."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import sys

import pytest

from p42.gateway.peers import may_enter, owner_in, owner_of_tcp, owner_of_unix, tells_tcp_owners

LINE = (
    b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
    b"   0: 0100007F:1092 00000000:0000 0A 0:0 0:0 0     0        0 5 1\n"
    b"   1: 0100007F:A2C4 0100007F:1092 01 0:0 0:0 0  1000        0 77 1\n"
    b"   2: 0100007F:A2C5 0100007F:1092 05 0:0 0:0 0     0        0 0 1\n"
)  # fmt: skip
HERE = ("127.0.0.1", 0x1092)
CONNECT = """
import encodings.idna, os, socket, sys
os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[2]))
door = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print("in", flush=True)
sys.stdin.read()
"""


def test_the_owner_stands_in_the_line_of_its_own_end() -> None:
    assert owner_in(LINE, ("127.0.0.1", 0xA2C4), HERE) == 1000
    assert owner_in(LINE, ("127.0.0.1", 0xA2C6), HERE) is None


def test_a_socket_its_owner_closed_is_nobodys_and_not_roots() -> None:
    assert owner_in(LINE, ("127.0.0.1", 0xA2C5), HERE) is None
    assert not may_enter(None)


def test_only_this_user_and_root_may_enter() -> None:
    assert may_enter(os.geteuid())
    assert may_enter(0)
    assert not may_enter(os.geteuid() + 1)


def test_the_system_tells_the_owner_of_a_unix_socket() -> None:
    here, there = socket.socketpair(socket.AF_UNIX)
    with here, there:
        assert owner_of_unix(here) == os.geteuid()


@pytest.mark.skipif(not tells_tcp_owners(), reason="no /proc/net/tcp: the owner cannot be told")
def test_the_system_tells_the_owner_of_a_tcp_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        with client, listener.accept()[0] as accepted:
            assert owner_of_tcp(accepted) == os.geteuid()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_of_this_machine_is_told_apart_on_tcp() -> None:
    nobody = pwd.getpwnam("nobody")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        argv = [sys.executable, "-c", CONNECT, port, str(nobody.pw_uid), str(nobody.pw_gid)]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            listener.settimeout(10)
            accepted, _ = listener.accept()
            with accepted:
                assert child.stdout.readline() == b"in\n"
                assert owner_of_tcp(accepted) == nobody.pw_uid
                assert not may_enter(owner_of_tcp(accepted)) or os.geteuid() == nobody.pw_uid
            child.communicate()
