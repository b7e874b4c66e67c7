#!/bin/sh
# Rebuilds a stage's model from a folder of pages with their truth.
#
#   train.sh DATA_DIR [boilerplate|layout] [options of train.py]
#
# DATA_DIR holds html/ID.html.gz and ground-truth/ID.json.  Needs gcc, what the Makefile needs, and Debian's
# python3-xgboost, python3-sklearn and python3-numpy.  Runs in the project's folder.
set -e
[ $# -ge 1 ] || { sed -n 2,7p "$0"; exit 2; }
data=$1; shift
stage=${1:-boilerplate}; [ $# -eq 0 ] || shift
cd "$(dirname "$0")/../../../.."
work=${WORK:-build/train}
mkdir -p "$work"
make -s BUILD="$work" "$work/libpipeline.a"
flags="-std=gnu17 -O2 -D_GNU_SOURCE -Ipipeline -Iplugin/include -Iplugin/sdk -I."
sources="plugin/stage/$stage/train/dump.c plugin/stage/boilerplate/train/pages.c"
case $stage in
boilerplate) parts="page features rules" ;;
layout) parts="features fingerprint" ;;
*) echo "train.sh: no stage named $stage is trained: boilerplate or layout" >&2; exit 2 ;;
esac
for part in $parts; do sources="$sources plugin/stage/$stage/$part.c"; done
${CC:-gcc} $flags -o "$work/dump-$stage" $sources "$work/libpipeline.a" \
    -llexbor -ljansson -luchardet -lz -ldeflate -lbrotlidec -lzstd -lm
"$work/dump-$stage" "$data" "$work/$stage"
PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "plugin/stage/$stage/train/train.py" \
    "$data" "$work/$stage" --out "plugin/stage/$stage/model.c" \
    --fixture "tests/unit/stage_$stage/margins.h" "$@"
