#!/usr/bin/env python3
"""make.py DIR PORT: the site of the test that all ways give equal records, as raw answers for `server --raw DIR`.

DIR/site.tsv has a line for each URL, in order: target (path decoded), file with the answer, status, what it is, how it comes.
What it is:
    page      status 200: every crawler has a record of it
    redirect  its target is a page or an error
    error     404, 410, 500 and the like
    hidden    robots.txt forbids it
    robots    robots.txt itself
All are reached from / by links in HTML that is neither coded nor in a legacy encoding, written so that wget2 1.99.1 finds
them too: what it reads otherwise than others (&amp; in a link, a Location that begins with a question mark, "," and "+" in a
path, deflate without its zlib frame, which ends it) leads to other hosts here, or is not there.  Nothing is random: the
same PORT gives the same bytes.
"""
import pathlib
import struct
import sys
import zlib

import pages
import wire
from words import Dice, paragraph, passage

HERE = pathlib.Path(__file__).parent
HTML = "text/html; charset=utf-8"


class Site:
    def __init__(self, folder, port):
        self.folder, self.port, self.rows = folder, port, []

    def put(self, path, status, headers, body, what, way="length", note=""):
        name = f"{len(self.rows):03d}.http"
        (self.folder / name).write_bytes(wire.answer(status, headers, body, way))
        self.rows.append((path, name, str(status), what, note or way))

    def page(self, path, text, kind=HTML, coding="", way="length", codec="utf-8", note=""):
        body = text if isinstance(text, bytes) else text.encode(codec)
        headers = [f"Content-Type: {kind}"] if kind else []
        if coding:
            body = wire.CODINGS[coding](body)
            headers.append(f"Content-Encoding: {wire.CODING_NAMES.get(coding, coding)}")
        self.put(path, 200, headers, body, "page", way, note or "+".join(filter(None, [coding, way])))

    def redirect(self, path, status, to):
        self.put(path, status, [f"Location: {to}", f"Content-Type: {HTML}"], b"<p>elsewhere", "redirect", note=to)

    def error(self, path, status, more=()):
        text = pages.bare(str(status), f"<h1>{status}</h1><p>{pages.sentence(Dice(path))}</p>")
        self.put(path, status, [f"Content-Type: {HTML}", *more], text.encode(), "error")

    def close(self):
        (self.folder / "site.tsv").write_text("".join("\t".join(row) + "\n" for row in self.rows))


