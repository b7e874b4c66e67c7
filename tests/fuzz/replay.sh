#!/usr/bin/env bash
# replay.sh TARGET FOLDER: every file of a fuzz corpus through its target; one that crashed once stays here.
set -uo pipefail
target=$1 corpus=$2 bad=0 n=0
for f in "$corpus"/*; do
    [ -f "$f" ] || continue
    n=$((n + 1))
    if ! out=$(timeout 30 "$target" "$f" 2>&1); then
        echo "not ok - $f"
        printf '%s\n' "$out" | tail -n 20
        bad=1
    fi
done
[ $n -gt 0 ] || { echo "not ok - $corpus holds no inputs"; exit 1; }
[ $bad = 0 ] && echo "ok - $n inputs of $corpus"
exit $bad
