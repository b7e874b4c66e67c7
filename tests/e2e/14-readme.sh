#!/usr/bin/env bash
# The README's examples: fails when one of them does not work as it stands there.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
server_start --root tests/site
crawl "http://127.0.0.1:$port/"
claim_is "the bundled site is crawled (one link leads nowhere)" 1 "$status"

block() { # block LANGUAGE: the first fenced block of that language
    awk -v want="\`\`\`$1" '$0 == want { on = 1; next } /^```/ { if (on) exit } on' README.md
}
ln -s "$work/job" "$work/trommel-job"
block python >"$work/read.py"
(cd "$work" && /usr/bin/python3 read.py) >"$work/out" 2>&1 || true
claim_cmd "the five lines of Python read the records" grep -q '/pulse/88213.html Night train to the coast returns in June' "$work/out"
claim_is "… every one of them" "$(wc -l <"$work/records")" "$(wc -l <"$work/out")"

block yaml | sed "s|\./price.so.*|./price.so|" >"$work/job.yaml"
cc=$(grep -m1 '^cc -shared' README.md | sed 's|$(pkg-config --cflags trommel-stage)|-Iplugin/include|; s|-o price.so price.c|-o "$work/price.so" plugin/example/title.c|')
eval "$cc"
"$trommel" extract -c "$work/job.yaml" --set boilerplate.markdown=false tests/site/about.html >"$work/out" 2>"$work/err" || cat "$work/err"
claim_is "the chain of the README, with a stage built by its one line" 'About - The Harbour Gazette null' \
    "$(jq -r '"\(.x["org.example.title"].title) \(.content.markdown)"' "$work/out")"
for option in $(grep -oE '^trommel crawl .*' README.md | grep -oE '\-\-[a-z-]+' | sort -u); do
    claim_cmd "trommel crawl knows $option" sh -c "'$trommel' crawl --help | grep -q -e '$option'"
done
claim_is "no place is left to fill in" "" "$(grep -n '@@' README.md || true)"
"$trommel" crawl --job "$work/out-job" --allow-private --delay 0 --no-progress --out stdout: "http://127.0.0.1:$port/" >"$work/lines" 2>"$work/err" || true
claim_is "--out stdout: prints one JSON record a line and nothing else" "$(wc -l <"$work/records")" "$(jq -c 'select(.v == 1)' "$work/lines" | wc -l)"
exit $bad
