#!/bin/sh
# Tries the stage: conformance first, then what it must give for one page.
set -eu
cd "$(dirname "$0")"
trommel=${TROMMEL:-trommel}
"$trommel" stage check ./@NAME@.so

expect() { # expect LINE OPTION...: a line of what the stage puts for page.html
    line=$1
    shift
    "$trommel" stage run --format text "$@" ./@NAME@.so page.html >put.txt
    if grep -qxF "$line" put.txt; then
        echo "ok - $line $*"
    else
        echo "not ok - $line $*; it put:"
        cat put.txt
        exit 1
    fi
}
trap 'rm -f put.txt' EXIT
expect 'x.@ID@.headings: 4'
expect 'x.@ID@.headings: 1' --set levels=1
