#!/usr/bin/env bash
# The kit for stage authors, used outside of the tree with nothing installed: fails when the folder that `stage new` makes
# does not build or its test passes a wrong stage, when `show` or `run` say what is not so, or a file that is no stage
# is not told by what is wrong with it.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
tree=$PWD
out=$work/out err=$work/err

# status_of COMMAND...: its exit status; what it says goes to $out and $err.
status_of() {
    local rc=0
    timeout 120 "$@" >"$out" 2>"$err" </dev/null || rc=$?
    echo "$rc"
}
stage() { status_of "$trommel" stage "$@"; }
says() { # says TEXT PATTERN: what was said last matches
    if grep -qE -- "$2" "$err"; then claim 0 "$1"; else
        claim 1 "$1"
        sed 's/^/# /' "$err" | head -20
    fi
}
bare=(env -i PATH="$PATH" HOME="$work") # nothing of this tree in the environment

# ---- new ----
cd "$work"
for lang in c cxx; do
    name=hello id=hello source=hello.c opt=()
    if [ $lang = cxx ]; then name=price id=org.example.price source=price.cc opt=(--cxx); fi
    claim_is "$lang: stage new makes a folder" 0 "$(stage new "$id" "${opt[@]}")"
    claim_is "$lang: … with source, test, page and headers" \
        "$(printf '%s\n' Makefile README.md include page.html stage.map test.sh "$source" | sort)" "$(find "$name" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort)"
    claim_cmd "$lang: … the headers are those of this program" diff -r -x sdk "$name/include/trommel" "$tree/plugin/include/trommel"
    claim_cmd "$lang: … with the helpers" sh -c "cd '$tree/plugin/sdk' && for f in *.h; do cmp \"\$f\" '$work/$name/include/trommel/sdk/'\"\$f\" || exit 1; done"
    claim_is "$lang: … nothing is left to be filled in" "" "$(grep -rlE '@[A-Z]+@' "$name" --exclude-dir=include || true)"
    claim_cmd "$lang: it builds with nothing installed" "${bare[@]}" make -C "$name" CFLAGS='-O2 -Werror' CXXFLAGS='-O2 -Werror'
    claim_is "$lang: it exports one symbol" trommel_stage_entry "$(nm -D --defined-only "$name/$name.so" | awk '{print $3}')"
    claim_cmd "$lang: make check passes" "${bare[@]}" make -C "$name" check TROMMEL="$trommel"
    sed -i 's/TROMMEL_TAG_H1/TROMMEL_TAG_H2/' "$name/$source"
    claim_is "$lang: … and fails when the stage counts wrongly" 2 "$(status_of "${bare[@]}" make -C "$name" check TROMMEL="$trommel")"
    claim_cmd "$lang: … saying what was expected" grep -qF "not ok - x.$id.headings: 4" "$out"
    sed -i 's/TROMMEL_TAG_H2/TROMMEL_TAG_H1/' "$name/$source"
    make -s -C "$name" >/dev/null
done
before=$(find hello -type f -exec cksum {} + | sort)
claim_is "a folder that is there is left alone" 1 "$(stage new hello)"
says "… and named" 'hello: is there already'
claim_is "… as it was" "$before" "$(find hello -type f -exec cksum {} + | sort)"
mkdir elsewhere
claim_is "--dir makes it in another folder" "0 elsewhere/hello/hello.c" "$(stage new hello --dir elsewhere) $(ls elsewhere/hello/hello.c)"
claim_is "--dir of a folder that is not there" 2 "$(stage new one --dir nowhere)"
says "… is named" '--dir nowhere'
for name in Hello ../up a/b '' a..b .a a. org.example.-x "$(printf 'a%.0s' {1..65})"; do
    claim_is "\"${name:0:20}\" is refused as a name" 2 "$(stage new -- "$name")"
done
claim_is "no name, two names: usage" "2 2" "$(stage new) $(stage new a b)"
claim_is "… and nothing was made" "elsewhere hello price" "$(find . -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort | paste -sd ' ')"

