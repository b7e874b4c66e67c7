#!/usr/bin/env bash
# swap.sh BUILD: the storm of changes, whole, and what a change costs.
#
# The same crawl twice over loopback, first without changes, then with CHANGES changes of its chain, one every half
# second, a quarter of them candidates that nobody wants.  No page may be lost, be there twice, or carry the marks of two
# generations; the last line has both speeds, how busy the cores were, and the times of the changes.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 tests/e2e/swap_storm.py --build "${1:?BUILD}" --pages "${PAGES:-420000}" --bytes 8000 --changes "${CHANGES:-320}" --interval 0.5 --probation 1000,5000 --baseline
