#!/usr/bin/env bash
# Archives through the chain: fails when the way in which a writer packs pages shows in the records, when damage costs
# more than what it lies in, or when a replay that is killed, stopped or follows a folder loses a page or does one twice.
# shellcheck disable=SC2154 # set by lib.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh

made=$work/made job=$work/job
mkdir "$made"
python3 tests/warc/make.py "$made"

replay() { # replay OPTION...: sets $status; messages are in $work/err
    status=0
    timeout --kill-after=5 120 "$trommel" replay --job "$job" --no-progress "$@" >"$work/out" 2>"$work/err" || status=$?
}
fields='[.url, .status, .outcome.code, .outcome.reason, .content_type, .charset, .content.text, .meta.title, [.links[]?.url]]'
pages() { "$trommel" cat "$job" | jq -c "select(.url | startswith(\"http://site.example/\")) | $fields"; }
twice() { "$trommel" cat "$job" | jq -r .id | sort | uniq -d | wc -l; }

# ---- writers ----

replay "$made/lines.warc" </dev/null
pages >"$work/want"
claim_is "an archive as it lies: three pages, one that is not there, and nothing of a redirect" "1 3 1" \
    "$status $(grep -c '"ok"' "$work/want") $(grep -c http_404 "$work/want")"
claim_is "… in the order of the file" "one two three gone" "$("$trommel" cat "$job" | jq -r '.url | split("/") | last' | paste -sd' ')"
claim_is "… with what the archive says of them" '["lines.warc",true,"2026-11-24T17:04:27.000Z"]' \
    "$("$trommel" cat "$job" | jq -c 'select(.url | endswith("/two")) | [.fetch.warc.file, (.fetch.warc.id | endswith("-000000000002")), .fetched_at]')"
