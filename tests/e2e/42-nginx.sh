#!/usr/bin/env bash
# 1,400 real pages served by nginx and crawled: fails when a page has no record or two, when a record's size is not
# that of the bytes served, or when host or workers grow after the 300th page.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib-data.sh
. tests/e2e/lib.sh
pages=${TROMMEL_PAGES:-1400}
nginx_site "$work" "$data" "$pages"
rc=0
"$build/trommel" crawl --job "$work/job" --allow-private --delay 0 --per-host 8 --no-progress "http://127.0.0.1:$port/" 2>"$work/log" &
crawl=$!
python3 tests/e2e/memory.py "$crawl" "$work/job/records" 300 >"$work/memory" &
watch=$!
wait "$crawl" || rc=$?
wait "$watch" || true
claim $((rc > 1)) "the crawl ends with status 0 or 1 ($rc)"
"$build/trommel" cat "$work/job" >"$work/records"
claim_cmd "one record a page, with the bytes served" python3 tests/e2e/served.py "$work" "$work/records" "$port"
claim_cmd "$(cat "$work/memory")" grep -q flat "$work/memory"
exit $bad
