#!/usr/bin/env bash
# A sink that is much slower than the crawl, and a tiny budget: fails when fetching does not stop, when more memory
# is used than budget and reserve, or when a record is lost.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
server_start
site="http://127.0.0.1:$port/t/gen?site=slow&page=0&links=30&pages=150&bytes=40000&ms=0"
total=600000 body=262144
crawl --per-host 64 --budget $total --max-body $body --out "$build/test/plugin/slow_sink.so:$work/slow?ms=30" "$site"
claim_is "a slow sink is no failure" 0 "$status"
claim_is "every record is delivered" 150 "$(wc -l <"$work/slow")"
claim_is "… once" "" "$(cut -d' ' -f1 "$work/slow" | sort | uniq -d)"
counters_add_up
peak=$(summary .budget_peak)
claim $((peak > total + body)) "at most $((total + body)) bytes were reserved ($peak)"
claim_cmd "fetches had to wait" test "$(summary .budget_refused)" -gt 0 -o "$peak" -gt $((total - 131072))
claim_is "no credits are left over" 0 "$(summary .budget_used)"
# At 4 records in 30 ms the sink sets the pace: the server's last request comes late, not at once.
claim_is "the sink sets the pace of the requests" 0 \
    "$(awk '$1 == "R" {if (!first) first = $2; last = $2} END {print (last - first < 500)}' "$log")"

rm -rf "$work/job" "$work/slow"
: >"$log"
crawl --per-host 64 --budget $total --max-body 1000000 --out "$build/test/plugin/slow_sink.so:$work/slow?ms=10" \
    "http://127.0.0.1:$port/t/gen?site=large&page=0&links=9&pages=40&bytes=700000&ms=0"
claim_is "bodies larger than the whole budget come through, one after the other" "0 40" "$status $(wc -l <"$work/slow")"
claim_cmd "… within budget and reserve" test "$(summary .budget_peak)" -le $((total + 1048576))
exit $bad