"$trommel" cat "$job" >"$work/records"
claim_cmd "… and keep the schema" tests/schema/validate.py "$work/records"
for f in "$made"/*.gz "$made"/*.zst "$made"/*.arc "$made"/gzipped.warc; do
    rm -rf "$job"
    replay "$f" </dev/null
    claim_is "the same pages from $(basename "$f")" "$(grep -v '/same"' "$work/want" | sort | md5sum)" "$(pages | grep -v '/same"' | sort | md5sum)"
done
rm -rf "$job"
replay "$made/heritrix.warc.gz" </dev/null
claim_is "the address that was connected to" 10.0.0.1 "$("$trommel" cat "$job" | jq -r 'select(.url | endswith("/one")) | .fetch.ip')"
claim_is "… and what is no page is counted" 1 "$(grep -c 'other records: 1 redirects, 1 requests, 1 metadata, 1 warcinfo, 1 of other protocols' "$work/err")"
rm -rf "$job"
replay "$made/revisits.warc.gz" </dev/null
claim_is "a revisit has the payload that it refers to; one not changed says so; one whose payload is nowhere is counted" "8 unchanged 1" \
    "$("$trommel" cat --count "$job") $("$trommel" cat "$job" | jq -r 'select(.url | endswith("/same")) | .outcome.code') $(grep -c '1 revisits without' "$work/err")"
for kind in wet wat; do
    rm -rf "$job"
    replay "$made/others/x.warc.$kind.gz" </dev/null
    claim_is "a ${kind^^} file of Common Crawl is told by name, and what to give instead" "1 1" \
        "$status $(grep -c "x.warc.$kind.gz: is a ${kind^^} file: .*give the WARC file it was made from" "$work/err")"
done

# ---- real writers ----

server_start --root tests/site
"$trommel" extract --allow-private --no-progress "http://127.0.0.1:$port/news/tide-mill.html" >"$work/extracted" 2>/dev/null
text=$(jq -c '[.content.text, .meta.title]' "$work/extracted" | md5sum)
if command -v wget >/dev/null; then
    rm -rf "$job"
    wget --quiet --no-proxy -O "$work/page" --warc-file="$work/wget" "http://127.0.0.1:$port/news/tide-mill.html"
    replay "$work/wget.warc.gz" </dev/null
    claim_is "wget: the page as extract makes it, and nothing of its log" "1 $text" \
        "$("$trommel" cat --count "$job") $("$trommel" cat "$job" | jq -c '[.content.text, .meta.title]' | md5sum)"
else
    echo "ok - wget # SKIP it is not installed"
fi
if tests/venv.sh --once "$build" >/dev/null; then
    rm -rf "$job"
    "$build/venv/bin/python" - "http://127.0.0.1:$port/news/tide-mill.html" "$work/warcio.warc.gz" <<'END'
import sys
from warcio.capture_http import capture_http
import requests
with capture_http(sys.argv[2]):
    requests.get(sys.argv[1], headers={"Accept-Encoding": "gzip"})
END
    replay "$work/warcio.warc.gz" </dev/null
    claim_is "warcio: the page as extract makes it" "1 $text" \
        "$("$trommel" cat --count "$job") $("$trommel" cat "$job" | jq -c '[.content.text, .meta.title]' | md5sum)"
else
    echo "ok - warcio # SKIP the Python packages are not there"
fi

# forty times the same pages, each time of another host
python3 - "$made/lines.warc" >"$work/long.warc" <<'END'
import sys
data = open(sys.argv[1], 'rb').read()
for i in range(40):
    sys.stdout.buffer.write(data.replace(b'site.example', b'n%02d.example' % i))
END

# ---- where from ----

rm -rf "$job"
replay - <"$made/whole.warc.gz"
claim_is "from standard input" "$(md5sum <"$work/want")" "$(pages | md5sum)"
mkdir -p "$work/folder/below"
cp "$made/nutch.warc.gz" "$work/folder/b.warc.gz"
cp "$made/lines.warc" "$work/folder/below/a.warc"
echo "no archive" >"$work/folder/notes.txt"
rm -rf "$job"
replay "$work/folder" </dev/null
claim_is "a folder: its archives and those below, and nothing else" "8 0" "$("$trommel" cat --count "$job") $(twice)"
replay "$work/folder" "$made/heritrix.warc.gz" </dev/null
claim_is "the same job again: what was done is not done again, what is new is" "12 8" \
    "$("$trommel" cat --count "$job") $(sed -n 's/.* \([0-9]*\) pages were done before/\1/p' "$work/err")"
mv "$work/folder/b.warc.gz" "$work/folder/moved.warc.gz"
replay "$work/folder" </dev/null
claim_is "… an archive that was moved is known" 12 "$("$trommel" cat --count "$job")"
cp "$work/long.warc" "$work/grows.warc"
rm -rf "$job"
replay "$work/grows.warc" </dev/null
first=$("$trommel" cat --count "$job")
cat "$made/lines.warc" >>"$work/grows.warc"
replay "$work/grows.warc" </dev/null
claim_is "one that has grown goes on where it ended" "160 164 0" "$first $("$trommel" cat --count "$job") $(twice)"

refused() { # refused TEXT WORDS OPTION...
    local text=$1 words=$2
    shift 2
    rm -rf "$job"
    replay "$@" </dev/null
    claim_is "$text" "2 1" "$status $(grep -c -- "$words" "$work/err")"
}
refused "nothing named" "nothing to replay; name an archive"
refused "a file that is not there" "nowhere.warc: No such file.*name archives that are there" "$work/nowhere.warc"
refused "a folder without archives" "has no archives in it" "$work/made/others/.."/others
refused "files beside --dead" "has no place beside --dead" --dead "$made/lines.warc"
refused "an option of the letters without them" "--stage: is for --dead only" --stage x "$made/lines.warc"
refused "a chain that is none" "none, default, or at most" --chain layout,,x "$made/lines.warc"
echo "<html>no archive" >"$work/page.html"
rm -rf "$job"
replay "$work/page.html" </dev/null
claim_is "what is no archive is told" "1 1" "$status $(grep -c 'page.html: holds no WARC or ARC record' "$work/err")"

# ---- the chain ----

rm -rf "$job"
replay --chain none "$made/lines.warc" </dev/null
claim_is "--chain none: what is known of a page beforehand, and nothing that was made of it" "3 null null 0" \
    "$("$trommel" cat "$job" | jq -s -r '[([.[] | select(.outcome.code == "ok")] | length), .[0].content, .[0].links, (.[0].chain.stages | length)] | map(tostring) | join(" ")')"
rm -rf "$job"
replay --chain layout --out "$work/out.records" "$made/lines.warc" </dev/null
claim_is "--chain: stages by name; --out: elsewhere" "layout 4" \
    "$("$trommel" cat "$work/out.records" | jq -r .chain.stages[0].id | sort -u | grep -v null) $("$trommel" cat --count "$work/out.records")"
mkdir -p "$work/old"
rm -rf "$job"
replay "$made/lines.warc" </dev/null
mv "$job" "$work/old/job"
replay --diff "$work/old/job" "$made/whole.warc.gz" </dev/null
claim_is "--diff: nothing changed, and nothing is delivered" "0 no" "$status $([ -e "$job/records" ] && echo yes || echo no)"
rm -rf "$job"
replay --diff "$work/old/job" --chain layout "$made/whole.warc.gz" </dev/null
claim_is "… another chain: it says what" "1 yes" "$status $(grep -q 'content.text' "$work/out" && echo yes)"

# ---- damage ----

python3 - "$made" "$work" <<'END'
import sys, gzip
made, work = sys.argv[1:]
data = bytearray(open(made + '/heritrix.warc.gz', 'rb').read())
starts = []
at = data.find(b'\x1f\x8b\x08')
while at >= 0:
    starts.append(at)
    at = data.find(b'\x1f\x8b\x08', at + 1)
data[starts[3] + 60] ^= 4  # in the page two
open(work + '/flipped.warc.gz', 'wb').write(data)
open(work + '/offset', 'w').write(str(starts[3]))
plain = open(made + '/lines.warc', 'rb').read()
open(work + '/lies.warc', 'wb').write(plain.replace(b'Content-Length: ', b'Content-Length: 9', 1))
END
rm -rf "$job"
replay "$work/flipped.warc.gz" </dev/null
claim_is "a flipped bit: named with file and offset, and all but its record are read" "1 1 one three gone" \
    "$status $(grep -c "flipped.warc.gz: offset $(cat "$work/offset"): a damaged gzip member" "$work/err") $("$trommel" cat "$job" | jq -r '.url | split("/") | last' | paste -sd' ')"
rm -rf "$job"
replay - <"$work/lies.warc"
claim_is "a wrong length: the same, from a pipe" "1 1 two three gone" \
    "$status $(grep -c 'standard input: offset 0: its Content-Length is ' "$work/err") $("$trommel" cat "$job" | jq -r '.url | split("/") | last' | paste -sd' ')"
python3 - "$work" <<'END'
import sys
good = b'WARC/1.0\r\nWARC-Type: metadata\r\nWARC-Record-ID: <urn:x:%d>\r\nContent-Length: 2\r\n\r\nok\r\n\r\n'
bad = b'WARC/1.0\r\nWARC-Type: x\r\nContent-Length: no\r\n\r\nx\r\n\r\n'
open(sys.argv[1] + '/many.warc', 'wb').write(b''.join(good % i + bad for i in range(300)) + good % 300)
END
rm -rf "$job"
replay "$work/many.warc" </dev/null
claim_is "three hundred damaged places: twenty are named, the others counted" "20 1 1" \
    "$(grep -c 'many.warc: offset' "$work/err") $(grep -c 'and 280 more damaged places' "$work/err") $(grep -c '300 damaged places' "$work/err")"

# ---- killed, stopped ----

gzip -c "$work/long.warc" >"$work/long.warc.gz"
# A kill when ids are committed leaves at most 64 pages done: so many remain for the next one.
for archive in long.warc long.warc.gz; do
    rm -rf "$job"
    for when in put ack committed ack committed; do
        replay "$work/$archive" --out "$build/test/plugin/dying_sink.so:$job/records?file=$build/sink/file.so&at=$when" </dev/null 2>/dev/null
        claim_is "$archive killed at $when: it was" 137 "$status"
    done
    replay "$work/$archive" </dev/null
    claim_is "… and again: every page is there, once" "160 0 1" "$("$trommel" cat --count "$job") $(twice) $status"
done

rm -rf "$job"
mkfifo "$work/in"
"$trommel" replay --job "$job" --no-progress - <"$work/in" 2>"$work/err" &
pid=$!
started+=("$pid")
exec {to}>"$work/in"
head -c 100000 "$work/long.warc" >&"$to"
until grep -q '^D 0 [0-9]* .* 20$' "$job/replay.journal" 2>/dev/null || ! kill -0 "$pid" 2>/dev/null; do :; done
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
exec {to}>&-
claim_is "stopped while standard input waits: what was taken is finished" "1 1" "$status $(grep -c 'stopped; the same command goes on where it was' "$work/err")"
before=$("$trommel" cat --count "$job")
replay - <"$work/long.warc"
claim_is "… and the same input again: every page, once" "160 0 $before" \
    "$("$trommel" cat --count "$job") $(twice) $(sed -n 's/.* \([0-9]*\) pages were done before/\1/p' "$work/err")"
replay - <"$made/heritrix.warc.gz"
claim_is "… another input in its place is all read" 164 "$("$trommel" cat --count "$job")"

# ---- a folder that is followed ----

mkdir "$work/follow"
cp "$made/lines.warc" "$work/follow/first.warc"
cp "$made/nutch.warc.gz" "$work/follow/second.warc.gz.open"
rm -rf "$job"
exec {to}>"$work/follow/third.warc" # a crawler writes
cat "$made/gzipped.warc" >&"$to"
"$trommel" replay --job "$job" --no-progress --follow "$work/follow" 2>"$work/err" </dev/null {to}>&- &
pid=$!
started+=("$pid")
ended() { # ended N: until N archives are done
    until [ "$(grep -cs '^E' "$job/replay.journal" | tail -1)" -ge "$1" ] 2>/dev/null || ! kill -0 "$pid" 2>/dev/null; do :; done
}
ended 1
claim_is "what is there at the start, but for what is open, by its name or by somebody who writes" 4 "$("$trommel" cat --count "$job")"
mv "$work/follow/second.warc.gz.open" "$work/follow/second.warc.gz"
ended 2
claim_is "a file gets its name: taken; one that is still written to is not" "8 nutch" \
    "$("$trommel" cat --count "$job") $("$trommel" cat "$job" | jq -r .fetch.warc.file | sort -u | grep -q third || echo nutch)"
exec {to}>&-
ended 3
claim_is "it is closed: taken" 12 "$("$trommel" cat --count "$job")"
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
claim_is "… until it is told to stop" "1 12 0" "$status $("$trommel" cat --count "$job") $(twice)"
rm -rf "$job"
/usr/bin/python3 - "$trommel" "$job" "$work/follow" <<'END' >"$work/progress"
import os, pty, re, signal, subprocess, sys
trommel, job, folder = sys.argv[1:]
ours, theirs = pty.openpty()
child = subprocess.Popen([trommel, 'replay', '--job', job, '--follow', folder], stderr=theirs, stdin=subprocess.DEVNULL)
os.close(theirs)
text = b''
while not (m := re.search(rb'12 pages +[0-9.]+/s +[0-9.]+ KiB of [0-9.]+ KiB \(100 %\) +ETA 0:00:00 +3 failed', text)):
    text += os.read(ours, 4096)
child.send_signal(signal.SIGINT)
print('shown', child.wait())
END
claim_is "on a terminal: pages, bytes of how many, and how long it will take" "shown 1" "$(cat "$work/progress")"
exit $bad
