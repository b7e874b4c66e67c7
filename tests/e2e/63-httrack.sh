#!/usr/bin/env bash
# HTTrack with Trommel's plugin: fails when a page has no record, two, or another than `trommel crawl` makes of it; when
# errors and pages that were not modified are not told; when HTTrack stores anything else than without the plugin; when a
# wrong option starts a mirror.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
. tests/e2e/embed.sh
plugin=$build/embed/httrack/trommel-httrack.so
plugin_need "HTTrack's plugin" "$plugin" httrack nginx openssl

# mirror FOLDER OPTION...: without HTTrack's brakes on the rate.  Sets $status; what it prints is in $work/said.
mirror() {
    local to=$work/$1
    shift
    status=0
    timeout --kill-after=5 120 httrack -q --disable-security-limits --max-rate=0 --connection-per-second=0 -O "$to" "$@" >"$work/said" 2>&1 \
        </dev/null || status=$?
}
stored() { (cd "$work/$1" && find . -name 'hts-*' -prune -o -type f -print | sort); } # HTML has the date in it

nginx_start "$PWD/tests/site"
base=http://127.0.0.1:$port
crawl --ignore-robots "$base/" # HTTrack reads no robots.txt that comes compressed
mv "$work/records" "$work/wanted"
mirror alone "$base/"
mirror with "$base/" --wrapper "$plugin,out=$work/recs,log=$work/log"
claim_is "HTTrack ends as without the plugin" 0 "$status"
claim_is "… and has stored the same files" "$(stored alone)" "$(stored with)"
"$trommel" cat "$work/recs" >"$work/records"
records_once "no page has two records"
claim_cmd "every record is that of trommel crawl, field by field" records_equal "$work/wanted" "$work/records"
claim_is "a page that is not there has its record" "404 failed http_404" \
    "$(jq -r 'select(.url | endswith("/missing.html")) | "\(.status) \(.outcome.code) \(.outcome.reason)"' "$work/records")"
claim_is "robots.txt has none" "" "$(jq -r .url "$work/records" | grep robots.txt || true)"
claim_is "the log has what was acknowledged" "$(jq -r .url "$work/records" | sort)" "$(sort "$work/log")"
claim_cmd "HTTrack's log sums up" grep -q "Trommel: 18 of 18 answers done: 16 ok, 1 no content, 0 dropped, 1 failed" \
    "$work/with/hts-log.txt"

mirror with --update "$base/" --wrapper "$plugin,out=$work/recs2"
"$trommel" cat "$work/recs2" >"$work/records"
claim_is "--update: what was not modified is unchanged" 17 "$(jq -r .outcome.code "$work/records" | grep -c unchanged)"

coded_start
mirror coded "http://127.0.0.1:$port/zstd" --wrapper "$plugin,out=$work/recs3"
claim_is "a coding that HTTrack does not know: the page is read" "About the Gazette" \
    "$("$trommel" cat "$work/recs3" | jq -r .meta.title)"

refused() { # refused WORDS OPTIONS
    mirror none "$base/about.html" --wrapper "$plugin$2"
    claim_is "refused: $1" "255 1" "$status $(grep -c -- "$1" "$work/said" || true)"
}
refused "no option out=SINK says where" ""
refused "option nix=1: there is no such option" ",out=null:,nix=1"
refused "option workers=x: is no number of 1 to 256" ",out=null:,workers=x"
refused "has no option \`nix\`" ",out=null:,set=boilerplate.nix=1"
claim "$([ -d "$work/none" ] && [ -n "$(find "$work/none" -name about.html)" ] && echo 1 || echo 0)" "and nothing was fetched"
exit $bad