# what the C++ template says of C++17
cat >seventeen.cc <<'C'
#include <trommel/stage.h>
static uint32_t process(void *, trommel_ctx *, trommel_page *) { return TROMMEL_CONTINUE; }
TROMMEL_STAGE_NOTE(0);
const trommel_stage *trommel_stage_entry(uint32_t major, uint32_t index)
{
    static trommel_stage s;
    s.struct_size = sizeof s;
    s.abi_major = TROMMEL_ABI_MAJOR;
    s.abi_minor = TROMMEL_ABI_MINOR;
    s.port_size = sizeof(trommel_port);
    s.opt_size = sizeof(trommel_opt);
    s.metric_size = sizeof(trommel_metric);
    s.id = "seventeen";
    s.process = process;
    return major == TROMMEL_ABI_MAJOR && index == 0 ? &s : nullptr;
}
C
c++ -std=c++17 -Wall -Wextra -Werror -Ihello/include -fPIC -shared -fvisibility=hidden -o seventeen.so seventeen.cc >"$out" 2>&1 || cat "$out"
claim_is "a stage in C++17 is one" seventeen "$("$trommel" stage show --json ./seventeen.so | jq -r '.stages[0].id')"

# ---- show ----
claim_is "show: status" 0 "$(stage show price/price.so)"
claim_cmd "show: id, version and summary" grep -qF "org.example.price 0.1.0: Counts the page's headings." "$out"
claim_cmd "show: an option with type, range and default" grep -qE '^  options +levels +I64 from 1 to 6, default 6$' "$out"
"$trommel" stage show --json boilerplate >"$out"
claim_is "show --json of a bundled stage, by its name: what it needs" "layout.type STR true" \
    "$(jq -r '.stages[0].needs[] | "\(.name) \(.type) \(.optional)"' "$out")"
claim_is "… what it provides, and whether it goes into the record" "STR true NODE_U8 false" \
    "$(jq -r '.stages[0].provides[] | select(.name == "content.text" or .name == "content.nodes") | "\(.type) \(.record)"' "$out" | tr '\n' ' ' | sed 's/ $//')"
claim_is "… an option's choices" "default|precision" "$(jq -r '.stages[0].options[] | select(.key == "mode") | .choices' "$out")"
claim_is "… flags, reasons and the note" "pure page_too_large 64" "$(jq -r '"\(.stages[0].flags[0]) \(.stages[0].reasons[0]) \(.note.pointer_bits)"' "$out")"
claim_is "show: all stages of a file" "pair.one pair.two" "$("$trommel" stage show --json "$build/test/plugin/pair.so" | jq -r '[.stages[].id] | join(" ")' 2>/dev/null || true)"

refused() { # refused TEXT FILE STATUS PATTERN
    claim_is "show: $1" "$3" "$(stage show "$2")"
    says "… says what is wrong" "$4"
}
refused "a program" /bin/sh 1 'is|no Trommel stage|ELF type'
echo 'no stage at all' >text.so
refused "a text" ./text.so 1 'text.so: not a shared object'
for n in 40 100 1000; do
    head -c $n hello/hello.so >cut.so
    refused "the first $n bytes of one" ./cut.so 1 'cut.so: '
done
head -c -2000 hello/hello.so >cut.so
claim_is "show: one without its last bytes ends with a status" 1 "$(s=$(stage show ./cut.so); [ "$s" -le 1 ] && echo 1)"
refused "a sink" "$build/sink/null.so" 1 'is a sink'
refused "another ABI" "$build/test/plugin/other_major.so" 1 'abi_major is [0-9]+, this program.s is'
refused "one that crashes while it is loaded" "$build/test/plugin/ctor.so" 1 'ctor.so: while it was being loaded it died of signal 11'
cp "$build/test/plugin/violate.so" ctor-socket.so
refused "one that opens a socket while it is loaded" ./ctor-socket.so 1 'while it was being loaded it tried to open a socket'
refused "one whose table lies" "$build/test/plugin/broken_table.so" 1 'n_opts is 1000, at most 256 are taken'
refused "no such file" ./nothing.so 2 'nothing.so'
refused "no such bundled stage" nothing 2 'there: .*boilerplate'
claim_is "show: two files, an unknown option: usage" "2 2" "$(stage show a b) $(stage show --what a)"

