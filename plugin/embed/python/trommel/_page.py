"""A page as it is handed over: bytes, and what is known of where they come from."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Optional, Union

Text = Union[str, bytes]
Headers = Union[Mapping[str, str], Iterable["tuple[Text, Text]"], bytes]


@dataclass
class Page:
    """A page.  Only the body is needed; the more is said, the better the record.

    A body of str has been decoded already and is read as UTF-8 whatever it says of itself.  content_type
    and content_encoding are taken from the headers where they are not given.  A status outside 200-299
    makes a record that says so.  `fetch` is put into the record as it is.  Over `deadline` (seconds from
    submit, 0: none) the record is failed, `deadline`, whatever the worker still does.  `failed` (a word as
    "timeout") says that there is no page to be had; the record has it as its reason.
    """

    body: Text
    url: Optional[str] = None
    headers: Optional[Headers] = None
    content_type: Optional[str] = None
    content_encoding: Optional[str] = None
    status: int = 200
    id: Optional[str] = None
    final_url: Optional[str] = None
    fetched_ms: int = 0
    fetch: Optional[Mapping[str, object]] = None
    deadline: float = 0
    failed: Optional[str] = None

    def arguments(self) -> tuple[object, ...]:
        """What Core.submit wants behind the number."""
        lines, of_type, of_coding = _headers(self.headers)
        content_type: Optional[Text] = self.content_type or of_type
        coding: Optional[Text] = self.content_encoding or of_coding
        body = self.body
        if isinstance(body, str):
            body = body.encode("utf-8", "replace")
            content_type = _as_utf8(content_type)
            coding = None
        elif not isinstance(body, bytes):
            body = bytes(body)
        return (
            body,
            self.status,
            self.id,
            self.url,
            self.final_url,
            content_type,
            coding,
            lines,
            self.fetched_ms,
            None if self.fetch is None else pack(self.fetch),
            milliseconds(self.deadline),
            self.failed,
        )


def milliseconds(seconds: float) -> int:
    """At least one, unless it is 0."""
    if seconds < 0 or seconds > 2_000_000:
        raise ValueError(f"{seconds} is no time to wait; give seconds from 0 to 2000000")
    return max(1, round(seconds * 1000)) if seconds else 0


def _as_utf8(content_type: Optional[Text]) -> str:
    if isinstance(content_type, bytes):
        content_type = content_type.decode("latin-1")
    essence = (content_type or "text/html").split(";")[0].strip()
    return f"{essence}; charset=utf-8"


def _bytes(text: Text) -> bytes:
    return text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text


def _headers(headers: Optional[Headers]) -> tuple[Optional[bytes], Optional[bytes], Optional[bytes]]:
    """Lines, content type (the last there is) and content encodings (all, in order)."""
    if not headers:
        return None, None, None
    if isinstance(headers, bytes):
        pairs = [(n, v) for n, colon, v in (line.partition(b":") for line in headers.splitlines()) if colon]
    else:
        rows: Iterable[tuple[Text, Text]] = headers.items() if isinstance(headers, Mapping) else headers
        pairs = [(_bytes(n), _bytes(v)) for n, v in rows]
    content_type: Optional[bytes] = None
    codings = []
    lines = []
    for name, value in pairs:
        value = value.strip().replace(b"\r\n", b" ").replace(b"\n", b" ")
        lines.append(name + b": " + value + b"\r\n")
        key = name.lower()
        if key == b"content-type":
            content_type = value
        elif key == b"content-encoding":
            codings.append(value)
    return b"".join(lines), content_type, b", ".join(codings) or None


def pack(value: object) -> bytes:
    """msgpack of what JSON could say as well."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return struct.pack(">Bq", 0xD3, value)
    if isinstance(value, float):
        return struct.pack(">Bd", 0xCB, value)
    if isinstance(value, str):
        raw = value.encode("utf-8", "replace")
        return struct.pack(">BI", 0xDB, len(raw)) + raw
    if isinstance(value, Mapping):
        rows = b"".join(pack(str(k)) + pack(v) for k, v in value.items())
        return struct.pack(">BI", 0xDF, len(value)) + rows
    if isinstance(value, (list, tuple)):
        return struct.pack(">BI", 0xDD, len(value)) + b"".join(pack(v) for v in value)
    raise TypeError(
        f"fetch: a value of type {type(value).__name__} is nothing a record holds; give None, bool, int, "
        "float, str, list or a mapping of these"
    )
