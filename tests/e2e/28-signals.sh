#!/usr/bin/env bash
# Interrupts: fails when a crawl does not end within its grace, does not say how to go on, or loses or doubles a page
# when the same command runs again.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
server_start
site="http://127.0.0.1:$port/t/gen?site=sig&page=0&links=9&pages=400&bytes=3000&ms=20"
run() { # run OPTION...: in the background, in a process group of its own
    setsid "$trommel" crawl --job "$work/job" --allow-private --delay 0 --no-progress "$@" >"$work/out" 2>"$work/err" \
        </dev/null &
    pid=$!
    started+=("$pid")
}
ended() {
    status=0
    wait "$pid" || status=$?
}
ms() { echo $(($(date +%s%N) / 1000000)); }

for signal in INT TERM HUP; do
    run --per-host 4 "$site"
    log_wait $(($(grep -c '^E' "$log" || true) + 60)) '^E' "$pid"
    kill -$signal "$pid"
    ended
    claim_is "SIG$signal ends it with status 1" 1 "$status"
    claim_cmd "… and it says how to go on" grep -q 'the same command goes on' "$work/err"
    claim_is "… nothing under way was cut off" "false 0" "$(summary '"\(.finished) \(.ends.unfinished)"')"
    counters_add_up
done
crawl --per-host 4 "$site"
claim_is "the same command goes on to the end" 0 "$status"
claim_is "every page has a record" 400 "$(wc -l <"$work/records")"
records_once "… and only one"
claim_is "pages that were fetched twice" 0 "$(($(grep -c '^R.*/t/gen' "$log") - 400))"

# what cannot end within the grace is left for the next time
rm -rf "$work/job"
run --grace 0.3 --ignore-robots "http://127.0.0.1:$port/t/hang"
log_wait 1 '^R.*/t/hang' "$pid"
start=$(ms)
kill -INT "$pid"
ended
took=$(($(ms) - start))
claim $((took > 3000)) "a transfer that hangs holds it no longer than the grace ($took ms)"
claim_is "… it is unfinished, and still queued" "1 1 1" "$(summary '"\(.started) \(.ends.unfinished) \(.urls_queued)"')"
run --grace 600 --ignore-robots "http://127.0.0.1:$port/t/hang"
log_wait 2 '^R.*/t/hang' "$pid"
start=$(ms)
kill -INT "$pid"
until grep -q stopping "$work/err"; do kill -0 "$pid"; done
kill -INT "$pid"
ended
took=$(($(ms) - start))
claim $((took > 3000)) "a second SIGINT does not wait for the grace ($took ms)"
# the whole group, as from a terminal: the workers must not die of it before their pages are done
rm -rf "$work/job"
run --per-host 4 "$site"
log_wait $(($(grep -c '^E' "$log" || true) + 60)) '^E' "$pid"
kill -INT -- "-$pid"
ended
claim_is "an interrupt from the terminal ends it as well" 1 "$status"
claim_is "… and costs no page" "0 0" "$(summary '"\(.ends.unfinished) \(.ends.quarantined)"')"
exit $bad
