#!/usr/bin/env bash
# Pages from another program (extract --stream): fails when a page has no answer or two, when a bad frame costs another,
# when memory grows because nobody reads, when killing or ending costs what was taken, or when what README says is not so.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
timeout --kill-after=5 300 /usr/bin/python3 -B tests/e2e/stream_host.py "$build" "$work" || bad=1

# The examples: the bundled site, as a crawl of our own sees it.
server_start --root tests/site
crawl "http://127.0.0.1:$port/"
sorted() { jq -rc '[.url, .status, .outcome.code, .content.text] | tostring' "$1" | sort; }
example() { # example KIND COMMAND...
    local kind=$1 why rc=0
    shift
    why=$(tests/stream_clients.sh "$kind" "$build") || rc=$?
    case $rc in
    0) ;;
    77)
        echo "ok - the example in $kind # SKIP what it needs is not there"
        echo "# $why"
        return
        ;;
    *)
        echo "# $why"
        claim $rc "the example in $kind can be built"
        return
        ;;
    esac
    claim_cmd "the example in $kind crawls a site to its end" timeout 120 "$@" "http://127.0.0.1:$port/"
    "$trommel" cat "$work/$kind" >"$work/$kind.json"
    claim_is "… and has the records of a crawl of our own" "$(sorted "$work/records")" "$(sorted "$work/$kind.json")"
}
example node node "$build/embed-node/crawl.js" --trommel "$trommel" --out "$work/node"
example go "$build/embed-go" -trommel "$trommel" -out "$work/go"
exit $bad
