#!/usr/bin/env bash
# scrapy.sh BUILD [DATA]: Scrapy with Trommel's component against Scrapy with trafilatura in the callback, and against
# Scrapy that only follows links: the same site, the same run; pages a second and CPU a page, side by side.
#
# PAGES (2000), ROUNDS (3).  The pages are those of DATA/html (WCXB's layout), again and again under other URLs until
# there are PAGES of them, sent as gzip; without DATA, made by the test server.  Records go to a file each way.
# trafilatura and Scrapy come from PyPI, pinned in bench/venv.txt, into BUILD/venv-bench.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${1:?BUILD}") data=${2:-} pages=${PAGES:-2000} rounds=${ROUNDS:-3}
tests/venv.sh "$build" bench/venv.txt || exit 3
python=$build/venv-bench/bin/python
work=$(mktemp -d "${TMPDIR:-/tmp}/trommel-scrapy.XXXXXX")
trap 'rm -rf "$work"; [ -z "${server:-}" ] || kill "$server" 2>/dev/null || true' EXIT
"$python" -m pip install --quiet --disable-pip-version-check --no-deps --no-index --target "$work/package" \
    "$(make -s BUILD="$build" wheel)"

mkdir "$work/site"
if [ -n "$data" ]; then
    mapfile -t files < <(find "$(realpath "$data")/html" -name '*.html.gz' | sort)
    {
        echo '<!DOCTYPE html><html lang="en"><title>Pages</title><ul>'
        for ((i = 0; i < pages; i++)); do
            ln -s "${files[i % ${#files[@]}]}" "$work/site/$i.html.gz"
            echo "<li><a href=\"/$i.html\">page</a></li>"
        done
    } >"$work/site/index.html"
    seed=/
else
    seed="/t/gen?site=s&page=0&links=30&pages=$pages&bytes=20000&ms=0"
fi
mkfifo "$work/fifo"
"$build/test/server" --root "$work/site" >"$work/fifo" &
server=$!
read -r _ address port <"$work/fifo"
PYTHONPATH="$work/package" "$python" bench/scrapy_ways.py "$work" "$rounds" "http://$address:$port$seed" "$pages"
