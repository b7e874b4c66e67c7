#!/usr/bin/env bash
# extract as a user sees it: fails when records come out of order or twice, when a page is lost, when an output that
# cannot be written passes for success, or when anything but records is on standard output.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
cp tests/site/news/tide-mill.html tests/site/about.html tests/site/notes.txt "$work"
cd "$work"
gzip -k about.html
t() { timeout 60 "$trommel" extract "$@"; }
# ends STATUS TEXT COMMAND...: the command ends with the status
ends() {
    local want=$1 text=$2 rc=0
    shift 2
    "$@" >out 2>err </dev/null || rc=$?
    claim_is "$text" "$want" "$rc"
}

for i in $(seq 300); do
    case $((i % 3)) in
    0) echo "{\"id\":\"p$i\",\"path\":\"tide-mill.html\",\"url\":\"http://gazette.example/$i\"}" ;;
    1) echo "{\"id\":$i,\"path\":\"about.html.gz\"}" ;;
    2) echo "{\"id\":\"p$i\",\"path\":\"gone-$i.html\"}" ;;
    esac
done >manifest
ends 1 "a manifest with missing files ends with 1" t --manifest manifest
claim_is "every line has its record, in the manifest's order" "$(jq -r .id manifest)" "$(jq -r .id out)"
claim_is "missing files have failed records with the reason" 100 "$(jq -r 'select(.outcome == {code: "failed", reason: "not_found"}) | .id' out | wc -l)"
claim_is "… and are listed" 100 "$(grep -c 'gone-.*No such file' err)"
claim_is "gzip files are read like plain ones" "$(t about.html | jq .content.text)" "$(jq -s '.[0].content.text' out)"
ends 0 "pages that are copies" bash -c "grep -v gone manifest | '$trommel' extract --manifest - --workers 1"
claim_is "… are told as exact, by the manifest's ids" '"exact" "p3"' "$(jq -r 'select(.id == "p6") | .dedupe | "\"\(.relation)\" \"\(.of)\""' out)"
claim_cmd "all records are valid by the schema" python3 "$OLDPWD/tests/schema/validate.py" out
ends 1 "the manifest on standard input" bash -c "'$trommel' extract --manifest - <manifest"
claim_is "… gives the same records" 300 "$(wc -l <out)"

ends 0 "several files" t about.html tide-mill.html notes.txt
claim_is "… come in their order, by their names" "about.html tide-mill.html notes.txt" "$(jq -r .id out | xargs)"
claim_is "a text file is text/plain" text/plain "$(jq -r 'select(.id == "notes.txt") | .content_type' out)"
ends 0 "a page from standard input" bash -c "'$trommel' extract --url http://a.example/b/ - <about.html"
claim_is "… has the URL that was said" http://a.example/b/ "$(jq -r .url out)"
claim_is "… and its links are resolved against it" 0 "$(jq -r '.links[].url' out | grep -vc '^http' || true)"
ends 0 "the type that is said wins" t --type text/plain about.html
claim_is "… over the name's ending" text/plain "$(jq -r .content_type out)"
ends 0 "--out" t --out records about.html
claim_is "… takes the records" "1 0" "$(wc -l <records) $(wc -c <out)"
ends 0 "msgpack" t --format msgpack about.html
claim_is "… is the record and nothing around it" de "$(head -c1 out | od -An -tx1 | tr -d ' ')"

ends 3 "a full disk is told" bash -c "'$trommel' extract about.html >/dev/full"
claim_cmd "… with its name" grep -q 'standard output: .*No space' err
ends 3 "a closed standard output is told" bash -c "'$trommel' extract about.html >&-"
ends 3 "a reader that goes away ends it" bash -c "set -o pipefail; '$trommel' extract --manifest manifest | head -1 >/dev/null"
ends 2 "a URL that is none" t --url nonsense about.html
ends 2 "files beside a manifest" t --manifest manifest about.html
ends 2 "a manifest that is a folder" t --manifest .
ends 2 "--set without a value" t --set boilerplate about.html

cd "$OLDPWD"
server_start --root tests/site
ends 0 "a page from a server" t --allow-private "http://127.0.0.1:$port/news/tide-mill.html"
claim_is "… has its transfer" 127.0.0.1 "$(jq -r .fetch.ip out)"
ends 1 "a page that is not there" t --allow-private "http://127.0.0.1:$port/gone"
claim_is "… has a failed record" http_404 "$(jq -r .outcome.reason out)"
rm -f out err
exit $bad
