#!/usr/bin/env bash
# The Python package as a user has it: the wheel, in an environment of its own, without network.  Fails when it does not
# come with all that it needs, or when one of tests/python does.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
claim_cmd "make wheel, without network" flock "$build/wheel.lock" make -s BUILD="$build" wheel
wheel=$(make -s BUILD="$build" wheel)
claim_cmd "its name says that every Python from 3.9 on may have it" test "${wheel#*-cp39-abi3-linux_}" != "$wheel"
claim_cmd "an environment of its own" /usr/bin/python3 -m venv "$work/venv"
claim_cmd "pip install --no-deps --no-index" "$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-index "$wheel"
# nothing of this tree is found but the tests
cd "$work"
export TROMMEL_BUILD=$build
unset TROMMEL_WORKER TROMMEL_STAGE_DIR TROMMEL_SINK_DIR
places=$(venv/bin/python -c 'import trommel, os; trommel.extract("x"); print(*{os.readlink(f"/proc/{p}/exe") for p in
    open(f"/proc/self/task/{os.getpid()}/children").read().split()})' | tr ' ' '\n' | grep trommel-worker) || true
claim_is "the worker that runs is that of the package" "$(echo "$work"/venv/lib/python3*/site-packages/trommel/trommel-worker)" "$places"
claim_is "it is typed" 1 "$(find venv/lib -path '*/trommel/py.typed' | wc -l)"
claim_cmd "its extension keeps to the stable ABI" test -e "$(echo venv/lib/python3*/site-packages/trommel/_core.abi3.so)"
status=0
timeout --kill-after=5 600 venv/bin/python -B "$OLDPWD/tests/python/tap.py" 2>"$work/err" || status=$?
[ "$status" = 0 ] || sed 's/^/# /' "$work/err"
exit $((bad | status))
