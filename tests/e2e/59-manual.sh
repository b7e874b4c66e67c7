#!/usr/bin/env bash
# The authors' headers, the worked example and the manual: fails when a header does not compile by itself as C11 and C++17,
# when the example does not find the price it is there for, or when something that the manual shows does not work as it
# stands there: code that is a whole file (```c, ```cpp) or the inside of process() (```c body), commands (```sh run, and
# ```sh crawl beside a crawl that runs), chains (```yaml), links, names of options and helpers.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh

for h in amount put read select walk; do
    claim_cmd "<trommel/sdk/$h.h> compiles by itself as C11, without a warning" gcc -std=c11 -Wall -Wextra -Wshadow -pedantic -Werror \
        -fsyntax-only -Iplugin/include -x c "plugin/sdk/$h.h"
    claim_cmd "… and as C++17" g++ -std=c++17 -Wall -Wextra -Wshadow -pedantic -Werror -fsyntax-only -Iplugin/include -x c++ "plugin/sdk/$h.h"
done

# ---- plugin/example/price.c ----
price() { # price OPTION... FILE: x.org.example.price of one page
    "$trommel" extract -c "$work/price.yaml" "$@" 2>"$work/err" | jq -c '.x["org.example.price"]'
}
echo "chain: [$build/example/price.so]" >"$work/price.yaml"
claim_cmd "the example that extracts a price has fewer than 60 lines" test "$(wc -l <plugin/example/price.c)" -lt 60
claim_is "it finds the price of the bundled shop's bag" '{"amount":"68.00","currency":"EUR"}' "$(price tests/site/shop/canvas-bag.html)"
claim_is "… and none in an article" null "$(price tests/site/news/tide-mill.html)"
cat >"$work/two.html" <<'H'
<!doctype html><title>Bag</title><p class=price>was $80.00 now $68.00</p><div id=now><b>$1,068.00</b></div>
H
claim_is "two prices in one element are unclear, and left out" null "$(price "$work/two.html")"
claim_is "another selector, and a currency for amounts that leave it open, are options" '{"amount":"1068.00","currency":"CAD"}' \
    "$(price --set 'org.example.price.selector=.price, #now > b' --set org.example.price.currency=CAD "$work/two.html")"
price --set 'org.example.price.selector=.price >> b' "$work/two.html" >/dev/null || true
# shellcheck disable=SC2016 # backticks are the message's
claim_cmd "a selector that is none is refused with its place" grep -qF 'selector `.price >> b` byte 8: a selector is wanted here' "$work/err"

