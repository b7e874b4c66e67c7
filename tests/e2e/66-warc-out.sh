#!/usr/bin/env bash
# The archive of a crawl: fails when something that a server answered is not in it as it came, when a record does not
# point at its copy or is acknowledged before that is on disk, when a crash or a full disk costs a record or leaves a
# torn file, or when warcio and cdxj-indexer see another file than was meant.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
server_start --root tests/site
at=http://127.0.0.1:$port
gen() { echo "$at/t/gen?site=$1&page=0&links=9&pages=$2&bytes=${3:-500}&ms=0${4:-}"; }
printf 'chain: []\n' >"$work/none.yaml"
# archive OPTION...: a crawl with an archive, the cheapest chain and no pace
archive() { crawl -c "$work/none.yaml" --per-host 8 --warc "$@"; }
again() { rm -rf "$work/job"; : >"$log"; }
plain() { # plain FILE...: what it holds, uncompressed
    case $1 in *.gz) gzip -dc "$@" ;; *.zst) zstd -dcq "$@" ;; *) cat "$@" ;; esac
}
at_right() { tests/e2e/warc_at.py "$work/job/warc" <"$work/records"; }
# answered: STATUS URL of each answer that the server gave, by its log
answered() { awk -v at="$at" '$1 == "E" && $5 > 0 {print $5, at $6}' "$log" | sort; }
# captured FILE...: the same by the indexes
captured() { cat "$@" | sed 's/^[^{]*//' | jq -r '"\(.status) \(.url)"' | sort; }

# ---- 3,340 small pages and a site with every kind of answer: over 10,000 records in several files
archive --warc-size 400000 --warc-operator 'somebody <who@example.org>' "$(gen big 3340 60)" "$at/" "$at/t/interim" "$at/t/cut" \
    "$at/t/cut?chunked=1" "$at/t/redirect?n=2&to=/notes.txt" "$at/t/huge?bytes=9000000&cl=1" "$at/t/huge?bytes=9000000" "$at/t/slow?ms=0&bytes=9000&chunk=500" \
    "$at/t/type?type=image/png" "$at/t/empty" "$at/t/status/503?retry=0" "$at/t/close" "$at/t/garbage" "http://127.0.0.1:1/"
