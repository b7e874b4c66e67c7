#!/usr/bin/env bash
# Hostile answers: fails when one does not end, or has no record that says why.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
server_start --any
base=http://127.0.0.1:$port

crawl --per-host 8 --timeout 1 --max-body 1000000 "$base/t/huge?bytes=5000000" "$base/t/huge?bytes=5000000&cl=1" \
    "$base/t/headers?bytes=400000" "$base/t/headers?bytes=400000&line=1" "$base/t/cut" "$base/t/cut?chunked=1" \
    "$base/t/hang" "$base/t/slow?ms=20&bytes=100000" "$base/t/loop" "$base/t/redirect?n=3&to=/t/type" \
    "$base/t/redirect?n=9&to=/t/type" "$base/t/garbage" "$base/t/close" "$base/t/empty" "$base/t/status/404" \
    "$base/t/status/503" "$base/t/flaky?n=1" "$base/t/gzbomb?bytes=50000000" "$base/t/type?type=image/png"
claim_is "some pages failed: status 1" 1 "$status"
why() { # why PATH WANT [TEXT]
    claim_is "${3:-$1}: $2" "$2" "$(record "$base$1" '"\(.outcome.code) \(.outcome.reason)"')"
}
why "/t/huge?bytes=5000000" "failed too_large"
why "/t/huge?bytes=5000000&cl=1" "failed too_large"
why "/t/headers?bytes=400000" "failed headers_too_large"
why "/t/headers?bytes=400000&line=1" "failed headers_too_large"
why "/t/cut" "failed truncated"
why "/t/cut?chunked=1" "failed truncated"
why "/t/hang" "failed timeout"
why "/t/slow?ms=20&bytes=100000" "failed timeout"
why "/t/loop?i=5" "failed too_many_redirects"
why "/t/type" "ok null" "three hops"
why "/t/redirect?n=4&to=/t/type" "failed too_many_redirects" "nine hops"
why "/t/garbage" "failed protocol"
why "/t/close" "failed truncated"
why "/t/status/404" "failed http_404"
why "/t/status/503" "failed http_503"
why "/t/flaky?n=1" "ok null"
claim_is "an empty body is no content" no_content "$(record "$base/t/empty" .outcome.code)"
claim_is "an image is no content" no_content "$(record "$base/t/type?type=image/png" .outcome.code)"
claim_cmd "a gzip bomb has a record that is not ok" test \
    "$(record "$base/t/gzbomb?bytes=50000000" .outcome.code)" != ok
claim_is "503 was tried three times" 3 "$(grep -c '^R.* /t/status/503$' "$log")"
claim_is "404 was tried once" 1 "$(grep -c '^R.* /t/status/404$' "$log")"
claim_cmd "what failed is listed" grep -q "$base/t/cut: truncated" "$work/err"
counters_add_up
claim_is "no credits are left over" 0 "$(summary .budget_used)"
records_once "one record a URL"
claim_cmd "every record keeps the schema" tests/schema/validate.py "$work/records"
exit $bad
