#!/usr/bin/python3
"""Pages re-encoded: fails when content.text differs from that of the same page in UTF-8.

From TROMMEL_DATA every page (every 4th unless TROMMEL_ALL is set) is put into each encoding that can hold
it, with the encoding named in the header only, in meta only, or (multi-byte ones) nowhere.  Header and meta must
give identical text always, nowhere in 95 of 100.
"""
import gzip
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

# name, Python's codec, is it guessed (a legacy multi-byte encoding)
ENCODINGS = [("windows-1252", "cp1252", False), ("iso-8859-2", "iso8859_2", False), ("windows-1251", "cp1251", False),
             ("koi8-r", "koi8_r", False), ("shift_jis", "cp932", True), ("euc-jp", "euc_jp", True),
             ("gb18030", "gb18030", True), ("big5", "cp950", True), ("utf-16le", "utf_16_le", False),
             ("utf-16be", "utf_16_be", False)]
# Characters that Python's codec and the WHATWG index map to different bytes: no fault of a decoder.
UNLIKE = {"euc-jp": "\\~‾¥‖〜−¢£¬—―＼～∥－￠￡￢", "shift_jis": "\\~‾¥‖〜−¢£¬—―＼～∥－￠￡￢", "big5": "\u2027•¯ˍ╴／＼﹨∕\u00a2\u00a3\u00a5￠￡￥～〜"}
BODY_MOST = 8 << 20  # what extract reads of a page; UTF-16 doubles
META = re.compile(rb"<meta[^>]*charset[^>]*>", re.I)


def utf8_page(path):
    raw = gzip.open(path).read()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    text = META.sub(b"", text.encode()).decode()
    return text.replace("\ufeff", "").replace("\r\n", "\n").replace("\r", "\n")


def encoded(text, name, codec):
    if any(c in text for c in UNLIKE.get(name, "")) and not text.isascii():
        return None
    try:
        data = text.encode(codec)
        return data if data.decode(codec) == text and len(data) < BODY_MOST else None
    except UnicodeError:
        return None


def variants(text):
    for name, codec, guessed in ENCODINGS:
        data = encoded(text, name, codec)
        if data is None:
            continue
        yield name, "header", data, f"text/html; charset={name}"
        if not name.startswith("utf-16"):  # by the standard a meta cannot say UTF-16
            head = f'<meta charset="{name}">'.encode("ascii")
            yield name, "meta", head + data, "text/html"
        else:
            yield name, "bom", "\ufeff".encode(codec) + data, "text/html"
        if guessed:
            yield name, "nowhere", data, "text/html"


def main():
    data = os.environ.get("TROMMEL_DATA")
    if not data:
        print("ok - (needs a page collection: make test DATA=DIR)")
        return 0
    build = os.environ.get("TROMMEL_BUILD", "build")
    pages = sorted((pathlib.Path(data) / "html").glob("*.html.gz"))[:: 1 if os.environ.get("TROMMEL_ALL") else 4]
    if len(sys.argv) > 1:
        pages = [p for p in pages if p.name.split(".")[0] in sys.argv[1:]]
    tally, differ = {}, []
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        with open(work / "manifest", "w") as manifest:
            def add(ident, body, kind):
                (work / ident).write_bytes(body)
                manifest.write(json.dumps({"id": ident, "path": ident, "content_type": kind}) + "\n")
            for page in pages:
                text = utf8_page(page)
                if text is None:
                    continue
                stem = page.name.split(".")[0]
                add(f"{stem}.utf-8.header", text.encode(), "text/html; charset=utf-8")
                for name, how, body, kind in variants(text):
                    add(f"{stem}.{name}.{how}", body, kind)
        run = subprocess.run([build + "/trommel", "extract", "--manifest", str(work / "manifest")], stdout=subprocess.PIPE)
        if run.returncode > 1:
            print(f"not ok - extract ended with status {run.returncode}")
            return 1
        texts = {}
        for line in run.stdout.splitlines():
            rec = json.loads(line)
            texts[rec["id"]] = ((rec.get("content") or {}).get("text"), rec.get("charset"))
    for ident, (text, charset) in sorted(texts.items()):
        stem, name, how = ident.rsplit(".", 2)
        want = texts[f"{stem}.utf-8.header"][0]
        same = text == want
        hit, n = tally.get((name, how), (0, 0))
        tally[name, how] = (hit + same, n + 1)
        if not same:
            differ.append(f"{ident} decoded as {charset}")
    bad = 0
    for (name, how), (hit, n) in sorted(tally.items()):
        ok = hit >= (0.95 * n if how == "nowhere" else n)
        bad |= not ok
        print(f"{'ok' if ok else 'not ok'} - {name}, named {how}: {hit} of {n} pages give identical text")
    for line in differ[: 40 if bad else 0]:
        print("   ", line)
    return int(bad)


sys.exit(main())
