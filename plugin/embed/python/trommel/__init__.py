"""Trommel in Python: HTML in, a record out.

    import trommel
    record = trommel.extract(html, url="https://example.org/")
    print(record["meta"]["title"], record["content"]["text"])

extract() is for a page now and then.  For many, open a Pipeline: pages go in while others are at work in
processes of their own, records come out as they finish, into a sink as well if asked; from plain code, from
threads, or from asyncio.
"""

from ._core import Error, version as __version__
from ._default import extract
from ._page import Headers, Page
from ._pipeline import Chain, Change, Options, Pipeline, Record, Result

__all__ = [
    "Chain",
    "Change",
    "Error",
    "Headers",
    "Options",
    "Page",
    "Pipeline",
    "Record",
    "Result",
    "__version__",
    "extract",
]
