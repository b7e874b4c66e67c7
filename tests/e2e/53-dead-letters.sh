#!/usr/bin/env bash
# Pages that a stage cannot bear: fails when one is not tried exactly once more, when its dead letter does not say where
# it crashed or does not hold the page, or when `trommel replay --dead`, killed at any point, loses a page or delivers
# one twice.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
crasher=$build/test/plugin/crasher.so
job=$work/job

# ---- a site: ten pages that crash, four that are an error, six that are good --------------------------------

words='the quick brown fox jumps over the lazy dog while seven wizards boil a large pot of soup beside the river'
marks=([1]=NULL [2]=ABORT [3]=DEEP [4]=JUMP [5]=DIVIDE [6]=CRUMB [7]=ALWAYS [8]=NULL [9]='NULL MARK-WORSE' [10]=NULL
       [11]=ERROR [12]=ERROR [13]='ERROR MARK-HOLD' [14]=ERROR)
mkdir "$work/site"
page() { # page NAME TEXT MARK: the mark is no text
    local i
    echo "<!DOCTYPE html><title>On $2</title><!-- ${3:+MARK-$3} --><article><h1>On $2</h1>"
    for i in 1 2 3 4 5; do echo "<p>On $i of $2, $words.</p>"; done
    echo '</article>'
} >"$work/site/$1.html"
for i in $(seq 1 20); do page "p$i" "page $i" "${marks[$i]:-}"; done
page p10 'page 20' NULL # says what the good page 20 says
page behind 'what is behind' ''
echo '<a href="/behind.html">only here</a>' >>"$work/site/p8.html"
{ echo '<!DOCTYPE html><title>Index</title>'; printf '<a href="/p%d.html">page</a>\n' $(seq 1 20); } >"$work/site/index.html"
echo "chain: [layout, boilerplate, $crasher, dedupe]" >"$work/job.yaml"
options=(-c "$work/job.yaml" --stage-budget 60000 --page-budget 60000 --workers 2)

server_start --root "$work/site"
crawl "${options[@]}" -v "http://127.0.0.1:$port/"
counters_add_up
claim_is "the crawl ends, with status 1" 1 "$status"

# ---- what the letters say ---------------------------------------------------------------------------------

letters() { "$trommel" cat --dead "$job"; }
letter() { # letter PAGE FILTER
    letters | jq -r "select(.url | endswith(\"/p$1.html\")) | $2"
}
good() { "$trommel" cat "$job" | jq -r 'select(.outcome.code == "ok") | .url | capture("/(?<n>[a-z0-9]+).html").n' | sort; }
claim_is "fourteen pages are dead letters" 14 "$(letters | wc -l)"
claim_is "… and the others are delivered" "p15 p16 p17 p18 p19 p20" "$(good | paste -sd' ')"
where='.error | "\(.stage) \(.reason) \(.signal) \([.backtrace[] | select(startswith("crasher.so!"))][0] | sub("[+].*"; ""))"'
claim_is "a write through NULL: stage, reason, signal, function" \
    "crasher crash 11 crasher.so!price_of_nothing" "$(letter 1 "$where")"
claim_is "abort()" "crasher crash 6 crasher.so!give_up" "$(letter 2 "$where")"
claim_is "a stack that overflows" "crasher crash 11 crasher.so!fall_deeper" "$(letter 3 "$where")"
claim_is "a call through NULL" "crasher crash 11 crasher.so!jump_to_nothing" "$(letter 4 "$where")"
claim_is "a division by zero" "crasher crash 8 crasher.so!share_among" "$(letter 5 "$where")"
claim_is "the callers are named too, up to the worker's own" "judge process run_page" \
    "$(letter 1 '.error.backtrace | map(capture("!(?<f>[a-z_]+)[+]").f) | map(select(IN("judge", "process", "run_page"))) | join(" ")')"
claim_is "a report that was scribbled over names the signal, and harms nothing" "worker crash 11" \
    "$(letter 6 '.error | "\(.stage) \(.reason) \(.signal)"')"
claim_is "an error of the stage's own has no backtrace" "crasher unreadable null null" \
    "$(letter 11 '.error | "\(.stage) \(.reason) \(.signal) \(.backtrace)"')"
claim_is "each page that crashed was tried exactly once more" 18 \
    "$(grep -cE 'the worker died of signal [0-9]+ .*\(stage crasher\)' "$work/err")"