# ---- run ----
page=$tree/tests/site/news/tide-mill.html
claim_is "run: what the stage put, its verdict" "continue 2" \
    "$("$trommel" stage run hello/hello.so "$page" 2>"$err" | jq -r '"\(.verdict) \(.put["x.hello.headings"])"')"
claim_is "run: a page from standard input, gzipped" "continue 2" \
    "$(gzip <"$page" >page.html.gz; "$trommel" stage run hello/hello.so page.html.gz 2>"$err" | jq -r '"\(.verdict) \(.put["x.hello.headings"])"')"
claim_is "… plain" "x.hello.headings: 2" "$("$trommel" stage run hello/hello.so --format text - <"$page" 2>"$err" | grep '^x\.')"
claim_is "run: what a stage needs comes before it" "true" "$("$trommel" stage run dedupe "$page" 2>"$err" | jq '.put["dedupe.sketch"] | length > 100')"
claim_is "run --record: the whole record, with the stages before it" "layout boilerplate metadata https://gazette.example/t" \
    "$("$trommel" stage run metadata "$page" --record --url https://gazette.example/t 2>"$err" | jq -r '([.chain.stages[].id] | join(" ")) + " " + .url')"
claim_is "run --set: an option of a stage before it" "0 false" \
    "$(stage run metadata "$page" --record --set boilerplate.markdown=false) $(jq '.content | has("markdown")' "$out")"
claim_is "run --set: out of range" 2 "$(stage run hello/hello.so "$page" --set levels=7)"
says "… names option and range" 'option `levels`: 7 is out of range: .* from 1 to 6'
claim_is "run --set: unknown" 2 "$(stage run hello/hello.so "$page" --set depth=7)"
says "… says which there are" 'it has: levels'
claim_is "run: a need that nobody provides" 2 "$(stage run "$build/test/plugin/needy.so" "$page")"
says "… is named" '`price.amount`'
claim_is "run: no such page" 2 "$(stage run hello/hello.so nowhere.html)"
says "… is named" 'nowhere.html'
claim_is "run: a URL that is none" 2 "$(stage run hello/hello.so "$page" --url what)"

run_bad() { # run_bad MARK: a page that makes bad.so misbehave
    echo "<!DOCTYPE html><p>$1</p>" >bad.html
    stage run "$build/test/plugin/bad.so" bad.html
}
claim_is "run: a stage that drops the page is fine" "0 drop not_wanted" "$(run_bad MARK-DROP) $(jq -r '"\(.verdict) \(.reason)"' "$out")"
claim_is "run: one that fails is not" "1 error broken_page cannot read it {}" \
    "$(run_bad MARK-ERROR) $(jq -r '"\(.verdict) \(.reason) \(.message) \(.put)"' "$out")"
claim_is "run: one that crashes" 1 "$(run_bad MARK-NULL)"
says "… is told with signal and function" 'stage `bad`: on this page it died of signal 11 .* in bad\.so!'
claim_is "run: one that ends the process" 1 "$(run_bad MARK-EXIT)"
says "… is told with the status" 'stage `bad`: on this page it ended with status 7'
claim_is "run: one that logs and writes to standard output does not spoil it" "0 continue" "$(run_bad MARK-STDERR) $(jq -r .verdict "$out")"
echo '<p>MARK</p>' >mark.html
claim_is "run: one that opens a socket" 1 "$(stage run "$build/test/plugin/violate.so" mark.html --set what=socket --set when=process)"
says "… is told, as it would be in a crawl" 'stage `violate`: on this page it tried to open a socket'

# ---- help ----
for part in new show run check; do
    claim_is "stage $part --help" "0 usage: trommel stage $part" "$(stage $part --help) $(head -1 "$out" | grep -oE "usage: trommel stage $part")"
    claim_is "help stage $part is the same" "" "$("$trommel" help stage $part | diff - "$out" | head -3)"
done
claim_is "stage: unknown and no command" "2 2" "$(stage bake) $(stage)"
exit $bad
