#!/usr/bin/env bash
# Installed into a folder of its own: fails when something is missing there, when a stage or a program outside the
# tree cannot be built against it, or when anything stays after uninstall.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
root=$work/root
make --no-print-directory BUILD="$build" PREFIX=/opt/trommel DESTDIR="$root" install >"$work/log" 2>&1 || { cat "$work/log"; claim 1 "make install"; exit 1; }
claim 0 "make install"
at=$root/opt/trommel
claim_cmd "program, worker, stages, sinks, headers, library, pkg-config files, man page and schema are there" \
    test -x "$at/bin/trommel" -a -x "$at/lib/trommel/trommel-worker" -a -e "$at/lib/trommel/stage/boilerplate.so" \
    -a -e "$at/lib/trommel/sink/file.so" -a -e "$at/include/trommel/stage.h" -a -e "$at/include/trommel/sdk/select.h" -a -e "$at/lib/libtrommel.so" -a -e "$at/lib/libtrommel.a" \
    -a -e "$at/lib/pkgconfig/trommel.pc" -a -e "$at/lib/pkgconfig/trommel-stage.pc" -a -e "$at/share/man/man1/trommel.1" \
    -a -e "$at/share/trommel/schemas/record.schema.json"
export PKG_CONFIG_PATH=$at/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root

mkdir "$work/own"
cp plugin/example/title.c "$work/own/price.c"
# the one line of the README
# shellcheck disable=SC2046 # words, as in the README
(cd "$work/own" && cc -shared -fPIC -O2 $(pkg-config --cflags trommel-stage) -o price.so price.c) >"$work/log" 2>&1 || cat "$work/log"
claim_cmd "a stage outside the tree builds with one cc -shared line" test -e "$work/own/price.so"
claim_cmd "… and imports nothing from the host" sh -c "! nm -D --undefined-only '$work/own/price.so' | grep -i trommel"
echo "chain: [layout, ./price.so]" >"$work/own/chain.yaml"
"$at/bin/trommel" extract -c "$work/own/chain.yaml" tests/site/about.html >"$work/out" 2>"$work/err" || cat "$work/err"
claim_cmd "the installed program runs it" grep -q '"org.example.title":{"title":"About - The Harbour Gazette"' "$work/out"

# shellcheck disable=SC2046
claim_cmd "… and so does one with the helpers, against what is installed alone" \
    cc -shared -fPIC -O2 -Wall -Werror $(pkg-config --cflags trommel-stage) -o "$work/own/sdk.so" plugin/example/price.c

cat >"$work/own/use.c" <<'C'
#include <stdio.h>
#include <trommel/trommel.h>

static void got(void *arg, void *user, const trommel_result *r)
{
    printf("%u %zu\n", r->outcome, r->record.n);
}

int main(void)
{
    trommel *t;
    trommel_error err = { .struct_size = sizeof err };
    trommel_options opt = { .struct_size = sizeof opt, .workers = 1, .on_record = got };
    static const char page[] = "<!doctype html><title>T</title><p>One page, with words enough to be kept as the text of a page.";
    trommel_input in = { .struct_size = sizeof in, .url = { "http://site.example/", 20 }, .body = { page, sizeof page - 1 } };

    if (trommel_open(&opt, &t, &err) < 0 || trommel_submit(t, &in, NULL, &err) < 0 || trommel_flush(t, 20000, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    trommel_close(t);
    return 0;
}
C
# shellcheck disable=SC2046
cc -O2 -o "$work/own/use" "$work/own/use.c" $(pkg-config --cflags --libs trommel) -Wl,-rpath,"$at/lib" >"$work/log" 2>&1 || cat "$work/log"
claim_cmd "a program links with pkg-config's flags and gets its record" sh -c "'$work/own/use' | grep -q '^[01] [0-9]'"
if [ -e "$build/embed/wget2/libtrommel.so" ] && command -v wget2 >/dev/null; then
    server_start --root tests/site
    (cd "$work/own" && HOME=$work wget2 -q --plugin-dirs="$at/lib/trommel/wget2" --plugin=trommel --plugin-opt=trommel.out="$work/records" \
        "http://127.0.0.1:$port/about.html") >"$work/log" 2>&1 || cat "$work/log"
    claim_is "wget2 finds the installed plugin by its name, and that its worker" 1 "$("$at/bin/trommel" cat "$work/records" | grep -c About)"
fi
make --no-print-directory BUILD="$build" PREFIX=/opt/trommel DESTDIR="$root" uninstall >/dev/null
claim_cmd "make uninstall leaves no file" sh -c "[ -z \"\$(find '$root' -type f -o -type l)\" ]"
exit $bad
