#!/usr/bin/env bash
# Which links a crawl takes from a page and follows: fails when one of a, area, link rel=next, canonical or alternate is
# missed, when base is not respected, when nofollow is followed, or when a copy seen in an earlier run is not told.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
mkdir -p "$work/site/deep/sub" "$work/site/closed"
text='<p>The same sentence stands on two of these pages, long enough that nobody would write it twice by chance.</p>'
cat >"$work/site/index.html" <<'END'
<!DOCTYPE html><title>Start</title>
<link rel="next" href="/next.html"><link rel="canonical" href="/canonical.html"><link rel="alternate" hreflang="sv" href="/alternate.html">
<link rel="stylesheet" href="/style.html">
<a href="/a.html">A link</a> <a href="/a.html#part">The same</a> <map><area href="/area.html" alt="An area"></map>
<a rel="nofollow" href="/nofollow.html">Not this one</a> <a href="mailto:x@y.example">Mail</a> <a href="javascript:;">Script</a>
<a href="/based.html">Based</a> <a href="/closed/index.html">Closed</a> <a href="http://127.0.0.77:1/">Another host</a>
END
echo '<!DOCTYPE html><title>Based</title><base href="/deep/sub/"><a href="found.html">Relative to base</a>' >"$work/site/based.html"
echo '<!DOCTYPE html><title>Closed</title><meta name="robots" content="nofollow"><a href="/unreached.html">No</a>' >"$work/site/closed/index.html"
for page in next canonical alternate style a area nofollow unreached; do
    echo "<!DOCTYPE html><title>$page</title><p>Page $page, with its own words: $page $page $page.</p>" >"$work/site/$page.html"
done
echo "<!DOCTYPE html><title>Found</title>$text" >"$work/site/deep/sub/found.html"
server_start --root "$work/site"
base=http://127.0.0.1:$port
crawl "$base/"
claim_is "the crawl ends with status 0" 0 "$status"
visited=$(jq -r .url "$work/records" | sed "s|$base||" | sort | tr '\n' ' ')
claim_is "what is linked and may be followed is visited, and nothing else" \
    "/ /a.html /alternate.html /area.html /based.html /canonical.html /closed/index.html /deep/sub/found.html /next.html " "$visited"
kind() { record "$base/" ".links[] | select(.url == \"$base$1\") | .kind"; }
claim_is "rel=next is pagination" pagination "$(kind /next.html)"
claim_is "rel=canonical says so" canonical "$(kind /canonical.html)"
claim_is "rel=alternate says so" alternate "$(kind /alternate.html)"
claim_is "nofollow is noted" true "$(record "$base/" ".links[] | select(.url == \"$base/nofollow.html\") | .nofollow")"
claim_is "a link comes once, whatever its fragment" 1 "$(record "$base/" "[.links[] | select(.url == \"$base/a.html\")] | length")"
counters_add_up
crawl --follow-nofollow "$base/"
claim_is "the same folder again: what is done stays done" 9 "$(wc -l <"$work/records")"

echo "<!DOCTYPE html><title>Copy</title>$text" >"$work/site/copy.html"
crawl "$base/copy.html"
claim_is "a copy of a page of an earlier run is told as exact" exact "$(record "$base/copy.html" .dedupe.relation)"
claim_is "… of that page" "$(record "$base/deep/sub/found.html" .id)" "$(record "$base/copy.html" .dedupe.of)"
exit $bad
