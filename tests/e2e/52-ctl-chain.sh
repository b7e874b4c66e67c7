#!/usr/bin/env bash
# The chain of a crawl that runs, changed by `trommel ctl`: fails when a change is not made as it was said, when one that
# is no good is taken, when a record does not show the generation that made it, or when a shadow run finds what is not so.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
plugin=$build/test/plugin
server_start
site="http://127.0.0.1:$port/t/gen?site=chain&page=0&links=9&pages=60&bytes=2000&ms=0&gate=a"
printf 'chain:\n  - layout\n  - metadata\n' >"$work/job.yaml"
"$trommel" crawl -c "$work/job.yaml" --job "$work/job" --allow-private --delay 0 --no-progress --ignore-robots "$site" \
    >"$work/out" 2>"$work/err" </dev/null &
pid=$!
started+=("$pid")
log_wait 1 '^R.*/t/gen' "$pid"

ctl() { # ctl ARGUMENT...: sets $status, writes $work/ctl and $work/ctl.err
    status=0
    timeout 100 "$trommel" ctl --job "$work/job" "$@" >"$work/ctl" 2>"$work/ctl.err" || status=$?
}
answer() { # answer FILTER: of what the last ctl --json printed
    jq -r "$1" "$work/ctl"
}
said() { # said PATTERN: how often the last ctl complained of it
    grep -cE "$1" "$work/ctl.err" || true
}
asks() { # asks COMMAND FILTER
    "$trommel" ctl --job "$work/job" "$1" --json | jq -r "$2"
}
until_asked() { # until_asked COMMAND FILTER: until it is true
    # shellcheck disable=SC2086 # a command may be two words
    until "$trommel" ctl --job "$work/job" $1 --json 2>/dev/null | jq -e "$2" >/dev/null; do kill -0 "$pid"; done
}
ids() { asks stages '[.stages[].id] | join(" ")'; }
pages() { # pages N: lets N more come, and waits for their records
    local before
    before=$(asks status .pages)
    gate_open a "$1"
    until_asked status ".pages == $((before + $1))"
}
# made[GENERATION]: what its records show
declare -A made
is_live() { # is_live TEXT IDS SHOWN: the last change went live, and its records will show that
    local generation
    generation=$(answer .live)
    claim_is "$1" "0 $generation $2" "$status $(answer .generation) $(ids)"
    made[$generation]=$3
}

# ---- each change ----
made[1]='null null'
ctl --json stages
claim_is "stages" "0 1 settled layout metadata" "$status $(answer '"\(.generation) \(.state) \([.stages[].id] | join(" "))"')"
pages 5
ctl stage add "$plugin/stamp_a.so" --set tag=one --after layout --json
is_live "stage add --after" "layout stamp-a metadata" "one null"
claim_is "… was tried on golden pages first, bundled ones and the crawl's own, and took its time" true \
    "$(answer '.golden.pages > 5 and .golden.failed == 0 and .golden.extra["x.stamp-a.tag"] == .golden.differ and .live_us >= .golden_us and .golden_us >= .load_us and .load_us > 0')"
golden=$(answer .golden.pages)
pages 3
cd "$plugin" # the crawl runs elsewhere
ctl --json stage replace stamp-a stamp_b.so --set tag=two
cd "$OLDPWD"
is_live "stage replace, by a relative path" "layout stamp-b metadata" "null two"
claim_is "… the pages that came meanwhile are golden ones, too" $((golden + 3)) "$(answer .golden.pages)"
pages 3
ctl --json stage set stamp-b tag=three
is_live "stage set" "layout stamp-b metadata" "null three"
claim_is "… stages shows its options, hash, version and file" "three 32 1 $plugin/stamp_b.so" \
    "$(asks stages '.stages[1] | "\(.options.tag) \(.sha | length) \(.version) \(.file)"')"
