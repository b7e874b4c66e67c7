"""extract(): a page now and then, without opening anything."""

from __future__ import annotations

import atexit
import os
import threading
from typing import Optional

from ._page import Headers, Page, Text
from ._pipeline import Chain, Options, Pipeline, Record, _options, _stage

MOST = 4  # pipelines kept for as many chains and options

_lock = threading.Lock()
_kept: dict[object, Pipeline] = {}


def _pipeline(chain: Optional[Chain], options: Options) -> Pipeline:
    """The one of this chain and these options; the oldest makes room."""
    sets = _options(options)
    stages = chain if chain is None or isinstance(chain, (str, os.PathLike)) else tuple(map(_stage, chain))
    key = (stages, sets)
    with _lock:
        if key not in _kept:
            if len(_kept) >= MOST:
                for old in [k for k, p in _kept.items() if not p.pending][:1]:
                    _kept.pop(old).close()
            _kept[key] = Pipeline(chain, set=[s.decode() for s in sets])
        return _kept[key]


def extract(
    html: Text,
    *,
    url: Optional[str] = None,
    content_type: Optional[str] = None,
    headers: Optional[Headers] = None,
    status: int = 200,
    chain: Optional[Chain] = None,
    set: Options = (),
) -> Record:
    """A page's record.

    The first call with a chain and options starts workers of their own, which stay until the program ends;
    threads may share them, a forked child gets its own.  For many pages use a Pipeline, which has them at
    work side by side.
    """
    page = Page(html, url=url, content_type=content_type, headers=headers, status=status)
    record: Record = _pipeline(chain, set).run(page).record
    return record


def _close() -> None:
    with _lock:
        for pipeline in _kept.values():
            pipeline.close()
        _kept.clear()


def _forked() -> None:
    global _lock
    _lock = threading.Lock()
    _kept.clear()


atexit.register(_close)
os.register_at_fork(after_in_child=_forked)
