#!/usr/bin/env python3
"""scrapy_ways.py WORK ROUNDS URL PAGES: the ways of scrapy.sh in turn, ROUNDS times; medians as JSON lines and as a table.
scrapy_ways.py WAY URL OUT: one crawl; its last line on stdout has the pages and the seconds from first to last.

links         follows the links on the site, and nothing else
component     the same, with trommel.scrapy: each page's record into a folder
trafilatura   the same, with trafilatura.extract in the callback: text and metadata, as JSON lines in a file

CPU is user and system time of all processes that the crawl started, its start and its workers included.
"""
import json
import re
import statistics
import subprocess
import sys

WAYS = ("links", "component", "trafilatura")


def crawl(way, url, out):
    import scrapy
    from scrapy.crawler import CrawlerProcess
    from scrapy.linkextractors import LinkExtractor

    settings = {"TELNETCONSOLE_ENABLED": False, "LOG_LEVEL": "WARNING", "DOWNLOAD_DELAY": 0, "CONCURRENT_REQUESTS": 16,
                "CONCURRENT_REQUESTS_PER_DOMAIN": 16}
    if way == "component":
        settings.update(ADDONS={"trommel.scrapy.Addon": 500}, TROMMEL_OUT=out)
    if way == "trafilatura":
        import trafilatura
        lines = open(out, "w", encoding="utf-8")

    class Pages(scrapy.Spider):
        name = "pages"
        start_urls = [url]
        links = LinkExtractor(allow="^" + re.escape("/".join(url.split("/")[:3])) + r"/(\d+\.html$|t/gen\?)")

        def parse(self, response):
            if way == "trafilatura":
                lines.write((trafilatura.extract(response.text, url=response.url, output_format="json", with_metadata=True)
                             or "{}") + "\n")
            if isinstance(response, scrapy.http.HtmlResponse):
                for link in self.links.extract_links(response):
                    yield scrapy.Request(link.url)

    process = CrawlerProcess(settings)
    crawler = process.create_crawler(Pages)
    process.crawl(crawler)
    process.start()
    stats = crawler.stats.get_stats()
    if way == "component" and stats.get("trommel/records", 0) < stats["response_received_count"]:
        raise SystemExit(f"bench: {stats.get('trommel/records', 0)} records of {stats['response_received_count']} answers")
    print(json.dumps({"pages": stats["downloader/response_status_count/200"], "seconds": stats["elapsed_time_seconds"]}))


def measured(way, url, work, nr):
    """Pages, seconds and CPU seconds of one crawl."""
    from embed import cpu_of

    said, log = f"{work}/said", open(f"{work}/log", "a", encoding="utf-8")
    command = f"{sys.executable} bench/scrapy_ways.py {way} '{url}' {work}/{way}{nr} >{said}"
    cpu = cpu_of(command, log)
    with open(said, encoding="utf-8") as lines:
        end = json.loads(lines.read().splitlines()[-1])
    subprocess.run(["rm", "-rf", f"{work}/{way}{nr}"], check=True)
    return end["pages"], end["seconds"], cpu


def main():
    import ctypes
    from embed import PR_SET_CHILD_SUBREAPER

    work, rounds, url, want = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    found = {way: [] for way in WAYS}
    for nr in range(rounds):
        for way in WAYS:
            pages, seconds, cpu = measured(way, url, work, nr)
            if pages < want:
                raise SystemExit(f"bench: {way} read {pages} pages, not {want}")
            found[way].append((pages / seconds, cpu / pages * 1e3))
    rows = [{"leg": way, "pages": want, "rounds": rounds, "pages_s": round(statistics.median(f[0] for f in found[way]), 1),
             "cpu_ms": round(statistics.median(f[1] for f in found[way]), 3)} for way in WAYS]
    base = rows[-1]
    for row in rows:
        print(json.dumps(row))
    print(f"\n{'Scrapy with':<16}{'pages/s':>10}{'to the last':>13}{'CPU ms a page':>15}{'to the last':>13}")
    for row in rows:
        print(f"{row['leg']:<16}{row['pages_s']:>10.1f}{row['pages_s'] / base['pages_s']:>13.2f}{row['cpu_ms']:>15.2f}"
              f"{row['cpu_ms'] / base['cpu_ms']:>13.3f}")


if sys.argv[1] in WAYS:
    crawl(*sys.argv[1:])
else:
    main()
