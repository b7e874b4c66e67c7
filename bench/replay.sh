#!/usr/bin/env bash
# replay.sh BUILD [DATA]: `trommel replay` of a WARC of PAGES (20000) pages, made of DATA's (else the bundled site's, which
# are small), against bench/warc_bare over the same file; replay.py measures.  ROUNDS (5).  WARC=FILE takes that archive.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${1:?BUILD}") data=${2:-} pages=${PAGES:-20000} rounds=${ROUNDS:-5}
work=$(mktemp -d "${TMPDIR:-/tmp}/trommel-replay.XXXXXX")
trap 'rm -rf "$work"' EXIT
export TROMMEL_WORKER="$build/trommel-worker" TROMMEL_STAGE_DIR="$build/stage" TROMMEL_SINK_DIR="$build/sink"
warc=${WARC:-$work/pages.warc.gz}
if [ -z "${WARC:-}" ]; then
    if [ -n "$data" ]; then
        mapfile -t files < <(find "$data/html" -name '*.html.gz' | sort)
    else
        mapfile -t files < <(find tests/site -name '*.html' | sort)
    fi
    "$build/bench/warc_make" "$pages" "${files[@]}" >"$warc"
fi
python3 bench/replay.py "$build" "$warc" "$work" "$rounds"
