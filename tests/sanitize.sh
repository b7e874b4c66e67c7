#!/usr/bin/env bash
# sanitize.sh: unit tests, fuzz corpora and pages through the whole chain, under a tool that sees bad memory.
#
#   tests/sanitize.sh asan|valgrind|tsan [--jobs N] [--sample N] [--data DIR]
#
# asan builds everything again under AddressSanitizer and UndefinedBehaviorSanitizer in build/asan.  Pages:
# the bundled site's, and every N-th of --data (default 10; 1: all).
# tsan builds the library and its sinks under ThreadSanitizer in build/tsan, and runs the library's tests with threads; the
# workers are those of build/: they have one thread each.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 3
mode=$1 jobs=1 sample=10 data=
shift
while [ $# -gt 0 ]; do
    case $1 in
    --jobs) jobs=$2; shift 2 ;;
    --sample) sample=$2; shift 2 ;;
    --data) data=$(realpath "$2"); shift 2 ;;
    *) echo "sanitize.sh: $1: unknown option" >&2; exit 2 ;;
    esac
done
bad=0
claim() { # claim STATUS TEXT [LOG]
    if [ "$1" = 0 ]; then echo "ok - $2"; else
        echo "not ok - $2"
        [ -z "${3:-}" ] || grep -E 'ERROR: |WARNING: Thread|FATAL: Thread|runtime error|definitely lost|Invalid (read|write)|uninitialised|SUMMARY|^not ok' -A 12 "$3" | head -60
        bad=1
    fi
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case $mode in
asan)
    export BUILD=build/asan
    make --no-print-directory -j"$jobs" CI= BUILD=$BUILD OPT='-O1 -g -fno-omit-frame-pointer' \
        SAN='-fsanitize=address,undefined -fno-sanitize-recover=undefined' tests >"$work/make" 2>&1 ||
        { claim 1 "builds under sanitizers"; tail -n 20 "$work/make"; exit 1; }
    export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:exitcode=99:allocator_may_return_null=1:detect_odr_violation=0
    export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 TROMMEL_EFFORT=4
    under=()
    worker=$BUILD/trommel-worker
    ;;
valgrind)
    export BUILD=build
    under=(valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite
           --suppressions=tests/valgrind.supp --num-callers=20)
    printf '#!/bin/sh\nexec %s "$@" 2>>%s\n' "${under[*]} --log-file=$work/worker.%p $PWD/$BUILD/trommel-worker" "$work/worker.err" >"$work/worker"
    chmod +x "$work/worker"
    worker=$work/worker
    export TROMMEL_VALGRIND=1 TROMMEL_EFFORT=10 TROMMEL_SANDBOX=off # valgrind makes system calls of its own
    ;;
tsan)
    at=build/tsan
    make --no-print-directory -j"$jobs" CI= BUILD=$at OPT='-O1 -g' SAN=-fsanitize=thread $at/test/unit/library/test_threads \
        $at/sink/file.so $at/sink/null.so >"$work/make" 2>&1 || { claim 1 "builds under ThreadSanitizer"; tail -n 20 "$work/make"; exit 1; }
    export TROMMEL_WORKER=$PWD/build/trommel-worker TROMMEL_STAGE_DIR=$PWD/build/stage CMOCKA_MESSAGE_OUTPUT=TAP
    export TSAN_OPTIONS=exitcode=66:halt_on_error=0
    # without randomised addresses, where that may be asked for: some libtsan know only the layout of old kernels
    under=()
    setarch -R true 2>/dev/null && under=(setarch -R)
    timeout 300 "${under[@]}" $at/test/unit/library/test_threads >"$work/log" 2>&1
    claim $? "unit/library/test_threads under tsan" "$work/log"
    exit $bad
    ;;
*) echo "sanitize.sh: $mode: is neither asan, valgrind nor tsan" >&2; exit 2 ;;
esac
export TROMMEL_BUILD=$PWD/$BUILD CMOCKA_MESSAGE_OUTPUT=TAP TROMMEL_SLOW_MACHINE=1

# Unit tests that fork workers or count allocations by the hundred thousand say so in tests/sanitize.skip.
while read -r t; do
    name=${t#tests/unit/} name=${name%.c}
    if grep -qxF "$mode $name" tests/sanitize.skip 2>/dev/null; then continue; fi
    timeout 600 "${under[@]}" "$BUILD/test/unit/$name" >"$work/log" 2>&1
    claim $? "unit/$name under $mode" "$work/log"
done < <(ls tests/unit/*/test_*.c)
if [ "$mode" = asan ]; then
    for t in tests/fuzz/*_fuzz.c; do
        t=$(basename "$t" _fuzz.c)
        tests/fuzz/replay.sh "$BUILD/test/fuzz/$t" "tests/fuzz/corpus/$t" >"$work/log" 2>&1
        claim $? "fuzz/$t under $mode" "$work/log"
    done
fi

# Pages: host and workers both under the tool; every page must come out, and no report must be written.
{
    find "$PWD/tests/site" -name '*.html' | sort | awk '{ printf "{\"id\":\"site-%d\",\"path\":\"%s\"}\n", NR, $0 }'
    if [ -n "$data" ]; then
        find "$data/html" -name '*.html.gz' | sort |
            awk -v n="$sample" 'NR % n == 1 || n == 1 { f = $0; sub(".*/", "", f); sub("\\..*", "", f); printf "{\"id\":\"%s\",\"path\":\"%s\"}\n", f, $0 }'
    fi
} >"$work/manifest"
pages=$(wc -l <"$work/manifest")
TROMMEL_WORKER=$worker timeout 1500 "${under[@]}" "$BUILD/trommel" extract --manifest "$work/manifest" --workers "$jobs" \
    --page-budget 120000 --stage-budget 60000 --worker-memory 17179869184 >"$work/records" 2>"$work/log"
rc=$?
cat "$work"/worker.* >>"$work/log" 2>/dev/null
got=$(wc -l <"$work/records")
quarantined=$(grep -c '"code":"quarantined"' "$work/records")
# status 1: some pages failed, which is theirs; a report of the tool is not
reports=$(grep -cE 'ERROR: (Address|Leak)Sanitizer|runtime error:|Invalid (read|write)|uninitialised value|definitely lost' "$work/log")
[ "$got" = "$pages" ] && [ "$quarantined" = 0 ] && [ "$reports" = 0 ] && [ $rc -le 1 ]
claim $? "$got of $pages pages through the whole chain under $mode ($quarantined quarantined, $reports reports, status $rc)" "$work/log"
exit $bad
