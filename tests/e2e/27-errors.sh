#!/usr/bin/env bash
# Wrong usage and broken surroundings: fails when a message does not name the thing and the mend, or when the exit
# status is not the promised one.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
cd "$work"
# says STATUS PATTERN TEXT OPTION...: crawl ends with the status, and stderr matches
says() {
    local want=$1 pattern=$2 text=$3 rc=0
    shift 3
    timeout 60 "$trommel" crawl --no-progress "$@" >out 2>err </dev/null || rc=$?
    if [ $rc = "$want" ] && grep -qE -- "$pattern" err; then claim 0 "$text"; else
        claim 1 "$text (status $rc, not $want, or no /$pattern/)"
        head -5 err
    fi
}
url=http://127.0.0.1:9/
says 2 '--colour: unknown option; .*--help' "an unknown option" --colour "$url"
says 2 '--depth: "deep" must be a whole number' "a value that is no number" --depth deep "$url"
says 2 '--depth: "-1" must be .* from 0' "a value out of range" --depth -1 "$url"
says 2 '--delay: .*nan' "a number that is none" --delay nan "$url"
says 2 '--scope: "world" .*host, domain, prefix or any' "a wrong word, with those that are right" --scope world "$url"
says 2 '--depth: needs a value' "an option without its value" "$url" --depth
says 2 'none\.yaml: cannot read' "a configuration that is not there" -c none.yaml "$url"
echo 'dephth: 3' >c.yaml
says 2 'c\.yaml: unknown option "dephth"' "an unknown key of the configuration" -c c.yaml "$url"
echo 'depth: [3' >c.yaml
says 2 'c\.yaml' "a configuration that is no YAML" -c c.yaml "$url"
echo 'chain: [layout, nobody]' >c.yaml
says 2 'nobody' "a stage that is not there" -c c.yaml "$url"
says 2 'nothing to crawl: name a seed' "no seed" --job empty
claim_cmd "… and no folder is made for it" test ! -e empty
says 2 'example\.com: .*https://example\.com/' "a seed without its scheme" example.com
says 2 'ftp://.*only http and https' "a seed of another scheme" ftp://127.0.0.1/
says 2 'none\.txt: cannot read the seeds' "a file of seeds that is not there" --seeds none.txt
touch file
says 2 'file: is a file, not a job' "a job's folder that is a file" --job file "$url"
says 3 'no/such: cannot make' "a job's folder that cannot be made" --job no/such "$url"
says 2 'carrier' "a sink that nobody has" --job sink --out carrier://pigeon "$url"
says 2 'boilerplate.*no_such' "an unknown option of a stage" --set boilerplate.no_such=1 "$url"
rm -rf trommel-job
server_start
kill "$server_pid"
wait "$server_pid" || true # the port was free a moment ago, and nobody listens there now
rm -rf trommel-job
says 1 "http://127.0.0.1:$port/robots.txt: connect: .*127.0.0.1" "a port where nobody listens" --allow-private \
    "http://127.0.0.1:$port/"
claim_cmd "… with a summary all the same" jq -e .finished trommel-job/summary.json
says 1 "http://127.0.0.1:$port/: connect" "… and without robots.txt" --allow-private --ignore-robots --job other \
    "http://127.0.0.1:$port/"
claim_is "… with a record that says why" "failed connect" \
    "$("$trommel" cat other | jq -r '"\(.outcome.code) \(.outcome.reason)"')"
server_start
"$trommel" crawl --job busy --allow-private --no-progress "http://127.0.0.1:$port/t/hang" >out 2>err &
started+=($!)
first=$!
log_wait 1 '^R.*/t/hang' $first
says 3 'busy' "a job's folder that another crawl uses" --job busy "http://127.0.0.1:$port/t/hang"
kill -9 $first
wait $first 2>/dev/null || true

if [ "$(id -u)" = 0 ] && mkdir full && mount -t tmpfs -o size=1m none full 2>/dev/null; then
    says 3 'full.*(No space|space)' "a sink whose disk is full stops the job" --job disk --allow-private --delay 0 --per-host 8 \
        --sink-patience 1 --out full/records "http://127.0.0.1:$port/t/gen?site=full&page=0&links=20&pages=2000&bytes=20000"
    claim_cmd "… with a summary" jq -e '.finished == false' disk/summary.json
    kept=$("$trommel" cat full/records | wc -l)
    claim_cmd "… and what was acknowledged can be read ($kept records)" test "$kept" -gt 0 -a "$kept" = "$(jq .ends.delivered disk/summary.json)"
    mount -o remount,size=512m full
    says 0 'pages' "with room again the same command goes on to the end" --job disk --allow-private --delay 0 --per-host 8 \
        --out full/records "http://127.0.0.1:$port/t/gen?site=full&page=0&links=20&pages=2000&bytes=20000"
    claim_is "… and every page has one record" "2001 2001" \
        "$("$trommel" cat full/records | jq -r .id | tee ids | wc -l) $(sort -u ids | wc -l)"
    umount full
else
    claim 0 "(a full disk needs root and tmpfs: skipped)"
fi
exit $bad
