"""A pipeline: a chain, its workers, and what is on its way through them.

Three ways to use one, each of its own:

    with Pipeline(out="records") as p:            # plain code, threads too
        for record in p.map(pages): ...

    with Pipeline() as p:                         # bit by bit
        p.submit(page); record = p.next()

    async with Pipeline() as p:                   # asyncio
        record = await p.process(page)
        async for record in p.stream(pages): ...

A submitted page ends in one record, whatever it holds.  Only what cannot be a page at all (a URL that is
none, a body over the limit) raises Error and has none.
"""

from __future__ import annotations

import itertools
import logging
import os
import select
import threading
import time
import weakref
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, Union

from ._core import Core, Error
from ._page import Page, Text, milliseconds

if TYPE_CHECKING:
    from ._aio import Attachment

Record = dict[str, Any]
Path = Union[str, "os.PathLike[str]"]
Options = Union[Mapping[str, object], Iterable[str]]
Chain = Union[Path, Sequence[Union[str, "tuple[str, Options]"]]]
AnyPage = Union[Page, Text]
CoreStage = tuple[bytes, tuple[bytes, ...]]

OUTCOMES = ("ok", "no_content", "dropped", "failed", "quarantined")
_KINDS = {"none": 0, "dict": 1, "bytes": 2}
CHANGES = ("add", "remove", "replace", "set", "reorder", "reload", "rollback")
_CHANGE_FLAGS = ("network", "despite_block", "no_golden", "no_probation")
_LEVELS = (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG, logging.DEBUG)
_log = logging.getLogger("trommel")
_live: "weakref.WeakSet[Pipeline]" = weakref.WeakSet()


class Result(NamedTuple):
    """A record and what it took."""

    record: Any  # Record, bytes or None, as the pipeline's `records` says
    outcome: str  # of OUTCOMES
    cpu_us: int  # in the worker


class Change(NamedTuple):
    """How a change of the chain ended."""

    code: int  # 0: its chain is live
    generation: int  # the one made for it; 0: none was
    live: int  # the one that takes pages now
    message: str


