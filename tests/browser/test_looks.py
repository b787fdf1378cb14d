"""The page beside Airflow's own: both themes, both directions, a phone, the keyboard, and no violation of axe."""

from __future__ import annotations

import pytest

from tests.browser.answers import CannedApi, completed, failed, in_flight
from tests.browser.conftest import PHONE
from tests.browser.looks import overflow, picture, violations

PAGE = "/plugin/videos"
LONG = "unbroken_" * 30
MARKUP = "<b>bold</b> <img src=x onerror=alert(1)> <script>alert(2)</script>"


def every_state():
    progress = {"percent": 40, "status": "processing", "at": "2026-11-02T10:00:00Z"}
    nothing = {"video": None, "poster": None, "why_not": "No media root is configured."}
    return [
        in_flight(9, progress=progress),
        in_flight(8, rest_seconds=None),
        completed(7),
        completed(6, media=nothing, remote_url="https://files.example/1.mp4"),
        failed(5),
        failed(4, state="unknown", repair="Clear the task instance."),
        completed(3, state="submitted", skipped=True),
        completed(2, dag_id=LONG, run_id=LONG, task_id=LONG, prompt=LONG, model=LONG),
        completed(1, prompt=None, model=None, created=None),
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("name", "size"), [("desktop", None), ("phone", PHONE)])
def test_page_every_state_is_accessible_and_fits(open_page, theme, name, size):
    options = {"viewport": size} if size else {}
    page = open_page(f"{PAGE}?spend=day", theme=theme, prepare=CannedApi(every_state()).install, **options)
    page.locator("table").wait_for()
    page.get_by_text("Clip number 9.").wait_for()
    picture(page, f"every-state-{name}-{theme}")
    assert violations(page) == []
    assert overflow(page) == 0


def test_page_airflow_changes_theme_and_direction_follows_at_once(open_page):
    page = open_page(PAGE, prepare=CannedApi([completed(1)]).install)
    card = page.locator(".card:not(.placeholder)")
    card.wait_for()

    def background():
        return card.evaluate("it => getComputedStyle(it.querySelector('.media')).backgroundColor")

    light, left = background(), card.locator("time").bounding_box()["x"]
    page.evaluate("document.documentElement.className = 'dark'; document.documentElement.dir = 'rtl'")
    page.locator("[data-theme=dark][dir=rtl]").wait_for()
    assert background() != light
    assert card.locator("time").bounding_box()["x"] > left
    assert violations(page) == []


def test_page_prompt_and_error_with_markup_show_as_text(open_page):
    error = {"code": MARKUP, "message": MARKUP, "hint": MARKUP}
    videos = [completed(2, prompt=MARKUP), failed(1, state="unknown", error=error, repair=f"Run `adopt`. {MARKUP}")]
    page = open_page(PAGE, prepare=CannedApi(videos).install)
    page.locator(".failure").wait_for()
    assert page.locator(".prompt").first.text_content() == MARKUP
    assert page.locator(".failure strong").text_content() == MARKUP
    assert page.locator(".repair").text_content() == f"What to do: Run adopt. {MARKUP}"
    assert page.locator(".repair code").text_content() == "adopt"
    assert page.locator(".card img, .card script, .card .prompt b").count() == 0


def test_page_keyboard_plays_a_video(open_page):
    page = open_page(PAGE, prepare=CannedApi([completed(1)]).install)
    poster = page.get_by_role("button", name="Play: Clip number 1.")
    poster.wait_for()
    page.get_by_label("To", exact=True).focus()
    for _ in range(9):
        if poster.evaluate("it => it.matches(':focus-visible')"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("video:focus").wait_for()


def test_page_reduced_motion_moves_nothing(open_page):
    videos = [in_flight(1, rest_seconds=None)]
    page = open_page(PAGE, prepare=CannedApi(videos).install, reduced_motion="reduce")
    page.locator("progress").wait_for()
    assert page.locator("progress").evaluate("it => getComputedStyle(it).animationName") == "none"


@pytest.mark.parametrize("size", [None, PHONE])
def test_tile_shows_the_figures_and_leads_to_the_page(open_page, size):
    options = {"viewport": size} if size else {}
    page = open_page("/", prepare=CannedApi([in_flight(1)]).install, **options)
    tile = page.get_by_role("region", name="Videos")
    tile.get_by_role("link", name="1 in flight").wait_for()
    assert [tile.get_by_role("link", name=name).count() for name in ("$0.40 settled", "$1.20 estimated")] == [1, 1]
    assert tile.get_by_role("status").inner_text() == "1 video of today has an unknown cost."
    assert violations(page) == []
    assert overflow(page) == 0
    tile.get_by_role("link", name="1 in flight").click()
    page.get_by_role("heading", name="Videos", exact=True).wait_for()
    assert page.url.endswith(f"{PAGE}?state=in_flight")


def test_tile_without_the_right_to_see_videos_is_not_there(open_page):
    api = CannedApi([], status=403)
    with (page := open_page("/", prepare=api.install)).expect_response("**/lemondata/api/summary"):
        page.reload()
    page.get_by_role("heading", name="Welcome").wait_for()
    page.locator(".tile").wait_for(state="hidden")
