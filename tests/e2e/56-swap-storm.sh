#!/usr/bin/env bash
# A slice of the storm of changes (bench/swap.sh runs it whole): fails when a page is lost, is there twice or carries the
# marks of two generations, or when a candidate that cannot work goes live.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 tests/e2e/swap_storm.py --build "${TROMMEL_BUILD:-build}" --pages 2500 --changes 24
