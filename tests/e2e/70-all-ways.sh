#!/usr/bin/env bash
# A site of 400 URLs (site300) crawled in every way in which Trommel is used: fails when a page has no record, or one
# that is not field by field that of `trommel crawl`.  TROMMEL_WAYS=PART runs only the ways with that in their name.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
server_start --raw "$work/site"
/usr/bin/python3 -B tests/site300/make.py "$work/site" "$port"
/usr/bin/python3 -B tests/e2e/all_ways.py "$build" "$work" "$port" || bad=1
exit $bad
