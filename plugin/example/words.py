#!/usr/bin/env python3
"""words: counts the words of each page's text, and drops pages with few.

An example of a program for the stage `exec` (plugin/stage/exec/README.md), in the chain of a job:

    chain:
      - layout
      - boilerplate
      - stage: exec.words
        set: {command: ./words.py --min 50}

It adds x.exec.words.words and x.exec.words.minutes (to read them) to each record.  A page with fewer words
than --min is dropped, reason `few_words`.
"""
import argparse
import struct
import sys

try:
    import msgpack
except ImportError:
    sys.exit("words.py: the module msgpack is missing (on Debian: apt install python3-msgpack)")

WORDS_A_MINUTE = 230


def read():
    """The next map from the host, or None when there are no more."""
    head = sys.stdin.buffer.read(4)
    if len(head) < 4:
        return None
    return msgpack.unpackb(sys.stdin.buffer.read(struct.unpack(">I", head)[0]))


def write(answer):
    data = msgpack.packb(answer)
    sys.stdout.buffer.write(struct.pack(">I", len(data)) + data)
    sys.stdout.buffer.flush()


def judge(page, least):
    """What to answer: maps as the README beside the stage names them."""
    words = len(page.get("content.text", "").split())
    if words < least:
        return {"drop": "few_words"}
    return {"put": {"words": words, "minutes": round(words / WORDS_A_MINUTE, 1)}}


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--min", type=int, default=20, help="pages with fewer words are dropped")
    least = args.parse_args().min

    read()  # the host's hello: nothing in it is needed here
    write({"v": 1, "type": "hello", "name": "words", "version": "1.0", "reasons": ["few_words"]})
    while (page := read()) is not None:
        write({"n": page["n"], **judge(page, least)})


if __name__ == "__main__":
    main()
