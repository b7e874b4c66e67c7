#!/usr/bin/env bash
# `trommel stage check` over stages that are broken on purpose, one fault each (tests/plugin/broken_*.c): fails when it
# does not find the fault, or does not say where it is.  Then over the bundled stages, the examples and both templates:
# fails when it finds something there.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
out=$work/out err=$work/err

check() { # check OPTION...: sets $status
    status=0
    timeout 600 "$trommel" stage check "$@" >"$out" 2>"$err" </dev/null || status=$?
}

# finds TEXT STAGE TEST PATTERN: the test says FAIL and what is in the pattern, and the status is 1
found=0
finds() {
    check "$build/test/plugin/broken_$2.so" --only "$3" --call-budget 2000
    if [ "$status" = 1 ] && grep -qE "^FAIL  $3 .*$4" "$out"; then
        claim 0 "$1: found"
        found=$((found + 1))
    else
        claim 1 "$1: found (status $status)"
        sed 's/^/# /' "$out" "$err"
    fi
}
finds "memory that configure leaves behind" leak reopen 'leave [0-9]+ bytes of the heap allocated'
finds "descriptors that configure leaves open" fd reopen 'leave 900 descriptors open'
finds "memory that pages leave behind" page_leak time '900 times a page leave [0-9]+ bytes of the heap'
finds "another result for the same page" moody same 'on page ".*x\.broken\.moody\.elements was 1, now it is'
finds "a result that depends on what memory held" fresh same 'x\.broken\.fresh\.elements was'
finds "a put that may not fail" put fault 'on page ".*", at call 3 \(put meta\.title\), which was made to fail: it died of signal 6'
finds "one failure among calls that go well" half fault 'after call 3 .*, when call 2 \(put_extra elements\) had been made to fail: it died of signal 6'
finds "a second failure behind the first" again fault 'after call 3 .*, when call 2 \(put_extra elements\) had been made to fail: it died of signal 6'
finds "memory that may not run out" alloc arena 'when call 1 \(alloc of 64 bytes\) had been made to fail: it died of signal 11 .*NULL'
finds "exit when a call fails" exit fault 'at call 2 \(put_extra elements\), which was made to fail: it ended the process with status 3'
finds "a failure that spoils the next page" spoiled fault 'after a page on which a call had failed: another result'
finds "should_stop asked and not heard" deaf stop 'it asked 10000 times more and went on'
finds "half a result when told to stop" part stop 'handed over a part as if it were all'
finds "a loop without end" loop hostile 'on page "a million elements".*still running after 2\.0 s of CPU time'
finds "a page without nodes" empty hostile 'on page "no nodes".*died of signal 11 .*past the end of the page.s nodes'
finds "recursion that is too deep" deep hostile 'on page "512 levels deep".*its stack of 8 MiB was used up'
finds "reading past the end of a text" over pages 'past the end of the page.s strings'
finds "writing into the page" scribble pages 'it wrote to the page.s strings'
finds "rows taken for an array" stride rows 'x\.broken\.stride\.elements was'
finds "a reason that is not declared" verdict pages 'it returned 0x101, which is no verdict, or has a reason that it does not declare'
finds "bytes that are no UTF-8" utf8 pages 'at call 1 \(put_extra word\): what it handed over was refused: it is no UTF-8 at byte 3'
finds "output on a descriptor of the host" stdout pages 'wrote [0-9]+ bytes to standard output \("elements: '
finds "a handler of a signal" signal manners 'after configure: it has installed a handler for signal 10'
finds "a file opened while pages run" locale pages 'it tried to open a file while pages run'
finds "a reason that is there twice" rows table 'reasons\[0\] and reasons\[2\] are both `too_small`'
claim_is "each broken stage has its claim" "$(find tests/plugin -name 'broken_*.c' ! -name broken_table.c | wc -l)" "$found"
check "$build/test/plugin/broken_table.so"
claim_cmd "a table that lies about its size: refused with both numbers" grep -qE 'n_opts is 1000, at most 256' "$err"
claim_is "… status" 1 "$status"
check "$build/test/plugin/ctor.so"
claim_cmd "one that crashes while it is loaded" grep -qE 'while it was being loaded it died of signal 11' "$err"
claim_is "… status" 1 "$status"

