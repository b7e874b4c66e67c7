#!/usr/bin/env bash
# venv.sh BUILD [LIST]: makes BUILD/venv, a Python environment with the packages of tests/venv.txt, once for each
# version of that list and of Python; of another list, as bench/venv.txt, BUILD/venv-bench.
#
# Exit status: 0 it is there, 77 it cannot be made (one line says why; BUILD/venv.why keeps it), 2 usage.  Two that
# run at once make it once.  With --once nothing is tried again that failed before with the same list.
set -euo pipefail
cd "$(dirname "$0")/.."
once=
if [ "${1:-}" = --once ]; then once=yes; shift; fi
if [ $# -lt 1 ] || [ ! -d "$1" ]; then
    echo "usage: tests/venv.sh [--once] BUILD [LIST] (BUILD is a folder)" >&2
    exit 2
fi
build=$(realpath "$1") python=/usr/bin/python3 why=
list=${2:-tests/venv.txt}
venv=$build/venv
[ "$list" = tests/venv.txt ] || venv=$venv-$(basename "$(dirname "$list")")

exec 9>"$venv.lock"
flock 9
want=$({ cat tests/venv.txt "$list"; "$python" --version; } 2>&1 | sha256sum | cut -c1-16)
[ "$(cat "$venv/stamp" 2>/dev/null)" = "$want" ] && exit 0
# give_up WHY: the line that says so
give_up() {
    rm -rf "$venv"
    printf '%s\nvenv: %s\n' "$want" "$1" >"$venv.why"
    echo "venv: $1"
    exit 77
}
if [ -n "$once" ] && [ "$(sed -n 1p "$venv.why" 2>/dev/null)" = "$want" ]; then
    sed -n 2p "$venv.why"
    exit 77
fi

rm -rf "$venv"
"$python" -m venv "$venv" >"$venv.log" 2>&1 ||
    give_up "$python -m venv fails; 'make deps' installs python3-venv"
for try in 1 2 3; do
    if timeout 300 "$venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check --no-compile \
        --prefer-binary --retries 2 --timeout 20 -r "$list" >"$venv.log" 2>&1 9>&-; then
        echo "$want" >"$venv/stamp"
        rm -f "$venv.why"
        exit 0
    fi
    why=$(grep -m1 '^ERROR' "$venv.log" | cut -c1-200) || why="pip did not end within 300 s"
done
give_up "pip cannot install $list after $try tries: $why"
