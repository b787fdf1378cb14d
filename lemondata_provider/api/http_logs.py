"""
Keep the log lines of the HTTP libraries away from our requests.

At DEBUG, httpcore logs all headers of an answer, and a proxy or a server may quote the key in one. httpx logs whole
URLs at INFO, and the link of a video is signed. botocore logs at DEBUG each signature that it makes.
``LEMONDATA_HTTP_LOGS=1`` in the environment lets all of them through.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

SWITCH = "LEMONDATA_HTTP_LOGS"
# A filter counts for the records of its own logger only.
LOGGERS = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
    "botocore.auth",
)
_is_ours = ContextVar("lemondata_http_request", default=False)


def _is_shown(_: logging.LogRecord) -> bool:
    return not _is_ours.get() or os.environ.get(SWITCH) == "1"


@contextmanager
def quiet_http_logs() -> Iterator[None]:
    """Drop the log lines of the HTTP libraries about the requests in the block; others' requests are logged as ever."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_is_shown)  # once, however often it is added
    token = _is_ours.set(True)
    try:
        yield
    finally:
        _is_ours.reset(token)
