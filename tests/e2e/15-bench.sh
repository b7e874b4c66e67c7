#!/usr/bin/env bash
# The benches run: fails when a leg does not print its JSON line with a ratio, or the table lacks it.  No figure is
# judged here.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
claim_cmd "every leg runs" sh -c "ROUNDS=1 REPEATS=1 REQUESTS=500 bench/run.sh '$build' >'$work/out' 2>'$work/err'"
for leg in fetch parse "chain: nothing" "chain: layout" "chain: layout, boilerplate" "chain: layout, boilerplate, metadata" "whole way" workers; do
    claim_cmd "$leg: one JSON line with a ratio" sh -c "grep '^{' '$work/out' | jq -se --arg leg '$leg' 'any(.[]; .leg == \$leg and .ratio > 0)'"
    claim_cmd "$leg: a row of the table" grep -qF "$leg" <(grep -v '^{' "$work/out")
done
claim_cmd "the ways of embedding run" sh -c "ROUNDS=1 PAGES=6 bench/embed.sh '$build' >'$work/out' 2>'$work/err'"
for way in "chain called in one process" libtrommel "the stream" "the Python package" "wget2's plugin"; do
    claim_cmd "$way: one JSON line with a ratio, or a word on why not" sh -c "grep '^{' '$work/out' |
        jq -se --arg way \"$way\" 'any(.[]; .leg == \$way and .pages == 7 and .ratio)' || grep -F \"$way is left out\" '$work/err'"
done
exit $bad
