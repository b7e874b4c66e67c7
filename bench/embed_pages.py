#!/usr/bin/env python3
"""embed_pages.py WHAT FILE...: one round over the pages for embed.sh, in Python.

frames    writes them to standard output as `trommel extract --stream` takes them
package   runs them through the Python package and takes the records as dicts
start     reads them, opens the package's pipeline and closes it
"""
import sys


def pages(paths):
    for nr, path in enumerate(paths):
        with open(path, "rb") as file:
            yield f"http://127.0.0.1/{nr}.html", file.read()


def frames(paths):
    import msgpack  # only here: the package needs none

    for url, body in pages(paths):
        frame = msgpack.packb({"url": url, "headers": {"content-type": "text/html; charset=utf-8"}, "body": body})
        sys.stdout.buffer.write(len(frame).to_bytes(4, "big") + frame)


def package(paths):
    import trommel

    with trommel.Pipeline(workers=1) as pipeline:
        made = (trommel.Page(body, url=url, content_type="text/html; charset=utf-8") for url, body in pages(paths))
        n = sum(1 for record in pipeline.map(made) if record["url"])
    if n != len(paths):
        raise SystemExit(f"bench: {n} records of {len(paths)} pages")


def start(paths):
    import trommel

    with trommel.Pipeline(workers=1):
        sum(len(body) for _, body in pages(paths))


def main():
    {"frames": frames, "package": package, "start": start}[sys.argv[1]](sys.argv[2:])


main()
