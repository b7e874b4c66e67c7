#!/usr/bin/env bash
# Stages that try what they may not, each from a constructor, from configure and from process: fails when one is let,
# when the refusal does not name file or stage and what was tried, or when a good page pays for it.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
mkdir "$work/stage"
cp "$build/test/plugin/violate.so" "$build/test/plugin/network.so" "$work/stage"
cd "$work"
echo 'chain: [./stage/violate.so]' >chain.yaml
echo 'chain: [./stage/network.so]' >network.yaml
echo 'mine' >own.txt
echo '<!DOCTYPE html><title>Bad</title><p>A page with a MARK.' >bad.html
echo '<!DOCTYPE html><title>Good</title><p>A page without one.' >good.html

# run OPTION...: the pages through the chain; sets $status.
run() {
    status=0
    timeout 60 "$trommel" extract --workers 1 --worker-memory 200000000 "$@" bad.html good.html >out 2>err </dev/null || status=$?
}
landlocked() { # does this kernel have Landlock?
    run -v -c chain.yaml
    ! grep -q 'no Landlock' err
}

# tried WHAT REASON WORDS [WORDS_LATER]: refused and named, from each of the three places.  REASON: of the record.
tried() {
    local what=$1 reason=$2 words=$3 later=${4:-$3} how
    [ "$reason" = sandbox ] && how='31' || how='[0-9]+'
    cp stage/violate.so "stage/ctor-$what.so"
    echo "chain: [./stage/ctor-$what.so]" >ctor.yaml
    run -c ctor.yaml
    claim_is "$what, from a constructor: refused, naming the file and what was tried" "2 yes" \
        "$status $(grep -qE "ctor-$what\.so: .*being loaded.*$words|ctor-$what\.so: .*$words.*being loaded" err && echo yes || cat err)"
    run -c chain.yaml --set "violate.what=$what" --set violate.when=configure
    claim_is "$what, from configure: refused, naming file, stage and what was tried" "2 yes" \
        "$status $(grep -qE "violate\.so: stage .violate.: .*being configured.*$words|violate\.so: stage .violate.: .*$words.*being configured" err && echo yes || cat err)"
    run -c chain.yaml --set "violate.what=$what" --set violate.when=process
    claim_is "$what, from process: quarantined, naming stage and what was tried; the page beside it is not" \
        "1 violate $reason yes ok" \
        "$status $(jq -r --arg words "$later" --arg how "^$how\$" 'if .error then "\(.error.stage) \(.error.reason) \(if (.error.message | test($words)) and (.error.signal | tostring | test($how)) then "yes" else .error | tostring end)" else .outcome.code end' out | paste -sd' ')"
}
tried socket sandbox 'tried to open a socket \(socket\)'
tried write sandbox 'tried to write a file \(openat .*\.so\.written\)'
tried read sandbox 'tried to read a file that is not its own \(openat /etc/passwd\)' 'tried to open a file while pages run \(openat /etc/passwd\)'
tried exec sandbox 'tried to run a program \(execve /bin/true\)'
tried fork sandbox 'tried to start a process \(clone\)'
tried ptrace sandbox 'tried to trace or read another process \(ptrace\)'
tried peek sandbox 'tried to trace or read another process \(process_vm_readv\)'
tried maps sandbox 'tried to read a file that is not its own \(openat /proc/[0-9]+/maps\)' 'tried to open a file while pages run \(openat /proc/[0-9]+/maps\)'
tried signal sandbox 'tried to signal another process \(kill\)'
tried memory out_of_memory 'memory was refused to it'
claim_is "nothing was written" "" "$(find . -name '*.written')"

# let WHAT WHEN: done, and it went well
let_it() {
    run -c chain.yaml --set "violate.what=$1" --set "violate.when=$2" --set violate.file=own.txt
    claim_cmd "$3" grep -q 'let: 0, errno 0' err
}
let_it beside configure "a file in the folder of the stage's own is read in configure"
let_it own configure "a file elsewhere that an option names is read in configure"
run -c chain.yaml --set violate.what=own --set violate.when=process --set violate.file=own.txt
claim_is "… and is not opened any more when pages run" "sandbox" "$(jq -r 'select(.error) | .error.reason' out)"
let_it libc process "what the C library does at times is let pass: local time, sorting, sleeping, the heap, a signal to oneself"
if landlocked; then
    run -c chain.yaml --set violate.what=cookie-read --set violate.when=configure
    claim_cmd "a stage that opens in the sandbox's own way meets Landlock: EACCES" grep -q 'let: -1, errno 13' err
else
    claim 0 "this kernel has no Landlock: what goes round the handler is not refused"
fi

# ---- stages that need the network ----

run -c network.yaml
claim_is "a stage that declares TROMMEL_F_NETWORK is refused, with file, stage and mend" "2 yes" \
    "$status $(grep -qE 'network\.so: stage .network. declares .*TROMMEL_F_NETWORK.*--allow-network-stages' err && echo yes || cat err)"
run -c network.yaml --allow-network-stages
claim_is "with --allow-network-stages it gets its socket" "0 true true" "$status $(jq -r .x.network.socket out | paste -sd' ')"
claim_is "… with one warning that names it" 1 "$(grep -cE 'warning: .*outside the sandbox.*.network. declares' err)"
run -c chain.yaml --allow-network-stages --set violate.what=socket --set violate.when=process
claim_is "the option alone lets nobody out: a chain without such a stage stays inside" "sandbox" "$(jq -r 'select(.error) | .error.reason' out)"
echo 'chain: [./stage/ctor-socket.so, ./stage/network.so]' >both.yaml
run -c both.yaml --allow-network-stages
claim_is "… nor does it let a constructor" "2 yes" "$status $(grep -q 'ctor-socket\.so: .*tried to open a socket' err && echo yes || cat err)"
printf 'chain: [./stage/network.so]\nallow-network-stages: true\n' >job.yaml
server_start --root "$work"
"$trommel" crawl -c job.yaml --job net-job --allow-private --delay 0 --no-progress "http://127.0.0.1:$port/good.html" >out 2>err || cat err
claim_is "a crawl takes the option too, from its file" "true" "$("$trommel" cat net-job | jq -r .x.network.socket)"

# ---- without it ----

TROMMEL_SANDBOX=off run -c chain.yaml --set violate.what=socket --set violate.when=process
claim_is "TROMMEL_SANDBOX=off leaves it out" "was_let" "$(jq -r 'select(.error) | .error.reason' out)"
claim_is "… with one warning" 1 "$(grep -cE 'warning: .*outside the sandbox: TROMMEL_SANDBOX=off' err)"
TROMMEL_SANDBOX=of run -c chain.yaml
claim_is "another word there is refused, with the mend" "2 yes" "$status $(grep -q 'TROMMEL_SANDBOX is "of".*on or off' err && echo yes || cat err)"
exit $bad
