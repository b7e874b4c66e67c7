#!/usr/bin/env python3
"""make.py DIR: the same few pages as archives in the manner of several writers, for 67-warc-in.sh.

Each file holds http://site.example/{one,two,three} (HTML; two is latin-1), /gone (404) and a redirect; what the writer does
to them (chunks, content coding, packing, heads, ends, other records) differs.  wet.gz and wat.gz are Common Crawl's
files without pages."""
import gzip
import os
import subprocess
import sys
import zlib

DATE = "2026-11-24T17:04:27Z"
WORDS = {
    "one": "The mill at the ford was built in 1790 and ground corn until the great flood took its wheel away.",
    "two": "Le caf\xe9 de la gare est ferm\xe9 depuis l'\xe9t\xe9, et personne ne sait s'il rouvrira ses portes un jour.",
    "three": "Bees find their way home by the sun, by landmarks, and by the smell of the hive they have left.",
}


def html(name):
    text = WORDS[name]
    charset = "latin-1" if name == "two" else "utf-8"
    paragraphs = "".join(f"<p>{text} This is paragraph {i} of the page {name}, with a few more words.</p>\r\n" for i in range(4))
    return (f'<html><head><meta charset="{charset}"><title>Page {name}</title></head><body><nav><a href="/">Home</a></nav>'
            f'<article><h1>Page {name}</h1>{paragraphs}<a href="/three">on</a></article></body></html>\n').encode(charset)


def chunked(body):
    out = b""
    for at in range(0, len(body), 100):
        piece = body[at:at + 100]
        out += b"%x;a=b\r\n%s\r\n" % (len(piece), piece)
    return out + b"0\r\nX-Trailer: 1\r\n\r\n"


def message(status, headers, body, eol="\r\n"):
    head = eol.join([f"HTTP/1.1 {status}"] + [f"{k}: {v}" for k, v in headers] + ["", ""])
    return head.encode() + body


class File:
    def __init__(self, path, version="1.0", packing="gzip", eol="\r\n", end="\r\n\r\n", brackets=True, dictionary=None):
        self.path, self.version, self.packing, self.eol, self.end, self.brackets = path, version, packing, eol, end, brackets
        self.n, self.members, self.dictionary = 0, [], dictionary
        self.uuid = f"{zlib.crc32(os.path.basename(path).encode()):08x}-0000-0000-0000"

    def record(self, kind, url, content_type, block, extra=()):
        self.n += 1
        fields = [f"WARC-Type: {kind}", f"WARC-Record-ID: <urn:uuid:{self.uuid}-{self.n:012}>", f"WARC-Date: {DATE}"]
        if url:
            fields.append(f"WARC-Target-URI: <{url}>" if self.brackets else f"WARC-Target-URI: {url}")
        fields += [f"Content-Type: {content_type}", *extra, f"Content-Length: {len(block)}"]
        head = self.eol.join([f"WARC/{self.version}", *fields, "", ""])
        self.members.append(head.encode("latin-1") + block + self.end.encode())

    def response(self, url, block, extra=()):
        self.record("response", url, "application/http; msgtype=response", block, extra)

    def write(self):
        with open(self.path, "wb") as out:
            if self.packing == "gzip":
                for m in self.members:
                    out.write(gzip.compress(m, 6, mtime=0))
            elif self.packing == "whole":
                out.write(gzip.compress(b"".join(self.members), 6, mtime=0))
            elif self.packing == "plain":
                out.write(b"".join(self.members))
            else:
                zstd(self, out)


def zstd(f, out):
    """A frame a record; with a dictionary in front, as the IIPC's warc-zstd has it (itself packed if it is "packed")."""
    options = ["zstd", "-q", "-c", "--check"]
    if f.dictionary:
        path = f.path + ".dict"
        with open(path, "wb") as d:
            d.write(html("one") * 3 + html("three"))
        data = open(path, "rb").read()
        if f.dictionary == "packed":
            data = subprocess.run(options, input=data, stdout=subprocess.PIPE, check=True).stdout
        out.write((0x184D2A5D).to_bytes(4, "little") + len(data).to_bytes(4, "little") + data)
        options += ["-D", path]
    for m in f.members:
        out.write(subprocess.run(options, input=m, stdout=subprocess.PIPE, check=True).stdout)
    if f.dictionary:
        os.unlink(path)


def pages(f, encode, extra=()):
    """encode(name, body) -> headers, body, for each of the pages."""
    for name in WORDS:
        charset = "; charset=iso-8859-1" if name == "two" else ""
        headers, body = encode(name, html(name))
        f.response(f"http://site.example/{name}",
                   message("200 OK", [("Content-Type", "text/html" + charset), *headers], body), extra)
    f.response("http://site.example/gone", message("404 Not Found", [("Content-Type", "text/html")], b"<p>gone"))
    f.response("http://site.example/moved", message("301 Moved", [("Location", "/one")], b""))


def as_is(_, body):
    return [("Content-Length", str(len(body)))], body


