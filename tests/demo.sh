#!/usr/bin/env bash
# demo.sh BUILD: the main job on the bundled site: serves tests/site on a free loopback port, crawls it with the
# default chain, and shows the records.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}
job=$build/demo-job
rm -rf "$job"
mkfifo "$build/demo.$$"
trap 'rm -f "$build/demo.$$"; [ -z "${server:-}" ] || kill "$server" 2>/dev/null || true' EXIT
"$build/test/server" --root tests/site >"$build/demo.$$" &
server=$!
read -r _ address port <"$build/demo.$$"
[ -n "${port:-}" ] || { echo "demo: the test server did not start" >&2; exit 3; }

command=("$build/trommel" crawl --job "$job" --allow-private --delay 0 "http://$address:$port/")
echo
printf '$'; printf ' %s' "${command[@]}"; echo
status=0
"${command[@]}" || status=$?
# status 1: the site has a link to a page that is not there
[ $status -le 1 ] || exit $status
echo
echo "\$ $build/trommel cat --table $job"
"$build/trommel" cat --table "$job"
echo
echo "The records lie in $job/records, as msgpack:"
ls -l "$job/records"
echo "\`$build/trommel cat $job\` prints them as JSON lines."