claim_is "pages that fail are told, and no more" 1 "$status"
counters_add_up
mkdir -p "$work/gzip" && mv "$work"/job/warc/* "$work/gzip/"
cp "$work/records" "$work/gzip.records"
claim_is "what was answered is in the archive, each answer once: status and URL" "" \
    "$(diff <(answered) <(captured "$work"/gzip/*.cdxj) | head -5)"
claim_is "robots.txt, pages, redirects, a 404, an image and failures among them" "200 302 404 503" \
    "$(captured "$work"/gzip/*.cdxj | cut -d' ' -f1 | uniq | tr '\n' ' ' | sed 's/ $//')"
claim_is "what gave no answer is not: a refused connection, one closed, what is no HTTP" 0 \
    "$(captured "$work"/gzip/*.cdxj | grep -cE ':1/|/t/close|/t/garbage' || true)"
claim_cmd "files of their size, closed and indexed" test "$(ls "$work"/gzip/*.warc.gz | wc -l)" -ge 4
claim_is "… and none is left open" "" "$(find "$work/gzip" -name '*.open')"
claim_is "… named by prefix, time, number and host" "" \
    "$(find "$work/gzip" -type f -printf '%f\n' | grep -vE '^trommel-[0-9]{17}-[0-9]{5}-[A-Za-z0-9._]+\.warc\.gz(\.cdxj)?$' || true)"
for f in "$work"/gzip/*.warc.gz; do
    head -c 2000 <(plain "$f" 2>/dev/null) | tr -d '\r' | grep -E '^(WARC-Type|WARC-Filename|software|conformsTo|operator|robots|isPartOf|http-header-user-agent): ' |
        sed -n 1,8p | sed "s/$(basename "$f")/THIS/"
done | sort | uniq -c | sed -E "s/^ *$(ls "$work"/gzip/*.warc.gz | wc -l) /all /" >"$work/infos"
claim_is "each begins with what made it" "all WARC-Filename: THIS
all WARC-Type: warcinfo
all conformsTo: http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/
all http-header-user-agent: Trommel/0.1.0
all isPartOf: job
all operator: somebody <who@example.org>
all robots: obey
all software: Trommel/0.1.0" "$(sed -E 's|Trommel/[0-9.]+|Trommel/0.1.0|' "$work/infos")"

# as it came, byte for byte
plain "$work"/gzip/*.warc.gz >"$work/all"
cat >"$work/block.py" <<'END'
import sys
path, url, kind = sys.argv[1], sys.argv[2].encode(), sys.argv[3].encode()  # and the name of a field of its head
data, at = open(path, "rb").read(), 0
odd = open(path + ".odd", "wb") if url == b"odd" else None
while at < len(data):
    end = data.index(b"\r\n\r\n", at) + 4
    head = dict(l.split(b": ", 1) for l in data[at:end].split(b"\r\n")[1:-2])
    stop = end + int(head[b"Content-Length"])
    if odd and b"/t/gen" not in head.get(b"WARC-Target-URI", b"/t/gen"):
        odd.write(data[at:stop + 4])
    if head[b"WARC-Type"] == kind and head.get(b"WARC-Target-URI") == url:
        sys.stdout.buffer.write(data[end:stop] if len(sys.argv) < 5 else head.get(sys.argv[4].encode(), b"-"))
        break
    at = stop + 4
END
python3 "$work/block.py" "$work/all" odd -
block() { python3 "$work/block.py" "$work/all.odd" "$@"; } # block URL TYPE [FIELD]: a record's block, or a field of its head
claim_is "a response is kept with its chunks, a folded header and its trailer, without the interim one" \
    "$(printf 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Folded: one\r\n  two\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n' | sha1sum)" \
    "$(block "$at/t/interim" response | sha1sum)"
claim_is "… and its record has the payload without them" "2 text/plain" "$(jq -r "select(.url == \"$at/t/interim\") | \"\(.bytes) \(.content_type)\"" "$work/gzip.records")"
claim_is "… and chunks without end count as far as their payload may go" "too_large 8388608" \
    "$(jq -r "select(.url == \"$at/t/huge?bytes=9000000\") | \"\(.outcome.reason) \(.bytes)\"" "$work/gzip.records")"
claim_is "the request is kept as it was sent" "GET /t/interim HTTP/1.1|Host: 127.0.0.1:$port|" \
    "$(block "$at/t/interim" request | tr -d '\r' | head -2 | tr '\n' '|')"
claim_is "a body that broke off says so" "disconnect disconnect length length -" \
    "$(for u in /t/cut "/t/cut?chunked=1" "/t/huge?bytes=9000000&cl=1" "/t/huge?bytes=9000000" /t/empty; do block "$at$u" response WARC-Truncated; echo; done | tr '\n' ' ' | sed 's/ $//')"
claim_is "where a page came from stands beside it" "via: $at/|hopsFromSeed: L|" \
    "$(block "$at/about.html" metadata | tr -d '\r' | grep -E '^(via|hops)' | tr '\n' '|')"
claim_cmd "every record of an answer points at its copy, whole" tests/e2e/warc_at.py "$work/gzip" <"$work/gzip.records"
grep -v /t/gen "$work/gzip.records" >"$work/odd.records"
claim_cmd "every record keeps the schema" tests/schema/validate.py "$work/odd.records"

# ---- the same payload again, in a later run: the journal is kept
again
printf 'chain: []\nwarc: true\nwarc-compression: zstd\n' >"$work/zstd.yaml"
crawl -c "$work/zstd.yaml" "$at/t/type?n=1" "$at/t/slow?ms=0&bytes=900&chunk=100"
crawl -c "$work/zstd.yaml" "$at/t/type?n=2" "$at/t/slow?ms=0&bytes=900&chunk=100&n=2" "$at/t/status/304"
claim_is "zstd, from the configuration file" "2" "$(ls "$work"/job/warc/*.warc.zst | wc -l)"
plain "$work"/job/warc/*.zst | tr -d '\r' >"$work/text"
fields() { grep -A14 'WARC-Type: revisit' "$work/text" | grep -E "^($1): " | sed 's/^[^:]*: //'; }
claim_is "a payload that is there already is a revisit, a chunked one too; so is a 304" \
    "$at/t/slow?ms=0&bytes=900&chunk=100&n=2|$at/t/status/304|$at/t/type?n=2|" "$(fields WARC-Target-URI | sort | tr '\n' '|')"
claim_is "… that refers to the first" "$at/t/slow?ms=0&bytes=900&chunk=100|$at/t/type?n=1|" \
    "$(fields WARC-Refers-To-Target-URI | sort | tr '\n' '|')"
claim_is "… by its id" 2 "$(fields WARC-Refers-To | sort -u | while read -r id; do grep -cF "WARC-Record-ID: $id" "$work/text"; done | grep -c '^1$')"
claim_is "… by one of the two profiles" "identical-payload-digest identical-payload-digest server-not-modified" \
    "$(fields WARC-Profile | sed 's|http://netpreserve.org/warc/1.1/revisit/||' | sort | tr '\n' ' ' | sed 's/ $//')"
claim_cmd "every record points at its copy" at_right
mv "$work/job/warc" "$work/zstd"

# ---- kill -9: while it writes, and again and again
again
site=$(gen kill 60 500 '&gate=g')
kills=0
for go in 5 17 1 20; do
    setsid "$trommel" crawl --job "$work/job" --allow-private --delay 0 --no-progress -c "$work/none.yaml" --per-host 8 --warc \
        --warc-compression none "$site" >>"$work/out" 2>>"$work/err" </dev/null &
    group=$!
    started+=("$group")
    before=$(grep -c '^E.*/t/gen' "$log" || true)
    gate_open g "$go"
    # as many as were let through are answered, the others are held: it may be anywhere between that and the disk
    if log_wait $((before + go)) '^E.*/t/gen' "$group"; then
        kill -9 -- "-$group"
        kills=$((kills + 1))
    fi
    wait "$group" 2>/dev/null || true
    records >"$work/records"
    claim_cmd "after kill $kills: what is acknowledged is in the archive" at_right
    # a write that was torn
    for f in "$work"/job/warc/*.open; do
        case $f in *.cdxj.open) ;; *) [ ! -e "$f" ] || tail -c 300 "$f" | head -c 211 >>"$f" ;; esac
    done
done
claim_is "it was killed four times" 4 "$kills"
# by the second answer the first page had been acknowledged, so there was something to tear from the first kill on
claim_cmd "… what was torn is said" grep -q 'was not closed; [1-9][0-9]* bytes behind its last whole record were cut off' "$work/err"
gate_open g
archive --warc-compression none "$site"
claim_is "the same command goes on to the end" "0 60" "$status $(wc -l <"$work/records")"
records_once "… every page has one record"
claim_cmd "… and every record points at its copy" at_right
claim_is "… all files are closed and indexed" "$(ls "$work"/job/warc/*.warc | wc -l)" "$(ls "$work"/job/warc/*.warc.cdxj | wc -l)"
claim_is "… and none is open" "" "$(find "$work/job/warc" -name '*.open')"
mv "$work/job/warc" "$work/none"

# ---- the archive cannot be written for a while: its folder is held by somebody else, so that no file can be begun.
# A page there holds 200 kB of the budget, a fetch 64 KiB: of 1 MB there are at most 16.
again
for i in {1..40}; do echo "$at/t/gen?site=held&page=$i&links=0&pages=99&bytes=100000&gate=h"; done >"$work/seeds"
setsid "$trommel" crawl --job "$work/job" --allow-private --delay 0 --no-progress -c "$work/none.yaml" --per-host 8 --warc \
    --ignore-robots --depth 0 --budget 1000000 --seeds "$work/seeds" >"$work/out" 2>"$work/err" </dev/null &
pid=$!
started+=("$pid")
log_wait 1 '^R.*/t/gen' "$pid"
exec {held}<"$work/job/warc"
flock "$held"
gate_open h
log_wait 6 '^E.*/t/gen' "$pid"
records >"$work/records"
claim_is "while the archive cannot be written, no record is acknowledged" 0 "$(wc -l <"$work/records")"
claim_is "… and what waits for it stops new fetches: at most 16 of 40" 1 "$(($(grep -c '^R' "$log") <= 16))"
exec {held}<&-
status=0
wait "$pid" || status=$?
records >"$work/records"
claim_is "when it can be, all go on" "0 40" "$status $(wc -l <"$work/records")"
claim_cmd "… and every record points at its copy" at_right

