#!/usr/bin/env bash
# 5,000 slow hosts at once: fails when one holds up another, when the budget is not kept, or when a page is lost.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
server_start --any
hosts=${TROMMEL_HOSTS:-5000} ms=1500
for ((i = 0; i < hosts; i++)); do
    echo "http://127.$((i / 50000 + 1)).$((i / 250 % 200)).$((i % 250 + 1)):$port/t/gen?site=h&page=0&links=1&pages=1&bytes=6000&ms=$ms"
done >"$work/seeds"
total=16777216
start=$SECONDS
crawl --delay 1 --connections 1500 --budget $total --seeds "$work/seeds"
took=$((SECONDS - start))
claim_is "all went well" 0 "$status"
claim_is "every host's page has its record" "$hosts" "$(jq -r .url "$work/records" | sort -u | wc -l)"
claim_is "… and no more" "$hosts" "$(wc -l <"$work/records")"
counters_add_up
claim_cmd "the budget was kept ($(summary .budget_peak) of $total bytes and the reserve)" \
    test "$(summary .budget_peak)" -le $((total + 8388608))
# one after the other it would be two hours; the budget alone lets 256 transfers run at a time
claim $((took > 180)) "$hosts hosts that take $ms ms each took $took s"
exit $bad
