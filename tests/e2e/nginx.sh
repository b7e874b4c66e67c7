# nginx.sh: nginx with the first N pages of a collection on a free loopback port.  Sourced after lib.sh.
# shellcheck shell=bash disable=SC2034,SC2154

# nginx_site DATA N: pages in $work/site, one index page that links to all, the largest first: what memory a page
# needs has then been seen early.  Sets $port.
nginx_site() {
    local page name n=0
    mkdir -p "$work/site" "$work/nginx"
    for page in "$1"/html/*.html.gz; do
        [ $n -lt "$2" ] || break
        name=$(basename "$page" .gz)
        gunzip -c "$page" >"$work/site/$name"
        n=$((n + 1))
    done
    {
        echo '<!DOCTYPE html><title>Pages</title><ul>'
        # shellcheck disable=SC2012 # names are digits
        (cd "$work/site" && ls -S [0-9]*.html | sed 's|.*|<li><a href="/&">page</a>|')
        echo '</ul>'
    } >"$work/site/index.html"
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    cat >"$work/nginx/conf" <<CONF
daemon off;
pid $work/nginx/pid;
error_log $work/nginx/error.log;
worker_processes 1;
events { worker_connections 4096; }
http {
    types { text/html html; }
    access_log off;
    client_body_temp_path $work/nginx; proxy_temp_path $work/nginx; fastcgi_temp_path $work/nginx;
    uwsgi_temp_path $work/nginx; scgi_temp_path $work/nginx;
    keepalive_requests 100000;
    server { listen 127.0.0.1:$port; root $work/site; index index.html; }
}
CONF
    nginx -c "$work/nginx/conf" 2>"$work/nginx/stderr" &
    started+=("$!")
    # ready when it takes connections: the connect call itself is what is waited on
    curl --silent --output /dev/null --retry 50 --retry-connrefused --retry-delay 0 --retry-max-time 20 "http://127.0.0.1:$port/" ||
        { cat "$work/nginx/stderr"; echo "not ok - nginx starts"; exit 3; }
}
