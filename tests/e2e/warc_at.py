#!/usr/bin/python3
"""warc_at.py DIR <RECORDS: what a crawl's records say of its archive, and what lies there.

Reads records as JSON lines.  For each that has `fetch.warc`, the file in DIR (or the same with .open) must hold one
whole record at that place, no more and no less: of that id, that URL, a response or a revisit.  Prints how many
were right and how many had no copy though a server answered, and a line for each that is wrong; exit status 1 if any
is either."""
import gzip
import json
import os
import subprocess
import sys

folder = sys.argv[1]
right = missing = wrong = 0


def member(name, place):
    path = os.path.join(folder, name)
    with open(path if os.path.exists(path) else path + ".open", "rb") as f:
        f.seek(place["offset"])
        data = f.read(place["length"])
    if len(data) != place["length"]:
        raise ValueError("the file ends before it")
    if name.endswith(".gz"):
        return gzip.decompress(data)
    if name.endswith(".zst"):
        return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data + b"\r\n\r\n"


def check(record, place):
    plain = member(place["file"], place)
    head, _, rest = plain.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines[1:])
    if lines[0] != "WARC/1.1" or fields["WARC-Type"] not in ("response", "revisit"):
        raise ValueError("no capture: " + lines[0] + " " + fields["WARC-Type"])
    if fields["WARC-Target-URI"] != record["url"]:
        raise ValueError("of another URL: " + fields["WARC-Target-URI"])
    if fields["WARC-Record-ID"] != "<" + place["id"] + ">":
        raise ValueError("another id: " + fields["WARC-Record-ID"])
    if len(rest) != int(fields["Content-Length"]) + 4 or not rest.endswith(b"\r\n\r\n"):
        raise ValueError("%d bytes of block, not %s" % (len(rest) - 4, fields["Content-Length"]))


for line in sys.stdin:
    one = json.loads(line)
    warc = (one.get("fetch") or {}).get("warc")
    if not warc:
        missing += one["status"] != 0
        continue
    try:
        check(one, warc)
        right += 1
    except Exception as e:  # whatever is wrong with it
        wrong += 1
        print("%s: %s: %s" % (one["url"], warc, e))
print(right, "right,", missing, "missing")
sys.exit(1 if wrong or missing else 0)
