#!/usr/bin/env bash
# Scrapy with the component.  Fails when an answer has no record or one too many, when the reactor waits, when closing the
# spider loses what was fetched, or when a kill -9 leaves a torn segment or loses a record that was acknowledged.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
venv_or_skip "Scrapy with the component"
claim_cmd "the package is built and installed" python_package "$work/package"
export PYTHONPATH=$work/package
mkdir "$work/site"
echo '<title>Held</title><p>MARK-HOLD' >"$work/site/held.html"
echo '<title>Free</title><p>This one goes on its way.' >"$work/site/free.html"
server_start --root "$work/site"
url=http://127.0.0.1:$port
asyncio=twisted.internet.asyncioreactor.AsyncioSelectorReactor
epoll=twisted.internet.epollreactor.EPollReactor

# spider NAME OPTION...: a crawl to its end.  $work/NAME.log, $work/NAME.stats; records in $work/NAME if TROMMEL_OUT says so.
spider() {
    local name=$1
    shift
    status=0
    timeout --kill-after=5 300 "$venv_python" tests/python/scrapy_spider.py --log "$work/$name.log" "$@" \
        >"$work/$name.stats" 2>"$work/$name.err" </dev/null || status=$?
    [ "$status" = 0 ] || sed 's/^/# /' "$work/$name.err"
}
stat() { jq -r ".[\"$2\"] // 0" "$work/$1.stats"; }
outcomes() { "$trommel" cat "$work/$1" 2>>"$work/err" | jq -r '"\(.url) \(.outcome.reason // .outcome.code)"' | sed "s|^$url||" | sort; }

# what has a record: the last answer of each page, whatever it is, as trommel crawl has them
urls=(--url "$url/free.html" --url "$url/none.html" --url "$url/t/redirect?n=2&to=/t/type" --url "$url/t/flaky?n=1"
    --url "$url/t/status/503" --url "$url/t/type?type=image/png" --url "$url/t/empty" --url "$url/robots.txt"
    --url "$url/free.html?trommel_skip")