pages 3
ctl --json reorder metadata stamp-b layout
is_live "reorder" "metadata stamp-b layout" "null three"
ctl --json stage add "$plugin/stamp_a.so" --set tag=four
is_live "stage add, at the end" "metadata stamp-b layout stamp-a" "four three"
pages 3
ctl --json stage remove stamp-b
is_live "stage remove" "metadata layout stamp-a" "four null"
pages 3
ctl rollback --json
claim_is "rollback: the generation before is live again" "0 6 metadata stamp-b layout stamp-a" "$status $(answer .live) $(ids)"
pages 3
printf 'chain:\n  - layout\n  - stage: %s\n    set: {tag: five}\n' "$plugin/stamp_a.so" >"$work/job.yaml"
ctl reload --json
is_live "reload: the file that it was started with, as it is now" "layout stamp-a" "five null"
pages 3
printf 'chain:\n  - metadata\n' >"$work/other.yaml"
cd "$work"
ctl reload other.yaml --json
cd "$OLDPWD"
is_live "reload of another file, by a relative path" "metadata" "null null"
pages 3
ctl history --json
claim_is "history: every change, by whom, and what became of it" \
    "start settled,add settled,replace settled,set settled,reorder settled,add settled,remove rolled_back,rollback settled,reload settled,reload live," \
    "$(answer '.[] | "\(.change | split(" ")[0]) \(.result)"' | tr '\n' ',')"
claim_is "… with generation and time" true \
    "$(answer '[.[] | select(.by != null) | (.by | test("^user [0-9]+, process [0-9]+$")) and .generation > 0 and (.at | test("Z$"))] | all and length == 9')"
ctl stages
claim_cmd "stages, for people" grep -qE '^metadata +1 +[0-9a-f]{32} +metadata' "$work/ctl"
ctl history
claim_cmd "history, for people" grep -qE 'remove stamp-b .*rolled_back' "$work/ctl"
live=$(asks status .chain.generation)

# ---- what is refused ----
refused() { # refused TEXT PATTERN ARGUMENT...: status 1, the message, and all is as it was
    local text=$1 pattern=$2
    shift 2
    ctl "$@"
    claim_is "$text" "1 1 $live metadata" "$status $(said "$pattern") $(asks status .chain.generation) $(ids)"
}
refused "refused: a stage that is not there" 'no stage `nope`' stage remove nope
refused "… a file that is not there" "nowhere.so: .*No such file|nowhere.so: .*not there" stage add "$work/nowhere.so"
refused "… a file of another ABI" 'other_major.so: .*major' stage add "$plugin/other_major.so"
refused "… a stage that needs what nobody provides" 'needy.*price.amount' stage add "$plugin/needy.so"
refused "… one that will not be configured" 'it says refuse' stage add "$plugin/marked.so" --set how=refuse
refused "… one that dies while it is configured" 'marked' stage add "$plugin/marked.so" --set how=die
refused "… a wrong option" 'how.*crash\|error' stage add "$plugin/marked.so" --set how=wild
refused "… one that fails on golden pages" 'golden pages: .* fail' stage add "$plugin/candidate.so" --set how=error
refused "… an order that lacks a stage" 'lacks metadata|metadata' reorder layout
refused "… a configuration that is none" 'broken.yaml' reload "$work/broken.yaml"
cp "$plugin/stamp_a.so" "$work/open.so"
chmod 666 "$work/open.so"
refused "… a file that others could have written" 'open.so: .*(mode|writ)' stage add "$work/open.so"
ctl stage add "$plugin/needy.so" --json
claim_is "… and as JSON: what is live, and why" "1 false $live USAGE" "$status $(answer '"\(.ok) \(.error.live) \(.error.code)"')"
ctl reorder layout --json
claim_is "… also where no generation was made" "1 false USAGE" "$status $(answer '"\(.ok) \(.error.code)"')"

