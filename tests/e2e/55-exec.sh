#!/usr/bin/env bash
# A crawl with a program in Python as a stage: fails when its fields or drops do not arrive, when a page that kills it
# costs any other page, or when it is left running, also by a host that was killed.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
python=/usr/bin/python3
mkdir "$work/site"
cp plugin/example/words.py "$work/words.py"

# Page 4 is short, page 7 kills the program, 9 is short; page I has 30 + I words of text and more.
text() { printf 'word%d ' $(seq 1 "$1"); }
for i in $(seq 1 12); do
    case $i in
    4 | 9) body=$(text 3) ;;
    7) body="LETHAL $(text 40)" ;;
    *) body=$(text $((30 + i))) ;;
    esac
    echo "<!DOCTYPE html><title>Page $i</title><article><h1>Page $i</h1><p>$body.</p></article>" >"$work/site/p$i.html"
done
{
    echo "<!DOCTYPE html><title>Index</title><article><h1>All the pages</h1><p>$(text 60).</p></article>"
    printf '<a href="/p%d.html">page</a>\n' $(seq 1 12)
} >"$work/site/index.html"

# The example, but it dies of one page, hangs at another, and writes down who it is.
cat >"$work/mortal.py" <<'P'
import os, signal, sys
import words

judge = words.judge

def mortal(page, least):
    text = page.get("content.text", "")
    if "LETHAL" in text:
        os.kill(os.getpid(), signal.SIGKILL)
    if "HANG" in text:
        with open(os.environ["ALIVE"], "w") as alive:
            alive.write("hanging\n")
            alive.flush()
            for number in range(1, 32):
                if number not in (signal.SIGKILL, signal.SIGSTOP):
                    signal.signal(number, signal.SIG_IGN)
            while True:
                signal.pause()
    return judge(page, least)

with open("pids", "a") as pids:
    pids.write(f"{os.getpid()}\n")
words.judge = mortal
words.main()
P
cat >"$work/job.yaml" <<Y
chain:
  - layout
  - boilerplate
  - stage: exec.words
    set: {command: "$python ./mortal.py --min 20", file_mb: 1, deadline_ms: 60000, start_ms: 50000, env: ALIVE}
  - dedupe
Y
server_start --root "$work/site"
crawl -c "$work/job.yaml" --workers 1 "http://127.0.0.1:$port/"
claim_is "one page failed: status 1" 1 "$status"
counters_add_up
records_once "no record twice"
claim_cmd "every record keeps the schema" tests/schema/validate.py "$work/records"
claim_is "pages with text are delivered, the index among them" 10 "$(jq -s 'map(select(.outcome.code == "ok")) | length' "$work/records")"
claim_is "the program's field is what it counted" "" \
    "$(jq -r 'select(.x["exec.words"].words != (.content.text | [scan("\\S+")] | length)) | .url' "$work/records")"
claim_is "… a number and a fraction" "number number" \
    "$(record "http://127.0.0.1:$port/p1.html" '[.x["exec.words"].words, .x["exec.words"].minutes | type] | join(" ")')"
claim_is "short pages are dropped with the program's own reason" "2 2" "$(summary '"\(.ends.dropped) \(.reasons.few_words)"')"
"$trommel" cat --dead "$work/job" >"$work/dead"
claim_is "the page that kills the program is quarantined: stage and reason" "exec.words exec_died" \
    "$(jq -r '"\(.error.stage) \(.error.reason)"' "$work/dead")"
claim_cmd "… and told by its URL" grep -q '/p7.html: quarantined: stage exec.words' "$work/err"
claim_cmd "… after it was tried once more with a fresh program" test "$(wc -l <"$work/pids")" -ge 2
left=$(while read -r pid; do if kill -0 "$pid" 2>/dev/null; then echo "$pid"; fi; done <"$work/pids")
claim_is "no program is left running" "" "$left"

# ---- the host is killed while the program hangs ----
rm -r "$work/job" "$work/pids"
echo "<!DOCTYPE html><title>Index</title><article><h1>One page</h1><p>HANG $(text 60).</p></article>" >"$work/site/index.html"
mkfifo "$work/alive"
exec {up}< <(timeout 100 cat "$work/alive" && echo nobody)
ALIVE=$work/alive "$trommel" crawl --job "$work/job" --allow-private --delay 0 --no-progress --workers 1 --stage-budget 60000 \
    -c "$work/job.yaml" "http://127.0.0.1:$port/" >"$work/out" 2>"$work/err" </dev/null &
host=$!
started+=("$host")
read -r -u "$up" line || true
claim_is "the program is at work" hanging "$line"
kill -KILL "$host"
{ wait "$host"; } 2>/dev/null || true
read -r -u "$up" line || line='still there'
claim_is "kill -9 of trommel ends the program, which ignores what it can" nobody "$line"
exec {up}<&-

# ---- what is told before a page is fetched ----
refused() { # refused TEXT COMMAND WANT...
    local text=$1 rc=0
    "$trommel" extract --set "exec.command=$2" -c "$work/plain.yaml" tests/site/about.html >"$work/out" 2>"$work/err" || rc=$?
    shift 2
    claim_is "$text: status" 2 "$rc"
    for want in "$@"; do claim_cmd "… says: $want" grep -qF -e "$want" "$work/err"; done
}
echo 'chain: [layout, boilerplate, exec]' >"$work/plain.yaml"
refused "a program that is not there" "$work/nothere.py" "stage \`exec\`" "$work/nothere.py: No such file" "correct option \`command\`"
chmod -x "$work/words.py"
refused "one that may not be executed" "$work/words.py" "$work/words.py may not be executed" "chmod +x"
rc=0
"$trommel" extract --set exec.command="echo Hello, world" -c "$work/plain.yaml" tests/site/about.html >"$work/out" 2>"$work/err" || rc=$?
claim_cmd "one that speaks something else" grep -qF 'said `Hello, world' "$work/err"
claim_cmd "… is no success" test "$rc" != 0

# ---- the README's program ----
awk '$0 == "```python" { on = 1; next } /^```/ { on = 0 } on' plugin/stage/exec/README.md >"$work/shortest.py"
echo 'chain: [layout, boilerplate, metadata, exec]' >"$work/readme.yaml"
"$trommel" extract --set exec.command="$python $work/shortest.py" --set exec.start_ms=50000 --set exec.deadline_ms=60000 -c "$work/readme.yaml" tests/site/about.html >"$work/out" 2>"$work/err" ||
    cat "$work/err"
claim_is "the program in the README works as it stands" "$(jq '.meta.title | length' "$work/out")" "$(jq .x.exec.length "$work/out")"
exit $bad
