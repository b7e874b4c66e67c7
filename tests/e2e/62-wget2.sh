#!/usr/bin/env bash
# wget2 with Trommel's plugin: fails when a page has no record, two, or another than `trommel crawl` makes of it; when a body
# that came in chunks or compressed is not whole; when errors, 304 and what was cut off are not told; when wget2 prints,
# stores or returns anything else than without the plugin; when a wrong option starts a crawl; when records that were
# acknowledged are not there after kill -9.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
. tests/e2e/embed.sh
plugin=$build/embed/wget2/libtrommel.so
plugin_need "wget2's plugin" "$plugin" wget2 nginx openssl
mkdir "$work/home"

# wget OUT OPTION...: wget2 with the plugin and records in $work/OUT; without plugin if OUT is empty.  Sets $status; what
# it prints is in $work/said, its files in $work/files.
wget() {
    local out=$1 with=()
    shift
    [ -z "$out" ] || with=(--local-plugin="$plugin" --plugin-opt=trommel.out="$work/$out")
    status=0
    mkdir -p "$work/files"
    (cd "$work/files" && HOME=$work/home exec timeout --kill-after=5 120 wget2 "${with[@]}" "$@") >"$work/said" 2>&1 \
        </dev/null || status=$?
    [ -z "$out" ] || "$trommel" cat "$work/$out" >"$work/records" 2>"$work/err" || true
}
outcome() { # outcome URL
    jq -r "select(.url == \"$1\") | \"\(.status) \(.outcome.code) \(.outcome.reason)\"" "$work/records"
}
# What it printed, without what differs from run to run: the order and number of threads.
printed() { sed -E 's/^\[[0-9]+\] //; /^Trommel: /d' "$work/said" | sort; }

# ---- a site of pages that all come compressed and in chunks ----
nginx_start "$PWD/tests/site"
base=http://127.0.0.1:$port
claim_is "the server compresses and sends in chunks" "gzip chunked" \
    "$(curl --silent --output /dev/null --dump-header - --header 'Accept-Encoding: gzip' "$base/" | tr -d '\r' |
        awk 'tolower($1) == "content-encoding:" || tolower($1) == "transfer-encoding:" {print $2}' | sort -r | xargs)"
crawl "$base/"
mv "$work/records" "$work/wanted"
wget '' -r --max-threads=8 "$base/"
alone=$status
printed >"$work/alone"
mv "$work/files" "$work/files.alone"
wget site -r -N --max-threads=8 "$base/"
records_once "8 threads: no page has two records"
claim_cmd "every record is that of trommel crawl, field by field" records_equal "$work/wanted" "$work/records"
claim_is "a page that is not there has its record" "404 failed http_404" "$(outcome "$base/missing.html")"
claim_is "robots.txt has none" "" "$(outcome "$base/robots.txt")"
claim_is "wget2 ends as without the plugin" "$alone" "$status"
claim_cmd "… has written the same files" diff -r "$work/files.alone" "$work/files"
claim_cmd "… and printed the same" diff "$work/alone" <(printed)
claim_is "a line sums up" "Trommel: 17 of 17 answers done: 15 ok, 1 no content, 0 dropped, 1 failed, 0 quarantined" \
    "$(grep '^Trommel' "$work/said")"

wget again -N -nv "$base/" "$base/about.html" "$base/notes.txt" -nH -P "127.0.0.1"
claim_is "fetched again with -N: what was not modified is unchanged" "3 304 unchanged http_304" \
    "$(jq -r '"\(.status) \(.outcome.code) \(.outcome.reason)"' "$work/records" | uniq -c | xargs)"
rm -rf "$work/files"
wget h2 -r -q --no-check-certificate --plugin-opt=trommel.delete "https://127.0.0.2:$port/"
sed "s|$base|https://127.0.0.2:$port|g" "$work/wanted" >"$work/wanted2"
claim_is "over HTTP/2 the same pages come, and the page that is not there" "$(jq -r .url "$work/wanted2" | sort)" \
    "$(jq -r .url "$work/records" | sort)"
claim_is "… with their content" "" "$(diff <(jq -c '[.url, .content.text, .outcome]' "$work/wanted2" | sort) \
    <(jq -c '[.url, .content.text, .outcome]' "$work/records" | sort))"
claim_is "… and their protocol" h2 "$(jq -r .fetch.protocol "$work/records" | sort -u)"
claim_is "option delete: no page is left in wget2's folder" "" "$(find "$work/files" -name '*.html')"

# ---- answers of all kinds ----
server_start --root tests/site
base=http://127.0.0.1:$port
rm -rf "$work/files"
wget odd -nv "$base/t/status/410" "$base/t/status/503" "$base/t/status/401" "$base/t/cut" "$base/t/cut?chunked=1" \
    "$base/t/redirect?n=2&to=/about.html" "$base/t/empty" "$base/t/type?type=image/png" "$base/t/gen?site=a%20b&page=0&pages=1"
claim_is "410 is an outcome" "410 failed http_410" "$(outcome "$base/t/status/410")"
claim_is "503 too" "503 failed http_503" "$(outcome "$base/t/status/503")"
claim_is "401 too, once" "401 failed http_401" "$(outcome "$base/t/status/401")"
claim_is "a body that was cut off is none" "200 failed truncated" "$(outcome "$base/t/cut")"
claim_is "… nor is one in chunks" "200 failed truncated" "$(outcome "$base/t/cut?chunked=1")"
claim_is "a redirect's target has a record" "200 ok null" "$(outcome "$base/about.html")"
claim_is "an empty body is one" "200 no_content empty_body" "$(outcome "$base/t/empty")"
claim_is "other types have theirs" "200 no_content unsupported_type" "$(outcome "$base/t/type?type=image/png")"
claim_is "and that is all: redirects have none" 9 "$(wc -l <"$work/records")"
wget nowhere -nv --delete-after "$base/t/huge?bytes=3000" "$base/about.html"
claim_is "a page in chunks that wget2 stores nowhere is told, another is there" "200 failed no_body, 200 ok null" \
    "$(outcome "$base/t/huge?bytes=3000"), $(outcome "$base/about.html")"
