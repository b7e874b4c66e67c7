#!/usr/bin/env bash
# Bad input to extract: fails when a message does not name the thing and the mend, when the exit status is not the
# promised one, or when a good page beside the bad one is lost.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
cd "$work"
t=$build/trommel
good=$OLDPWD/tests/site/news/tide-mill.html

# says STATUS PATTERN TEXT COMMAND...: the command ends with the status and stderr matches
says() {
    local want=$1 pattern=$2 text=$3 rc=0
    shift 3
    timeout 60 "$@" >out 2>err </dev/null || rc=$?
    if [ $rc = "$want" ] && { [ -z "$pattern" ] || grep -qE "$pattern" err; }; then claim 0 "$text"; else
        claim 1 "$text (status $rc, not $want, or no /$pattern/)"
        head -5 err
    fi
}
outcome() { # outcome TEXT CODE REASON: of the record in out
    claim_cmd "$1" grep -qE "\"outcome\":\{\"code\":\"$2\",\"reason\":$3\}" out
}

says 1 'nowhere\.html: .*(No such file|not there)' "a missing file is named" "$t" extract nowhere.html
mkdir -p folder
says 1 'folder: .*directory' "a directory is named as one" "$t" extract folder
says 2 '\-\-colour: .*help' "an unknown option is named, with the mend" "$t" extract --colour "$good"
says 2 '\-\-format: .*"yaml".*json' "a wrong value is named, with those that are right" "$t" extract --format yaml "$good"
says 2 'boilerplate.*no_such' "an unknown option of a stage is named" "$t" extract --set boilerplate.no_such=1 "$good"
says 2 'boilerplate.*mode.*precision' "a wrong value of a stage's option is named, with those that are right" "$t" extract --set boilerplate.mode=wild "$good"
says 2 'nothing|no file|FILE' "no file at all" "$t" extract
printf '{"id":"a","path":"%s"}\n{"id":"b",\n{"id":"c","path":"gone.html"}\n{"id":"d","path":"%s"}\n' "$good" "$good" >manifest
says 1 'manifest:2: ' "an unreadable manifest line is named by file and line" "$t" extract --manifest manifest
claim_cmd "… and the good lines around it have their records" sh -c 'grep -q "\"id\":\"a\"" out && grep -q "\"id\":\"d\"" out'
claim_cmd "… and the missing file of line 3 is told" grep -qE 'gone\.html' err
says 2 'no-manifest: ' "a manifest that is not there" "$t" extract --manifest no-manifest
printf 'not an object' >plain.so
printf 'chain: [layout, ./plain.so]\n' >c.yaml
says 2 'plain\.so: .*(ELF|shared object)' "a .so that is none is named" "$t" extract -c c.yaml "$good"
printf 'chain: [layout, ./gone.so]\n' >c.yaml
says 2 'gone\.so' "a stage that is not there is named" "$t" extract -c c.yaml "$good"
printf 'chain: [layout\n' >c.yaml
says 2 'c\.yaml' "a broken configuration is named" "$t" extract -c c.yaml "$good"
cp "$build/test/plugin/needy.so" .
printf 'chain: [layout, ./needy.so]\n' >c.yaml
says 2 'needy.*price\.amount' "a stage that needs what nobody provides: both are named" "$t" extract -c c.yaml "$good"
cp "$build/sink/file.so" .
printf 'chain: [layout, ./file.so]\n' >c.yaml
says 2 'file\.so: .*sink' "a sink in the chain is refused as one" "$t" extract -c c.yaml "$good"

: >empty.html
says 0 '' "an empty body is no failure" "$t" extract empty.html
outcome "… its record says so" no_content '"empty_body"'
head -c 8388608 /dev/zero | tr '\0' x | sed 's/xxxxx/<div>/g' | head -c 8388608 >divs.html
says 0 '' "8 MiB of <div> ends" "$t" extract divs.html
claim_cmd "… and is flagged as clamped" grep -q '"clamped":true' out
head -c 9000000 /dev/zero >big.html
says 1 'big\.html' "a page over 8 MiB is told" "$t" extract big.html
outcome "… its record says so" failed '"too_large"'
head -c 104857600 /dev/zero | gzip -9 >bomb.html.gz
printf '{"id":"bomb","path":"bomb.html.gz"}\n' >manifest
says 1 'bomb' "a gzip bomb is told" "$t" extract --manifest manifest
claim_cmd "… its record says so" grep -qE '"code":"failed","reason":"(decode_ratio|too_large)"' out
head -c 3000 "$good" | gzip | head -c 900 >cut.html.gz
printf '{"id":"cut","path":"cut.html.gz"}\n{"id":"good","path":"%s"}\n' "$good" >manifest
rc=0; "$t" extract --manifest manifest >out 2>err || rc=$?
claim_cmd "a cut gzip file costs nobody else" sh -c "[ $rc -le 1 ] && [ \$(wc -l <out) = 2 ]"
{ printf '\377\376'; iconv -f UTF-8 -t UTF-16LE "$good"; } >utf16.html
says 0 '' "UTF-16 is read" "$t" extract utf16.html
claim_cmd "… as what it says" grep -q 'grandchildren of the families' out
sed 's/grandchildren/grand\x00children/' "$good" >nul.html
says 0 '' "a NUL in the page is no failure" "$t" extract nul.html
claim_cmd "… its text comes out" grep -q 'of the families' out
printf '\211PNG\r\n\032\n\0\0\0\rIHDR' >image.html.bin
says 0 '' "an image is no failure" "$t" extract image.html.bin
outcome "… its record says so" no_content '"unsupported_type"'
says 1 '127\.0\.0\.1:9.*(connect|refused)' "a port where nobody listens is named" "$t" extract --allow-private http://127.0.0.1:9/
says 1 'private' "a loopback address is refused, with the mend" "$t" extract http://127.0.0.1:9/
says 2 'no such command' "an unknown command" "$t" extrakt
exit $bad
