#!/usr/bin/env bash
# kill -9 of everything, ten times at random points, and the same command again: fails when a page has no record or
# two at the end, by id and by URL.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
server_start
pages=${TROMMEL_PAGES:-2500} kills=0
site="http://127.0.0.1:$port/t/gen?site=resume&page=0&links=7&pages=$pages&bytes=3000&ms=0"
RANDOM=${TROMMEL_SEED:-4711}

# shellcheck disable=SC2034
for round in 1 2 3 4 5 6 7 8 9 10; do
    setsid "$trommel" crawl --job "$work/job" --allow-private --delay 0 --per-host 4 --no-progress "$site" \
        >>"$work/out" 2>>"$work/err" </dev/null &
    group=$!
    started+=("$group")
    # somewhere within the next fourteenth of the site, then everything of it at once
    if log_wait $(($(grep -c '^E' "$log" || true) + RANDOM % (pages / 14) + 1)) '^E' "$group"; then
        kill -9 -- "-$group"
        kills=$((kills + 1))
    fi
    wait "$group" 2>/dev/null || true
done
claim_is "it was killed ten times while it ran" 10 "$kills"
crawl --per-host 4 "$site"
claim_is "the last run ends with status 0" 0 "$status"
claim_is "every page has a record" "$pages" "$(wc -l <"$work/records")"
records_once "no page has two, by id and by URL"
claim_is "all of them are ok" "$pages" "$(jq -r .outcome.code "$work/records" | grep -c '^ok$' || true)"
counters_add_up
claim_cmd "every record keeps the schema" tests/schema/validate.py "$work/records"
again=$(($(grep -c '^R.*/t/gen' "$log") - pages))
claim $((again > pages)) "of $pages pages $again were fetched again after $kills kills"
exit $bad
