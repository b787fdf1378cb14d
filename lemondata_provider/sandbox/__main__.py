"""`python -m lemondata_provider.sandbox`: the sandbox on its own."""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from lemondata_provider.sandbox.ledger import Request
    from lemondata_provider.sandbox.server import Sandbox


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C or TERM."""
    options = _parser().parse_args(arguments)
    try:
        from lemondata_provider.sandbox.origin import LOOPBACK  # noqa: PLC0415 # the extra may be missing
        from lemondata_provider.sandbox.server import Sandbox  # noqa: PLC0415 # the same
        from lemondata_provider.sandbox.settings import SettingError, Settings  # noqa: PLC0415 # the same
    except ImportError as missing:
        return _complain(f"{missing.name} is missing: pip install 'airflow-provider-lemondata[sandbox]'.")
    values = {"generation_seconds": options.generation_seconds, **dict(options.set)}
    where: dict[str, Any] = {"host": options.host, "port": options.port, "files": options.files}
    if not options.quiet:
        where["log"] = _log
    try:
        sandbox = Sandbox(Settings().changed(values), **where)
    except SettingError as mistake:
        return _complain(str(mistake))
    if options.host not in LOOPBACK:
        _complain(f"{options.host} can be reached from other machines; the sandbox is made for this one only.")
    try:
        with sandbox:
            _serve(ready(sandbox))
    except OSError as refused:
        return _complain(f"Cannot listen on {options.host}:{options.port}: {refused.strerror}.")
    return 0


def ready(sandbox: Sandbox) -> str:
    """Return what is printed once the sandbox listens."""
    return (
        f"LemonData sandbox: {sandbox.url} (API key {sandbox.api_key})\n"
        f"AIRFLOW_CONN_LEMONDATA_DEFAULT={shlex.quote(sandbox.connection_uri)}\n"
    )


def _serve(text: str) -> None:
    ended = threading.Event()
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        # The parent process waits for this line, and may end the sandbox right after it.
        sys.stdout.write(text)
        sys.stdout.flush()
        while not ended.wait(1.0):
            """A signal that comes right before the wait begins is handled only when the wait ends."""
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _log(request: Request) -> None:
    """Print one line per request."""
    status = "no answer" if request.status is None else request.status
    fault = f" ({request.fault})" if request.fault else ""
    with contextlib.suppress(OSError):  # the reader of the log may be gone
        sys.stderr.write(f"{request.method} {quote(request.path)} {status}{fault}\n")
        sys.stderr.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lemondata_provider.sandbox", description="A local double of the LemonData video API."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8089, help="port; 0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--generation-seconds", type=float, default=10.0, metavar="SECONDS", help="how long a video takes"
    )
    parser.add_argument(
        "--set", action="append", default=[], type=_setting, metavar="NAME=VALUE", help="any other setting"
    )
    parser.add_argument("--files", type=Path, metavar="DIR", help="keep the videos here (default: a temporary folder)")
    parser.add_argument("--quiet", action="store_true", help="print no line per request")
    return parser


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value  # what is no JSON is meant as text


def _complain(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