def news(site, n=105, per_page=15):
    articles = [pages.Article(i) for i in range(n)]
    n_pages = -(-n // per_page)
    for i, a in enumerate(articles):
        more = [(b.path, b.title) for b in (articles[(i + 11) % n], articles[(i + 37) % n])]
        if i % 9 == 0:
            more.append((f"/print/{a.nr}", "Print this"))
            site.page(f"/print/{a.nr}", a.print_view())
        if i % 9 == 4:
            more.append((f"/wire/{a.nr}.html", "Agency"))
            site.page(f"/wire/{a.nr}.html", a.wire_copy())
        site.page(a.path, a.page(site.port, more), way=["length", "length", "chunked", "length", "trailers", "close"][i % 6])
    for p in range(n_pages):
        turn = "".join(f'<a href="{"/news/" if k == 0 else f"/news/?page={k + 1}"}">{k + 1}</a> ' for k in range(n_pages))
        rows = [(a.path, a.title, a.summary) for a in articles[p * per_page:(p + 1) * per_page]]
        path = "/news/" if p == 0 else f"/news/?page={p + 1}"
        site.page(path, pages.listing(f"News, page {p + 1}", rows, f'<div class="pagination">{turn}</div>'))


def shop(site, n=40):
    rows = []
    for i in range(n):
        site.page(f"/shop/item-{i}", pages.product(i), way=["length", "chunked"][i % 2])
        rows.append((f"/shop/item-{i}", pages.product_name(i), "In stock"))
        if i % 4 == 0:  # the same again
            site.page(f"/shop/item-{i}?from=letter", pages.product(i))
            rows.append((f"/shop/item-{i}?from=letter", pages.product_name(i), "From our letter"))
    site.page("/shop/", pages.listing("All goods", rows))


def forum(site, n=30):
    rows = []
    for i in range(n):
        n_pages = 2 if i % 3 == 0 else 1
        for p in range(1, n_pages + 1):
            site.page(f"/forum/thread-{i}" + ("" if p == 1 else f"?page={p}"), pages.thread(i, p, n_pages))
        rows.append((f"/forum/thread-{i}", pages.thread_title(i), f"{4 + i} replies"))
    site.page("/forum/", pages.listing("Threads", rows))


def manual(site, n=30):
    for i in range(n):
        site.page(f"/manual/part-{i}.html", pages.manual(i))
    site.page("/manual/whole", pages.manual(n, paragraphs=150), way="chunked", note="large")
    rows = [(f"/manual/part-{i}.html", pages.manual_title(i), "") for i in range(n)] + [("/manual/whole", "All in one", "Large")]
    site.page("/manual/", pages.listing("Manual", rows))


def hub(site, path, heading, names, more=""):
    links = "".join(f'<li><a href="{at}">{at.strip()}</a></li>\n' for at in names)
    site.page(path, pages.shell(f"<title>{heading}</title>", f"<main><h1>{heading}</h1><p>{paragraph(Dice(path))}</p><ul>\n{links}</ul>{more}</main>"))


# language, WHATWG name, Python's codec
ENCODINGS = [("de", "windows-1252", "cp1252"), ("fr", "windows-1252", "cp1252"), ("es", "iso-8859-1", "latin-1"), ("pl", "iso-8859-2", "iso8859_2"),
             ("cs", "windows-1250", "cp1250"), ("hu", "iso-8859-2", "iso8859_2"), ("ru", "windows-1251", "cp1251"), ("ru", "koi8-r", "koi8_r"),
             ("uk", "windows-1251", "cp1251"), ("el", "iso-8859-7", "iso8859_7"), ("ja", "shift_jis", "cp932"), ("ja", "euc-jp", "euc_jp"),
             ("ko", "euc-kr", "euc_kr"), ("zh", "gb18030", "gb18030"), ("zh-tw", "big5", "big5")]


def languages(site):
    names = []

    def add(path, *args, **more):
        names.append(path)
        site.page(path, *args, **more)

    for lang, charset, codec in ENCODINGS:
        stem = f"/languages/{lang}-{charset}"
        for where in ("header", "meta", "none"):
            text = pages.foreign(lang, charset, where).encode(codec, "xmlcharrefreplace")
            add(f"{stem}-{where}", text, f"text/html; charset={charset}" if where == "header" else "text/html", note=f"{charset} {where}")
    for lang in ("fr", "ru", "ja"):
        text = pages.foreign(lang, "utf-16le", "bom")
        add(f"/languages/{lang}-utf-16le-bom", b"\xff\xfe" + text.encode("utf-16-le"), "text/html", note="utf-16le bom")
        add(f"/languages/{lang}-utf-8-bom", b"\xef\xbb\xbf" + text.encode(), "text/html; charset=windows-1251", note="utf-8 bom, header says otherwise")
    add("/languages/ja-shift_jis-gzip", pages.foreign("ja", "shift_jis", "gzip").encode("cp932"), "text/html; charset=Shift_JIS", coding="gzip")
    hub(site, "/languages/", "Languages", names)


def coded(site):
    names = []
    for coding in wire.CODINGS:
        for way in ("length", "chunked", "trailers", "close"):
            names.append(f"/coded/{coding}-{way}")
            site.page(names[-1], pages.leaf(f"{coding} {way}"), coding=coding, way=way)
    for file in sorted((HERE / "frozen").glob("*.html.*")):
        coding = {"br": "br", "zst": "zstd"}[file.name.rsplit(".", 1)[1]]
        names.append(f"/coded/frozen-{file.name}")
        site.put(names[-1], 200, [f"Content-Type: {HTML}", f"Content-Encoding: {coding}"], file.read_bytes(), "page", note=coding)
    hub(site, "/coded/", "Content codings", names)


def png():
    def part(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes((x * 16, y * 16, 128)[c] for x in range(16) for c in range(3)) for y in range(16))
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)) + part(b"IDAT", zlib.compress(rows, 9)) + part(b"IEND", b"")


def pdf():
    text = b"BT /F1 12 Tf 72 720 Td (The harbour in winter) Tj ET"
    head = (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
            b"3 0 obj<</Type/Page/Parent 2 0 R/Contents 4 0 R>>endobj\n4 0 obj<</Length ")
    return head + b"%d>>stream\n" % len(text) + text + b"\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def files(site):
    d, at = Dice("files"), f"http://127.0.0.1:{site.port}"
    prose = "\n\n".join(paragraph(d) for _ in range(4))
    items = "".join(f"<item><title>News {k}</title><link>{at}/news/?page={k}</link><description>{pages.sentence(d)}</description></item>" for k in (2, 3))
    xhtml = ('<?xml version="1.0" encoding="utf-8"?>\n<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en"><head><title>A page in XHTML</title></head>'
             f"<body><h1>A page in XHTML</h1><p>{paragraph(d)}</p><p>{paragraph(d)}</p></body></html>\n")
    made = {
        "report.pdf": ("application/pdf", pdf()), "map.png": ("image/png", png()),
        "data.json": ("application/json", '{"items": [1, 2, 3], "name": "valley"}\n'), "data.xml": ("application/xml", "<list><entry>one</entry></list>\n"),
        "feed.rss": ("application/rss+xml", f'<?xml version="1.0"?><rss version="2.0"><channel><title>News</title><link>{at}/</link>{items}</channel></rss>\n'),
        "notes.txt": ("text/plain; charset=utf-8", prose + "\n"), "latin.txt": ("text/plain; charset=iso-8859-1", passage("de")[1][0].encode("latin-1")),
        "readme.md": ("text/markdown; charset=utf-8", f"# Read me\n\n{prose}\n\n- one\n- two\n\n[Home]({at}/)\n"),
        "table.csv": ("text/csv", "name,height\nbell,40\nclock,90\n"), "page.xhtml": ("application/xhtml+xml", xhtml),
        "archive.bin": ("application/octet-stream", bytes(range(256)) * 8), "untyped": ("", pages.leaf("without a type")),
        "untyped-binary": ("", bytes([7, 0, 255, 13]) * 100), "odd-type": ("TEXT/HTML ; Charset=\"UTF-8\"; x=y", pages.leaf("odd type")),
        "plain-as-html": ("text/html", "Just a line of text, and no markup at all, sent as HTML by somebody.\n"),
        "html-as-plain": ("text/plain", pages.leaf("HTML sent as plain text"))}
    for name, (kind, body) in made.items():
        site.page(f"/files/{name}", body, kind, note=kind or "no type")
    site.page("/files/notes-gzip.txt", prose, "text/plain; charset=utf-8", coding="gzip")
    names = [f"/files/{name}" for name in made] + ["/files/notes-gzip.txt", "/empty.html", "/empty-chunked.html"]
    site.page("/empty.html", "", note="empty")
    site.page("/empty-chunked.html", "", way="chunked", note="empty chunked")
    hub(site, "/files/", "Files", names)


