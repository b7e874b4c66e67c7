#!/usr/bin/env bash
# diff as a user sees it: fails when a field that changed is not named or one that did not is, when the order is not that of
# how much, when one of the forms of records is read as another, when a page's text does anything in the report, when
# damage passes in silence, or when memory grows with the records.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
page() { /usr/bin/python3 tests/e2e/diff_page.py "$@"; }
# differs STATUS TEXT ARG...: the comparison ends with the status
differs() {
    local want=$1 text=$2 rc=0
    shift 2
    timeout 60 "$trommel" diff "$@" >"$work/out" 2>"$work/err" </dev/null || rc=$?
    claim_is "$text" "$want" "$rc"
}

# ---- two crawls, the second with another option of a stage ----
server_start --root tests/site
crawl --warc "http://127.0.0.1:$port/"
mv "$work/job" "$work/old"
crawl "http://127.0.0.1:$port/"
mv "$work/job" "$work/same"
crawl --set boilerplate.markdown=false --out "file:$work/new?compress=zstd" "http://127.0.0.1:$port/"
"$trommel" cat "$work/old" >"$work/old.jsonl"
n=$(wc -l <"$work/old.jsonl") had=$(jq -r 'select(.content.markdown) | .url' "$work/old.jsonl" | wc -l)
differs 0 "two crawls of a site that stays as it is: nothing changed" "$work/old" "$work/same"
claim_is "… and every record had its other" "$n equal, 0 changed, 0 only in old, 0 only in new" "$(sed -n 3p "$work/out")"
claim_is "… but for what the report says is left out" "left out: chain, id, fetched_at, fetch, dedupe" "$(sed -n 4p "$work/out")"
differs 1 "with one of these there are differences" --with fetched_at "$work/old" "$work/same"
claim_is "… of this field, in every record" "fetched_at $n" "$(awk '/^FIELD/ { getline; print $1, $2 }' "$work/out")"
differs 1 "without Markdown there are differences" "$work/old" "$work/new"
claim_is "… of this field and no other: lost wherever it was" "content.markdown $had 0 $had 0 100.0%" \
    "$(awk '/^FIELD/ { on = 1; next } on && !NF { exit } on { print $1, $2, $3, $4, $5, $6 }' "$work/out")"
differs 0 "… and none without it" --ignore content.markdown "$work/old" "$work/new"
differs 0 "… nor in another field alone" --only content.text --only meta "$work/old" "$work/new"
differs 1 "as JSON" --json "$work/old" "$work/new"
claim_is "… a line a record that changed and nothing else" "$had content.markdown missing" \
    "$(jq -r '.fields[] | "\(.path) \(.kind)"' "$work/out" | sort | uniq -c | xargs)"
claim_is "… with the URL and the value that was" "" \
    "$(jq -r '[.url, .fields[0].old] | @json' "$work/out" | sort | diff - <(jq -r 'select(.content.markdown) | [.url, .content.markdown] | @json' "$work/old.jsonl" | sort))"
claim_is "… the one that changed most first" "" "$(jq .magnitude "$work/out" | sort -rgc 2>&1)"
differs 1 "--top" --json --top 2 "$work/old" "$work/new"
claim_is "… shows as many" 2 "$(wc -l <"$work/out")"

# ---- forms ----
"$trommel" cat --format msgpack "$work/old" >"$work/old.mp"
for form in old.jsonl old.mp old/records "$(cd "$work" && ls old/records/*.msgpack | head -1)"; do
    differs 0 "$form holds the same as the job" "$work/$form" "$work/old"
done
differs 0 "a compressed segment holds the same as its folder" "$(ls "$work"/new/*.zst | head -1)" "$work/new"
differs 0 "bytes are what JSON says they are" --with id --with dedupe "$work/old.jsonl" "$work/old"
differs 0 "… either way" --with id --with dedupe "$work/old" "$work/old.jsonl"
differs 0 "the same through a pipe" "$work/old" <("$trommel" cat "$work/old")
claim_is "… or standard input, in whatever order" "$n equal, 0 changed, 0 only in old, 0 only in new" \
    "$(tac "$work/old.jsonl" | "$trommel" diff "$work/old" - | sed -n 3p)"
claim_is "… also as OLD" "$n equal, 0 changed, 0 only in old, 0 only in new" \
    "$(tac "$work/old.jsonl" | "$trommel" diff - "$work/old" | sed -n 3p)"
