"""Installer: `install-deps.sh`, one script for every home: what commands need, on any system.

Its bytes depend on nothing: what is needed it reads from the headers of the forged commands, so
there is no list that could be out of date, and commands need not agree on who writes it.
"""

from __future__ import annotations

NAME = "install-deps.sh"
MODE = 0o755
MARK = b"# Made by p42;"  # one without it is somebody else's and is left alone

SCRIPT = r"""#!/usr/bin/env bash
# Installs the programs that commands need.
# Made by p42; what is changed here is put back.
#   install-deps.sh            what the commands in this home need and do not have
#   install-deps.sh NAME...    these
#   install-deps.sh --dry-run [NAME...]   only says what it would do
set -u

home="$(cd "$(dirname "$0")" && pwd)"
dry=""
if [ "${1:-}" = "--dry-run" ]; then dry=1; shift; fi

if [ $# -eq 0 ]; then
  # Every forged command lists its needs in its header.
  set -- $(head -n 8 "$home"/commands/* 2>/dev/null |
    sed -n -e 's/^# p42: needs //p' -e 's|^// p42: needs ||p' | tr ' ' '\n' | sort -u)
fi

for manager in brew apt-get dnf yum pacman zypper apk ""; do
  [ -z "$manager" ] || ! command -v "$manager" >/dev/null 2>&1 || break
done

# Programs whose package has another name.
package() {
  case "$1:$manager" in
    rg:*) echo ripgrep ;;
    fd:apt-get|fd:dnf|fd:yum) echo fd-find ;;
    ag:apt-get) echo silversearcher-ag ;;
    ag:*) echo the_silver_searcher ;;
    node:brew) echo node ;;
    node:*) echo nodejs ;;
    python3:brew|python3:pacman) echo python ;;
    pip:pacman|pip3:pacman) echo python-pip ;;
    pip:brew|pip3:brew) echo python ;;
    pip:apk|pip3:apk) echo py3-pip ;;
    pip:*|pip3:*) echo python3-pip ;;
    sed:brew) echo gnu-sed ;;
    awk:*) echo gawk ;;
    man:*) echo man-db ;;
    g++:dnf|g++:yum|g++:zypper) echo gcc-c++ ;;
    g++:brew|g++:pacman) echo gcc ;;
    dig:apt-get) echo dnsutils ;;
    dig:apk) echo bind-tools ;;
    dig:brew|dig:pacman) echo bind ;;
    dig:*) echo bind-utils ;;
    ps:apt-get|top:apt-get|pgrep:apt-get|pkill:apt-get|free:apt-get|watch:apt-get) echo procps ;;
    ps:dnf|top:dnf|pgrep:dnf|pkill:dnf|free:dnf|watch:dnf) echo procps-ng ;;
    ip:dnf|ss:dnf|ip:yum|ss:yum) echo iproute ;;
    ip:*|ss:*) echo iproute2 ;;
    ping:apt-get) echo iputils-ping ;;
    ping:*) echo iputils ;;
    nc:brew) echo netcat ;;
    nc:dnf|nc:yum) echo nmap-ncat ;;
    nc:pacman) echo openbsd-netcat ;;
    nc:*) echo netcat-openbsd ;;
    ssh:apt-get|scp:apt-get|ssh:apk|scp:apk) echo openssh-client ;;
    ssh:dnf|scp:dnf|ssh:yum|scp:yum) echo openssh-clients ;;
    ssh:*|scp:*) echo openssh ;;
    convert:dnf|convert:yum|magick:dnf|magick:yum|convert:zypper|magick:zypper) echo ImageMagick ;;
    convert:*|magick:*) echo imagemagick ;;
    pdftotext:brew|pdftotext:pacman|pdftoppm:brew|pdftoppm:pacman) echo poppler ;;
    pdftotext:zypper|pdftoppm:zypper) echo poppler-tools ;;
    pdftotext:*|pdftoppm:*) echo poppler-utils ;;
    xmllint:apt-get|xmllint:apk) echo libxml2-utils ;;
    xmllint:*) echo libxml2 ;;
    7z:apt-get) echo p7zip-full ;;
    7z:*) echo p7zip ;;
    sqlite3:apt-get|sqlite3:zypper) echo sqlite3 ;;
    sqlite3:*) echo sqlite ;;
    psql:apt-get|psql:apk) echo postgresql-client ;;
    psql:brew) echo libpq ;;
    psql:*) echo postgresql ;;
    gh:pacman|gh:apk) echo github-cli ;;
    aws:apk|aws:pacman) echo aws-cli ;;
    aws:*) echo awscli ;;
    http:*) echo httpie ;;
    docker:apt-get) echo docker.io ;;
    *) echo "$1" ;;
  esac
}

root=""
if [ "$manager" != brew ] && [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 && root="sudo"
fi

missing=""
for tool in "$@"; do
  case "$tool" in
    -*) echo "❌ $tool: not a program's name" >&2; exit 64 ;;
  esac
  if command -v "$tool" >/dev/null 2>&1; then
    echo "✅ $tool is already installed"
  else
    missing="$missing $tool"
  fi
done
[ -n "$missing" ] || exit 0

if [ -z "$manager" ]; then
  echo "❌ No package manager found (brew, apt-get, dnf, yum, pacman, zypper, apk)." >&2
  echo "   Install by hand:$missing" >&2
  exit 1
fi

failed=""
for tool in $missing; do
  name="$(package "$tool")"
  case "$manager" in
    brew)    set -- brew install "$name" ;;
    apt-get) set -- $root apt-get install -y --no-install-recommends "$name" ;;
    dnf|yum) set -- $root "$manager" install -y "$name" ;;
    pacman)  set -- $root pacman -S --noconfirm "$name" ;;
    zypper)  set -- $root zypper --non-interactive install "$name" ;;
    apk)     set -- $root apk add "$name" ;;
  esac
  echo "📦 $*"
  [ -n "$dry" ] && continue
  if ! { "$@" && command -v "$tool" >/dev/null 2>&1; }; then failed="$failed $tool"; fi
done
if [ -n "$failed" ]; then
  echo "❌ Not installed:$failed" >&2
  exit 1
fi
"""
