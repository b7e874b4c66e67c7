#!/usr/bin/env bash
# embed.sh BUILD [DATA]: CPU per page through each way of embedding, as a ratio to the chain called in one process over
# the same pages (embed.py says what is counted).
#
# ROUNDS (5), PAGES (0: all of DATA/html).  Without DATA the pages are the bundled site's, too few for figures that mean
# something.  A way whose tool or package is missing is said and left out.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${1:?BUILD}") data=${2:-} rounds=${ROUNDS:-5} most=${PAGES:-0}
work=$(mktemp -d "${TMPDIR:-/tmp}/trommel-embed.XXXXXX")
chmod 755 "$work"
trap 'rm -rf "$work"; [ -z "${server:-}" ] || kill "$server" 2>/dev/null || true' EXIT
export TROMMEL_WORKER="$build/trommel-worker" TROMMEL_STAGE_DIR="$build/stage" TROMMEL_SINK_DIR="$build/sink"

mkdir "$work/site"
n=0
while read -r page; do
    [ "$most" = 0 ] || [ $n -lt "$most" ] || break
    n=$((n + 1))
    gzip -dcf "$page" >"$work/site/$n.html"
done < <(if [ -n "$data" ]; then find "$data/html" -name '*.html.gz' | sort; else find tests/site -name '*.html' | sort; fi)
{
    echo '<!DOCTYPE html><html lang="en"><title>Pages</title><ul>'
    for ((i = 1; i <= n; i++)); do echo "<li><a href=\"/$i.html\">page</a></li>"; done
} >"$work/site/index.html"
mkfifo "$work/fifo"
"$build/test/server" --root "$work/site" >"$work/fifo" &
server=$!
read -r _ address port <"$work/fifo"
pages=("$work/site/index.html")
for ((i = 1; i <= n; i++)); do pages+=("$work/site/$i.html"); done

# way NAME LIMIT COMMAND TWIN
way() { printf '%s\t%s\t%s\t%s\n' "$@" >>"$work/ways"; }
left_out() { echo "bench: $1 is left out: $2" >&2; }

program=$build/bench/embed_pages
way "chain called in one process" - "$program chain ${pages[*]}" "$program chain-start ${pages[*]}"
way "libtrommel" 1.10 "$program library ${pages[*]}" "$program library-start ${pages[*]}"
if /usr/bin/python3 bench/embed_pages.py frames "${pages[@]}" >"$work/frames" 2>"$work/why"; then
    way "the stream" 1.15 "cat $work/frames | $build/trommel extract --stream --workers 1 --no-progress | cat >/dev/null" "cat $work/frames >/dev/null; : | $build/trommel extract --stream --workers 1 --no-progress"
else
    left_out "the stream" "$(tail -1 "$work/why")"
fi
wheel=$(find "$build/wheel" -name 'trommel-*.whl' 2>/dev/null | head -1 || true)
if [ -n "$wheel" ]; then
    /usr/bin/python3 -m zipfile -e "$wheel" "$work/package"
    python="PYTHONPATH=$work/package /usr/bin/python3 -B bench/embed_pages.py"
    way "the Python package" 1.25 "$python package ${pages[*]}" "$python start ${pages[*]}"
else
    left_out "the Python package" "'make wheel' has not built it"
fi
plugin=${PLUGIN:-$build/embed/wget2/libtrommel.so}
if [ -e "$plugin" ] && command -v wget2 >/dev/null; then
    mkdir "$work/home"
    # Its files are emptied, not removed: where a file is made, ext4 looks at each that went within the last five seconds,
    # which would be counted to the one of the two that runs second.
    crawl="cd $work && HOME=$work/home wget2 -q -r -l 1 -P \$(mktemp -d $work/files.XXXXXX) http://$address:$port/; find $work/files.* -type f -size +0 -exec truncate -s 0 {} +"
    way "wget2's plugin" 1.15 "${crawl/ -q/ --local-plugin=$plugin --plugin-opt=trommel.out=null: --plugin-opt=trommel.workers=1 -q}" "$crawl; $program library-start $work/site/index.html"
else
    left_out "wget2's plugin" "wget2 or libwget's headers are not there"
fi
python3 bench/embed.py "$work" "$rounds" "$((n + 1))"
