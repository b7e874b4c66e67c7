"""scrapy_warc.py SEED FILE.warc.gz: a crawl by Scrapy that writes what it receives through warcio, as people do who archive with
Scrapy: a downloader middleware next to the network, so that redirects, errors, robots.txt and coded bodies come as they
are (chunks alone are off: Twisted takes them off)."""
import io
import sys
from urllib.parse import urlsplit

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.linkextractors import LinkExtractor
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

seed, path = sys.argv[1:3]


class WarcMiddleware:
    def __init__(self):
        self.file = open(path, "wb")
        self.writer = WARCWriter(self.file, gzip=True)
        self.writer.write_record(self.writer.create_warcinfo_record("site.warc.gz", {"software": "Scrapy, warcio"}))

    def process_response(self, request, response):
        lines = [(name.decode("latin-1"), value.decode("latin-1")) for name, values in response.headers.items() for value in values
                 if name.lower() != b"transfer-encoding"]
        head = StatusAndHeaders(f"{response.status} Status", lines, protocol="HTTP/1.1")
        self.writer.write_record(self.writer.create_warc_record(response.url, "response", payload=io.BytesIO(response.body), http_headers=head))
        return response


class SiteSpider(scrapy.Spider):
    name = "site"
    allowed_domains = [urlsplit(seed).hostname]
    custom_settings = {"ROBOTSTXT_OBEY": True, "RETRY_ENABLED": False, "TELNETCONSOLE_ENABLED": False,
                       "CONCURRENT_REQUESTS_PER_DOMAIN": 8, "DOWNLOAD_DELAY": 0, "HTTPERROR_ALLOW_ALL": True,
                       "DOWNLOADER_MIDDLEWARES": {WarcMiddleware: 950}}
    links = LinkExtractor(deny_extensions=[])

    async def start(self):
        yield scrapy.Request(seed)

    def parse(self, response):
        if isinstance(response, scrapy.http.HtmlResponse) and response.status == 200:
            for link in self.links.extract_links(response):
                yield scrapy.Request(link.url)


process = CrawlerProcess({"LOG_LEVEL": "ERROR"})
process.crawl(SiteSpider)
process.start()
