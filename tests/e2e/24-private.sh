#!/usr/bin/env bash
# Addresses: fails when a loopback address is connected to without --allow-private, by whatever name.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
server_start --any
for host in 127.0.0.1 localhost 127.8.8.8 2130706433 0x7f.1 '[::ffff:127.0.0.1]' 0.0.0.0; do
    status=0
    timeout 60 "$trommel" crawl --job "$work/job" --ignore-robots --no-progress "http://$host:$port/t/type" \
        >"$work/out" 2>"$work/err" </dev/null || status=$?
    records >"$work/records"
    claim_is "$host is refused: status 1" 1 "$status"
    claim_is "… its record says why" "failed private_address" "$(jq -r '"\(.outcome.code) \(.outcome.reason)"' "$work/records")"
    rm -rf "$work/job"
done
timeout 60 "$trommel" crawl --job "$work/job" --no-progress "http://127.0.0.1:$port/t/type" >"$work/out" 2>"$work/err" \
    </dev/null || true
claim_cmd "with robots.txt the message names the address, its kind and the mend" \
    grep -q '127.0.0.1 is a loopback address; --allow-private' "$work/err"
claim_is "the server was never connected to" 0 "$(grep -c . "$log" || true)"
rm -rf "$work/job"
crawl "http://127.0.0.1:$port/t/redirect?to=http://127.0.0.2:$port/t/type"
claim_is "with --allow-private it is crawled, over a redirect of the seed as well" ok "$(jq -r .outcome.code "$work/records")"
exit $bad