# ---- the policy ----
ctl stage add "$plugin/stamp_a.so" --set tag=six --json
is_live "to go on with" "metadata stamp-a" "six null"
ctl stage remove stamp-a --keep meta.title,x.stamp-a.tag
claim_is "--keep: a change that loses the field is refused" "1 1" "$status $(said 'x.stamp-a.tag .*kept')"
ctl stage set stamp-a tag=six --keep x.stamp-a.tag --json
is_live "… one that keeps it is not" "metadata stamp-a" "six null"
ctl stage add "$plugin/candidate.so" --set how=error --max-errors 100% --json
is_live "--max-errors: as much as is said may fail" "metadata stamp-a candidate" "six null"
ctl stage remove candidate --no-golden --json
is_live "--no-golden: without them" "metadata stamp-a" "six null"
claim_is "… and none were run" null "$(answer .golden)"
timeout 100 "$trommel" ctl --job "$work/job" stage set stamp-a tag=seven --probation 3,0 --settle --json >"$work/settled" &
settling=$!
started+=("$settling")
until_asked stages '.stages[-1].options.tag == "seven"'
claim_is "--probation: for so many pages and seconds" "probation 3 0" "$(asks stages '"\(.state) \(.probation.of_pages) \(.probation.of_ms)"')"
made[$(asks status .chain.generation)]="seven null"
claim_cmd "--settle: the answer waits for its end" kill -0 "$settling"
pages 3
status=0
wait "$settling" || status=$?
claim_is "… and tells it" "0 true" "$status $(jq '.message | test("settled")' "$work/settled")"

# every page kills its worker: the old generation runs it, and is back when it is enough
good=$(asks status .chain.generation)
timeout 100 "$trommel" ctl --job "$work/job" stage add "$plugin/marked.so" --set how=crash --set mark=site=chain --no-golden \
    --probation 1000,0 --settle --json >"$work/settled" 2>"$work/settled.err" &
settling=$!
started+=("$settling")
until_asked status ".chain.generation > $good"
pages 8
status=0
wait "$settling" || status=$?
claim_is "a chain that does worse is rolled back: status 1, as JSON" "1 false true $good" \
    "$status $(jq -r '"\(.ok) \(.error.text | length > 0)"' "$work/settled") $(asks status .chain.generation)"
claim_is "… which the history says, too" "rolled_back" "$(asks history '[.[] | select(.change | test("^add .*marked"))][-1].result')"
claim_is "… and it cost no page" 0 "$("$trommel" cat --dead --count "$work/job")"
ctl stage add "$plugin/marked.so"
claim_is "… and its file is blocked" "1 1" "$status $(said 'blocked')"
ctl stage add "$plugin/marked.so" --despite-block --json
is_live "--despite-block" "metadata stamp-a marked" "seven null"

# ---- several clients, one change at a time ----
mkfifo "$work/gate"
hold() { # hold TAG: a change that stays under way till the gate is opened, in the background
    (cd "$work" && exec "$trommel" ctl --job job stage add "$plugin/gated.so" --set gate=./gate --set "tag=$1") \
        >"$work/held" 2>"$work/held.err" &
    held=$!
    started+=("$held")
    until [ "$(asks stages '.doing != null')" = true ]; do kill -0 "$held"; done
}
hold one
ctl stage set stamp-a tag=eight
claim_is "a change while another is under way: status 1, and the mend" "1 1" "$status $(said 'another change is under way')"
ctl stage set stamp-a tag=eight --json
claim_is "… as JSON" AGAIN "$(answer .error.code)"
timeout 100 "$trommel" ctl --job "$work/job" stage set stamp-a tag=eight --wait --json >"$work/waited" &
waiting=$!
started+=("$waiting")
"$trommel" ctl --job "$work/job" stage set stamp-a tag=never --wait >"$work/never" &
never=$!
started+=("$never")
/usr/bin/python3 - "$work/job/control.sock" <<'END' >"$work/queued"
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(90)
s.connect(sys.argv[1])
s.sendall(b'{"cmd":"stage.set","id":"stamp-a","set":["tag=gone"],"wait":true}\n')
print(json.loads(s.makefile().readline())['progress'])
END
claim_is "--wait: it says that it waits" "waiting for the change that is under way" "$(cat "$work/queued")"
claim_cmd "… and does" kill -0 "$waiting" "$never"
disown "$never" "$held" # without words about it
kill -9 "$never" "$held" # clients that go away: one waits, one's change is under way
ctl status
claim_is "two clients are killed: the crawl answers the others" 0 "$status"
exec 9<>"$work/gate"
status=0
wait "$waiting" || status=$?
claim_is "… the change of the one is made, that of the other not, and the one that waited is" "0 true gone eight" \
    "$status $(jq '.generation > 0' "$work/waited") $(asks stages 'if ([.stages[].options.tag] | index("never")) then "never" else "gone" end') \
$(asks stages '.stages[] | select(.id == "stamp-a") | .options.tag')"
claim_is "… in the chain as it is then" "metadata stamp-a marked gated" "$(ids)"
made[$(asks status .chain.generation)]="eight null"

