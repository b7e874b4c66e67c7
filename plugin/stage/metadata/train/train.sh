#!/bin/sh
# Rebuilds the weights of rank_weights.h from a folder of pages with their truth, and prints how often they
# are right on domains they were not learned from.
#
#   train.sh DATA_DIR [options of rank.py]
#
# DATA_DIR holds html/ID.html.gz and ground-truth/ID.json.  Needs what the Makefile needs, and python3.
set -e
[ $# -ge 1 ] || { sed -n 2,7p "$0"; exit 2; }
data=$1; shift
cd "$(dirname "$0")/../../../.."
work=${WORK:-build/train}
mkdir -p "$work"
make -s BUILD="$work" "$work/libpipeline.a" "$work/stage/metadata.so"
msgpack=$(pkg-config --libs msgpack-c 2>/dev/null || pkg-config --libs msgpack)
${CC:-gcc} -std=gnu17 -O2 -D_GNU_SOURCE -Ipipeline -Iplugin/include -I. -o "$work/eval-metadata" \
    plugin/stage/metadata/train/eval.c "$work"/plugin/stage/metadata/*.o "$work/libpipeline.a" $msgpack \
    -llexbor -luchardet -ldeflate -lz -lbrotlidec -lzstd -lcld2 -lstdc++ -lm
python3 - "$data" > "$work/metadata.list" <<'END'
import json, pathlib, sys
for f in sorted((pathlib.Path(sys.argv[1]) / "ground-truth").glob("*.json")):
    url = json.loads(f.read_text(encoding="utf-8")).get("url") or ""
    print(f.stem, url, f.parent.parent / "html" / (f.stem + ".html.gz"), sep="\t")
END
"$work/eval-metadata" -c < "$work/metadata.list" > "$work/metadata.cands"
python3 plugin/stage/metadata/train/rank.py "$work/metadata.cands" "$data" \
    --write plugin/stage/metadata/rank_weights.h "$@"
