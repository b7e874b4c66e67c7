#!/usr/bin/env bash
# The library in other people's programs: fails when the examples do not build or run as their README says, when static
# linking or pkg-config lacks something, when a symbol has no version or a function no manual, or when kill -9 of the host
# loses or doubles what its sink has.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
pages=(tests/site/*.html)

# packed FILE: of msgpack records, one behind the other: id, title and words, sorted.
packed() {
    /usr/bin/python3 -c 'import msgpack, sys
for r in sorted(msgpack.Unpacker(open(sys.argv[1], "rb"), strict_map_key=False), key=lambda r: r["id"]):
    print(r["id"], r["outcome"]["code"], r["meta"]["title"], r["content"]["words"], "blocks" in r["content"], "dedupe" in r)' "$1"
}

# ---- the examples as they are built here ----
"$build/embed/uv" "$work/records" "${pages[@]}" >"$work/out"
claim_is "uv: each page that was given is reported" "${#pages[@]}" "$(grep -cE ': ok$' "$work/out")"
claim_is "… and its record is in the sink" "${#pages[@]}" "$("$trommel" cat "$work/records" | grep -c '"code":"ok"')"
"$build/embed/wait" "${pages[@]}" >"$work/packed"
packed "$work/packed" >"$work/want"
claim_is "wait: a record of each, of a chain made in code" "${#pages[@]}" "$(grep -cE ' ok .* True False$' "$work/want")"
"$build/embed/uv" none://x tests/site/about.html >"$work/out" 2>&1 && rc=0 || rc=$?
claim_is "an example says what is wrong" "1 yes" "$rc $(grep -q 'no sink for none' "$work/out" && echo yes)"

# ---- installed: shared and static ----
root=$work/top at=$work/top/opt/trommel
make --no-print-directory BUILD="$build" PREFIX=/opt/trommel DESTDIR="$root" install >"$work/log" 2>&1 || { cat "$work/log"; claim 1 "make install"; exit 1; }
export PKG_CONFIG_PATH=$at/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root
# shellcheck disable=SC2046 # words
cc -O2 -o "$at/bin/shared" plugin/embed/c/wait.c $(pkg-config --cflags --libs trommel) -Wl,-rpath,"$at/lib" >"$work/log" 2>&1 || cat "$work/log"
"$at/bin/shared" "${pages[@]}" >"$work/packed" || true
claim_is "linked with the shared library: the same records" "$(cat "$work/want")" "$(packed "$work/packed")"
# shellcheck disable=SC2046
cc -O2 -o "$at/bin/static" plugin/embed/c/wait.c $(pkg-config --cflags trommel) $(pkg-config --static --libs trommel | sed 's/-ltrommel/-l:libtrommel.a/') >"$work/log" 2>&1 || cat "$work/log"
"$at/bin/static" "${pages[@]}" >"$work/packed" || true
claim_is "linked with the static one, by what pkg-config --static says: the same" "$(cat "$work/want")" "$(packed "$work/packed")"
claim_is "… and it needs no libtrommel.so" 0 "$(ldd "$at/bin/static" | grep -c libtrommel || true)"
claim_is "the static library shows its own names alone" "" "$(nm -g --defined-only "$at/lib/libtrommel.a" | awk 'NF == 3 && $3 !~ /^trommel_/ { print $3 }')"

# ---- names, versions, manual ----
names=$(grep -oE '\btrommel_[a-z_]+\(' plugin/include/trommel/trommel.h | grep -vE '_(in|after)\($' | tr -d '(' | sort -u)
# shellcheck disable=SC2086 # words
declared=$(for n in $names; do nm -D "$at/lib/libtrommel.so" | grep -oE " T $n@@TROMMEL_[0-9.]+$" | awk '{ print $2 }'; done)
claim_is "what the header declares is exported with a version, and nothing else is" "$(nm -D --defined-only "$at/lib/libtrommel.so" | awk '$2 == "T" { print $3 }' | sort)" "$(sort <<<"$declared")"
claim_is "trommel_open of 0.1 keeps its version" 1 "$(nm -D "$at/lib/libtrommel.so" | grep -c ' T trommel_open@@TROMMEL_0.1$')"
claim_is "each function is in the manual" "" "$(for n in $names; do grep -q "^.Fn $n " pipeline/trommel.3 || echo "$n"; done)"
claim_cmd "the manual is installed" test -e "$at/share/man/man3/trommel.3"

# ---- kill -9 of the host ----
# Their names are so long that what is reported does not fit into the pipe: the host stands still until it is killed.
long=$(printf 'n%.0s' $(seq 250))
dir=$work/$long/$long/$long
mkdir -p "$dir"
for i in $(seq 150); do
    printf '<!doctype html><title>Page %d</title><p>The text of page %d, with words enough to be kept as its text.' "$i" "$i" >"$dir/$i.html"
done
mkfifo "$work/told"
stdbuf -oL "$build/embed/uv" "$work/kept" "$dir"/*.html >"$work/told" &
host=$!
started+=("$host")
exec {told}<"$work/told"
for _ in $(seq 20); do read -r -u "$told" line && echo "$line"; done >"$work/reported"
kill -9 "$host"
cat <&"$told" >>"$work/reported"
exec {told}<&-
wait "$host" 2>/dev/null || true
grep -oE '^.*\.html: ok$' "$work/reported" | sed 's/: ok$//' | sort >"$work/acknowledged"
ids() { "$trommel" cat "$work/kept" 2>/dev/null | grep -oE '"id":"[^"]*[.]html"' | sed 's/.*:"//;s/"$//' | sort; }
ids >"$work/there"
claim_is "killed: each record that was reported is in the sink ($(wc -l <"$work/acknowledged") of them)" "" "$(comm -23 "$work/acknowledged" "$work/there")"
mapfile -t rest < <(ls "$dir"/*.html | sort | comm -23 - "$work/acknowledged")
"$build/embed/uv" "$work/kept" "${rest[@]}" >"$work/out" || true
claim_cmd "… it was killed before it had reported all" test "${#rest[@]}" -gt 0
claim_is "… and after a second run, for those that were not, each is there once" "$(ls "$dir"/*.html | sort | sum)" "$(ids | sum)"
exit $bad