sed 1d "$work/old.jsonl" >"$work/less.jsonl"
differs 1 "a record that is not there any more" "$work/old" "$work/less.jsonl"
claim_is "… is told" "$(head -1 "$work/old.jsonl" | jq -r .url)" "$(awk '/^only in old/ { getline; print $1 }' "$work/out")"
differs 1 "and one that is new" "$work/less.jsonl" "$work/old"
claim_is "… as well" "$(head -1 "$work/old.jsonl" | jq -r .url)" "$(awk '/^only in new/ { getline; print $1 }' "$work/out")"

# ---- the archive of the first crawl through another chain ----
# replay STATUS TEXT OPTION...: compares what the archive gives with the first crawl
replay() {
    local want=$1 text=$2 rc=0
    shift 2
    timeout 60 "$trommel" replay --no-progress --job "$work/replayed" --diff "$work/old" "$@" "$work"/old/warc/*.warc.gz \
        >"$work/out" 2>"$work/err" </dev/null || rc=$?
    claim_is "$text" "$want" "$rc"
}
rows() { awk '/^FIELD/ { on = 1; next } on && !NF { exit } on { print $1, $2 }' "$work/out" | xargs; }
for turn in "" " (nothing is kept of a comparison)"; do
    replay 0 "a replay through the same chain$turn: nothing changed" --html "$work/replay.html"
    claim_is "… gives the same records" "$n equal, 0 changed, 0 only in old, 0 only in new" "$(sed -n 3p "$work/out")"
done
claim_is "… its page is whole" whole "$(page "$work/replay.html")"
claim_is "… and nothing is delivered or left" "" "$(ls -A "$work/replayed" 2>/dev/null)"
replay 1 "a replay through another one" --set boilerplate.markdown=false
claim_is "… shows what it changes" "content.markdown $had" "$(rows)"
replay 1 "… as JSON, of that field alone" --json --only content.markdown --set boilerplate.markdown=false
claim_is "… a line a record" "$had" "$(grep -c '"kind":"missing"' "$work/out")"
replay 0 "beside a comparison" --out "$work/beside"
claim_is "… records are delivered if --out says where" "$n" "$("$trommel" cat --count "$work/beside")"
replay 0 "… and what was done before" --out "$work/beside"
claim_cmd "… is not compared, nor missed" grep -q 'what only old has is not known' "$work/out"
printf 'nothing\n' >"$work/bad.warc"
replay 3 "an archive that is damaged is no success" "$work/bad.warc"
replay 2 "an OLD that is not there is told before a page is begun" --diff "$work/none"
claim_cmd "… by its name" grep -q 'none: No such file' "$work/err"

# ---- what changed, word by word; what pages say is text and nothing else ----
/usr/bin/python3 - "$work" <<'END'
import json, sys
def write(name, *records):
    with open(f"{sys.argv[1]}/{name}", "w") as f:
        for r in records:
            print(json.dumps({"v": 1, "id": r["url"], **r}), file=f)
def record(n, text, title, **more):
    return {"url": f"http://a.example/{n}", "content": {"text": text}, "meta": {"title": title}, **more}
same = " ".join(f"word{i}" for i in range(200))
evil = "</ins></div><script>alert(1)</script><img src=x onerror=alert(2)> \u202egnihtyna\u202c \x1b[2Jz\u200bz"
write("a.jsonl", record(1, f"{same} the brown fox {same}", "Same"), record(2, f"good {same}", "Good"), record(3, "one two three", "T"),
      {"url": "javascript:alert(3)", "x": {"<b>": {"k": [1, 2]}}}, record(5, f"{same} end", "S"))
write("b.jsonl", record(1, f"{same} the red fox {same}", "Same"), record(2, f"{evil} {same}", f"</title>{evil}"), record(3, "four five", "T"),
      {"url": "javascript:alert(3)", "x": {"<b>": {"k": [2, evil]}}}, record(5, f"{same}\n\nend", "S"))
write("many.jsonl", *[record(i, f"{same} {i}", "M") for i in range(3000)])
write("more.jsonl", *[record(i, f"{same} {i * 7}", "M") for i in range(3000)])
END
differs 1 "a report as a page beside the text" --html "$work/diff.html" "$work/a.jsonl" "$work/b.jsonl"
claim_is "… of all, the one that changed most first" "3 2 alert(3) 1 5" "$(sed -nE 's/^[0-9]+\.  [0-9.]+  .*[:/]//p' "$work/out" | xargs)"
claim_cmd "… word by word" grep -qF 'word199 the [-brown-] {+red+} fox word0' "$work/out"
claim_is "… where only what parts the words changed it says so" 1 "$(grep -c 'only what parts the words' "$work/out")"
claim_is "no control character and no mark of direction reaches the terminal" 0 "$(grep -cP '[\x00-\x08\x0b-\x1f\x7f]|\x{202e}|\x{200b}' <(iconv -f UTF-8 -t UTF-8 "$work/out") || true)"
claim_is "the page is whole, needs nothing from elsewhere, and holds no mark-up that pages sent" whole "$(page "$work/diff.html")"
claim_is "… what cannot be seen is shown" "U+001B U+200B U+202C U+202E" "$(page "$work/diff.html" --unseen | tr ' ' '\n' | sort -u | xargs)"
page "$work/diff.html" --text >"$work/marked"
claim_cmd "… and what was said stands there" grep -qF '</ins></div><script>alert(1)</script><img src=x onerror=alert(2)> U+202EgnihtynaU+202C U+001B[2JzU+200Bz' "$work/marked"
claim_is "… word by word" "del brown ins red" "$(grep -E '^(del brown|ins red)$' "$work/marked" | xargs)"
claim_is "… it fetches nothing, even if it were made to" 1 "$(grep -c "default-src 'none'" "$work/diff.html")"
claim_cmd "… and can be read by night" grep -q 'prefers-color-scheme:dark' "$work/diff.html"
differs 1 "a page of thousands" --top 3000 --html "$work/many.html" "$work/many.jsonl" "$work/more.jsonl"
claim_is "… is whole" whole "$(page "$work/many.html")"
claim_is "… and the default one is short" 50 "$(timeout 60 "$trommel" diff "$work/many.jsonl" "$work/more.jsonl" | grep -cE '^[0-9]+\.  ')"

# ---- damage, wrong usage, outputs that cannot be written ----
segment=$(ls "$work"/old/records/*.msgpack | head -1)
cp "$segment" "$work/bad.msgpack"
printf '\377\377\377\377' | dd of="$work/bad.msgpack" bs=1 seek=$(($(stat -c %s "$segment") / 2)) conv=notrunc status=none
differs 3 "a damaged segment is no success" "$work/bad.msgpack" "$work/old"
claim_cmd "… it is named with the place" grep -q 'bad.msgpack: at byte [0-9]*: ' "$work/err"
claim_is "… and what is whole was compared" "$((n - 1)) equal, 0 changed, 0 only in old, 1 only in new" "$(sed -n 3p "$work/out")"
{ cat "$work/old.jsonl"; echo '{"url": "http://a'; echo '[1]'; } >"$work/bad.jsonl"
differs 3 "nor is a line that is no record" "$work/old" "$work/bad.jsonl"
claim_is "… it is named by its number" "$((n + 1)) $((n + 2))" "$(sed -nE 's/.*bad\.jsonl:([0-9]+): .*/\1/p' "$work/err" | xargs)"
differs 2 "what is not there" "$work/none" "$work/old"
claim_cmd "… is named with the mend" grep -q "none: No such file.*give a segment" "$work/err"
mkdir "$work/empty"
differs 2 "a folder without records" "$work/empty" "$work/old"
claim_cmd "… as well" grep -q "empty: has neither segments" "$work/err"
differs 2 "one path" "$work/old"
differs 2 "three" "$work/old" "$work/old" "$work/old"
differs 2 "standard input twice" - -
differs 2 "an option that is none" --colour "$work/old" "$work/old"
echo before >"$work/kept.html"
differs 2 "a comparison that never began" --html "$work/kept.html" "$work/none" "$work/old"
claim_is "… leaves the page there was" before "$(cat "$work/kept.html")"
differs 2 "a page that cannot be made" --html "$work/none/x.html" "$work/old" "$work/old"
differs 3 "a page on a full disk" --html /dev/full "$work/old" "$work/same"
claim_is "a full disk is told" "3" "$("$trommel" diff "$work/old" "$work/same" >/dev/full 2>"$work/err" || echo $?)"
claim_cmd "… with its name" grep -q 'standard output: .*No space' "$work/err"

# ---- memory: 60 MB of records on either side ----
/usr/bin/python3 - "$trommel" "$work" <<'END' >"$work/memory" || true
import msgpack, resource, subprocess, sys
trommel, work = sys.argv[1:]
for name, extra in ("big1", ""), ("big2", " more"):
    with open(f"{work}/{name}", "wb") as f:
        for i in range(1000):
            f.write(msgpack.packb({"v": 1, "id": str(i), "url": f"http://a.example/{i}", "x": {"blob": {"k": f"{i} " + "some words " * 6000 + extra}}}))
rc = subprocess.run([trommel, "diff", f"{work}/big1", f"{work}/big2"], stdout=subprocess.DEVNULL).returncode
print(rc, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024 < 32)
END
claim_is "comparing 120 MB takes less than 32 MiB" "1 True" "$(cat "$work/memory")"
exit $bad
