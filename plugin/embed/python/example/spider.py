#!/usr/bin/env python3
"""A Scrapy spider whose records go to a sink: spider.py --out SINK URL... [-s SETTING=VALUE]...

Follows the links of the records on the hosts of the URLs.  In a project of your own, the settings below
that begin with TROMMEL, and ADDONS, are all that it takes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.http import Response

SETTINGS: dict[str, Any] = {
    "ADDONS": {"trommel.scrapy.Addon": 500},
    "TROMMEL_RECORD": True,  # the record comes with the answer, in meta
    "ROBOTSTXT_OBEY": True,
    "HTTPERROR_ALLOW_ALL": True,
    "METAREFRESH_ENABLED": False,
    "REDIRECT_MAX_TIMES": 5,
    "CONCURRENT_REQUESTS": 64,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 64,  # of one's own server; be gentle with others'
    "DOWNLOAD_DELAY": 0,
    "TELNETCONSOLE_ENABLED": False,
    "LOG_LEVEL": "WARNING",
}


class Links(scrapy.Spider):
    name = "links"
    seeds: list[str] = []

    def start_requests(self) -> Iterator[scrapy.Request]:  # before 2.13
        for url in self.seeds:
            yield scrapy.Request(url)

    async def start(self) -> AsyncIterator[scrapy.Request]:
        for request in self.start_requests():
            yield request

    def parse(self, response: Response, **kwargs: Any) -> Iterator[scrapy.Request]:
        hosts = {urlsplit(url).netloc for url in self.seeds}
        record = response.meta.get("trommel") or {}
        for link in record.get("links", ()):
            if not link.get("nofollow") and urlsplit(link["url"]).netloc in hosts:
                yield scrapy.Request(link["url"])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--out", required=True, help="where records go: a folder, kafka://HOST/TOPIC, null:, ..."
    )
    parser.add_argument("-s", dest="settings", action="append", default=[], metavar="SETTING=VALUE")
    parser.add_argument("url", nargs="+")
    args = parser.parse_args()
    settings = dict(SETTINGS, TROMMEL_OUT=args.out)
    settings.update(text.split("=", 1) for text in args.settings)
    process = CrawlerProcess(settings)
    crawler = process.create_crawler(Links)
    process.crawl(crawler, seeds=args.url)
    process.start()
    stats = crawler.stats
    reason = stats.get_value("finish_reason") if stats else None
    print(f"{stats.get_value('trommel/records', 0) if stats else 0} records, {reason}", file=sys.stderr)
    return 0 if reason == "finished" else 1


if __name__ == "__main__":
    sys.exit(main())
