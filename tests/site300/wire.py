"""Answers as bytes: content codings, chunks, heads.  Brotli and Zstandard streams are valid but store what they are given;
really compressed ones lie in frozen/."""
import gzip
import io
import struct
import zlib

REASONS = {200: "OK", 301: "Moved Permanently", 302: "Found", 303: "See Other", 307: "Temporary Redirect", 308: "Permanent Redirect",
           403: "Forbidden", 404: "Not Found", 410: "Gone", 500: "Internal Server Error"}


class Bits:
    def __init__(self):
        self.value = self.n = 0

    def put(self, value, n):
        self.value |= value << self.n
        self.n += n

    def bytes(self):
        return self.value.to_bytes((self.n + 7) // 8, "little")


def brotli_stored(data, step=4096):
    """RFC 7932 9.2: a window of 16 bits, uncompressed meta-blocks, an empty last one."""
    out = b""
    for at in range(0, len(data), step):
        part, bits = data[at:at + step], Bits()
        if not at:
            bits.put(0, 1)  # WBITS 16
        bits.put(0, 1)  # not the last
        bits.put(0, 2)  # four nibbles of length
        bits.put(len(part) - 1, 16)
        bits.put(1, 1)  # uncompressed
        out += bits.bytes() + part
    return out + b"\x03"


def zstd_stored(data, step=4096):
    """RFC 8878 3.1: a frame with its size in 4 bytes, raw blocks, no checksum."""
    out = b"\x28\xb5\x2f\xfd" + bytes([0b10100000]) + struct.pack("<I", len(data))
    for at in range(0, len(data), step):
        part = data[at:at + step]
        out += struct.pack("<I", len(part) << 3 | (at + step >= len(data)))[:3] + part
    return out


def gzip_named(data):
    """With a file name in its head."""
    out = io.BytesIO()
    with gzip.GzipFile("page.html", "wb", 9, out, mtime=0) as file:
        file.write(data)
    return out.getvalue()


# deflate as RFC 9110 has it, with its zlib frame: without, which some servers send, wget2 1.99.1 crashes.  gzip of one
# member: it reads no further.
CODINGS = {"gzip": lambda data: gzip.compress(data, 9, mtime=0), "deflate": lambda data: zlib.compress(data, 9),
           "br": brotli_stored, "zstd": zstd_stored,
           "gzip-named": gzip_named}
CODING_NAMES = {"gzip-named": "gzip"}


def chunks(data, sizes=(1, 700, 16, 2048, 5), extension="", trailer=""):
    out, at, i = b"", 0, 0
    while at < len(data):
        part = data[at:at + sizes[i % len(sizes)]]
        out += b"%x%s\r\n%s\r\n" % (len(part), extension.encode(), part)
        at, i = at + len(part), i + 1
    return out + b"0\r\n" + trailer.encode() + b"\r\n"


def answer(status, headers, body, way="length"):
    """One answer.  way: how its end is told: by its length, in chunks (with extensions and trailers), or by closing."""
    head = [f"HTTP/1.1 {status} {REASONS[status]}", "Server: site", "Date: Mon, 03 Jun 2024 10:00:00 GMT"] + headers
    if way == "length":
        head.append(f"Content-Length: {len(body)}")
    elif way == "close":
        head[0] = head[0].replace("HTTP/1.1", "HTTP/1.0")
        head.append("Connection: close")
    else:
        head.append("Transfer-Encoding: chunked")
        if way == "trailers":
            head.append("Trailer: X-Checked")
            body = chunks(body, extension=';name="a value"', trailer="X-Checked: yes\r\n")
        else:
            body = chunks(body)
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body
