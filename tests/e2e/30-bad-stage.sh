#!/usr/bin/env bash
# A crawl whose chain holds a stage that dereferences NULL on one page, loops for ever on another, allocates without
# end on a third and scribbles over all it can write on a fourth: fails when such a page is not reported with the
# stage's name, or when any other page is lost or harmed.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
mkdir "$work/site"
pages=60
for i in $(seq 1 $pages); do
    case $i in
    7) mark=MARK-NULL ;;
    21) mark=MARK-LOOP ;;
    35) mark=MARK-ALLOC ;;
    49) mark=MARK-SCRIBBLE ;;
    *) mark='' ;;
    esac
    echo "<!DOCTYPE html><title>Page $i</title><p>The text of page $i, as it was served. $mark</p>" >"$work/site/p$i.html"
done
{ echo '<!DOCTYPE html><title>Index</title>'; printf '<a href="/p%d.html">page</a>\n' $(seq 1 $pages); } >"$work/site/index.html"
cp "$build/test/plugin/bad.so" "$work/bad.so"
echo 'chain: [layout, ./bad.so, dedupe]' >"$work/job.yaml"
server_start --root "$work/site"
crawl -c "$work/job.yaml" --stage-budget 500 --worker-memory 268435456 "http://127.0.0.1:$port/"
claim_is "the crawl ends, with status 1" 1 "$status"
counters_add_up

"$trommel" cat --dead "$work/job" >"$work/dead"
dead() { # dead PAGE FILTER
    jq -r "select(.url | endswith(\"/p$1.html\")) | $2" "$work/dead"
}
claim_is "a crash: stage, reason and signal" "bad crash 11" "$(dead 7 '"\(.error.stage) \(.error.reason) \(.error.signal)"')"
claim_is "an endless loop: stage and reason" "bad timeout" "$(dead 21 '"\(.error.stage) \(.error.reason)"')"
claim_is "memory without end: the stage" "bad" "$(dead 35 .error.stage)"
claim_is "… and that it is memory" yes "$(dead 35 'if .error.reason == "out_of_memory" or .error.reason == "crash" then "yes" else .error.reason end')"
claim_is "they are told on standard error by URL and stage" 3 "$(grep -cE '/p(7|21|35)\.html: quarantined: stage bad' "$work/err")"
good=$(jq -r 'select(.url | test("/p[0-9]+.html$")) | select(.outcome.code == "ok") | "\(.url | capture("/p(?<n>[0-9]+)").n) \(.meta.title) \(.content.text)"' "$work/records" |
    grep -cE '^([0-9]+) Page \1 ?.*' || true)
lost=$((pages - good - $(wc -l <"$work/dead")))
claim_is "every other page is delivered with its own title" 0 "$lost"
claim_is "no page is both delivered and dead" "" "$( (jq -r .url "$work/records"; jq -r .url "$work/dead") | sort | uniq -d)"
records_once "no record twice"
exit $bad
