#!/usr/bin/env bash
# stream_clients.sh node|go BUILD: makes what the examples of plugin/embed/stream need, once for each version of them.
#
#   node   BUILD/embed-node/crawl.js, with its package from npm beside it
#   go     BUILD/embed-go, a program
#
# Exit status: 0 it is there, 77 it cannot be made here (one line says why: a tool or its registry is not to be had), 1 the
# example does not build, 2 usage.  Two that run at once make it once.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# != 2 ] || [ ! -d "$2" ] || ! [[ $1 =~ ^(node|go)$ ]]; then
    echo "usage: tests/stream_clients.sh node|go BUILD (a folder)" >&2
    exit 2
fi
kind=$1 build=$(realpath "$2")
from=plugin/embed/stream/$kind to=$build/embed-$kind log=$build/embed-$kind.log

exec 9>"$build/embed-$kind.lock"
flock 9
give_up() {
    rm -rf "$to" "$to.stamp"
    echo "stream_clients: $1"
    exit 77
}
command -v "$kind" >/dev/null || give_up "$kind is not there; 'make deps' installs it"
want=$({ find "$from" -type f -exec sha256sum {} + | sort; "$kind" version 2>/dev/null || "$kind" --version; } | sha256sum | cut -c1-16)
[ "$(cat "$to.stamp" 2>/dev/null)" = "$want" ] && [ -e "$to" ] && exit 0

# last_line: what a tool said last, for the message
last_line() { grep . "$log" | tail -n 1 | cut -c1-200; }

rm -rf "$to"
if [ "$kind" = node ]; then
    command -v npm >/dev/null || give_up "npm is not there; 'make deps' installs it"
    mkdir "$to"
    cp "$from"/*.js "$from"/package.json "$to"
    (cd "$to" && timeout 120 npm install --no-audit --no-fund --no-package-lock --fetch-retries=1 --fetch-timeout=20000 \
        --loglevel=error) >"$log" 2>&1 9>&- || give_up "npm cannot install what $from/package.json names: $(last_line)"
else
    export CGO_ENABLED=0 GOFLAGS=-mod=readonly
    (cd "$from" && timeout 60 go mod download github.com/vmihailenco/msgpack/v5 github.com/vmihailenco/tagparser/v2) >"$log" 2>&1 9>&- ||
        give_up "go cannot fetch what $from/go.mod names: $(last_line)"
    (cd "$from" && go build -o "$to" .) >"$log" 2>&1 9>&- || { cat "$log"; exit 1; }
fi
echo "$want" >"$to.stamp"
