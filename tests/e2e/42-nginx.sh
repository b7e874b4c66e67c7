#!/usr/bin/env bash
# 1,400 real pages served by nginx and crawled: fails when a page has no record or two, when a record's size is not
# that of the bytes served, or when host or workers grow after the 300th page.  Then the same crawl with everything
# killed ten times at random points and resumed: every page exactly one record.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib-data.sh
. tests/e2e/lib.sh
. tests/e2e/nginx.sh
export TROMMEL_PAGES=${TROMMEL_PAGES:-1400}
nginx_site "$data" "$TROMMEL_PAGES"
options=(--allow-private --delay 0 --per-host 8 --depth 1 --no-progress "http://127.0.0.1:$port/")

rc=0
"$trommel" crawl --job "$work/job" "${options[@]}" 2>"$work/log" &
crawl=$!
python3 tests/e2e/memory.py "$crawl" "$work/job/records" 300 >"$work/memory" &
watch=$!
wait "$crawl" || rc=$?
wait "$watch" || true
claim "$((rc > 1))" "the crawl ends with status 0 or 1 ($rc)"
"$trommel" cat "$work/job" >"$work/records"
claim_cmd "$TROMMEL_PAGES pages: one record each, with the bytes served" python3 tests/e2e/served.py "$work/site" "$work/records" "$port"
claim_cmd "$(cat "$work/memory")" grep -q flat "$work/memory"

# The kill: of the whole process group, as soon as so many more bytes of records are on disk (a different share each
# time), so that every part of the way is hit.
rounds=10 status=9
job=$work/killed
for round in $(seq 1 $rounds) last; do
    if [ "$round" = last ]; then
        status=0
        timeout 300 "$trommel" crawl --job "$job" "${options[@]}" 2>>"$work/log" || status=$?
        break
    fi
    python3 tests/e2e/kill_at.py "$job" "$((RANDOM % 90 + 10))" "$trommel" crawl --job "$job" "${options[@]}" 2>>"$work/log" || break
done
claim "$((status > 1))" "killed $rounds times and resumed: the crawl ends ($status)"
"$trommel" cat "$job" >"$work/records"
claim_cmd "every page exactly one record" python3 tests/e2e/served.py "$work/site" "$work/records" "$port"
exit $bad