# ---- bodies of several times the budget, in small chunks: one after the other, and nothing is held up for good
again
slow=()
for i in 1 2 3 4 5 6; do slow+=("$at/t/slow?ms=0&bytes=700000&chunk=1000&n=$i"); done
archive --budget 600000 --max-body 1000000 "${slow[@]}"
claim_is "chunked bodies larger than the budget come through" "0 6" "$status $(wc -l <"$work/records")"
claim_cmd "… within budget and reserve" test "$(summary .budget_peak)" -le $((600000 + 2 * 1000000 + 131072))
claim_is "… and no credits are left over" 0 "$(summary .budget_used)"

# ---- an interrupt: what is under way is finished, the file is closed
again
setsid "$trommel" crawl --job "$work/job" --allow-private --delay 0 --no-progress -c "$work/none.yaml" --per-host 4 --warc \
    --grace 600 "$(gen stop 50 500 '&gate=i')" >"$work/out" 2>"$work/err" </dev/null &
pid=$!
started+=("$pid")
log_wait 1 '^R.*/t/gen' "$pid"
kill -INT "$pid"
gate_open i
status=0
wait "$pid" || status=$?
records >"$work/records"
claim_is "an interrupt: what was under way has its record and its copy" "1 1 right, 0 missing" "$status $(at_right | tail -1)"
claim_is "… and the file is closed" "1 1 0" "$(cd "$work/job/warc" && echo "$(ls ./*.warc.gz | wc -l) $(ls ./*.cdxj | wc -l) $(find . -name "*.open" | wc -l)")"

# ---- a disk that takes no more: from some moment on a file may have 1,000,000 bytes, and only the archive has more
again
pages=$(gen full 30 250000 '&gate=f')
setsid "$trommel" crawl --job "$work/job" --allow-private --delay 0 --no-progress -c "$work/none.yaml" --per-host 8 --warc \
    --warc-compression none "$pages" >"$work/out" 2>"$work/err" </dev/null &
pid=$!
started+=("$pid")
gate_open f 1
log_wait 2 '^R.*/t/gen' "$pid" # the first page's links are known: its record was acknowledged
open=$(basename "$work"/job/warc/*.warc.open .open)
prlimit --pid "$pid" --fsize=1000000
gate_open f
status=0
wait "$pid" || status=$?
records >"$work/records"
claim_is "an archive that cannot be written ends the job" 3 "$status"
claim_cmd "… with the file's name, what is wrong, and the mend" \
    grep -qF "trommel: error: $work/job/warc/$open: cannot write (File too large); free space there and run the same command again" "$work/err"
claim_cmd "… no record is acknowledged whose copy is not on disk" at_right
claim_cmd "… the first one was, those that had no room were not" test "$(wc -l <"$work/records")" -ge 1 -a "$(wc -l <"$work/records")" -le 3
claim_is "… what was acknowledged is what was delivered" "$(wc -l <"$work/records")" "$(summary .ends.delivered)"
archive --warc-compression none "$pages"
claim_is "when there is room, it goes on to the end" "0 30" "$status $(wc -l <"$work/records")"
records_once "… every page has one record"
claim_cmd "… and every record points at its copy" at_right

# ---- options that are wrong
again
bad_option() { # bad_option WORDS OPTION...
    local words=$1
    shift
    archive "$@" "$at/"
    claim_is "$*: told with the mend" "2 1" "$status $(grep -c -- "$words" "$work/err" || true)"
}
bad_option '"lzma" is no compression; it must be gzip, zstd or none' --warc-compression lzma
bad_option 'must be a whole number from 1' --warc-size 0
bad_option 'is empty; give a folder' --warc=
bad_option "not a folder for WARC files; name another with --warc=DIR" --warc="$log"

# ---- what other tools see
venv_or_skip "warcio and cdxj-indexer agree"
for f in "$work"/zstd/*.zst; do zstd -dq "$f" -o "$work/zstd/$(basename "$f" .zst)"; done
claim_cmd "warcio check passes every file: gzip" "$build/venv/bin/warcio" check "$work"/gzip/*.warc.gz
claim_cmd "… zstd" "$build/venv/bin/warcio" check "$work"/zstd/*.warc
claim_cmd "… plain, recovered" "$build/venv/bin/warcio" check "$work"/none/*.warc
same_index() { # same_index FILE...: our lines of these files are theirs
    local ours=() f
    for f in "$@"; do ours+=("$f.cdxj"); done
    "$build/venv/bin/cdxj-indexer" --sort "$@" 2>/dev/null | diff - <(LC_ALL=C sort -m "${ours[@]}") | head -5
}
claim_is "there were 10,000 records" 1 "$(($(grep -ac '^WARC/1.1' "$work/all") >= 10000))"
claim_is "cdxj-indexer makes the same lines in the same order: gzip" "" "$(same_index "$work"/gzip/*.warc.gz)"
claim_is "… plain, recovered" "" "$(same_index "$work"/none/*.warc)"
exit $bad
