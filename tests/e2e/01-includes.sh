#!/usr/bin/env bash
# Includes go one way: fails when a folder of pipeline/ includes one that it must not know, or when a library is
# included outside the folder that is meant to hide it.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0
claim() { if [ -z "$1" ]; then echo "ok - $2"; else echo "not ok - $2"; printf '%s\n' "$1" | head -20; bad=1; fi; }

# folder: what it may include besides itself, base/ and plugin/include
allowed="base:
parse:
page:parse
fetch:page parse
frontier:parse record
record:schemas
index:record plugin/stage/dedupe
chain:page record parse plugin/stage/exec
deliver:record chain
warc:record parse
library:chain record index parse deliver
control:record chain
command:warc . control library fetch chain record frontier deliver index parse page"
while IFS=: read -r folder may; do
    [ -d "pipeline/$folder" ] || continue
    wrong=
    while IFS= read -r line; do
        file=${line%%:*} path=$(sed -E 's/.*"(.*)".*/\1/' <<<"$line")
        dir=$(dirname "$path")
        case $dir in command/*) dir="command" ;; esac # a folder of one command
        [ -e "$(dirname "$file")/$path" ] && [ "$dir" = . ] && continue
        case " $folder base $may " in *" $dir "*) continue ;; esac
        wrong+="$line"$'\n'
    done < <(grep -rnHE --include='*.[ch]' '^#include "' pipeline/"$folder" || true)
    claim "$wrong" "$folder includes only: $folder base $may"
done <<<"$allowed"

only() { # only PATTERN FOLDER: a library's headers are included in one folder of the pipeline
    claim "$(grep -rnE "#include <$1" pipeline plugin --exclude-dir=train | grep -vE "^($2)" || true)" "<$1…> is included in $2 only"
}
only lexbor/ pipeline/parse/
only curl/ pipeline/fetch/
only rocksdb/ pipeline/frontier/
only seccomp pipeline/chain/
# The worker parses hostile pages: nothing that opens sockets belongs into what it is made of.
claim "$(grep -nE '#include <(uv|sys/socket|netdb)' pipeline/parse/* || true)" "parse/ knows no sockets"
claim "$(grep -rnE '#include "(base|parse|chain|record|visit|job)' plugin/stage plugin/example --include='*.[ch]*' --exclude-dir=train || true)" "stages include nothing of the host"
claim "$(grep -rnE '#include "(base|parse|chain|record|library|deliver|visit|job)' plugin/embed --include='*.[ch]' || true)" "plugins of crawlers know libtrommel by its header alone"
exit $bad