# what the sandbox forbids: from the constructor, from configure (from a page: broken_locale)
cp "$build/test/plugin/violate.so" "$work/ctor-socket.so"
check "$work/ctor-socket.so"
claim_cmd "a socket from a constructor: told" grep -qE 'while it was being loaded it tried to open a socket' "$err"
claim_is "… status" 1 "$status"
check "$build/test/plugin/violate.so" --set what=socket --set when=configure
claim_cmd "a socket from configure: told, and no test goes on" grep -qE '^FAIL  table .*while it was being configured it tried to open a socket' "$out"
claim_is "… status, and what else was tried" "1 1" "$status $(grep -cE '^(ok|FAIL|-) ' "$out")"
check "$build/test/plugin/network.so" --only pages
claim_cmd "one that declares that it needs the network has it, with a note" grep -qE '^note  pages .*runs outside the sandbox' "$out"
claim_is "… status" 0 "$status"

# one fault, and nothing else is blamed on it
check "$build/test/plugin/broken_put.so"
claim_is "a fault is found by its test alone" "fault" "$(awk '$1 == "FAIL" { print $2 }' "$out")"
check "$build/test/plugin/broken_over.so"
claim_is "what needs ordinary pages is not tried when those fail" "pages ok:table" \
    "$(awk '$1 == "FAIL" { f = $2 } $1 == "ok" { o = o " ok:" $2 } END { print f o }' "$out")"

# passes TEXT FILE [OPTION]...
passes() {
    local text=$1
    shift
    check "$@"
    if [ "$status" = 0 ] && grep -qE '^[0-9]+ passed, 0 failed' "$out"; then claim 0 "$text passes"; else
        claim 1 "$text passes (status $status)"
        grep -v '^ok' "$out" | sed 's/^/# /'
        sed 's/^/# /' "$err"
    fi
}
for name in layout boilerplate metadata dedupe; do
    passes "the bundled stage $name" "$name"
    claim_is "… all tests of it" "$("$trommel" stage check --list | wc -l)" "$(grep -c '^ok' "$out")"
done
passes "boilerplate with all it can give" boilerplate --set mode=precision --set blocks=true
for example in plugin/example/*.c; do
    so=$build/example/$(basename "${example%.c}").so
    if [[ $example == *sink* ]]; then
        check "$so"
        claim_cmd "a sink is said to be one" grep -qE 'is a sink, and sinks are not checked yet' "$err"
        claim_is "… status" 2 "$status"
    else
        passes "the example $(basename "$example")" "$so"
    fi
done
check exec --set command=cat
claim_cmd "exec is said to be tried by extract" grep -qE 'trommel extract -c' "$err"
claim_is "… status" 2 "$status"
passes "a file with two stages" "$build/test/plugin/pair.so"
claim_is "… both are checked" 2 "$(grep -c '^ok    fault' "$out")"

# figures and forms
check metadata --only time --only fault --json
claim_is "--json: what was found, figures of a thousand pages" "2 0 1000 true" \
    "$(jq -r '(.tests[] | select(.test == "time").times) as $t | "\(.passed) \(.failed) \($t.pages) \($t.p50_us > 0 and $t.p50_us <= $t.p90_us and $t.p90_us <= $t.p99_us and $t.arena_p50_bytes > 0 and $t.arena_p50_bytes <= $t.arena_p99_bytes)"' "$out")"
claim_is "--only: those tests and no other" "fault time" "$(jq -r '[.tests[].test] | join(" ")' "$out")"
check --only nothing layout
claim_is "--only of an unknown test: usage" 2 "$status"
check layout --set depth=1
claim_is "an unknown option: usage" 2 "$status"
check nowhere.so
claim_is "no such file: usage" 2 "$status"
exit $bad
