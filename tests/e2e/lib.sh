# lib.sh: what the end-to-end scripts share.  Sourced from the repository's root.
# shellcheck shell=bash disable=SC2034,SC2154
#
# Sets $build (absolute; from TROMMEL_BUILD), $trommel, $work (a folder of its own, removed at the end) and $bad (0; a
# script ends with `exit $bad`).  Whatever was started through here is ended at the end, by its pid.
build=$(realpath "${TROMMEL_BUILD:-build}")
trommel=$build/trommel
work=$(mktemp -d "${TMPDIR:-/tmp}/trommel-e2e.XXXXXX")
chmod 755 "$work" # a server of another user reads there
bad=0
server_pid='' port='' log=''
started=()

lib_end() {
    local pid
    for pid in "${started[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap lib_end EXIT

# claim STATUS TEXT: one line of the result; status 0 is ok.
claim() {
    if [ "$1" = 0 ]; then echo "ok - $2"; else echo "not ok - $2"; bad=1; fi
}

# claim_cmd TEXT COMMAND...: the command ends with status 0; what it said is shown if not.
claim_cmd() {
    local text=$1 out
    shift
    if out=$("$@" 2>&1); then echo "ok - $text"; else
        echo "not ok - $text"
        printf '%s\n' "$out" | head -20
        bad=1
    fi
}

# claim_is TEXT WANT GOT
claim_is() {
    if [ "$2" = "$3" ]; then echo "ok - $1"; else
        echo "not ok - $1: $3, not $2"
        bad=1
    fi
}

# server_start OPTION...: the test server on a free port.  Sets $port, $server_pid, $log.
server_start() {
    local word address
    log=$work/server.log
    : >"$log"
    [ -p "$work/server.fifo" ] || mkfifo "$work/server.fifo"
    "$build/test/server" --log "$log" "$@" >"$work/server.fifo" &
    server_pid=$!
    started+=("$server_pid")
    read -r word address port <"$work/server.fifo" || true
    if [ "$word" != listening ]; then
        echo "not ok - the test server starts"
        exit 3
    fi
}

# certificate_make ADDRESS: $work/cert.pem and $work/key.pem, for a server at that address.
certificate_make() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
        -addext "subjectAltName=IP:$1" -keyout "$work/key.pem" -out "$work/cert.pem" 2>"$work/openssl"
}

# gate_open GATE [N]: lets N requests through that wait at the server's gate, or will come to it; all without N.
gate_open() {
    curl --silent --fail --output /dev/null "http://127.0.0.1:$port/t/open?gate=$1${2:+&n=$2}"
}

# log_wait N PATTERN PID: until N lines of the server's log match the pattern (bash's =~), or PID is gone.
log_wait() {
    local n=$1 pattern=$2 line tail_pid fd
    exec {fd}< <(exec tail -n +1 -s 0.05 -f --pid="$3" "$log")
    tail_pid=$!
    while [ "$n" -gt 0 ] && read -r -u "$fd" line; do
        if [[ $line =~ $pattern ]]; then n=$((n - 1)); fi
    done
    exec {fd}<&-
    kill "$tail_pid" 2>/dev/null || true
    [ "$n" = 0 ]
}

# crawl OPTION...: runs a crawl to its end with the settings that most tests want.  Sets $status; messages are
# in $work/err, the job's folder is $work/job.
crawl() {
    status=0
    timeout --kill-after=5 "${limit_s:-120}" "$trommel" crawl --job "$work/job" --allow-private --delay 0 \
        --no-progress "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
    records >"$work/records"
}

# records: what was delivered, as JSON lines.
records() {
    "$trommel" cat "$work/job" 2>>"$work/err" || true
}

# summary FILTER: a value of the job's summary, by jq.
summary() {
    jq -r "$1" "$work/job/summary.json"
}

# record URL FILTER: a value of the record of that URL.
record() {
    jq -r "select(.url == \"$1\") | $2" "$work/records"
}

# counters_add_up: every visit that began ended in exactly one way.
counters_add_up() {
    claim_is "counters add up: started is the sum of the ends" 0 "$(summary '.started - ([.ends[]] | add)')"
    claim_is "… and the outcomes are the sum of what was delivered, dropped and quarantined" 0 \
        "$(summary '([.outcomes[]] | add) - (.ends.delivered + .ends.dropped + .ends.quarantined)')"
}

# records_once TEXT: no record twice, by id and by URL; one line on what was twice.
records_once() {
    claim_is "$1" "" "$(jq -r '.id, .url' "$work/records" | sort | uniq -d | head -5)"
}

# venv_or_skip NAME: sets $venv_python to a Python with the packages of tests/venv.txt; where it cannot be made, says so
# and ends the script.
venv_or_skip() {
    local why
    if why=$(tests/venv.sh --once "$build"); then
        venv_python=$build/venv/bin/python
    else
        echo "ok - $1 # SKIP the Python packages are not there"
        echo "# $why"
        exit 0
    fi
}

# python_package DIR: the Python package, built if it must be, installed into DIR (for PYTHONPATH), with no network.
python_package() {
    flock "$build/wheel.lock" make -s BUILD="$build" wheel >"$work/wheel" &&
        "${venv_python:-/usr/bin/python3}" -m pip install --quiet --no-input --disable-pip-version-check --no-deps --no-index \
            --target "$1" "$(cat "$work/wheel")"
}
