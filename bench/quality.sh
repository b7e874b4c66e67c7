#!/usr/bin/env bash
# quality.sh BUILD DATA: extracts every page of a collection in WCXB's format and scores the records.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:?BUILD} data=${2:-}
[ -n "$data" ] && [ -d "$data/html" ] || { echo "bench-quality: name a collection: make bench-quality DATA=DIR (html/ID.html.gz, ground-truth/ID.json)" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bench/manifest.sh "$data" >"$work/manifest"
"$build/trommel" extract --manifest "$work/manifest" >"$work/records" || [ $? = 1 ]
python3 bench/score.py "$data" "$work/records"