def main(folder):
    def file(name, **options):
        return File(os.path.join(folder, name), **options)

    f = file("heritrix.warc.gz")  # requests and metadata beside each; an IP address; DNS
    f.record("warcinfo", None, "application/warc-fields", b"software: Heritrix/3.4.0\r\nformat: WARC File Format 1.0\r\n")
    f.record("response", "dns:site.example", "text/dns", b"20261124170427\nsite.example. 3600 IN A 10.0.0.1\n")
    pages(f, lambda name, body: ([("Transfer-Encoding", "chunked")], chunked(body)), ["WARC-IP-Address: 10.0.0.1"])
    f.record("request", "http://site.example/one", "application/http; msgtype=request", b"GET /one HTTP/1.0\r\n\r\n")
    f.record("metadata", "http://site.example/one", "application/warc-fields", b"via: http://site.example/\r\n")
    f.write()

    f = file("nutch.warc.gz")  # decoded by the crawler; headers as they came
    pages(f, lambda name, body: ([("Transfer-Encoding", "chunked"), ("Content-Encoding", "gzip")], body))
    f.write()

    f = file("browsertrix.warc.gz", version="1.1")  # decoded, headers renamed; pages about pages
    pages(f, lambda name, body: ([("x-orig-content-encoding", "br"), ("x-orig-transfer-encoding", "chunked")], body))
    f.record("resource", "urn:pageinfo:http://site.example/one", "application/json", b'{"pageid": 1}')
    f.record("resource", "urn:text:http://site.example/one", "text/plain", b"The text of a page, which is no page itself")
    f.write()

    f = file("commoncrawl.warc.gz")
    pages(f, lambda name, body: ([("X-Crawler-Transfer-Encoding", "chunked"), ("X-Crawler-Content-Encoding", "gzip"),
                                  ("X-Crawler-Content-Length", "1"), ("Content-Length", str(len(body)))], body))
    f.write()

    f = file("gzipped.warc", packing="plain", brackets=False)  # content coding as it came, inside chunks
    pages(f, lambda name, body: ([("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked")], chunked(gzip.compress(body))))
    f.write()

    f = file("lines.warc", packing="plain", version="0.18", eol="\n", end="\n\n")
    pages(f, as_is)
    f.write()
    f = file("whole.warc.gz", packing="whole")
    pages(f, as_is)
    f.write()
    f = file("frames.warc.zst", packing="zstd")
    pages(f, as_is)
    f.write()
    f = file("dictionary.warc.zst", packing="zstd", dictionary="raw")
    pages(f, as_is)
    f.write()
    f = file("packed-dictionary.warc.zst", packing="zstd", dictionary="packed")
    pages(f, as_is)
    f.write()

    f = file("resources.warc.gz")
    for name in WORDS:
        f.record("resource", f"http://site.example/{name}", "text/html" + ("; charset=iso-8859-1" if name == "two" else ""),
                 html(name))
    f.response("http://site.example/gone", message("404 Not Found", [("Content-Type", "text/html")], b"<p>gone"))
    f.write()

    f = file("revisits.warc.gz")  # the payloads are elsewhere in the file
    for name in WORDS:
        digest = f"WARC-Payload-Digest: sha1:{name}"
        headers = [("Content-Type", "text/html" + ("; charset=iso-8859-1" if name == "two" else ""))]
        f.response(f"http://other.example/{name}", message("200 OK", headers, html(name)), [digest])
        f.record("revisit", f"http://site.example/{name}", "application/http; msgtype=response", message("200 OK", headers, b""),
                 [digest, "WARC-Profile: http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"])
    f.response("http://site.example/gone", message("404 Not Found", [("Content-Type", "text/html")], b"<p>gone"))
    f.record("revisit", "http://site.example/lost", "application/http; msgtype=response", message("200 OK", [], b""),
             ["WARC-Payload-Digest: sha1:lost"])
    f.record("revisit", "http://site.example/same", "application/http; msgtype=response", message("304 Not Modified", [], b""),
             ["WARC-Profile: http://netpreserve.org/warc/1.1/revisit/server-not-modified"])
    f.write()

    arc = [b"filedesc://x.arc 0.0.0.0 20261124170427 text/plain 69\n1 0 Someone\nURL IP-address Archive-date Content-type "
           b"Archive-length\n\n"]
    f = file("x")
    pages(f, as_is)
    for m in f.members:
        block = m.split(b"\r\n\r\n", 1)[1][:-4]
        url = m.split(b"WARC-Target-URI: <")[1].split(b">")[0]
        arc.append(url + b" 10.0.0.1 20261124170427 text/html %d\n" % len(block) + block + b"\n")
    with open(os.path.join(folder, "old.arc.gz"), "wb") as out:
        for m in arc:
            out.write(gzip.compress(m, 6, mtime=0))
    with open(os.path.join(folder, "old.arc"), "wb") as out:
        out.write(b"".join(arc))

    others = os.path.join(folder, "others")
    os.mkdir(others)
    f = File(os.path.join(others, "x.warc.wet.gz"))
    f.record("warcinfo", None, "application/warc-fields", b"Software-Info: ia-web-commons\r\n")
    f.record("conversion", "http://site.example/one", "text/plain", b"The mill at the ford")
    f.write()
    f = File(os.path.join(others, "x.warc.wat.gz"))
    f.record("warcinfo", None, "application/warc-fields", b"Software-Info: ia-web-commons\r\n")
    f.record("metadata", "http://site.example/one", "application/json", b'{"Container":{},"Envelope":{"Format":"WARC"}}')
    f.write()


if __name__ == "__main__":
    main(sys.argv[1])
