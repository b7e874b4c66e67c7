#!/usr/bin/env bash
# A whole page collection through `extract --manifest`: fails when a page has no record or two, when a record breaks
# the schema, or when a score is lower than what is promised.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib-data.sh
build=${TROMMEL_BUILD:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
claim() { if [ "$1" = 0 ]; then echo "ok - $2"; else echo "not ok - $2"; bad=1; fi; }

bench/manifest.sh "$data" >"$work/manifest"
rc=0
"$build/trommel" extract --manifest "$work/manifest" >"$work/records" 2>"$work/log" || rc=$?
claim $((rc > 1)) "extract --manifest ends with status 0 or 1 ($rc)"
python3 - "$work" <<'PY' || rc=9
import collections, json, sys
asked = [json.loads(line)["id"] for line in open(sys.argv[1] + "/manifest")]
got = collections.Counter(json.loads(line)["id"] for line in open(sys.argv[1] + "/records"))
sys.exit(not (set(asked) == set(got) and set(got.values()) == {1}))
PY
claim $((rc == 9)) "$(wc -l <"$work/manifest") pages, one record each"
rc=0
python3 tests/schema/validate.py "$work/records" >"$work/schema" 2>&1 || rc=$?
claim $rc "every record keeps the schema: $(tail -n 1 "$work/schema")"
rc=0
score=$(python3 bench/score.py "$data" "$work/records" --least word_f1=0.80 --least gram_f1=0.75 --least layout=0.68 \
    --least title=0.75 --least date=0.65 2>"$work/low") || rc=$?
claim $rc "scores: $score"
cat "$work/low"
exit $bad