# ---- shadow runs ----
ctl shadow report
claim_is "no shadow run so far: status 1, and how to begin one" "1 1" "$status $(said 'ctl shadow X.so --sample')"
ctl shadow "$plugin/stamp_b.so" --sample 100% --set tag=other --replace stamp-a --json
claim_is "shadow: runs beside the live chain" "0 running 1 true" \
    "$status $(answer '"\(.state) \(.sample) \(.generation > .beside)"')"
claim_is "… which is as it was" "metadata stamp-a marked gated" "$(ids)"
ctl shadow "$plugin/stamp_b.so" --sample 5%
claim_is "… one at a time" "1 1" "$status $(said 'shadow stop')"
pages 4
until_asked 'shadow report' '.pages + .shed + .uncompared == 4'
ctl shadow report --json
claim_is "… what differs is found, field by field" "0 4 4 4 4 0" \
    "$status $(answer '"\(.sampled) \(.pages) \(.fields["x.stamp-a.tag"].missing) \(.fields["x.stamp-b.tag"].extra) \(.equal)"')"
ctl shadow report
claim_cmd "… for people" grep -qE '^x\.stamp-a\.tag +0 +4 +0$' "$work/ctl"
ctl shadow stop --json
claim_is "… and stops" "0 stopped" "$status $(answer .state)"
ctl shadow "$plugin/needy.so" --sample 5%
claim_is "a candidate that does not load: status 1, and why" "1 1" "$status $(said 'needy.*price.amount')"
ctl shadow "$plugin/stamp_b.so" --sample 5% --replace nope
claim_is "… or is to take the place of nobody" "1 1" "$status $(said 'no stage `nope`')"

# ---- the end ----
last=$(asks status '"\(.chain.generation) \(.chain.changes)"')
gate_open a
status=0
wait "$pid" || status=$?
claim_is "the crawl comes to its end" 0 "$status"
records >"$work/records"
claim_is "every page has a record" 60 "$(wc -l <"$work/records")"
records_once "… and only one"
counters_add_up
claim_is "every record shows the chain of its generation, and no other" "" "$(
    jq -r '"\(.chain.generation) \(.x["stamp-a"].tag) \(.x["stamp-b"].tag)"' "$work/records" | sort | uniq |
        while read -r generation shown; do
            [ "${made[$generation]:-no such generation}" = "$shown" ] || echo "$generation: $shown, not ${made[$generation]:-}"
        done)"
claim_is "… of many generations" true "$(jq -s '[.[].chain.generation] | unique | length >= 8' "$work/records")"
claim_is "the summary says the last generation, and how many changes there were" "$last" "$(summary '"\(.generation) \(.changes)"')"
claim_cmd "… which were no few" test "${last#* }" -gt 15

# a crawl that goes on has the chain that it had; one that is stopped tells those whose change was under way
rm -rf "$work/job"
site=${site/gate=a/gate=b}
printf 'chain: [layout]\n' >"$work/job.yaml"
again() {
    local before
    before=$(grep -c '^R.*/t/gen' "$log" || true)
    "$trommel" crawl -c "$work/job.yaml" --job "$work/job" --allow-private --delay 0 --no-progress --ignore-robots "$site" \
        >"$work/out" 2>"$work/err" </dev/null &
    pid=$!
    started+=("$pid")
    log_wait $((before + 1)) '^R.*/t/gen' "$pid"
}
exec 9>&-
again
ctl stage add "$plugin/stamp_a.so" --set tag=one
hold two
ctl stop --grace 0 --wait
claim_is "stop, with a change under way" 0 "$status"
status=0
wait "$held" || status=$?
claim_is "… which fails, for the crawl has ended" "1 1" "$status $(grep -cE 'ended|closed' "$work/held.err")"
wait "$pid" || true
again
claim_is "started again, it has the chain that it had last, with a higher number" "layout stamp-a true" "$(ids) $(asks status '.chain.generation > 2')"
gate_open b
wait "$pid" || true
exit $bad
