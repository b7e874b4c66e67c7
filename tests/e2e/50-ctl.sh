#!/usr/bin/env bash
# The control socket of a crawl that runs: fails when somebody else may use it, when a command does not do what it
# says, when an answer is no JSON, or when a hostile client harms the crawl.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
server_start
site="http://127.0.0.1:$port/t/gen?site=ctl&page=0&links=9&pages=40&bytes=2000&ms=0"

start() { # start DIR OPTION...: a crawl in the background, in that folder; returns when it has asked for its first page
    local dir=$1 before
    shift
    before=$(grep -c '^R.*/t/' "$log" || true)
    "$trommel" crawl --job "$dir" --allow-private --delay 0 --no-progress --ignore-robots "$@" >"$work/out" 2>"$dir.err" \
        </dev/null &
    pid=$!
    started+=("$pid")
    log_wait $((before + 1)) '^R.*/t/' "$pid"
}
ended() {
    status=0
    wait "$pid" || status=$?
}
ctl() { # ctl ARGUMENT...: of $work/job; sets $status, writes $work/ctl and $work/ctl.err
    status=0
    timeout 60 "$trommel" ctl --job "$work/job" "$@" >"$work/ctl" 2>"$work/ctl.err" || status=$?
}
asks() { # asks FILTER: a value of the status
    "$trommel" ctl --job "$work/job" status --json | jq -r "$1"
}
until_asked() { # until_asked FILTER: until it is true of the status
    until "$trommel" ctl --job "$work/job" status --json 2>/dev/null | jq -e "$1" >/dev/null; do kill -0 "$pid"; done
}

# ---- status, pause, resume ----
start "$work/job" "$site&gate=a"
claim_is "the socket is there, for its user alone" "socket 600" "$(stat -c '%F %a' "$work/job/control.sock")"
claim_is "nothing else was left behind in making it" "" "$(find "$work/job" -name 'control.*' ! -name control.sock)"
ctl status
claim_is "status, for people" 0 "$status"
claim_cmd "… says what runs, where, in which state" grep -qE "^state +running, for " "$work/ctl"
claim_cmd "… and which generation" grep -qE '^1 +live +[0-9]+ +[0-9]+ +0 ' "$work/ctl"
ctl --json status
claim_is "status as JSON: one line" "0 1" "$status $(wc -l <"$work/ctl")"
claim_is "… of this crawl" "$(realpath "$work/job") $pid running 0 1 0" \
    "$(jq -r '"\(.job) \(.pid) \(.state) \(.pages) \(.chain.generation) \(.chain.changes)"' "$work/ctl")"
claim_is "… with its workers, queue, budget, memory, sink" "true" \
    "$(jq '(.generations | length == 1) and .generations[0].workers_ready == .generations[0].workers and .queue.known == 1
        and .fetching == 1 and .budget.used > 0 and .memory.resident > 0 and .sink.trouble == null and (.chain.hash | length) == 32
        and (.since | test("^20.*Z$")) and .uptime_s >= 0' "$work/ctl")"
gate_open a 5
until_asked '.pages == 5'
log_wait 6 '^R.*/t/gen' "$pid"
ctl pause
claim_is "pause" "0 paused" "$status $(cat "$work/ctl")"
ctl pause --json
claim_is "… twice is once" '0 {"state":"paused","changed":false}' "$status $(cat "$work/ctl")"
gate_open a
until_asked '.queue.in_flight == 0'
claim_is "what was under way finishes, and no other page is asked for" "paused 6 6" \
    "$(asks '"\(.state) \(.pages)"') $(grep -c '^R.*/t/gen' "$log")"
claim_cmd "a crawl that is paused does not end" kill -0 "$pid"
ctl resume
claim_is "resume" "0 running" "$status $(cat "$work/ctl")"
ended
claim_is "the crawl goes on to its end" "0 40" "$status $("$trommel" cat --count "$work/job")"
counters_add_up
claim_is "the summary says generation and changes" "1 0" "$(summary '"\(.generation) \(.changes)"')"
claim_is "the socket is gone with it" "" "$(find "$work/job" -name 'control.*')"

# ---- nobody there, wrong usage ----
ctl status
claim_is "no crawl: status 3" 3 "$status"
claim_cmd "… and the mend" grep -q "no crawl is running in $work/job: start it with" "$work/ctl.err"
ctl --json pause
claim_is "… as JSON" "3 false ABSENT" "$status $(jq -r '"\(.ok) \(.error.code)"' "$work/ctl")"
status=0
"$trommel" ctl --job "$work/none" status 2>"$work/ctl.err" || status=$?
claim_is "no folder: status 3, and it is named" "3 1" "$status $(grep -c "$work/none: there is no such folder" "$work/ctl.err")"
ctl frobnicate
claim_is "no such command: status 2" "2 1" "$status $(grep -c 'frobnicate: no such command' "$work/ctl.err")"
ctl status --colour
claim_is "no such option: status 2" "2 1" "$status $(grep -c -- '--colour: unknown option' "$work/ctl.err")"
claim_cmd "--help" grep -q 'stop .--grace' <("$trommel" ctl --help)