want="/free.html ok /none.html http_404 /t/empty empty_body /t/flaky?n=1 ok /t/status/503 http_503 /t/type ok /t/type?type=image/png unsupported_type"
for reactor in $asyncio $epoll; do
    name=${reactor##*.}
    spider "$name" "${urls[@]}" -s TWISTED_REACTOR="\"$reactor\"" -s ROBOTSTXT_OBEY=true -s TROMMEL_OUT="\"$work/$name\"" \
        -s TROMMEL_RECORD=true -s TROMMEL_QUEUE=1 -s TROMMEL_WORKERS=1
    claim_is "$name: a record for each page, none for what leads there or wants none" "$want" \
        "$(outcomes "$name" | grep -v '^/robots.txt ' | tr '\n' ' ' | sed 's/ $//')"
    claim_is "… what the spider asked for itself has one, also robots.txt" 1 "$(outcomes "$name" | grep -c '^/robots.txt ')"
    claim_is "… and each came to the spider with its answer" "A small page" \
        "$(sed -n "s|^page $url/t/type ||p" "$work/$name.log")"
    claim_is "… Scrapy's stats say so" "8 3 3" \
        "$(stat "$name" trommel/records) $(stat "$name" trommel/outcome/ok) $(stat "$name" trommel/outcome/failed)"
    claim_cmd "… with the time it took" test "$(stat "$name" trommel/cpu_us)" -gt 0
done
claim_is "fetch says how Scrapy got there" "127.0.0.1 http/1.1 3 0" \
    "$("$trommel" cat "$work/${epoll##*.}" | jq -r 'select(.url | endswith("/t/type")).fetch | "\(.ip) \(.protocol) \(.redirects | length) \(.depth)"')"

spider none --url "$url/free.html" -s TROMMEL_OUT="\"$work/none\"" -s TROMMEL_ENABLED=false
claim_is "switched off: Scrapy as it is" "1 0" "$(grep -c ^page "$work/none.log") $(stat none trommel/records)"

# more pages than there is room for: they wait in line, and none is lost
spider room --follow --url "$url/t/gen?site=s&page=0&links=30&pages=150&bytes=2000&ms=0" -s TROMMEL_OUT="\"$work/room\"" -s TROMMEL_QUEUE=1 \
    -s TROMMEL_WORKERS=1 -s CONCURRENT_REQUESTS=32 -s CONCURRENT_REQUESTS_PER_DOMAIN=32
claim_is "with hardly any room every page is at the sink when the spider is closed" "150 150" \
    "$(stat room trommel/records) $(outcomes room | sort -u | wc -l)"

# spider_start NAME OPTION...: one that is killed.  Sets $spider_pid.
spider_start() {
    local name=$1
    shift
    : >"$work/$name.log"
    setsid "$venv_python" tests/python/scrapy_spider.py --log "$work/$name.log" "$@" >"$work/$name.stats" 2>"$work/$name.err" </dev/null &
    spider_pid=$!
    started+=("$spider_pid")
}
# line_wait NAME N WORD: waits until the spider has written N lines that begin so, or is gone
line_wait() {
    local n=$2 line fd
    exec {fd}< <(exec tail -n +1 -s 0.05 -f --pid="$spider_pid" "$work/$1.log")
    while [ "$n" -gt 0 ] && read -r -u "$fd" line; do
        if [[ $line == $3* ]]; then n=$((n - 1)); fi
    done
    exec {fd}<&-
    [ "$n" = 0 ]
}
# spider_kill: it alone; its workers have to see for themselves.  Counts in $left those that do not.
spider_kill() {
    local worker workers
    read -ra workers <"/proc/$spider_pid/task/$spider_pid/children" || true # it ends without a newline
    kill -9 "$spider_pid"
    wait "$spider_pid" 2>/dev/null || true
    for worker in "${workers[@]}"; do
        timeout 60 tail -f --pid="$worker" /dev/null || left=$((left + 1))
    done
}
left=0

# the worker does not let the first page go for a minute: the other must come to the spider meanwhile
hold() {
    spider_start "$1" --url "$url/held.html" --url "$url/free.html" -s CONCURRENT_REQUESTS=1 -s TWISTED_REACTOR="\"$2\"" \
        -s TROMMEL_OUT="\"$work/$1\"" -s TROMMEL_CHAIN="[[\"$build/test/plugin/crasher.so\", {\"hold\": true}]]" \
        -s TROMMEL_WORKERS=1 -s TROMMEL_PAGE_TIMEOUT=6 -s TROMMEL_STAGE_TIMEOUT=6
    line_wait "$1" 1 "page $url/free.html" || true
    claim_is "$1: the reactor goes on while a page is held" "page held, page free" \
        "$(sed -nE "s|^(page\|done) .*/(\w+).html .*|\1 \2|p" "$work/$1.log" | paste -sd, | sed 's/,/, /g')"
    spider_kill
}
hold asyncio $asyncio
hold epoll $epoll

# kill -9 with pages at every stage: some acknowledged, some let through just now, some at the server's gate
crawl_start() {
    spider_start kill --follow --url "$url/t/gen?site=s&page=0&links=9&pages=90&bytes=3000&ms=0&gate=kill" \
        -s TROMMEL_OUT="\"file:$work/kill?rotate_bytes=60000&linger_ms=5\"" -s CONCURRENT_REQUESTS=8
}
kills=0 lost=0 torn=0
for pages in 1 7 20; do
    crawl_start
    gate_open kill "$pages"
    if line_wait kill "$pages" "done "; then
        gate_open kill 5
        kills=$((kills + 1))
    fi
    spider_kill
    "$trommel" cat "$work/kill" >"$work/records" 2>"$work/cat.err" || torn=1
    [ ! -s "$work/cat.err" ] || torn=1
    sed -n 's/^done \([^ ]*\) .*/\1/p' "$work/kill.log" | sort -u >>"$work/acked"
    lost=$((lost + $(sort -u "$work/acked" | comm -23 - <(jq -r .url "$work/records" | sort -u) | wc -l)))
done
claim_is "killed with kill -9 three times in mid-crawl" 3 "$kills"
claim_is "no worker outlives its Scrapy" 0 "$left"
claim_is "no segment is torn: all of it is read without a word" 0 "$torn"
claim_is "every record that was acknowledged is there" 0 "$lost"
gate_open kill
crawl_start
wait "$spider_pid" || bad=1
"$trommel" cat "$work/kill" >"$work/records"
claim_is "begun again in the same folder, it ends with every page" 90 "$(jq -r .url "$work/records" | sort -u | wc -l)"
claim_is "… and none twice" "" "$(jq -r .url "$work/records" | sort | uniq -d | head -3)"
exit $bad
