#!/usr/bin/python3
"""served.py SITE RECORDS PORT: holds a crawl's records against the pages that the server had (SITE/*.html).
Every page once, ids all different, status 200, `bytes` the size of the file."""
import collections
import json
import os
import sys

site, records, port = sys.argv[1:4]
want = {f"http://127.0.0.1:{port}/{n}": os.path.getsize(f"{site}/{n}") for n in os.listdir(f"{site}") if n != "index.html"}
seen, ids, wrong = collections.Counter(), collections.Counter(), []
for line in open(records):
    rec = json.loads(line)
    ids[rec["id"]] += 1
    if rec["url"] in want:
        seen[rec["url"]] += 1
        if rec["status"] != 200 or rec["bytes"] != want[rec["url"]]:
            wrong.append(f"{rec['url']}: status {rec['status']}, {rec['bytes']} bytes, not {want[rec['url']]}")
wrong += [f"{u}: {seen[u]} records" for u in want if seen[u] != 1]
wrong += [f"id {i}: {n} records" for i, n in ids.items() if n != 1]
print(f"{len(want)} pages, {sum(seen.values())} records", *wrong[:10], sep="\n")
sys.exit(bool(wrong))
