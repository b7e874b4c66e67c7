#!/usr/bin/env bash
# HTTPS by nginx: fails when a certificate that nobody vouches for is taken, when HTTP/2 is not spoken, or when the
# record does not say which protocol and TLS version it came over.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/lib.sh
if ! command -v nginx >/dev/null || ! command -v openssl >/dev/null; then
    echo "ok - (needs nginx and openssl: skipped)"
    exit 0
fi
server_start # only for a port that is free: nginx takes it over
kill "$server_pid"
wait "$server_pid" || true
mkdir "$work/site"
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    echo "<!doctype html><title>Page $i</title><h1>Page $i</h1><p>The ferry to the islands runs $i times a day in summer," \
        "and once a week when the ice allows it; tickets are sold on board.</p>" >"$work/site/$i.html"
    echo "<a href=/$i.html>page $i</a>" >>"$work/site/index.html"
done
certificate_make 127.0.0.1
cat >"$work/nginx.conf" <<END
daemon off; pid $work/nginx.pid; error_log $work/nginx.err; worker_processes 1;
events { worker_connections 512; }
http {
    access_log $work/access; root $work/site; types { text/html html; }
    client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3; uwsgi_temp_path $work/t4;
    scgi_temp_path $work/t5;
    ssl_certificate $work/cert.pem; ssl_certificate_key $work/key.pem;
    server { listen 127.0.0.1:$port ssl http2; ssl_protocols TLSv1.3; }
    server { listen 127.0.0.2:$port ssl; ssl_protocols TLSv1.2; }
}
END
nginx -c "$work/nginx.conf" 2>"$work/nginx.out" &
started+=($!)
nginx=$!
until [ -s "$work/nginx.pid" ]; do kill -0 $nginx; done
base=https://127.0.0.1:$port

crawl --ignore-robots "$base/"
claim_is "a certificate that nobody vouches for is refused: status 1" 1 "$status"
claim_is "… the record says so" "failed tls" "$(jq -r '"\(.outcome.code) \(.outcome.reason)"' "$work/records")"
claim_is "… and nothing was asked for" 0 "$(grep -c . "$work/access" || true)"
rm -rf "$work/job"
crawl --insecure "$base/" "https://127.0.0.2:$port/"
claim_is "--insecure takes it" 0 "$status"
claim_is "both sites are whole" 26 "$(wc -l <"$work/records")"
claim_is "HTTP/2 and TLS 1.3 are spoken where they can be" "h2 TLSv1.3" \
    "$(jq -r 'select(.url | contains("127.0.0.1:")) | "\(.fetch.protocol) \(.fetch.tls)"' "$work/records" | sort -u)"
claim_is "… and HTTP/1.1 and TLS 1.2 where not" "http/1.1 TLSv1.2" \
    "$(jq -r 'select(.url | contains("127.0.0.2:")) | "\(.fetch.protocol) \(.fetch.tls)"' "$work/records" | sort -u)"
claim_is "the address is that of the connection" "127.0.0.1 127.0.0.2" "$(jq -r .fetch.ip "$work/records" | sort -u | xargs)"
rm -rf "$work/job"
crawl --insecure --ignore-robots --depth 0 --warc "$base/"
claim_is "an archive asks with HTTP/1.1, and has request and response as they went through TLS" \
    "GET / HTTP/1.1 HTTP/1.1 200 OK http/1.1 TLSv1.3" \
    "$(gzip -dc "$work"/job/warc/*.warc.gz | tr -d '\r' | grep -aE '^(GET|HTTP/1.1 )' | sort | xargs) $(jq -r '"\(.fetch.protocol) \(.fetch.tls)"' "$work/records")"
exit $bad