class Pipeline:
    """See the module.  All of it may be called from any thread, but close(), and what is asyncio's."""

    def __init__(
        self,
        chain: Optional[Chain] = None,
        *,
        set: Options = (),
        out: Optional[Path] = None,
        workers: int = 0,
        queue: int = 0,
        ordered: bool = False,
        page_timeout: float = 0,
        stage_timeout: float = 0,
        worker_bytes: int = 0,
        dedupe_log: Optional[Path] = None,
        network: bool = False,
        sink_patience: float = 0,
        records: str = "dict",
    ) -> None:
        """Starts the workers; Error says what is wrong with the chain.

        chain: a YAML file, or the stages in order, each "NAME", "FILE.so" or (one of these, its options);
        None: the default chain.  set: {"STAGE.OPTION": value} or "STAGE.OPTION=VALUE" each.  out: a sink as
        the command line has them (a folder, kafka://...); records come out when it has acknowledged them.
        workers: 0 is one a core.  queue: pages taken beyond what the workers hold.  ordered: records come in
        the order of the pages.  Timeouts and patience are in seconds, 0 for the library's own.  records:
        "dict", "bytes" (msgpack) or "none".
        """
        if records not in _KINDS:
            raise ValueError(f'records: {records!r} is none of "dict", "bytes", "none"')
        config, stages = _chain(chain)
        self._core = Core(
            config,
            stages,
            _options(set),
            None if out is None else os.fsencode(out),
            None if dedupe_log is None else os.fsencode(dedupe_log),
            workers,
            queue,
            milliseconds(page_timeout),
            milliseconds(stage_timeout),
            worker_bytes,
            ordered,
            network,
            milliseconds(sink_patience),
            _KINDS[records],
        )
        self.counts = dict.fromkeys(OUTCOMES, 0)
        self.cpu_us = 0
        self._numbers = itertools.count(1)
        self._keeps = records != "none"
        self._waiting: dict[int, Callable[[Optional[Result], Optional[BaseException]], None]] = {}
        self._ready: "deque[Result]" = deque()
        self._turn = threading.Lock()  # one thread at a time dispatches
        self.failed: Optional[BaseException] = None  # what ended it
        self._closed = False
        self._changing: "Optional[tuple[list[Any], Callable[[Change], object]]]" = None
        self._loop: Optional[Attachment] = None
        _live.add(self)

    # ---- what all ways stand on ----

    def start(self, page: AnyPage, done: Callable[[Optional[Result], Optional[BaseException]], None]) -> bool:
        """Hands a page over; False: no room now, come again after a dispatch().

        done is called once, from a dispatch(), with the result; or with the error that ended the pipeline.
        """
        if self.failed:
            raise self.failed
        if not isinstance(page, Page):
            page = Page(page)
        number = next(self._numbers)
        self._waiting[number] = done
        taken = False
        try:
            taken = self._core.submit(number, *page.arguments())  # type: ignore[arg-type]
        finally:
            if not taken:
                self._waiting.pop(number, None)
        return taken

    def dispatch(self, timeout: Optional[float] = 0) -> int:
        """Waits for records and gives them to whom they belong; how many.  One thread at a time: others
        wait."""
        with self._turn:
            return self._dispatch(timeout)

    def _dispatch(self, timeout: Optional[float]) -> int:
        if self.failed:
            raise self.failed
        try:
            rows = self._core.dispatch(-1 if timeout is None else milliseconds(timeout))
        except Error as e:  # not what a signal's handler raises: that is the caller's
            self._fail(e)
            raise
        for number, outcome, cpu_us, record in rows:
            name = OUTCOMES[outcome]
            self.counts[name] += 1
            self.cpu_us += cpu_us
            done = self._waiting.pop(number, None)
            if done:
                done(Result(record, name, cpu_us), None)
        self._change_check()
        for level, text in self._core.logs():
            _log.log(_LEVELS[min(level, len(_LEVELS) - 1)], "%s", text)
        return len(rows)

    def _fail(self, e: BaseException) -> None:
        self.failed = e
        waiting, self._waiting = self._waiting, {}
        for done in waiting.values():
            done(None, e)

    def fileno(self) -> int:
        """Readable when dispatch() has something to do: for select, epoll, any loop."""
        return self._core.fileno()

    @property
    def pending(self) -> int:
        """Pages whose record has not come out."""
        return len(self._waiting)

    # ---- plain code and threads ----

    def submit(self, page: AnyPage) -> None:
        """Hands a page over, waiting for room; its record comes from next() or by iterating, and is kept
        until then (with records="none" there is nothing to keep)."""
        while not self.start(page, self._put):
            self.dispatch(None)

    def _put(self, result: Optional[Result], error: Optional[BaseException]) -> None:
        if result and self._keeps:
            self._ready.append(result)

    def _step(self, timeout: Optional[float]) -> None:
        """One dispatch, unless another thread's gave something meanwhile."""
        if self._turn.acquire(timeout=-1 if timeout is None else timeout):
            try:
                if not self._ready:
                    self._dispatch(timeout)
            finally:
                self._turn.release()

    def next_result(self, timeout: Optional[float] = None) -> Optional[Result]:
        """The next result; None: nothing is pending, or none came in so many seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                return self._ready.popleft()
            except IndexError:
                if self.failed:
                    raise self.failed from None
                if not self._waiting or (until and timeout is not None and timeout < 0):
                    return None
            self._step(timeout)
            if until is not None:
                timeout = until - time.monotonic()

    def next(self, timeout: Optional[float] = None) -> Optional[Record]:
        """As next_result(), its record."""
        result = self.next_result(timeout)
        return None if result is None else result.record

    def __iter__(self) -> Iterator[Record]:
        """The records of all that was submitted, until nothing is pending."""
        while (result := self.next_result()) is not None:
            yield result.record

    def map(self, pages: Iterable[AnyPage]) -> Iterator[Record]:
        """Records of the pages, as they finish; pages are taken as there is room for them."""
        for page in pages:
            while not self.start(page, self._put):
                if (result := self.next_result()) is not None:
                    yield result.record
            while self._ready:
                yield self._ready.popleft().record
        yield from self

    def run(self, page: AnyPage) -> Result:
        """One page, waited for.  Threads may do so side by side."""
        got: list[tuple[Optional[Result], Optional[BaseException]]] = []
        while not self.start(page, lambda *end: got.append(end)):
            self.dispatch(None)
        while not got:
            with self._turn:
                if not got:
                    self._dispatch(None)
        result, error = got[0]
        if result is None:
            raise error or Error("the page has no result")
        return result

    def flush(self, timeout: Optional[float] = None) -> bool:
        """Waits until nothing is pending; False: not within so many seconds.  Records that nobody waits for
        are kept for next()."""
        with self._turn:
            done = self._core.flush(-1 if timeout is None else milliseconds(timeout))
            self._dispatch(0)
        return done

    # ---- another chain, while pages run ----

    def change_start(self, kind: str, done: Callable[[Change], object], **what: Any) -> None:
        """As change(), which says what there is; done is called once, from a dispatch()."""
        unknown = what.keys() - {"id", "file", "after", "set", "ids", "keep", *_CHANGE_FLAGS}
        if kind not in CHANGES or unknown:
            raise ValueError(
                f"change: {', '.join(sorted(unknown)) or kind} is not known; see Pipeline.change"
            )
        ends: list[tuple[int, int, int, Optional[str]]] = []

        def name(key: str) -> Optional[bytes]:
            return None if what.get(key) is None else os.fsencode(what[key])

        def texts(key: str) -> tuple[bytes, ...]:
            return tuple(text.encode() for text in what.get(key, ()))

        flags = sum(1 << n for n, flag in enumerate(_CHANGE_FLAGS) if what.get(flag))
        self._core.change(
            ends,
            CHANGES.index(kind),
            name("id"),
            name("file"),
            name("after"),
            _options(what.get("set", ())),
            texts("ids"),
            texts("keep"),
            flags,
        )
        self._changing = (ends, done)

    def _change_check(self) -> None:
        if self._changing and self._changing[0]:
            (code, generation, live, message), done = self._changing[0][0], self._changing[1]
            self._changing = None
            done(Change(code, generation, live, message or ""))

    def change(self, kind: str, **what: Any) -> Change:
        """Changes the chain as `trommel ctl stage` does, and waits until it is live; Error says why it is
        not.

        The new one starts beside the old one, proves itself on golden pages, then takes new pages; pages on
        their way are not disturbed.  kind, and what it takes: add (file, after, set), remove (id), replace
        (id, file, set), set (id, set), reorder (ids), reload (file), rollback.  Flags: network,
        despite_block, no_golden, no_probation.  keep: record fields that must not change.  Names without
        the stage: set={"OPTION": value}.
        """
        got: list[Change] = []
        self.change_start(kind, got.append, **what)
        while not got:
            select.select([self.fileno()], [], [], 0.1)  # there may be no page that dispatch() would wait for
            self.dispatch(0)
        return _live_or_error(got[0])

    async def change_async(self, kind: str, **what: Any) -> Change:
        """change() within the loop."""
        ended = self._attached().loop.create_future()

        def done(change: Change) -> None:
            if not ended.done():
                ended.set_result(change)

        self.change_start(kind, done, **what)
        return _live_or_error(await ended)

    # ---- asyncio ----

    def _attached(self) -> Attachment:
        import asyncio  # only who wants it pays for it

        from ._aio import Attachment

        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = Attachment(self, loop)
        elif self._loop.loop is not loop:
            raise RuntimeError("pipeline: it belongs to another event loop; open one for each")
        return self._loop

    async def process(self, page: AnyPage) -> Record:
        """One page's record.  As many as one likes may wait at a time; they queue here for room."""
        record: Record = (await self.process_result(page)).record
        return record

    async def process_result(self, page: AnyPage) -> Result:
        """As process(), with what it took."""
        result: Result = await (await self._attached().start(page))
        return result

    def stream(
        self,
        pages: Union[AsyncIterable[AnyPage], Iterable[AnyPage]],
        *,
        window: int = 64,
        refused: Optional[Callable[[AnyPage, Error], None]] = None,
    ) -> AsyncIterator[Record]:
        """Records of the pages: as they finish, or in order if the pipeline keeps it.

        A page is taken from `pages` only when there is room: at most `window` are on their way or not yet
        fetched from here.  One that cannot be submitted raises, or goes to refused() if there is one.
        """
        return self._attached().stream(pages, window, refused)

    # ---- the end ----

    def close(self) -> None:
        """Ends the workers.  What is pending has no record: flush() before, or leave `with` in peace, which
        does."""
        if self._closed:
            return
        with self._turn:
            self._closed = True
            if self._loop:
                self._loop.detach()
            self._core.close()
            self._change_check()
            self._fail(Error("pipeline: it is closed; open another"))

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        try:
            if kind is None and not self.failed:
                self.flush()
        finally:
            self.close()

    async def __aenter__(self) -> Pipeline:
        self._attached()
        return self

    async def __aexit__(self, kind: object, *rest: object) -> None:
        try:
            if kind is None and not self.failed:
                await self._attached().drain()
        finally:
            self.close()


