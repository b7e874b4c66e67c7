#!/usr/bin/env bash
# run.sh: every test; the last line is `N passed, N failed`.
#
#   tests/run.sh [--build DIR] [--data DIR] [--only PATTERN] [--quick] [--jobs N]
#
# Unit tests (cmocka, TAP), fuzz corpora replayed, end-to-end scripts (one `ok - …` or `not ok - …` line a
# claim), then the same units, corpora and pages under sanitizers and valgrind (not with --quick).  --data:
# a page collection in WCXB's format (html/ID.html.gz, ground-truth/ID.json) for the tests that need one.
# Side by side: N tests at a time (default: one a core), since many of them wait more than they work.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 3
build=build data='' only='' quick='' jobs=$(nproc)
while [ $# -gt 0 ]; do
    case $1 in
    --build) build=$2; shift 2 ;;
    --data) data=$2; shift 2 ;;
    --only) only=$2; shift 2 ;;
    --quick) quick=yes; shift ;;
    --jobs) jobs=$2; shift 2 ;;
    *) echo "run.sh: $1: unknown option" >&2; exit 2 ;;
    esac
done
TROMMEL_BUILD=$(realpath "$build")
TROMMEL_DATA=${data:+$(realpath "$data")}
export TROMMEL_BUILD TROMMEL_DATA CMOCKA_MESSAGE_OUTPUT=TAP
logs=$TROMMEL_BUILD/test/log
mkdir -p "$logs"
passed=0 failed=0

wanted() { [[ -z $only || $1 == *$only* ]]; }
log_of() { echo "$logs/${1//\//_}.log"; }
# A job of the background ignores interrupts, and so would the programs that a test interrupts.
run() { env --default-signal=INT,QUIT timeout --kill-after=10 1200 "$@" </dev/null 2>&1; }
# shellcheck disable=SC2046 # a word each
trap 'kill $(jobs -p) 2>/dev/null; exit 130' INT TERM

# run_one NAME COMMAND...: begins it as soon as one of the jobs is free.
declare -A name_of=() began=()
run_one() {
    local name=$1
    shift
    wanted "$name" || return 0
    while [ ${#name_of[@]} -ge "$jobs" ]; do reap; done
    run "$@" >"$(log_of "$name")" &
    name_of[$!]=$name
    began[$!]=$SECONDS
}

# reap: waits for one of those that run, and counts it.
reap() {
    local pid rc
    wait -n -p pid
    rc=$?
    count "${name_of[$pid]}" $rc $((SECONDS - began[$pid]))
    unset "name_of[$pid]"
}
reap_all() {
    while [ ${#name_of[@]} -gt 0 ]; do reap; done
}

# count NAME STATUS SECONDS: counts the TAP lines of a log; an end without success is a failure of its own.
count() {
    local name=$1 rc=$2 took=$3 log good bad
    log=$(log_of "$name")
    good=$(grep -cE '^ok( |$)' "$log")
    bad=$(grep -cE '^not ok( |$)' "$log")
    if [ "$rc" -ne 0 ] && [ "$bad" = 0 ]; then
        bad=1
        echo "not ok - ended with status $rc" >>"$log"
    elif [ "$rc" -eq 0 ] && [ $((good + bad)) = 0 ]; then
        bad=1
        echo "not ok - made no claim" >>"$log"
    fi
    passed=$((passed + good)) failed=$((failed + bad))
    printf '%-44s %4d passed' "$name" "$good"
    [ "$bad" = 0 ] || printf ', %d FAILED' "$bad"
    [ "$took" -lt 5 ] || printf '  (%d s)' "$took"
    echo
    if [ "$bad" != 0 ]; then
        grep -vE '^ok ' "$log" | tail -n 40 | sed 's/^/    /'
    fi
}

for t in tests/unit/*/test_*.c; do
    t=${t#tests/unit/}
    run_one "unit/${t%.c}" "$TROMMEL_BUILD/test/unit/${t%.c}"
done
for t in tests/fuzz/*_fuzz.c; do
    [ -e "$t" ] || continue
    t=$(basename "$t" _fuzz.c)
    run_one "fuzz/$t" tests/fuzz/replay.sh "$TROMMEL_BUILD/test/fuzz/$t" "tests/fuzz/corpus/$t"
done
for t in tests/e2e/[0-9]*; do
    run_one "e2e/$(basename "${t%.*}")" "$t"
done
reap_all
if [ -z "$quick" ]; then
    jobs=2
    for tool in tsan asan valgrind; do
        run_one "sanitize/$tool" tests/sanitize.sh $tool --jobs "$(nproc)" ${TROMMEL_DATA:+--data "$TROMMEL_DATA"}
    done
    reap_all
fi
[ -n "$TROMMEL_DATA" ] || echo "(no page collection was given; DATA=DIR adds the tests that need one)"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
