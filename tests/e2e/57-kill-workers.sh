#!/usr/bin/env bash
# Workers killed all through a crawl: fails when a page is lost, or is there twice.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 tests/e2e/kill_workers.py --build "${TROMMEL_BUILD:-build}" --pages 3000 --every 200
