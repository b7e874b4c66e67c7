#!/usr/bin/env bash
# lint.sh FILE...: the compiler's warnings as errors with gcc and clang, clang-tidy's bug finders, headers as C11 and
# C++17, shellcheck over the scripts, mandoc over the man page.  Says what is wrong; exit status 1 then.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 3
bad=0
claim() { if [ "$1" = 0 ]; then echo "ok - $2"; else echo "not ok - $2"; bad=1; fi; }
pkgs="libuv libcurl libdeflate zlib libbrotlidec libzstd libxxhash libpsl jansson libfyaml libseccomp"
read -ra flags <<<"-std=gnu17 -D_GNU_SOURCE -DTROMMEL_VERSION=\"x\" -DTROMMEL_PREFIX=\"/\" -Ipipeline -Iplugin/include -Iplugin/sdk -I. $(pkg-config --cflags $pkgs) -I$(/usr/bin/python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')"
mapfile -t sources < <(printf '%s\n' "$@" | grep '\.c$')
# plugins of crawlers whose headers are not there
lacking() { # lacking FOLDER HEADER
    [ -e "$2" ] || mapfile -t sources < <(printf '%s\n' "${sources[@]}" | grep -v "^plugin/embed/$1/")
}
lacking wget2 /usr/include/wget.h
lacking httrack /usr/include/httrack/htsopt.h
flags+=(-isystem /usr/include/httrack)

gcc -fsyntax-only -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wno-unused-parameter -Werror "${flags[@]}" "${sources[@]}"
claim $? "no warning of gcc"
clang-14 -fsyntax-only -Wall -Wextra -Wshadow -Wno-unused-parameter -Werror "${flags[@]}" "${sources[@]}"
claim $? "no warning of clang"
for h in plugin/include/trommel/*.h plugin/sdk/{amount,dom,put,read,select,walk}.h; do
    gcc -std=c11 -Wall -Wextra -Werror -pedantic -fsyntax-only -Iplugin/include -x c "$h" 2>&1 | grep -v 'pragma once' | head -5
    g++ -std=c++17 -Wall -Wextra -Werror -fsyntax-only -Iplugin/include -x c++ "$h" 2>&1 | grep -v 'pragma once' | head -5
done | tee /dev/stderr | grep -q . && claim 1 "public headers compile as C11 and C++17" || claim 0 "public headers compile as C11 and C++17"
git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck -S warning -e SC1091
claim $? "shellcheck"
mandoc -Tlint -Wwarning pipeline/trommel.1 pipeline/trommel.3
claim $? "man page"
if [ "${TIDY:-}" = 1 ]; then
    clang-tidy-14 --quiet --checks='-*,clang-analyzer-*,bugprone-*,-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier' "${sources[@]}" -- "${flags[@]}" 2>/dev/null | grep -E 'warning|error'
fi
exit $bad
