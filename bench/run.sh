#!/usr/bin/env bash
# run.sh BUILD [DATA]: every leg and the whole way; one JSON line each, then a table.
#
# Legs: fetch (against bare libcurl + libuv), parse, the chain grown stage by stage, the whole way with one worker
# (each as a ratio to lexbor's parse alone of the same bytes in the same run), and the worker against one process.  Without DATA the pages are the
# bundled site's, which are small: name a collection for figures that mean something.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${1:?BUILD}") data=${2:-} rounds=${ROUNDS:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"; [ -z "${server:-}" ] || kill "$server" 2>/dev/null || true' EXIT
if [ -n "$data" ]; then
    mapfile -t pages < <(find "$data/html" -name '*.html.gz' | sort)
else
    mapfile -t pages < <(find tests/site -name '*.html' | sort; find tests/site -name '*.html' | sort)
fi
export TROMMEL_WORKER="$build/trommel-worker" TROMMEL_STAGE_DIR="$build/stage"

mkfifo "$work/fifo"
"$build/test/server" --root tests/site >"$work/fifo" &
server=$!
read -r _ address port <"$work/fifo"
"$build/bench/fetch_alone" -n "$rounds" -r "${REQUESTS:-10000}" "http://$address:$port/news/tide-mill.html" | tee -a "$work/lines"
"$build/bench/parse_alone" -n "$rounds" "${pages[@]}" | tee -a "$work/lines"
chain=
for stage in none layout boilerplate metadata; do
    [ $stage = none ] || chain+="$stage, "
    label=${chain%, }
    echo "chain: [$label]" >"$work/$stage.yaml"
    "$build/bench/whole" -n "$rounds" -l "chain: ${label:-nothing}" -c "$work/$stage.yaml" "${pages[@]}" | tee -a "$work/lines"
done
"$build/bench/whole" -n "$rounds" -l "whole way" "${pages[@]}" | tee -a "$work/lines"
# pages of about 60 kB, or what there is
mapfile -t middle < <(for page in "${pages[@]}"; do
    bytes=$(gzip -dcf "$page" | wc -c)
    [ "$bytes" -lt 45000 ] || [ "$bytes" -gt 75000 ] || echo "$page"
done)
[ ${#middle[@]} -gt 0 ] || middle=("${pages[@]}")
"$build/bench/workers" -n "$rounds" -r "${REPEATS:-8}" -l "workers" "${middle[@]}" | tee -a "$work/lines"

python3 - "$work/lines" <<'PY'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
print(f"\n{'leg':<42}{'unit':>8}{'base':>10}{'ours':>10}{'ratio':>8}")
for r in rows:
    base, ours, unit = (r["bare_us"], r["us"], "us") if "us" in r else (r.get("parse_ms", r.get("in_process_ms")), r["ms"], "ms")
    print(f"{r['leg'][:41]:<42}{unit:>8}{base:>10.3f}{ours:>10.3f}{r['ratio']:>8.2f}")
PY
