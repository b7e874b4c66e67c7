#!/usr/bin/env bash
# A new author's first hour: a stage from the template, built with nothing installed, checked, and loaded into a crawl
# that runs.  Fails when it is not seen in the records that come later, or is seen in one that came before.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
server_start --root tests/site
url=http://127.0.0.1:$port
gen="$url/t/gen?links=0&pages=1&bytes=300&ms=0&page=0"
cd "$work"
# the crawl ends when two pages are let through, one after the other
timeout --kill-after=5 300 "$trommel" crawl --job job --allow-private --delay 0 --per-host 4 --depth 0 --no-progress \
    "$url/about.html" "$gen&site=one&gate=one" "$gen&site=two&gate=two" >out 2>err </dev/null &
crawl_pid=$!
started+=("$crawl_pid")
# pages_wait N: until so many pages are delivered, or the crawl is gone
pages_wait() {
    while kill -0 "$crawl_pid" 2>/dev/null && [ "$("$trommel" ctl --job job --json status 2>/dev/null | jq .pages)" != "$1" ]; do :; done
}
pages_wait 1

claim_cmd "stage new hello" "$trommel" stage new hello
claim_cmd "make -C hello, with nothing installed" make -C hello
claim_cmd "stage check hello/hello.so" "$trommel" stage check hello/hello.so
claim_cmd "ctl stage add, while the crawl runs" "$trommel" ctl --job job stage add hello/hello.so
generation=$("$trommel" ctl --job job --json stages | jq .generation)
claim_is "it is in the chain that is live" hello "$("$trommel" ctl --job job --json stages | jq -r '.stages[-1].id')"
curl -s "$url/t/open?gate=one" >gate
pages_wait 2
claim_cmd "ctl stage remove, while the crawl runs" "$trommel" ctl --job job stage remove hello
curl -s "$url/t/open?gate=two" >gate
status=0
wait "$crawl_pid" || status=$?
claim_is "the crawl ends well" 0 "$status"
"$trommel" cat job >records
claim_is "no page is missing or twice" 3 "$(jq -r .url records | sort -u | wc -l)"
seen() { jq -r "select(.url | test(\"$1\")) | \"\(has(\"x\") and (.x | has(\"hello\"))) \(.chain.generation)\"" records; }
claim_is "the page before it came has nothing of it" "false 1" "$(seen about)"
claim_is "the page behind its removal has nothing of it" "false $((generation + 1))" "$(seen site=two | head -1)"
claim_is "its generation's records have it, and no others" "" \
    "$(jq -r "select((.chain.generation == $generation) != (has(\"x\") and (.x | has(\"hello\")))) | .url" records)"
claim_is "the page between has it" "true $generation" "$(seen site=one)"
exit $bad
