#!/usr/bin/python3
"""Makes the golden records: NAME.msgpack and NAME.json of each below.

    schemas/golden/make.py           writes them
    schemas/golden/make.py --check   status 1 if a file is not what is written here

The packer is a second, independent one: the program's own reader and JSON view are held against what it makes.
Debian's python3, no packages.
"""
import json
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
ID = bytes.fromhex("00112233445566778899aabbccddeeff")
OTHER = bytes.fromhex("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf")


def head(ident, url, status, outcome, reason=None, content_type="text/html", charset="utf-8", n=4096, fetch=None):
    return {"v": 1, "kind": "page", "id": ident, "url": url, "final_url": url, "fetched_at": "2026-03-01T12:30:45.678Z",
            "status": status, "content_type": content_type, "charset": charset, "bytes": n,
            "outcome": {"code": outcome, "reason": reason}, "fetch": fetch}


def transfer(**more):
    return {"ip": "192.0.2.17", "protocol": "h2", "tls": "TLSv1.3", "redirects": [], "truncated": False,
            "via": "https://gazette.example/", "depth": 1, "warc": None, **more}


def chain(*stages, **more):
    return {"generation": 1, "hash": "5d41402abc4b2a76b9719d911017c592", **more,
            "stages": [{"id": s, "version": "0.1.0", "us": us} for s, us in stages]}


OK = {
    **head(ID, "https://gazette.example/news/ferry", 200, "ok", fetch=transfer(redirects=["https://gazette.example/n/17"])),
    "layout": {"type": "article", "confidence": 0.875, "template": bytes(range(8))},
    "content": {"text": "The ferry is back.\n\n“At last”, says Zoë: \"a\\b\"\t€\U0001f6a2", "markdown": "# The ferry is back\n",
                "confidence": 0.5, "lang": "en", "words": 9},
    "meta": {"title": "The ferry is back", "authors": ["Zoë Quartermain"], "published": "2026-02-28", "modified": None,
             "site_name": "Gazette", "description": "", "tags": ["harbour", "traffic"], "image": None,
             "canonical": "https://gazette.example/news/ferry", "lang": "en", "license": None,
             "source": {"title": "json-ld", "published": "time"}},
    "links": [{"url": "https://gazette.example/", "rel": None, "text": "Home", "kind": "navigation", "nofollow": False},
              {"url": "https://ads.example/?q=%E2%82%AC", "rel": "nofollow", "text": "", "kind": "unknown", "nofollow": True}],
    "x": {"org.example.price": {"amount": 12.5, "exact": 18446744073709551615, "low": -9223372036854775808, "raw": b"\x00\xff"}},
    "spam": {"score": 0.0, "reasons": [], "injected": []},
    "chain": chain(("layout", 41), ("boilerplate", 230), ("org.example.price", 3), clamped=True),
    "dedupe": {"relation": "near", "cluster": OTHER, "of": OTHER, "similarity": 0.9375, "sketch": b"\x01\x02\x03", "scope": "job"},
}
RECORDS = {
    "ok": OK,
    "no_content": {**head(ID, "https://gazette.example/logo.png", 200, "no_content", "unsupported_type", "image/png", None,
                          fetch=transfer()), "chain": chain()},
    "failed": head(ID, "https://gone.example/", 404, "failed", "http_404", fetch=transfer(protocol="http/1.1", tls=None, via=None, depth=0)),
    "quarantined": {**head(ID, "https://trap.example/", 200, "quarantined", "crashed", fetch=transfer()),
                    "chain": chain(("layout", 44)),
                    "error": {"stage": "org.example.price", "reason": "crashed", "message": "the worker died of signal 11", "signal": 11,
                              "backtrace": ["price.so!amount_of+0x1c", "price.so+0x1139", "0x0"]},
                    "page": {"content_type": "text/html; charset=utf-8", "content_encoding": None, "headers": b"x-by: Zo\xeb\r\n",
                             "bytes": 7, "body": b"<p>\xff\x00\r\n"}},
    "manifest": {**head("page-0017", None, 200, "ok", n=0),
                 "content": {"text": "A page that was handed over.", "lang": None, "words": 6}, "links": [],
                 "chain": chain(("boilerplate", 12)),
                 "dedupe": {"relation": "unique", "cluster": "page-0017", "of": None, "similarity": 0.0, "scope": "run"}},
}


def sized(n, small, small_max, forms):
    """Head of a string, array or map: in the first byte if it is short, else in the smallest form."""
    if small is not None and n <= small_max:
        return bytes([small | n])
    for code, fmt in forms:
        if n < 1 << 8 * struct.calcsize(fmt):
            return bytes([code]) + struct.pack(fmt, n)
    raise ValueError(n)


def pack_int(n):
    if -32 <= n <= 127:
        return struct.pack(">b" if n < 0 else ">B", n)
    forms = ((0xCC, ">B"), (0xCD, ">H"), (0xCE, ">I"), (0xCF, ">Q")) if n > 0 else ((0xD0, ">b"), (0xD1, ">h"), (0xD2, ">i"), (0xD3, ">q"))
    for code, fmt in forms:
        try:
            return bytes([code]) + struct.pack(fmt, n)
        except struct.error:
            continue
    raise ValueError(n)


def pack(v, outer=False):
    if v is None or isinstance(v, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[v]
    if isinstance(v, int):
        return pack_int(v)
    if isinstance(v, float):
        return b"\xcb" + struct.pack(">d", v)
    if isinstance(v, str):
        raw = v.encode()
        return sized(len(raw), 0xA0, 31, ((0xD9, ">B"), (0xDA, ">H"), (0xDB, ">I"))) + raw
    if isinstance(v, bytes):
        return sized(len(v), None, 0, ((0xC4, ">B"), (0xC5, ">H"), (0xC6, ">I"))) + v
    if isinstance(v, list):
        return sized(len(v), 0x90, 15, ((0xDC, ">H"), (0xDD, ">I"))) + b"".join(map(pack, v))
    start = b"\xde" + struct.pack(">H", len(v)) if outer else sized(len(v), 0x80, 15, ((0xDE, ">H"), (0xDF, ">I")))
    return start + b"".join(pack(k) + pack(x) for k, x in v.items())


def as_json(record):
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"), default=bytes.hex) + "\n"


def main():
    stale = []
    for name, record in RECORDS.items():
        for ending, made in (("msgpack", pack(record, outer=True)), ("json", as_json(record).encode())):
            path = HERE / f"{name}.{ending}"
            if path.exists() and path.read_bytes() == made:
                continue
            stale.append(path.name)
            if "--check" not in sys.argv:
                path.write_bytes(made)
    if "--check" in sys.argv and stale:
        sys.exit(f"golden: {', '.join(stale)}: not what make.py says; run schemas/golden/make.py")


if __name__ == "__main__":
    main()
