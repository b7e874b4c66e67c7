"""A pipeline within an asyncio loop: its descriptor is watched, and who finds no room waits in line."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from ._core import Error

if TYPE_CHECKING:
    from ._pipeline import AnyPage, Pipeline, Result

    ResultFuture = asyncio.Future[Result]
    Pages = Union[AsyncIterable[AnyPage], Iterable[AnyPage]]
    Refused = Optional[Callable[[AnyPage, Error], None]]


class Attachment:
    """One pipeline, one loop; all of it in the loop's thread."""

    def __init__(self, pipeline: Pipeline, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._pipeline = pipeline
        self._line: "deque[asyncio.Future[None]]" = deque()  # of those that wait for room, first come
        self._idle: "Optional[asyncio.Future[None]]" = None  # drain() waits for it
        self._fd = pipeline.fileno()
        loop.add_reader(self._fd, self._readable)

    def detach(self) -> None:
        """Watches no more; those in line then find out for themselves."""
        if self.loop.is_closed():
            return
        self.loop.remove_reader(self._fd)
        while self._line:
            self._wake()
        self._idle_check(True)

    def _readable(self) -> None:
        try:
            if self._pipeline.dispatch(0):
                self._wake()
            self._idle_check(False)
        except Exception:  # the pipeline has ended, and who waits for a page has been told
            self.detach()

    def _wake(self) -> None:
        """The first in line may try; when there was room, it lets the next."""
        while self._line:
            waiter = self._line.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _idle_check(self, ended: bool) -> None:
        if self._idle and not self._idle.done() and (ended or not (self._pipeline.pending or self._line)):
            self._idle.set_result(None)

    async def start(self, page: AnyPage) -> ResultFuture:
        """A future of the page's result, once there was room for it."""
        result: ResultFuture = self.loop.create_future()

        def done(got: Optional[Result], error: Optional[BaseException]) -> None:
            if result.done():  # cancelled; the page went its way without
                return
            if got is not None:
                result.set_result(got)
            else:
                result.set_exception(error or Error("the page has no result"))
                result.exception()  # nobody need ask for it

        front = False
        try:
            while (self._line and not front) or not self._pipeline.start(page, done):
                await self._room(front)
                front = True
        finally:
            if front:
                self._wake()  # it was this one's turn, whatever came of it
        return result

    async def _room(self, front: bool) -> None:
        """Waits in line: at its end, or again at the front."""
        waiter: "asyncio.Future[None]" = self.loop.create_future()
        (self._line.appendleft if front else self._line.append)(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():
                self._wake()
            raise

    async def drain(self) -> None:
        """Until nothing is pending nor in line; raises what ended the pipeline before."""
        while (self._pipeline.pending or self._line) and not self._pipeline.failed:
            self._idle = self.loop.create_future()
            await self._idle
        if self._pipeline.failed:
            raise self._pipeline.failed

    async def stream(self, pages: Pages, window: int, refused: Refused) -> AsyncIterator[Any]:
        """See Pipeline.stream."""
        credit = asyncio.Semaphore(window)
        finished: "asyncio.Queue[Optional[ResultFuture]]" = asyncio.Queue()  # bounded by the credit
        feeder = self.loop.create_task(self._feed(pages, credit, finished, refused))
        feeder.add_done_callback(lambda _: finished.put_nowait(None))
        given = 0
        try:
            while not feeder.done() or given < feeder.result():
                one = await finished.get()
                if one is not None:
                    record = one.result().record
                    given += 1
                    credit.release()
                    yield record
        finally:
            feeder.cancel()

    async def _feed(
        self,
        pages: Pages,
        credit: asyncio.Semaphore,
        finished: "asyncio.Queue[Optional[ResultFuture]]",
        refused: Refused,
    ) -> int:
        """Submits them all, each when there is credit for it; how many."""
        n = 0
        async for page in _each(pages, credit):
            try:
                result = await self.start(page)
            except Error as e:
                if refused is None or self._pipeline.failed:
                    raise
                refused(page, e)
                credit.release()
                continue
            n += 1
            result.add_done_callback(finished.put_nowait)
        return n


async def _each(pages: Pages, credit: asyncio.Semaphore) -> AsyncIterator[AnyPage]:
    """The pages; one is asked for only when there is credit for it."""
    if isinstance(pages, AsyncIterable):
        them = pages.__aiter__()
        while True:
            await credit.acquire()
            try:
                page = await them.__anext__()
            except StopAsyncIteration:
                return
            yield page
    rest = iter(pages)
    while True:
        await credit.acquire()
        try:
            page = next(rest)
        except StopIteration:
            return
        yield page
