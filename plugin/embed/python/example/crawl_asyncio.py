#!/usr/bin/env python3
"""A crawler on asyncio with nothing but the standard library and Trommel: crawl_asyncio.py --out SINK URL...

Fetches what lies on the hosts of the URLs, follows the links of the records, asks robots.txt, and hands
every answer over as it came: bodies neither decoded nor judged.  A redirect's target is a URL of its own;
404 and the like have a record; 429 and 5xx are asked again.  An answer that is cut off is said on stderr
and has none.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Optional
from urllib.parse import SplitResult, quote, urldefrag, urljoin, urlsplit
from urllib.robotparser import RobotFileParser

import trommel

AGENT = "trommel-example"
BODY_BYTES, HEAD_BYTES, REDIRECTS, ATTEMPTS, WAIT_S = 8 << 20, 256 << 10, 5, 3, 60.0


@dataclass
class Answer:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    ip: str

    def header(self, name: bytes) -> bytes:
        return next((v for n, v in reversed(self.headers) if n.lower() == name), b"")


@dataclass
class Target:
    url: str
    depth: int = 0
    hops: int = 0
    via: Optional[str] = None


# ---- HTTP: one request a connection ----


async def read_head(reader: asyncio.StreamReader) -> tuple[int, list[tuple[bytes, bytes]]]:
    lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    status = int(lines[0].split(None, 2)[1])
    pairs = (line.partition(b":") for line in lines[1:] if line)
    return status, [(name.strip(), value.strip()) for name, _, value in pairs]


async def read_chunked(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        if len(body) + size > BODY_BYTES:
            raise ValueError(f"the body is over {BODY_BYTES} bytes")
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    return bytes(body)


async def read_body(reader: asyncio.StreamReader, answer: Answer) -> bytes:
    if answer.status in (204, 304):
        return b""
    if answer.header(b"transfer-encoding").lower() == b"chunked":
        return await read_chunked(reader)
    said = answer.header(b"content-length")
    if int(said or 0) > BODY_BYTES:
        raise ValueError(f"the body is over {BODY_BYTES} bytes")
    if said:
        return await reader.readexactly(int(said))
    body = await reader.read(BODY_BYTES + 1)
    while more := await reader.read(BODY_BYTES + 1 - len(body)):
        body += more
    if len(body) > BODY_BYTES:
        raise ValueError(f"the body is over {BODY_BYTES} bytes")
    return body


async def exchange(at: SplitResult, target: str) -> Answer:
    secure = at.scheme == "https"
    reader, writer = await asyncio.open_connection(
        at.hostname, at.port or (443 if secure else 80), ssl=secure or None, limit=HEAD_BYTES
    )
    try:
        writer.write(
            f"GET {target} HTTP/1.1\r\nHost: {at.netloc}\r\nUser-Agent: {AGENT}\r\nAccept: */*\r\n"
            "Accept-Encoding: gzip, deflate, br, zstd\r\nConnection: close\r\n\r\n".encode()
        )
        status, headers = await read_head(reader)
        while 100 <= status <= 199:
            status, headers = await read_head(reader)
        answer = Answer(status, headers, b"", writer.get_extra_info("peername")[0])
        answer.body = await read_body(reader, answer)
        return answer
    finally:
        writer.close()


async def get(url: str) -> Answer:
    at = urlsplit(url)
    target = (at.path or "/") + ("?" + at.query if at.query else "")
    return await asyncio.wait_for(exchange(at, target), WAIT_S)


# ---- the crawl ----


class Crawl:
    def __init__(self, seeds: list[str], connections: int) -> None:
        self.hosts = {urlsplit(url).netloc for url in seeds}
        self.seen: set[str] = set()
        self.open = 0  # URLs that are neither done nor given up
        self.failed = 0
        self.robots: dict[str, "asyncio.Task[RobotFileParser]"] = {}
        self.targets: "asyncio.Queue[Target]" = asyncio.Queue()
        self.fetched: "asyncio.Queue[Optional[trommel.Page]]" = asyncio.Queue(connections)
        self.connections = connections
        for url in seeds:
            self.add(Target(url))

    def add(self, target: Target) -> None:
        url = quote(urldefrag(target.url).url, safe="%/:=&?~#+!$,;'@()*[]")
        if (
            url not in self.seen
            and urlsplit(url).netloc in self.hosts
            and url.startswith(("http:", "https:"))
        ):
            self.seen.add(url)
            self.open += 1
            target.url = url
            self.targets.put_nowait(target)

    async def end(self) -> None:
        """One URL is done; the last one ends the crawl."""
        self.open -= 1
        if not self.open:
            await self.fetched.put(None)

    async def came(self, record: dict[str, Any]) -> None:
        depth = record["fetch"]["depth"]
        for link in record.get("links", ()):
            if not link.get("nofollow"):
                self.add(Target(link["url"], depth + 1, via=record["url"]))
        await self.end()

    async def allowed(self, url: str) -> bool:
        root = urljoin(url, "/robots.txt")
        if root not in self.robots:
            self.robots[root] = asyncio.create_task(self.rules(root))
        return (await self.robots[root]).can_fetch(AGENT, url)

    async def rules(self, url: str) -> RobotFileParser:
        answer, rules = await get(url), RobotFileParser(url)
        rules.parse(answer.body.decode("utf-8", "replace").splitlines() if answer.status == 200 else [])
        return rules

    async def fetch(self, target: Target) -> None:
        if not await self.allowed(target.url):
            return await self.end()
        for attempt in range(1, ATTEMPTS + 1):
            answer = await get(target.url)
            if answer.status != 429 and answer.status < 500 or attempt == ATTEMPTS:
                break
            after = answer.header(b"retry-after")
            await asyncio.sleep(min(float(after) if after.isdigit() else attempt, WAIT_S))
        if answer.status in (301, 302, 303, 307, 308):
            to = answer.header(b"location").decode("utf-8", "replace")
            if to and target.hops < REDIRECTS:
                self.add(Target(urljoin(target.url, to), target.depth, target.hops + 1, target.url))
            return await self.end()
        await self.fetched.put(
            trommel.Page(
                answer.body,
                url=target.url,
                headers=answer.headers,
                status=answer.status,
                fetch={
                    "ip": answer.ip,
                    "protocol": "http/1.1",
                    "tls": None,
                    "redirects": [],
                    "truncated": False,
                    "via": target.via,
                    "depth": target.depth,
                    "warc": None,
                },
            )
        )

    async def fetcher(self) -> None:
        while True:
            target = await self.targets.get()
            try:
                await self.fetch(target)
            except (
                OSError,
                EOFError,
                ValueError,
                IndexError,
                asyncio.TimeoutError,
                asyncio.LimitOverrunError,
            ) as e:
                self.refused(target.url, e)
                await self.end()

    def refused(self, url: str, e: Exception) -> None:
        self.failed += 1
        print(f"{url}: {type(e).__name__}: {e}", file=sys.stderr)

    async def pages(self) -> AsyncIterator[trommel.Page]:
        """What is fetched, until nothing is left to fetch."""
        fetchers = [asyncio.create_task(self.fetcher()) for _ in range(self.connections)]
        try:
            while self.open and (page := await self.fetched.get()) is not None:
                yield page
        finally:
            for task in fetchers:
                task.cancel()


async def crawl(args: argparse.Namespace) -> int:
    it = Crawl(args.url, args.connections)

    def refused(page: Any, e: trommel.Error) -> None:
        it.refused(str(getattr(page, "url", "")), e)
        asyncio.get_running_loop().create_task(it.end())

    async with trommel.Pipeline(args.chain, out=args.out, workers=args.workers) as pipeline:
        async for record in pipeline.stream(it.pages(), window=args.window, refused=refused):
            await it.came(record)
        told = ", ".join(f"{n} {outcome}" for outcome, n in pipeline.counts.items() if n)
        print(
            f"{sum(pipeline.counts.values())} records ({told}), {it.failed} failed transfers", file=sys.stderr
        )
    return 1 if it.failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--out", required=True, help="where records go: a folder, kafka://HOST/TOPIC, null:, ..."
    )
    parser.add_argument("--chain", help="YAML file with the chain; without: the default chain")
    parser.add_argument("--workers", type=int, default=0, help="processes that run the chain; 0: one a core")
    parser.add_argument("--connections", type=int, default=8, help="transfers at a time")
    parser.add_argument(
        "--window", type=int, default=256, help="pages on their way through the pipeline, at most"
    )
    parser.add_argument("url", nargs="+")
    return asyncio.run(crawl(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
