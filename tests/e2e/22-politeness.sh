#!/usr/bin/env bash
# Manners, by the server's log: fails when a host gets a second request too early or a second connection at a time,
# when robots.txt comes late or is not obeyed, or when one slow host holds up another.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
server_start --any
gen() { echo "http://127.0.0.$1:$port/t/gen?site=${2:-p}&page=0&links=3&pages=${3:-6}&bytes=500&ms=0"; }

crawl --delay 0.3 "$(gen 10)" "$(gen 11)"
claim_is "two hosts with a delay end well" 0 "$status"
claim_is "both are whole" 12 "$(wc -l <"$work/records")"
# R lines: ms, connection, host.  20 ms are allowed for when the server looked at the clock.
claim_is "no host was asked twice within its delay" "" \
    "$(awk '$1 == "R" {if ($4 in last && $2 - last[$4] < 280) print $4, $2 - last[$4]; last[$4] = $2}' "$log")"
claim_is "no host had two requests at a time" "" \
    "$(awk '$1 == "R" {if (++busy[$4] > 1) print $4} $1 == "E" {--busy[$4]}' "$log")"
claim_is "no host had two connections at a time" "" \
    "$(awk '$1 == "R" && !($3 in host) {host[$3] = $4; if (++n[$4] > 1) print $4} $1 == "C" && $3 in host {--n[host[$3]]}' "$log")"
claim_is "robots.txt came first on both" 2 \
    "$(awk '$1 == "R" && !($4 in seen) {seen[$4] = 1; print $6}' "$log" | grep -c '^/robots.txt$')"
claim_is "the hosts did not wait for each other" 0 \
    "$(awk '$1 == "R" {if (!first) first = $2; last = $2} END {print (last - first > 7 * 300 + 1000)}' "$log")"

rm -rf "$work/job"
: >"$log"
crawl --per-host 3 "http://127.0.0.12:$port/t/gen?site=p&page=0&links=20&pages=21&bytes=500&ms=50"
claim_is "--per-host 3 uses three connections at a time" 3 \
    "$(awk '$1 == "R" {if (++busy > most) most = busy} $1 == "E" {--busy} END {print most}' "$log")"

rm -rf "$work/job"
: >"$log"
crawl "$(gen 2 forbidden)" "$(gen 2 free)" "$(gen 4)" "$(gen 6 forbidden)" "$(gen 8 forbidden)" "$(gen 8 free)"
asked() { awk '$1 == "R" && $6 != "/robots.txt" {print $4, $6}' "$log"; }
claim_is "what robots.txt forbids is not asked for (127.0.0.2)" 0 "$(asked | grep -c '^127.0.0.2 .*forbidden' || true)"
claim_is "what it allows is" 6 "$(asked | grep -c '^127.0.0.2 .*free' || true)"
claim_is "a site that forbids all is left alone (127.0.0.4)" 0 "$(asked | grep -c '^127.0.0.4 ' || true)"
claim_is "a robots.txt that moved is followed (127.0.0.6)" 0 "$(asked | grep -c '^127.0.0.6 ' || true)"
claim_is "of one that is too long the beginning counts (127.0.0.8)" "0 6" \
    "$(asked | grep -c '^127.0.0.8 .*forbidden' || true) $(asked | grep -c '^127.0.0.8 .*free' || true)"
claim_is "forbidden pages are counted, and are no failure" "4 0" "$(summary .robots_refused) $status"

rm -rf "$work/job"
: >"$log"
crawl "$(gen 5 slow 3)"
claim_is "a Crawl-delay of 1 s is kept" "" \
    "$(awk '$1 == "R" && $6 != "/robots.txt" {if (last && $2 - last < 980) print $2 - last; last = $2}' "$log")"

rm -rf "$work/job"
: >"$log"
crawl "$(gen 3)"
claim_is "a robots.txt that answers 500 forbids all" 0 "$(asked | grep -c . || true)"
claim_is "… which is a failure of that host" 1 "$status"
claim_cmd "… and is told" grep -q "http://127.0.0.3:$port/robots.txt: HTTP status 500" "$work/err"

rm -rf "$work/job"
: >"$log"
crawl --ignore-robots "$(gen 4)"
claim_is "--ignore-robots does not ask" "0 6" \
    "$(grep -c '^R.*/robots.txt' "$log" || true) $(wc -l <"$work/records")"
exit $bad
