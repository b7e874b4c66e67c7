"""scrapy_spider.py OPTIONS…: the spider of the tests of Scrapy's component; `--url U` (repeatable), `-s NAME=JSON`.

Follows links of /t/gen by itself (--follow), and writes lines to --log, each at once and by itself, so that a kill -9
loses none: `done URL OUTCOME` when a record has come out, `page URL TITLE` when an answer is with the spider, `closed`
when the spider has been closed; then the stats as JSON to stdout.
"""

import argparse
import json
import os
import re

import scrapy
from scrapy import signals
from scrapy.crawler import CrawlerProcess

import trommel.scrapy

SETTINGS = {
    "ADDONS": {"trommel.scrapy.Addon": 500},
    "HTTPERROR_ALLOW_ALL": True,
    "TELNETCONSOLE_ENABLED": False,
    "LOG_LEVEL": "WARNING",
    "DOWNLOAD_DELAY": 0,
    "RETRY_TIMES": 2,
}


class Spider(scrapy.Spider):
    name = "test"

    def start_requests(self):
        for url in self.urls:
            yield scrapy.Request(url, meta={"trommel_skip": url.endswith("?trommel_skip")})

    async def start(self):
        for request in self.start_requests():
            yield request

    def say(self, *words):
        os.write(self.log, (" ".join(map(str, words)) + "\n").encode())

    def parse(self, response):
        record = response.meta.get("trommel") or {}
        self.say("page", response.url, record.get("meta", {}).get("title"))
        if self.follow:
            for link in re.findall(r'href="(/t/gen[^"]*)"', response.text):
                yield response.follow(link.replace("&amp;", "&"))

    @classmethod
    def from_crawler(cls, crawler, *args, **kwargs):
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.done, trommel.scrapy.record_done)
        crawler.signals.connect(spider.close_last, signals.engine_stopped)
        return spider

    def done(self, request, outcome, record):
        self.say("done", request.url, outcome)

    def close_last(self):
        self.say("closed")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", action="append", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--follow", action="store_true")
    parser.add_argument("-s", dest="settings", action="append", default=[])
    args = parser.parse_args()
    settings = dict(SETTINGS)
    for text in args.settings:
        name, value = text.split("=", 1)
        settings[name] = json.loads(value)
    log = os.open(args.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    process = CrawlerProcess(settings)
    crawler = process.create_crawler(Spider)
    process.crawl(crawler, urls=args.url, log=log, follow=args.follow)
    process.start()
    print(json.dumps(crawler.stats.get_stats(), default=str))


main()