claim_cmd "the letters keep the schema" tests/schema/validate.py <(letters)
claim_cmd "… also with their bodies" tests/schema/validate.py <("$trommel" cat --dead --raw "$job")
claim_is "a letter holds the body, byte for byte" "$(od -An -v -tx1 "$work/site/p3.html" | tr -d ' \n')" \
    "$("$trommel" cat --dead --raw "$job" | jq -r 'select(.url | endswith("/p3.html")) | .page.body')"
claim_is "… which cat leaves out unless it is asked for" "null $(stat -c %s "$work/site/p3.html")" "$(letter 3 '"\(.page.body) \(.page.bytes)"')"
claim_is "no record that was delivered holds its page" 0 "$("$trommel" cat "$job" | jq -c 'select(.page)' | wc -l)"
claim_is "nor does one that extract prints" false \
    "$("$trommel" extract "${options[@]}" "$work/site/p1.html" 2>/dev/null | jq 'has("page")')"

# ---- the same chain again, and a dry run of the mended one ----------------------------------------------------

replay() { # replay OPTION...: sets $status; messages are in $work/err
    status=0
    timeout --kill-after=5 120 "$trommel" replay --dead --job "$job" "${options[@]}" --no-progress "$@" \
        >"$work/out" 2>"$work/err" </dev/null || status=$?
}
mended=(--set crasher.mended=true)
before=$(letters | md5sum)
replay
claim_is "the same chain: status 1" 1 "$status"
claim_is "… each page is named with its reason" 14 "$(grep -c 'still quarantined: stage' "$work/err")"
claim_is "… the letters are the same" "$before" "$(letters | md5sum)"
claim_is "… and none was written again" 14 "$("$trommel" cat --dead --all --count "$job")"
replay "${mended[@]}" --dry-run
claim_is "a dry run says how they would come out" 12 "$(grep -c 'would come out as ok' "$work/err")"
claim_is "… and changes nothing" "$before 6" "$(letters | md5sum) $(good | wc -l)"

# ---- killed at chosen moments, then gone on with ---------------------------------------------------------------

twice() { { "$trommel" cat "$job" | jq -r '.id, .url'; } | sort | uniq -d; }
for when in put ack committed; do
    replay "${mended[@]}" --reason crash --out "$build/test/plugin/dying_sink.so:$job/records?file=$build/sink/file.so&at=$when" 2>/dev/null
    claim_is "killed at $when: it was" 137 "$status"
    claim_is "… no record is there twice" "" "$(twice)"
done

# One page hangs in the chain; another process wants the job; everything of it is killed once others are delivered.
n=$("$trommel" cat --count "$job") limit=$((SECONDS + 120))
setsid "$trommel" replay --dead --job "$job" "${options[@]}" "${mended[@]}" --set crasher.hold=true --reason unreadable \
    --no-progress 2>"$work/held" </dev/null &
group=$!
started+=("$group")
until [ "$("$trommel" cat --count "$job")" -gt "$n" ] || [ $SECONDS -gt $limit ] || ! kill -0 "$group" 2>/dev/null; do :; done
claim_is "others are delivered while a page hangs in the chain" yes "$([ "$("$trommel" cat --count "$job")" -gt "$n" ] && echo yes)"
replay "${mended[@]}"
claim_is "a second one at a time is refused, with status 3" 3 "$status"
claim_is "… and is told what to do" 1 "$(grep -c 'frontier: is in use by another trommel; wait until it has ended' "$work/err")"
killed=no
{
    kill -9 -- "-$group" && killed=yes
    wait "$group" || true
} 2>/dev/null
claim_is "… and are killed with it" yes "$killed"
claim_is "… that one is not settled" 1 "$(letter 13 .error.reason | grep -c unreadable)"

rm -f "$job/dead-letters/.checkpoint" # as a crash may leave it: the sink knows every id from before
replay "${mended[@]}"
claim_is "it goes on: status 1, for two pages that fail still" 1 "$status"
claim_is "every mended page is delivered" "$(printf 'p%d\n' $(seq 1 20) | grep -vxE 'p7|p9' | sort | paste -sd' ')" "$(good | paste -sd' ')"
claim_is "… no page has two records" "" "$(twice)"
claim_is "those that fail still are the letters that are left" "p7 p9" \
    "$(letters | jq -r '.url | capture("/(?<n>p[0-9]+).html").n' | sort | paste -sd' ')"
