"""Installer: `install-deps.sh`, one script for every home: what commands need, on any system."""

from __future__ import annotations

NAME = "install-deps.sh"
MODE = 0o755

SCRIPT = r"""#!/usr/bin/env bash
# Installs the programs that commands need. Made by p42; what is changed here is put back.
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
    sed -n 's/^\(#\|\/\/\) p42: needs //p' | tr ' ' '\n' | sort -u)
fi

for manager in brew apt-get dnf yum pacman zypper apk ""; do
  [ -z "$manager" ] || ! command -v "$manager" >/dev/null 2>&1 || break
done

# Programs whose package has another name, by package manager.
package() {
  case "$manager:$1" in
    apt-get:rg|dnf:rg|yum:rg|pacman:rg|brew:rg|apk:rg|zypper:rg) echo ripgrep ;;
    apt-get:fd) echo fd-find ;;
    *:node) [ "$manager" = brew ] && echo node || echo nodejs ;;
    *:python3) [ "$manager" = pacman ] && echo python || echo python3 ;;
    brew:awk|brew:sed|brew:grep) echo "g$1" ;;
    *:awk) echo gawk ;;
    *:man) [ "$manager" = brew ] && echo man-db || echo man-db ;;
    apt-get:dig) echo dnsutils ;;
    apt-get:ps|apt-get:top|apt-get:pgrep) echo procps ;;
    apt-get:ip|apt-get:ss) echo iproute2 ;;
    apt-get:nc) echo netcat-openbsd ;;
    *:convert) echo imagemagick ;;
    *) echo "$1" ;;
  esac
}

root=""
if [ "$manager" != brew ] && [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 && root="sudo"
fi

missing=""
for tool in "$@"; do
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
  "$@" && command -v "$tool" >/dev/null 2>&1 || failed="$failed $tool"
done
if [ -n "$failed" ]; then
  echo "❌ Not installed:$failed" >&2
  exit 1
fi
"""
