"""Whose program is at the other end."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import sys

import pytest

from p42.gateway.peers import may_enter, owner_of_unix
from p42.keeper.peer import tells_owners, uid_of_peer

CONNECT = """
import encodings.idna, os, socket, sys
os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[2]))
door = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print("in", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not tells_owners(), reason="the owner of a socket cannot be told here")
def test_a_socket_its_owner_closed_is_nobodys_and_not_roots() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        socket.create_connection(listener.getsockname()).close()
        with listener.accept()[0] as accepted:
            assert uid_of_peer(accepted) is None
    assert not may_enter(None)


def test_only_this_user_and_root_may_enter() -> None:
    assert may_enter(os.geteuid())
    assert may_enter(0)
    assert not may_enter(os.geteuid() + 1)


def test_the_system_tells_the_owner_of_a_unix_socket() -> None:
    here, there = socket.socketpair(socket.AF_UNIX)
    with here, there:
        assert owner_of_unix(here) == os.geteuid()


@pytest.mark.skipif(not tells_owners(), reason="the owner of a socket cannot be told here")
def test_the_system_tells_the_owner_of_a_tcp_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        with client, listener.accept()[0] as accepted:
            assert uid_of_peer(accepted) == os.geteuid()


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
                assert uid_of_peer(accepted) == nobody.pw_uid
                assert not may_enter(uid_of_peer(accepted)) or os.geteuid() == nobody.pw_uid
            child.communicate()