claim_is "… one of them for its new reason" "6 crasher.so!give_up" \
    "$(letter 9 '.error | "\(.signal) \([.backtrace[] | select(startswith("crasher.so!"))][0] | sub("[+].*"; ""))"')"
ids() { jq -r '"\(.url) \(.id)"' | sort; }
claim_is "records have the ids of their letters" "" \
    "$(comm -13 <("$trommel" cat "$job" | ids) <("$trommel" cat --dead --all "$job" | ids | grep -vE '/p(7|9)\.html' | uniq))"
claim_is "the index of the job says what a page repeats" \
    "exact $("$trommel" cat "$job" | jq -r 'select(.url | endswith("/p20.html")) | .id')" \
    "$("$trommel" cat "$job" | jq -r 'select(.url | endswith("/p10.html")) | .dedupe | "\(.relation) \(.of)"')"

# ---- again, and again without the list of what is settled ----------------------------------------------------

records=$("$trommel" cat "$job" | md5sum)
for round in again 'again, when the list of what is settled was lost'; do
    replay "${mended[@]}"
    claim_is "$round: it delivers nothing" "$records" "$("$trommel" cat "$job" | md5sum)"
    claim_is "… and two letters are left" 2 "$(letters | wc -l)"
    claim_is "… of which none was written anew" 15 "$("$trommel" cat --dead --all --count "$job")"
    rm "$job/dead-letters/settled"
done
replay "${mended[@]}" --stage other
claim_is "a stage that no letter names: nothing is run, status 0" "0 1" "$status $(grep -c ' 0 letters run' "$work/err")"

# ---- links of pages that came out well; letters of visits that have not ended -----------------------------------

crawl "${options[@]}" "${mended[@]}"
claim_is "the next crawl follows a link that only such a page has" 1 "$(good | grep -cx behind)"
records_once "… and delivers nothing twice"

job=$work/other
"$trommel" crawl --job "$job" --allow-private --delay 0 --no-progress --max-pages 1 "${options[@]}" "http://127.0.0.1:$port/p20.html" \
    2>"$work/err" </dev/null
rm -r "$job/dead-letters"
cp -r "$work/job/dead-letters" "$job/dead-letters"
replay "${mended[@]}"
claim_is "letters of visits that have not ended are left to the crawl" "0 1" "$status $(grep -c 'they were left to it' "$work/err")"
claim_is "… and nothing is delivered" p20 "$(good)"

# ---- a stage that was mended while the crawl ran: the chain is the one that the crawl would go on with ------------

job=$work/changed
"$trommel" crawl --job "$job" --allow-private --delay 0 --per-host 4 --no-progress "${options[@]}" \
    "http://127.0.0.1:$port/p1.html" "http://127.0.0.1:$port/p15.html?gate=g" >/dev/null 2>"$work/err" </dev/null &
pid=$!
started+=("$pid")
until "$trommel" ctl --job "$job" status --json 2>/dev/null | jq -e '.pages == 1' >/dev/null || ! kill -0 "$pid"; do :; done
claim_cmd "the stage is mended while the crawl runs" "$trommel" ctl --job "$job" stage set crasher mended=true
gate_open g
wait "$pid" || true
claim_is "… one page had crashed before" "p1 p15" "$(letters | jq -r '.url | capture("/(?<n>p[0-9]+).html").n') $(good)"
replay
claim_is "a replay with the job's own configuration runs the chain as it was changed" "0 p1 p15" "$status $(good | paste -sd' ')"

# ---- what is refused --------------------------------------------------------------------------------------------

refused() { # refused TEXT PATTERN OPTION...
    local text=$1 pattern=$2 rc=0
    shift 2
    "$trommel" replay "$@" >"$work/out" 2>"$work/err" </dev/null || rc=$?
    claim_is "$text: status 2, and said" "2 1" "$rc $(grep -cE "$pattern" "$work/err")"
}
refused "nothing named" 'or --dead for the dead letters'
refused "a folder that is no job" 'is no job.s folder .*--job' --dead --job "$work"
refused "an option that is none" '^trommel: error: --deaf: unknown option' --deaf
refused "a number that is none" 'whole number' --dead --workers many
exit $bad