# ---- stop ----
rm -rf "$work/job"
start "$work/job" --grace 0 "$site&gate=b"
gate_open b 3
until_asked '.pages == 3'
log_wait 4 'R.*gate=b' "$pid"
ctl stop --grace 600
claim_is "stop" "0 stopping" "$status $(cat "$work/ctl")"
claim_is "… says so, and why" "stopping true" "$(asks '"\(.state) \(.stopped | test("trommel ctl stop"))"')"
ctl pause
claim_is "what is stopping is not paused: status 1" "1 1" "$status $(grep -c 'the crawl is stopping' "$work/ctl.err")"
gate_open b 1
ended
claim_is "the crawl ends when what was under way has, with status 1" "1 4 0" "$status $(summary '"\(.ends.delivered) \(.ends.unfinished)"')"
claim_cmd "… and says how to go on" grep -q 'stopped by .trommel ctl stop.*the same command goes on' "$work/job.err"
start "$work/job" --grace 3600 "$site&gate=b"
ctl pause
ctl stop --grace 0 --wait --json
claim_is "stop --wait, of a crawl that is paused" '0 {"state":"ended","changed":true}' "$status $(cat "$work/ctl")"
claim_is "… waits until all is written down" "1 true" "$(summary '"\(.ends.unfinished) \(.stopped | length > 0)"')"
gate_open b
crawl --ignore-robots "$site&gate=b" # at once
claim_is "… and the folder is free: the same command goes on to the end" "0 40" "$status $(wc -l <"$work/records")"
ended
records_once "… without doing anything twice"

# while its parts are closed, nobody is heard any more
rm -rf "$work/job"
mkfifo "$work/closing"
start "$work/job" --out "$build/test/plugin/slow_sink.so:$work/slow?held=$work/closing" "$site&gate=f"
/usr/bin/python3 - "$work/job/control.sock" "$work/closing" <<'END' >"$work/late"
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b'{"cmd":"stop","grace":0}\n')
assert b'stopping' in s.recv(1000)
closing = open(sys.argv[2], 'wb')  # the crawl is at its sink now
try:
    s.sendall(b'{"cmd":"status"}\n')
except BrokenPipeError:
    print('not heard')
closing.close()
END
ended
claim_is "while its parts are closed, nobody is heard any more" "not heard 1" "$(cat "$work/late") $status"
gate_open f

# ---- killed ----
rm -rf "$work/job"
start "$work/job" "$site&gate=c"
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
claim_cmd "a crawl that is killed leaves its socket" test -S "$work/job/control.sock"
ctl status
claim_is "… behind which nobody is: status 3" "3 1" "$status $(grep -c 'the last one was killed' "$work/ctl.err")"
start "$work/job" "$site&gate=c"
ctl status --json
claim_is "… and which the next one replaces" "0 $pid" "$status $(jq .pid "$work/ctl")"

# ---- several at once, in deep folders, without ----
first=$pid
deep=$work/$(printf 'a-folder-with-a-long-name/%.0s' {1..12})job
mkdir -p "$(dirname "$deep")"
start "$deep" "$site&gate=d"
claim_is "a folder deeper than a socket's address can say" "600 $pid" \
    "$(stat -c %a "$deep/control.sock") $("$trommel" ctl --job "$deep" status --json | jq .pid)"
claim_is "… and another crawl beside it" "$first" "$(asks .pid)"
claim_is "… by a relative path" "$pid" "$(cd "$(dirname "$deep")" && "$trommel" ctl --job job status --json | jq .pid)"
"$trommel" ctl --job "$deep" stop --grace 0 --wait >"$work/ctl"
ended
claim_is "each is stopped alone" "1 running" "$status $(asks .state)"
pid=$first

# ---- hostile clients ----
/usr/bin/python3 - "$work/job/control.sock" <<'END' >"$work/hostile"
import json, socket, sys
def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(sys.argv[1])
    return s
def answer(s):
    data = b''
    while not data.endswith(b'\n'):
        more = s.recv(65536)
        if not more:
            break
        data += more
    return json.loads(data)
for name, text in [('garbage', b'\xff\xfe garbage\n'), ('long', b'x' * (2 << 20)), ('nul', b'{"cmd":"sta\0tus"}\n'),
                   ('deep', b'[' * 500000 + b'\n'), ('unknown', b'{"cmd":"frobnicate"}\n'),
                   ('field', b'{"cmd":"pause","really":true}\n'), ('type', b'{"cmd":"stop","grace":"soon"}\n')]:
    s = connect()
    try:
        s.sendall(text)
    except BrokenPipeError:
        pass
    print(name, answer(s)['error']['code'])
    s.close()
many = []
for i in range(16):  # while as many as there may be are connected …
    many.append(connect())
    many[i].sendall(b'{"cmd":"status"}\n')
    assert answer(many[i])['ok']
print('17th', answer(connect())['error']['code'])
for s in many:
    s.sendall(b'{"cmd":"sta')  # … and go away in the middle of a request
    s.close()
END
claim_is "hostile clients get an error each" "garbage INVALID,long LIMIT,nul INVALID,deep INVALID,unknown UNSUPPORTED,field USAGE,type USAGE,17th FULL," \
    "$(tr '\n' ',' <"$work/hostile")"
until_asked .pid # the sixteen are gone
claim_is "… and the crawl is as it was" "running" "$(asks .state)"
gate_open c
ended
claim_is "… and comes to its end" "0 40" "$status $("$trommel" cat --count "$work/job")"
claim_is "… with nothing of it in its messages but what went on" "" "$(grep -vE 'pages in|redirects|records:' "$work/job.err" || true)"

# ---- none wanted, something in the way ----
rm -rf "$work/job"
start "$work/job" --no-control "$site&gate=e"
ctl status
claim_is "--no-control: no socket" "3 no" "$status $([ -e "$work/job/control.sock" ] && echo yes || echo no)"
gate_open e
ended
rm -rf "$work/job"
mkdir "$work/job"
echo mine >"$work/job/control.sock"
crawl "$site"
claim_is "a file in the socket's place is not touched: status 3, and the mend" "3 mine 1" \
    "$status $(cat "$work/job/control.sock") $(grep -c 'control.sock: .*move it away' "$work/err")"
exit $bad
