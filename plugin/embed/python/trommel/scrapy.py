"""Trommel in Scrapy, 2.11 and newer: every answer that a spider's requests get becomes a record.

    ADDONS = {"trommel.scrapy.Addon": 500}
    TROMMEL_OUT = "records"            # a folder, kafka://..., nats://..., redis://...

It is a downloader middleware beside the downloader, so that it sees what came over the wire: 404s, what is
no HTML, bodies before they are decoded (the workers do that), all headers.  Records are what `trommel
crawl` makes of the same answers: a redirect that is followed and an answer that is asked for again have
none, their last answer has.

Nothing blocks the reactor, asyncio's or another: the pipeline's descriptor is one of its readers.  When the
workers or the sink cannot follow, answers wait here, and so Scrapy stops to fetch.  When the spider closes,
all that was fetched is written first.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from scrapy import Request, Spider, signals
from scrapy.exceptions import NotConfigured
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK
from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer  # type: ignore[import-untyped]

from ._core import Error
from ._page import Page
from ._pipeline import Pipeline, Result

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings

#: Sent when a record has come out: with TROMMEL_OUT, when the sink has acknowledged it.  Arguments:
#: request, outcome, record (None unless TROMMEL_RECORD).
record_done = object()

PRIORITY = 995  # beside the downloader: before redirects are followed and bodies decoded
REDIRECTS = frozenset((301, 302, 303, 307, 308))

logger = logging.getLogger(__name__)


class Addon:
    """Puts the middleware in its place."""

    def update_settings(self, settings: BaseSettings) -> None:
        settings["DOWNLOADER_MIDDLEWARES"][TrommelMiddleware] = PRIORITY


class TrommelMiddleware:
    """See the module.  A request with meta["trommel_skip"] has no record; with TROMMEL_RECORD its record is
    in meta["trommel"] when the answer comes to the spider."""

    def __init__(self, crawler: Crawler) -> None:
        settings = crawler.settings
        if not settings.getbool("TROMMEL_ENABLED", True):
            raise NotConfigured
        self._crawler = crawler
        self._stats = crawler.stats
        self._want_record = settings.getbool("TROMMEL_RECORD", not settings.get("TROMMEL_OUT"))
        self._retry_codes = (
            frozenset(int(code) for code in settings.getlist("RETRY_HTTP_CODES"))
            if settings.getbool("RETRY_ENABLED")
            else ()
        )
        self._retry_times = settings.getint("RETRY_TIMES")
        self._redirects = REDIRECTS if settings.getbool("REDIRECT_ENABLED") else frozenset()
        self._pipeline = Pipeline(
            records="dict" if self._want_record else "none", **pipeline_options(settings)
        )
        self._line: "deque[Deferred[None]]" = deque()  # answers that wait for room, first come
        self._idle: "Optional[Deferred[None]]" = None
        self._unwatch: Optional[Callable[[], None]] = None
        crawler.signals.connect(self._spider_closed, signal=signals.spider_closed)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> TrommelMiddleware:
        return cls(crawler)

    # ---- which answers, and as what ----

    def _is_asked_again(self, request: Request, response: Response) -> bool:
        """RetryMiddleware will ask again."""
        meta = request.meta
        times = meta.get("max_retry_times", self._retry_times)
        return (
            response.status in self._retry_codes
            and not meta.get("dont_retry")
            and meta.get("retry_times", 0) < times
        )

    def _is_followed(self, request: Request, response: Response) -> bool:
        """RedirectMiddleware will go where it points."""
        meta = request.meta
        handled = (
            meta.get("dont_redirect")
            or meta.get("handle_httpstatus_all")
            or response.status in meta.get("handle_httpstatus_list", ())
            or response.status in getattr(self._crawler.spider, "handle_httpstatus_list", ())
        )
        return response.status in self._redirects and "Location" in response.headers and not handled

    def _is_wanted(self, request: Request, response: Response) -> bool:
        return (
            request.method != "HEAD"
            and response.url.startswith(("http:", "https:"))
            and request.callback is not NO_CALLBACK
            and not request.meta.get("trommel_skip")
            and not self._is_followed(request, response)
            and not self._is_asked_again(request, response)
        )

    def process_response(
        self, request: Request, response: Response, spider: Optional[Spider] = None
    ) -> Union[Response, Coroutine[Any, Any, Response]]:
        if not self._is_wanted(request, response):
            return response
        page = page_of(request, response)
        record: "Optional[Deferred[None]]" = Deferred() if self._want_record else None
        if not self._line and self._submit(request, page, record):
            return response if record is None else self._when(record, response)
        return self._later(request, page, record, response)

    async def _when(self, record: Deferred[None], response: Response) -> Response:
        await maybe_deferred_to_future(record)
        return response

    async def _later(
        self, request: Request, page: Page, record: Optional[Deferred[None]], response: Response
    ) -> Response:
        self._count("trommel/waited")
        front = False
        while True:
            turn: Deferred[None] = Deferred()
            (self._line.appendleft if front else self._line.append)(turn)
            await maybe_deferred_to_future(turn)
            front = True
            if self._submit(request, page, record):
                break
        self._wake()
        if record is not None:
            await maybe_deferred_to_future(record)
        return response

    # ---- the pipeline ----

    def _submit(self, request: Request, page: Page, record: Optional[Deferred[None]]) -> bool:
        """False: there is no room."""

        def done(result: Optional[Result], error: Optional[BaseException]) -> None:
            if result is not None:
                self._came(request, result)
            if record is not None:
                record.callback(None)

        self._watch()
        try:
            return self._pipeline.start(page, done)
        except Error as e:  # of this page, or the end of the pipeline, which was said
            if not self._pipeline.failed:
                logger.warning(
                    "Trommel: %s has no record: %s", request, e, extra={"spider": self._crawler.spider}
                )
            self._count("trommel/refused")
            if record is not None:
                record.callback(None)
            return True

    def _came(self, request: Request, result: Result) -> None:
        self._count("trommel/records")
        self._count(f"trommel/outcome/{result.outcome}")
        self._count("trommel/cpu_us", result.cpu_us)
        if self._want_record:
            request.meta["trommel"] = result.record
        self._crawler.signals.send_catch_log(
            record_done, request=request, outcome=result.outcome, record=result.record
        )

    def _count(self, name: str, by: int = 1) -> None:
        if self._stats:
            self._stats.inc_value(name, by)

    def _readable(self) -> None:
        try:
            n = self._pipeline.dispatch(0)
        except Exception as e:
            self._failed(e)
            return
        if n:
            self._wake()
        if self._idle and not self._pipeline.pending:
            idle, self._idle = self._idle, None
            idle.callback(None)

    def _wake(self) -> None:
        """The first in line may try; when there was room, it lets the next."""
        if self._line:
            self._line.popleft().callback(None)

    def _failed(self, e: Exception) -> None:
        """The pipeline has ended by itself (a sink was in trouble for too long): so does the crawl."""
        logger.error("Trommel: %s", e, extra={"spider": self._crawler.spider})
        self._stop_watching()
        waiting, self._line = self._line, deque()
        for turn in waiting:
            turn.callback(None)
        if self._idle:
            idle, self._idle = self._idle, None
            idle.callback(None)
        engine = self._crawler.engine
        if engine and engine.spider:
            if hasattr(engine, "close_spider_async"):
                asyncio_or_deferred(engine.close_spider_async(reason="trommel_failed"))
            else:
                engine.close_spider(engine.spider, "trommel_failed")

    def _watch(self) -> None:
        if self._unwatch is None:
            self._unwatch = watch(self._pipeline.fileno(), self._readable)

    def _stop_watching(self) -> None:
        if self._unwatch:
            self._unwatch()
        self._unwatch = None

    async def _spider_closed(self) -> None:
        """Scrapy waits for this: all that was fetched is at the sink then."""
        if self._pipeline.pending and not self._pipeline.failed:
            self._idle = Deferred()
            await maybe_deferred_to_future(self._idle)
        self._stop_watching()
        self._pipeline.close()


def pipeline_options(settings: BaseSettings) -> dict[str, Any]:
    """TROMMEL_* as Pipeline takes them."""
    options: dict[str, Any] = {
        "chain": settings.get("TROMMEL_CHAIN"),
        "out": settings.get("TROMMEL_OUT"),
        "set": settings.getdict("TROMMEL_SET"),
        "workers": settings.getint("TROMMEL_WORKERS"),
        "queue": settings.getint("TROMMEL_QUEUE"),
        "ordered": settings.getbool("TROMMEL_ORDERED"),
        "page_timeout": settings.getfloat("TROMMEL_PAGE_TIMEOUT"),
        "stage_timeout": settings.getfloat("TROMMEL_STAGE_TIMEOUT"),
        "sink_patience": settings.getfloat("TROMMEL_SINK_PATIENCE"),
        "dedupe_log": settings.get("TROMMEL_DEDUPE_LOG"),
        "network": settings.getbool("TROMMEL_NETWORK"),
    }
    return options


def page_of(request: Request, response: Response) -> Page:
    """An answer as it came."""
    headers = [(name, value) for name, values in response.headers.items() for value in values]
    return Page(
        response.body,
        url=response.url,
        headers=headers,
        status=response.status,
        fetch=fetch_of(request, response),
    )


def fetch_of(request: Request, response: Response) -> dict[str, object]:
    """The record's `fetch`, as far as Scrapy tells."""
    redirects = request.meta.get("redirect_urls", [])
    referer = request.headers.get("Referer")
    return {
        "ip": str(response.ip_address) if response.ip_address else None,
        "protocol": response.protocol.lower() if response.protocol else None,
        "tls": None,
        "redirects": list(redirects),
        "truncated": "dataloss" in response.flags,
        "via": redirects[-1] if redirects else referer.decode("utf-8", "replace") if referer else None,
        "depth": request.meta.get("depth", 0),
        "warc": None,
    }


@implementer(IReadDescriptor)
class Reader:
    """A descriptor as Twisted's reactors want it."""

    def __init__(self, fd: int, readable: Callable[[], None]) -> None:
        self._fd = fd
        self.doRead = readable

    def fileno(self) -> int:
        return self._fd

    def logPrefix(self) -> str:
        return "trommel"

    def connectionLost(self, reason: object) -> None:
        """Nothing is lost with it: the pipeline closes its own."""


def watch(fd: int, readable: Callable[[], None]) -> Callable[[], None]:
    """Calls readable() when fd is, in the loop that runs; gives what ends it."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        from twisted.internet import reactor

        running: Any = reactor  # whichever it is; it can watch descriptors
        reader = Reader(fd, readable)
        running.addReader(reader)
        return lambda: running.removeReader(reader)
    loop.add_reader(fd, readable)

    def unwatch() -> None:
        loop.remove_reader(fd)

    return unwatch


def asyncio_or_deferred(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Lets it run."""
    try:
        task = asyncio.get_running_loop().create_task(coroutine)
        task.add_done_callback(lambda t: t.cancelled() or t.exception())
    except RuntimeError:
        Deferred.fromCoroutine(coroutine)