def links(site):
    """The ways in which a link may be written; then pages that can be reached through them only."""
    for name in ("dots", "fragment", "scheme", "query?a=1&b=two%20words", "caf\u00e9", "space here", "~user", "entity?x=1&y=2", "base/deep/one", "base/deep/two",
                 "twice", "no-scheme", "UPPER"):
        site.page(f"/links/{name}", pages.leaf(name))
    extra = """<p><a href="HTTP://OTHER.Example:80/A/../B?q#f">other host</a> <a href="mailto:a@b.example">mail</a> <a href="javascript:void(0)">script</a>
<a href="https://xn--bcher-kva.example/">IDN</a> <a href="//cdn.example/x" rel="nofollow noopener">cdn</a> <a href="">nothing</a> <a name="here">anchor</a>
<a href="https://user@login.example/%7Ea/%zz">odd</a> <a href="https://other.example/c,d;e=1+2?a=1&amp;b=2">written out</a> <a href="ftp://files.example/a">ftp</a></p>"""
    here = f"127.0.0.1:{site.port}"
    names = ["./x/../dots", "/links/fragment#part-2", f"HTTP://{here}/links/scheme", "query?a=1&b=two%20words", "caf%C3%A9", "space%20here", "~user", "entity?x=1&y=2",
             " twice ", "twice#again", "/links/./twice", f"//{here}/links/no-scheme", "UPPER", "base/"]
    hub(site, "/links/", "Links", names, extra)
    site.page("/links/base/", '<!DOCTYPE html><html lang="en"><head><base href="/links/base/deep/"><title>Base</title></head><body><h1>Base</h1>'
              f'<p>{paragraph(Dice("base"))}</p><p><a href="one">one</a> and <a href="./two">two</a></p></body></html>')


def moved(site):
    here = f"http://127.0.0.1:{site.port}"
    targets = [("/moved/permanently", 301, f"{here}/moved/to-1", "to-1"), ("/moved/found", 302, "/moved/to-2", "to-2"),
               ("/moved/other", 303, "to-3", "to-3"), ("/moved/temporary", 307, "./x/../to-4", "to-4"), ("/moved/for-good", 308, f"//127.0.0.1:{site.port}/moved/to-5", "to-5"),
               ("/moved/query", 302, "/moved/query?to=6", "query?to=6"), ("/moved/fragment", 301, "/moved/to-7#part", "to-7")]
    for path, status, to, name in targets:
        site.redirect(path, status, to)
        site.page("/moved/" + name, pages.leaf("moved " + name))
    site.redirect("/moved/chain", 301, "/moved/chain-2")
    site.redirect("/moved/chain-2", 302, "chain-3")
    site.redirect("/moved/chain-3", 307, "/moved/chain-end")
    site.page("/moved/chain-end", pages.leaf("end of the chain"))
    site.redirect("/moved/known", 301, "/manual/part-3.html")
    site.redirect("/moved/to-nothing", 302, "/gone/nothing")
    for path, status in [("/gone/nothing", 404), ("/gone/missing", 404), ("/gone/gone", 410), ("/gone/forbidden", 403)]:
        site.error(path, status)
    site.error("/gone/broken", 500, ["Retry-After: 0"])
    return [t[0] for t in targets] + ["/moved/chain", "/moved/known", "/moved/to-nothing", "/gone/missing", "/gone/gone", "/gone/forbidden", "/gone/broken"]


def main():
    folder, port = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    site = Site(folder, port)
    for part in (news, shop, forum, manual, languages, coded, files, links):
        part(site)
    hub(site, "/", "The Valley Courier", [at for at, _ in pages.SECTIONS] + moved(site) + ["/private/plans.html", "/private/"])
    for path in ("/private/plans.html", "/private/"):
        site.put(path, 200, [f"Content-Type: {HTML}"], pages.leaf(path).encode(), "hidden")
    site.put("/robots.txt", 200, ["Content-Type: text/plain"], b"User-agent: *\nDisallow: /private/\n", "robots")
    site.close()


main()
