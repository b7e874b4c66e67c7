# lib-data.sh: for the tests that need a page collection: ends at once with one passed claim where none was given.
# shellcheck shell=bash disable=SC2034,SC2154
# Sourced.  Sets $data.
data=${TROMMEL_DATA:-}
if [ -z "$data" ]; then
    echo "ok - (needs a page collection: make test DATA=DIR)"
    exit 0
fi