claim_cmd "… and it is said why" grep -q "Trommel: with --spider, --delete-after" "$work/said"
wget saved --save-headers -E "$base/about.html" "$base/t/type?type=text/html"
wget saved2 --save-headers -E "$base/about.html" "$base/t/type?type=text/html"
claim_is "files with headers, of other names: the bodies are those of the pages" "550 1249" \
    "$(jq .bytes "$work/records" | sort -n | xargs)"
rm -rf "$work/files"
wget deleted --plugin-opt=trommel.delete "$base/about.html"
claim_is "option delete takes a page that wget2 has in memory, too" "200 ok null, 0" \
    "$(outcome "$base/about.html"), $(find "$work/files" -type f | wc -l)"
wget debug -d "$base/about.html"
claim_cmd "with -d the lines that the plugin hears are printed as ever" grep -q "# got header" "$work/said"
wget nofile --spider -r -l1 "$base/about.html"
claim_is "--spider: no files, but records" "200 ok null" "$(outcome "$base/about.html")"

# ---- a door that is locked, and a coding that wget2 1.99 leaves as it is ----
coded_start
wget locked "http://127.0.0.1:$port/locked"
claim_is "401 with a challenge: wget2 asks twice, the record is one" "2 1 of 1" \
    "$(grep -c '^R.*/locked' "$log") $(sed -n 's/^Trommel: \(.*\) answers done.*/\1/p' "$work/said")"
wget coded "http://127.0.0.1:$port/zstd"
claim_is "zstd: the page is read" "About the Gazette" "$(jq -r .meta.title "$work/records")"

# ---- wrong options ----
server_start --root tests/site
base=http://127.0.0.1:$port
asked=$(grep -c '^R' "$log" || true)
refused() { # refused WORDS OPTION...
    local words=$1
    shift
    wget '' --local-plugin="$plugin" "$@" "$base/about.html"
    claim_is "refused: $words" "2 1" "$status $(grep -c -- "$words" "$work/said" || true)"
}
refused "no option out=SINK says where"
refused "option nix=1: there is no such option" --plugin-opt=trommel.nix=1
refused "option workers=0: is no number of 1 to 256" --plugin-opt=trommel.workers=0
refused "option out: needs a value" --plugin-opt=trommel.out
refused "option chain=/nix.yaml: No such file" --plugin-opt=trommel.chain=/nix.yaml
refused "has no option \`nix\`" --plugin-opt=trommel.out=null: --plugin-opt=trommel.set=boilerplate.nix=1
refused "log /nix/log: cannot be opened" --plugin-opt=trommel.out=null: --plugin-opt=trommel.log=/nix/log
claim_is "and nothing was fetched" "$asked" "$(grep -c '^R' "$log" || true)"
wget '' --local-plugin="$plugin" --plugin-opt=trommel.help
claim_cmd "help is there" grep -q -- "--plugin-opt=trommel.out=SINK" "$work/said"

# ---- kill -9 of wget2 ----
# start QUERY: 60 pages fetched in the background, their URLs with that query; sets $wget_pid.
start() {
    : >"$work/log"
    for i in $(seq 60); do echo "$base/t/gen?site=k&page=$i&links=3&pages=60&$1"; done >"$work/urls"
    (cd "$work/files" && HOME=$work/home exec wget2 -q --max-threads=4 --local-plugin="$plugin" --input-file="$work/urls" \
        --plugin-opt=trommel.out="$work/killed" --plugin-opt=trommel.log="$work/log") >"$work/said" 2>&1 </dev/null &
    wget_pid=$!
    started+=("$wget_pid")
}
# kill_at N: when N more records were acknowledged.
kill_at() {
    lines_wait "$1" "$work/log" "$wget_pid" || true
    mapfile -t workers < <(grep -l "^PPid:[[:space:]]$wget_pid\$" /proc/[0-9]*/status 2>/dev/null | cut -d/ -f3)
    kill -KILL "$wget_pid" 2>/dev/null || true
    wait "$wget_pid" || true
    cat "$work/log" >>"$work/acknowledged"
}
# whole TEXT: what the log has is in the records, and they are read to their end.
whole() {
    claim_cmd "$1: the records are whole" "$trommel" cat "$work/killed"
    "$trommel" cat "$work/killed" >"$work/records"
    claim_is "… and every one that was acknowledged is there" "" \
        "$(sort -u "$work/acknowledged" | comm -23 - <(jq -r .url "$work/records" | sort -u))"
}
start gate=k
gate_open k 20
kill_at 20
claim_is "killed while 20 of 60 pages are acknowledged and the server holds the rest" 20 "$(wc -l <"$work/acknowledged")"
claim "$((${#workers[@]} == 0))" "it had workers (${#workers[@]})"
claim_cmd "… which end by themselves" children_end "${workers[@]}"
whole "after kill -9"
claim_is "… and no other" 20 "$(wc -l <"$work/records")"
for n in 1 17 41; do
    start "round=$n"
    kill_at "$n"
    whole "killed while it writes, at $n"
done
start round=last
wait "$wget_pid" || true
cat "$work/log" >>"$work/acknowledged"
whole "at last to the end, into the same folder"
claim_is "all pages of the last round are there" 60 "$(jq -r .url "$work/records" | grep -c round=last)"
exit $bad