# ---- the manual ----
manual=plugin/README.md
own=$work/author # an author's folder: nothing of the tree but the program in the path
mkdir "$own" "$work/code"
awk -v to="$work/code" '
    /^```/ && !on { on = substr($0, 4); n++; name = on; gsub(/ /, "-", name); file = sprintf("%s/%02d.%s", to, n, name == "" ? "text" : name); next }
    /^```$/ && on != "" || /^```$/ && file { close(file); on = ""; file = ""; next }
    file { print >file }' "$manual"
block() { # block NAME: all blocks of that fence, in order
    cat "$work"/code/*."$1"
}
claim_is "the worked stage in the manual is the example's file" "" "$(diff "$work/code/$(cd "$work/code" && grep -l org.example.price ./*.c | head -1)" plugin/example/price.c)"

cc=(gcc -std=c11 -Wall -Wextra -Wshadow -Werror -shared -fPIC -O2 -Iplugin/include)
for f in "$work"/code/*.c; do
    id=$(sed -n 's/.*\.id = "\(.*\)",.*/\1/p' "$f")
    claim_cmd "stage $id of the manual compiles" "${cc[@]}" -Wl,-z,defs -o "$own/$id.so" "$f"
    claim_cmd "… and passes trommel stage check" "$trommel" stage check "$own/$id.so"
done
for f in "$work"/code/*.c-body; do
    { printf '#include <trommel/sdk/%s.h>\n' put read select amount
      echo 'static const trommel_host *host;'
      echo 'static int32_t configure(const trommel_host *h, trommel_ctx *c, void **self) { (void)c, (void)self; host = h; return 0; }'
      echo 'static uint32_t process(void *self, trommel_ctx *ctx, trommel_page *page)'
      echo '{ const trommel_dom *dom = host->dom(page); (void)self, (void)ctx, (void)dom;'
      cat "$f"
      echo 'return TROMMEL_CONTINUE; }'
      echo 'TROMMEL_STAGE = { TROMMEL_STAGE_HEAD, .id = "body", .flags = TROMMEL_F_EXTRAS, .configure = configure, .process = process };'
    } >"$work/body.c"
    claim_cmd "what stands inside of process() compiles and runs ($(basename "$f"))" \
        sh -c '"$@" && "$0" stage run '"'$work/body.so' tests/site/index.html" "$trommel" "${cc[@]}" -Wno-declaration-after-statement -o "$work/body.so" "$work/body.c"
done
for f in "$work"/code/*.cpp; do
    claim_cmd "the stage in C++ compiles" g++ -std=c++20 -Wall -Wextra -Wno-missing-field-initializers -Werror -shared -fPIC -O2 -fvisibility=hidden -fno-gnu-unique \
        -Iplugin/include -o "$work/cpp.so" -x c++ "$f"
    claim_cmd "… and passes trommel stage check" "$trommel" stage check "$work/cpp.so"
done
echo "chain: [$own/specs.so]" >"$work/specs.yaml"
claim_is "what the manual shows of a table comes out of the bundled bag's" '{"Weight":"540 g","Colours":"sand, moss, slate"}' \
    "$("$trommel" extract -c "$work/specs.yaml" tests/site/shop/canvas-bag.html | jq -c .x.specs)"

# commands, in the author's folder
export PATH=$build:$PATH
umask 022
block sh-run >"$work/run.sh"
claim_cmd "the first five minutes go as they stand there" sh -ec "cd '$own' && . '$work/run.sh'"
block yaml >"$own/job.yaml"
claim_is "the chain with the new stage in it works, its option too" 3 \
    "$(cd "$own" && trommel extract -c job.yaml hello/page.html 2>"$work/err" | jq '.x.hello.headings // empty')"
awk '/^```yaml/ { on = 1; next } /^```/ { if (on) exit } on' plugin/example/README.md >"$work/example.yaml"
cp "$build/example/price.so" "$work"
claim_is "… and so does the one of the examples' README" '"68.00"' \
    "$("$trommel" extract -c "$work/example.yaml" tests/site/shop/canvas-bag.html 2>"$work/err" | jq -c '.x["org.example.price"].amount')"

# beside a crawl, whose only page waits at a gate of the server: it goes on until it is told to stop
server_start --root tests/site
(cd "$own" && exec "$trommel" crawl --allow-private --ignore-robots --no-progress \
    "http://127.0.0.1:$port/t/gen?site=manual&page=0&links=0&pages=1&bytes=2000&ms=0&gate=shut") >"$work/crawl.log" 2>&1 </dev/null &
crawl_pid=$!
started+=("$crawl_pid")
log_wait 1 '^R.*/t/' "$crawl_pid" || cat "$work/crawl.log"
for f in "$work"/code/*.sh-crawl; do
    claim_cmd "what is told to a crawl that runs is done ($(basename "$f"))" sh -exc "cd '$own' && . '$f'"
    (cd "$own" && trommel ctl stage remove hello >/dev/null 2>&1) || true
done
claim_is "… and in its history" "add remove replace rollback set start" \
    "$(cd "$own" && trommel ctl --json history | jq -r '[.[].change | split(" ")[0]] | unique | join(" ")')"
claim_cmd "the crawl stops when told" sh -c "cd '$own' && trommel ctl stop --wait --grace 0"

# names
for c in extract crawl ctl cat replay 'stage new' 'stage run' 'stage check' 'stage show'; do
    # shellcheck disable=SC2086 # two words
    trommel $c --help
done >"$work/help"
missing=
for option in $(grep -oE '(trommel |`)(extract|crawl|ctl|cat|replay|stage)? ?[^`|]*--[^`|]*' "$manual" | grep -oE -- '--[a-z]+[a-z-]*' | grep -vx -e --cflags | sort -u); do
    grep -qE -- "(^|[^a-z-])$option([^a-z-]|$)" "$work/help" || missing+=" $option"
done
claim_is "every option in it is in some command's help" "" "$missing"
printf '#include <trommel/%s.h>\n' names sink stage trommel sdk/amount sdk/put sdk/read sdk/select >"$work/all.c"
{ gcc -E -Iplugin/include "$work/all.c"; gcc -E -dM -Iplugin/include "$work/all.c"; cat pipeline/chain/place.c pipeline/chain/sandbox.c; } >"$work/all"
missing=
for name in $(grep -oE '\b(sdk_[a-z_]+[a-z]|SDK_EACH_[A-Z_]+|TROMMEL_[A-Z0-9_]*[A-Z0-9])\b' "$manual" | sort -u); do
    grep -qw "$name" "$work/all" || missing+=" $name"
done
claim_is "every name of the contract and the helpers in it exists" "" "$missing"
missing=
for test in $(trommel stage check --list | awk '{print $1}'); do
    grep -q "^| \`$test\`" "$manual" || missing+=" $test"
done
claim_is "every test of stage check is explained" "" "$missing"
missing=
for link in $(grep -ohE '\]\([^)#]*\)' "$manual" plugin/example/README.md | tr -d '])(' | grep -v '^http'); do
    [ -e "plugin/$link" ] || [ -e "plugin/example/$link" ] || missing+=" $link"
done
for anchor in $(grep -oE '\]\(#[^)]*\)' "$manual" | tr -d '])(#'); do
    grep -E '^#' "$manual" | sed -E 's/^#+ //' | tr 'A-Z ' 'a-z-' | tr -cd 'a-z\n-' | grep -qx "$anchor" || missing+=" #$anchor"
done
for path in $(grep -oE '`(plugin|schemas|pipeline|tests)/[a-z0-9_./-]+`' "$manual" plugin/example/README.md -h | tr -d '\`'); do
    [ -e "$path" ] || missing+=" $path"
done
claim_is "links and paths lead somewhere" "" "$missing"
exit $bad
