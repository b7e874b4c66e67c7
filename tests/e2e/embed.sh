# embed.sh: what the tests of crawlers' plugins share.  Sourced after lib.sh.
# shellcheck shell=bash disable=SC2034,SC2154

# plugin_need TEXT FILE TOOL...: ends the script, saying so, when the plugin was not built or a tool is not there.
plugin_need() {
    local text=$1 tool
    shift
    for tool in "$@"; do
        [ -e "$tool" ] || command -v "$tool" >/dev/null || {
            echo "ok - $text # SKIP $tool is not there"
            exit 0
        }
    done
}

# nginx_start FOLDER: serves it, every answer compressed and so in chunks, on http://127.0.0.1:$port; and by HTTP/2 on
# https://127.0.0.2:$port.
nginx_start() {
    local pid
    server_start # only for a port that is free: nginx takes it over
    kill "$server_pid"
    wait "$server_pid" || true
    certificate_make 127.0.0.2
    cat >"$work/nginx.conf" <<END
daemon off; pid $work/nginx.pid; error_log $work/nginx.err; worker_processes 1;
events { worker_connections 512; }
http {
    access_log off; root $1; charset utf-8;
    types { text/html html; text/plain txt; image/svg+xml svg; }
    gzip on; gzip_min_length 1; gzip_types *;
    client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3; uwsgi_temp_path $work/t4;
    scgi_temp_path $work/t5;
    ssl_certificate $work/cert.pem; ssl_certificate_key $work/key.pem;
    server { listen 127.0.0.1:$port; }
    server { listen 127.0.0.2:$port ssl http2; }
}
END
    nginx -c "$work/nginx.conf" 2>"$work/nginx.out" &
    pid=$!
    started+=("$pid")
    until [ -s "$work/nginx.pid" ]; do kill -0 $pid; done
}

# records_equal WANTED GOT: every record of GOT has one of WANTED with its URL, and equal fields but for those that say
# how and when the page came; neither has more.
records_equal() {
    /usr/bin/python3 -B - "$1" "$2" <<'END'
import json, sys
sys.path.insert(0, "tests/e2e")
from same_records import differences
wanted, got = ({(r := json.loads(line))["url"]: r for line in open(path)} for path in sys.argv[1:3])
bad = [f"only one has {url}" for url in sorted(wanted.keys() ^ got.keys())]
bad += [f"{url}: {path} differs" for url in sorted(wanted.keys() & got.keys()) for path in differences(wanted[url], got[url])]
print("\n".join(bad[:8]))
sys.exit(bool(bad) or not wanted)
END
}

# lines_wait N FILE PID: until the file has N lines, or PID is gone.
lines_wait() {
    local n=$1 fd
    exec {fd}< <(exec tail -n +1 -s 0.05 -F --pid="$3" "$2" 2>/dev/null)
    local tail_pid=$!
    while [ "$n" -gt 0 ] && read -r -u "$fd" _; do n=$((n - 1)); done
    exec {fd}<&-
    kill "$tail_pid" 2>/dev/null || true
    [ "$n" = 0 ]
}

# children_end PID...: these processes end (within a minute; nobody but themselves ends them).
children_end() {
    local pid
    for pid in "$@"; do
        timeout 60 tail -s 0.05 --pid="$pid" -f /dev/null || return 1
    done
}

# coded_start: the server with a page, /zstd, in a coding that these crawlers do not know, and /locked, a 401 that asks for
# a password.
coded_start() {
    mkdir -p "$work/coded"
    zstd --quiet --stdout tests/site/about.html >"$work/about.zst"
    {
        printf 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: zstd\r\n'
        printf 'Content-Length: %d\r\n\r\n' "$(wc -c <"$work/about.zst")"
        cat "$work/about.zst"
    } >"$work/coded/0.http"
    printf 'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n' >"$work/coded/1.http"
    printf '/zstd\t0.http\t200\tpage\tlength\n/locked\t1.http\t401\terror\tlength\n' >"$work/coded/site.tsv"
    server_start --raw "$work/coded"
}
