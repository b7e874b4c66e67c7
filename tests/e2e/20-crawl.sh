#!/usr/bin/env bash
# A small site crawled whole: fails when a page has no record or two, when the counters do not add up, when a record
# breaks the schema, or when a limit of pages, depth or scope is not kept.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
server_start --any
base=http://127.0.0.1:$port
site="$base/t/gen?site=small&page=0&links=5&pages=120"
page() { echo "$base/t/gen?site=small&page=$1&links=5&pages=120&bytes=3000&ms=0"; }

crawl --per-host 4 "$site"
claim_is "a crawl in which all went well ends with status 0" 0 "$status"
claim_is "120 pages and the seed's other spelling have a record each" 121 "$(wc -l <"$work/records")"
claim_is "every page of the site is among them" 120 \
    "$(jq -r .url "$work/records" | grep -c 'bytes=3000' || true)"
records_once "no id and no URL twice"
claim_is "all of them are ok" 121 "$(jq -r .outcome.code "$work/records" | grep -c '^ok$' || true)"
counters_add_up
claim_is "the summary counts what was delivered" 121 "$(summary .ends.delivered)"
claim_is "the summary says it is finished" true "$(summary .finished)"
claim_is "nothing is left in the queue" 0 "$(summary .urls_queued)"
claim_is "no credits are left over" 0 "$(summary .budget_used)"
claim_is "the server saw each page once" "" "$(awk '$1 == "R" {print $6}' "$log" | sort | uniq -d)"
claim_is "robots.txt was asked for once" 1 "$(grep -c ' /robots.txt$' <(grep ^R "$log"))"
claim_cmd "every record keeps the schema" tests/schema/validate.py "$work/records"
claim_is "a record says where it came from and how far that is" "$(page 1) 2" \
    "$(record "$(page 6)" '"\(.fetch.via) \(.fetch.depth)"')"
claim_is "a record has the page's title" "small page 6" "$(record "$(page 6)" .meta.title)"

before=$(grep -c '^R' "$log")
crawl --per-host 4 "$site"
claim_is "the same folder again: nothing is left to do, status 0" 0 "$status"
claim_is "… and nothing is fetched again" "$before" "$(grep -c '^R' "$log")"
claim_is "… and no record comes twice" 121 "$(wc -l <"$work/records")"

rm -rf "$work/job"
crawl --max-pages 7 "$site"
claim_is "--max-pages 7 gives 7 records" 7 "$(wc -l <"$work/records")"
claim_is "… and ends with status 0" 0 "$status"
crawl --max-pages 12 "$site"
claim_is "… and 12 on the same folder gives 5 more" 12 "$(wc -l <"$work/records")"

rm -rf "$work/job"
crawl --depth 1 "$site"
claim_is "--depth 1 stops one link away from the seed" 1 "$(jq .fetch.depth "$work/records" | sort -n | tail -1)"
claim_is "… with all pages there" 7 "$(wc -l <"$work/records")"

rm -rf "$work/job"
crawl --max-pages 3 --out null: "$site"
claim_is "a sink is named with --out" 3 "$(summary .ends.delivered)"

rm -rf "$work/job"
printf '# seeds\n%s\n\n  %s\nnot a url\n' "$base/t/type?ms=1" "http://127.0.0.9:$port/t/type" >"$work/seeds"
crawl --seeds "$work/seeds"
claim_is "seeds come from a file, over two hosts" 2 "$(wc -l <"$work/records")"
claim_cmd "… and a line that is none is named" grep -q "seeds:5: .*not a url" "$work/err"

rm -rf "$work/job"
cat >"$work/job.yaml" <<END
max-pages: 4
per-host: 2
chain:
  - layout
  - boilerplate
END
crawl -c "$work/job.yaml" "$site"
claim_is "options come from a configuration file" 4 "$(wc -l <"$work/records")"
claim_is "… and so does the chain" '["layout","boilerplate"]' "$(jq -c '[.chain.stages[].id]' "$work/records" | sort -u)"
exit $bad
