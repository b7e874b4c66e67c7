#!/usr/bin/env bash
# Schemas: fails when a generated file is not what its rows say, when a golden record is not valid, or when the
# validator lets a wrong record pass.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0
claim() { # claim TEXT COMMAND...: it ends with status 0
    local text=$1 out
    shift
    if out=$("$@" 2>&1); then echo "ok - $text"; else echo "not ok - $text"; printf '%s\n' "$out" | head -20; bad=1; fi
}
refuses() { ! tests/schema/validate.py <<<"$1" >/dev/null 2>&1; }

claim "record.schema.json and README.md are what record.def says" schemas/generate.py --check
claim "golden records are what make.py says" schemas/golden/make.py --check
claim "golden records are valid by the schema" tests/schema/validate.py schemas/golden/*.json
ok=$(cat schemas/golden/ok.json)
claim "a record without outcome is refused" refuses "${ok/\"outcome\":/\"ending\":}"
claim "an outcome that is none is refused" refuses "${ok/\"code\":\"ok\"/\"code\":\"fine\"}"
claim "a link without url is refused" refuses "${ok/\{\"url\":\"https:\/\/gazette.example\/\",\"rel\"/\{\"rel\"}"
claim "authors that are no strings are refused" refuses "${ok/\[\"Zoë Quartermain\"\]/[17]}"
claim "what is no JSON is refused" refuses '{"v":1'
claim "nothing at all is refused" refuses ''
exit $bad
