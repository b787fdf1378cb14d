"""Numbers and times as the page writes them, without an Airflow around."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import lemondata_provider

if TYPE_CHECKING:
    from playwright.sync_api import Browser

STATIC = Path(lemondata_provider.__file__).parent / "plugins/static"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without writing a log."""

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def static_url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=STATIC)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def evaluate(chromium: Browser, static_url: str) -> Iterator[Any]:
    """Evaluate an expression over ``formats``, in a browser that stands in Berlin."""
    context = chromium.new_context(timezone_id="Europe/Berlin", locale="ar")
    page = context.new_page()
    page.goto(f"{static_url}/icon.svg")

    def evaluate_(expression: str, zone: str | None = None) -> Any:
        page.evaluate("zone => localStorage.setItem('timezone', JSON.stringify(zone))", zone)
        return page.evaluate(f"import('{static_url}/formats.js').then((formats) => {expression})")

    yield evaluate_
    context.close()


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("formats.dollars('1.2')", "$1.20"),
        ("formats.dollars('0.0125')", "$0.0125"),
        ("formats.dollars('3.248')", "$3.25"),
        ("formats.dollars(null)", "$0.00"),
        ("formats.clock(42.4)", "0:42"),
        ("formats.clock(-3)", "0:00"),
        ("formats.clock(4050)", "1:07:30"),
        ("formats.seconds(4)", "4 s"),
        ("formats.bytes(812345)", "812.3 kB"),
        ("formats.bytes(999)", "999 B"),
        ("formats.count(1, 'video')", "1 video"),
        ("formats.count(0, 'video')", "0 videos"),
        ("formats.instant('2026-11-26T11:44:03Z')", "2026-11-26 12:44:03"),
        ("formats.day(Date.parse('2026-11-26T23:30:00Z'))", "2026-11-27"),
        ("formats.day(Date.parse('2026-03-01T12:00:00Z'), -1)", "2026-02-28"),
        ("formats.startOfDay('2026-11-26')", "2026-11-25T23:00:00.000Z"),
        ("formats.startOfDay('2026-11-26', 1)", "2026-11-26T23:00:00.000Z"),
        ("formats.startOfDay('2026-03-29', 1)", "2026-03-29T22:00:00.000Z"),  # summer time began on that day
    ],
)
def test_format_of_a_value_is_text_of_the_page(evaluate, expression, text):
    assert evaluate(expression) == text


def test_instant_zone_chosen_in_airflow_goes_before_the_browsers(evaluate):
    assert evaluate("formats.instant('2026-11-26T11:44:03Z')", "Asia/Tokyo") == "2026-11-26 20:44:03"
    assert evaluate("formats.startOfDay('2026-11-26')", "Asia/Tokyo") == "2026-11-25T15:00:00.000Z"
    assert evaluate("formats.timeZone()", "No/Where") == "Europe/Berlin"
