#!/usr/bin/env bash
# The authors' headers, the worked example and the manual: fails when a header does not compile by itself as C11 and C++17,
# or when the example does not find the price it is there for.
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
exit $bad