def _live_or_error(change: Change) -> Change:
    if change.code:
        error = Error(change.message)
        error.code = change.code
        raise error
    return change


def _options(options: Options) -> tuple[bytes, ...]:
    if isinstance(options, str):
        raise TypeError(f'set: {options!r} is one text; give a list of "STAGE.OPTION=VALUE", or a mapping')
    if isinstance(options, Mapping):
        return tuple(f"{name}={_value(value)}".encode() for name, value in options.items())
    return tuple(text.encode() for text in options)


def _value(value: object) -> str:
    return ("false", "true")[value] if isinstance(value, bool) else str(value)


def _chain(chain: Optional[Chain]) -> tuple[Optional[bytes], Optional[tuple[CoreStage, ...]]]:
    """As a file, or as stages."""
    if chain is None:
        return None, None
    if isinstance(chain, (str, os.PathLike)):
        return os.fsencode(chain), None
    return None, tuple(map(_stage, chain))


def _stage(stage: Union[str, "tuple[str, Options]"]) -> CoreStage:
    if isinstance(stage, str):
        return os.fsencode(stage), ()
    name, options = stage
    return os.fsencode(name), _options(options)


def _forked() -> None:
    """In a child: the workers are its parent's."""
    for pipeline in list(_live):
        pipeline._turn = threading.Lock()
        pipeline._loop = None
        pipeline._waiting.clear()
        try:
            pipeline.close()
        except Error:  # a thread that is not here was in it; what it holds stays till the end
            pass


os.register_at_fork(after_in_child=_forked)
