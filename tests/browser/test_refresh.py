"""The page in Airflow's own, with answers that the tests choose: what is asked for, what is redrawn, what is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.answers import CannedApi, completed, failed, in_flight

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGE = "/plugin/videos"
A_WHILE = 7_000  # milliseconds: one refresh is due
LONG = 120_000

OpenCanned = Callable[..., "Page"]


@pytest.fixture
def open_canned(open_page: Any) -> OpenCanned:
    """Open the page with canned answers, and with a clock that the test moves."""

    def open_(api: CannedApi, path: str = PAGE, **options: Any) -> Page:
        def prepare(page: Page) -> None:
            api.install(page)
            page.clock.install()

        page: Page = open_page(path, prepare=prepare, **options)
        page.locator(".card:not(.placeholder), .message").first.wait_for()
        return page

    return open_


def card(page: Page, number: int) -> Any:
    return page.locator(".card").filter(has_text=f"Clip number {number}.")


def test_page_before_a_click_asks_for_no_video(open_canned):
    api = CannedApi([completed(1), completed(2)])
    page = open_canned(api)
    assert api.asked["video"] == 0
    page.get_by_role("button", name="Play: Clip number 2.").click()
    page.locator("video").wait_for()
    page.locator("video").evaluate("it => new Promise(done => it.readyState ? done() : it.onloadedmetadata = done)")
    assert api.asked["video"] >= 1
    assert page.locator("video").evaluate("it => it.getRootNode().activeElement === it")


def test_page_video_without_its_file_says_so_and_goes_back(open_canned):
    page = open_canned(CannedApi([completed(1)], has_file=False))
    poster = page.get_by_role("button", name="Play: Clip number 1.")
    poster.click()
    page.get_by_role("alert").get_by_text("The video cannot be played.").wait_for()
    page.get_by_role("button", name="Back").click()
    poster.wait_for()


def test_refresh_two_videos_changed_only_their_cards_are_redrawn_and_the_player_goes_on(open_canned):
    api = CannedApi([in_flight(3), completed(2), completed(1)])
    page = open_canned(api)
    card(page, 2).get_by_role("button").click()
    page.evaluate(
        "document.querySelector('div[lang=en]').shadowRoot.querySelectorAll('.body').forEach(it => it.old = 1)"
    )
    page.locator("video").evaluate("it => { it.loop = true; it.old = 1 }")
    api.videos[:2] = completed(3), completed(2, cost={"estimated": "0.60", "settled": "0.55"})
    page.clock.run_for(A_WHILE)
    card(page, 3).get_by_role("button").wait_for()
    card(page, 2).get_by_text("$0.55").wait_for()
    redrawn = [not card(page, number).locator(".body").evaluate("it => it.old") for number in (3, 2, 1)]
    assert redrawn == [True, True, False]
    assert page.locator("video").evaluate("it => it.old && !it.paused")


def test_refresh_progress_moves_the_bar_in_place(open_canned):
    api = CannedApi([in_flight(1, progress={"percent": 40, "status": "processing", "at": "2026-11-02T10:00:00Z"})])
    page = open_canned(api)
    bar = page.get_by_role("progressbar", name="Progress: Clip number 1.")
    assert bar.evaluate("it => it.value") == 40
    bar.evaluate("it => it.old = 1")
    api.videos[0]["progress"]["percent"] = 70
    page.clock.run_for(A_WHILE)
    page.get_by_text("70 %").wait_for()
    assert bar.evaluate("it => it.old && it.value") == 70


@pytest.mark.parametrize(("age", "rest", "least", "most"), [(20, 60, 20, 40), (900, 0, 95, 95)])
def test_progress_without_percent_is_an_estimate_of_at_most_95_percent(open_canned, age, rest, least, most):
    page = open_canned(CannedApi([in_flight(1, age_seconds=age, rest_seconds=rest)]))
    page.locator(".percent", has_text="about").wait_for()
    assert least <= page.get_by_role("progressbar").evaluate("it => it.value") <= most


def test_progress_without_percent_and_median_has_no_value(open_canned):
    page = open_canned(CannedApi([in_flight(1, rest_seconds=None)]))
    assert not page.locator("progress").evaluate("it => it.hasAttribute('value')")
    assert page.locator(".percent").text_content() == ""


def test_refresh_new_video_waits_for_a_click(open_canned):
    api = CannedApi([in_flight(1)])
    page = open_canned(api)
    api.videos.insert(0, completed(2))
    page.clock.run_for(A_WHILE)
    page.get_by_role("button", name="Show 1 new video").click()
    assert [text[:14] for text in page.locator(".prompt").all_text_contents()] == ["Clip number 2.", "Clip number 1."]


def test_refresh_run_was_deleted_its_card_goes(open_canned):
    api = CannedApi([in_flight(2), completed(1)])
    page = open_canned(api)
    del api.videos[0]
    page.clock.run_for(A_WHILE)
    card(page, 2).wait_for(state="detached")
    assert card(page, 1).count() == 1


def test_refresh_asked_for_shows_new_videos_at_once(open_canned):
    api = CannedApi([completed(1)])
    page = open_canned(api)
    api.videos.insert(0, completed(2))
    page.get_by_role("button", name="Refresh").click()
    card(page, 2).wait_for()


def test_refresh_nothing_in_flight_asks_no_more(open_canned):
    api = CannedApi([completed(1), failed(2)])
    page = open_canned(api)
    before = api.asked.total()
    page.clock.run_for(LONG)
    assert api.asked.total() == before


def test_refresh_hidden_page_asks_again_when_it_is_seen(open_canned):
    api = CannedApi([in_flight(1)])
    page = open_canned(api)
    turn = "value => { Object.defineProperty(document, 'hidden', { value, configurable: true }); \
        document.dispatchEvent(new Event('visibilitychange')) }"
    page.evaluate(turn, True)
    before = api.asked.total()
    page.clock.run_for(LONG)
    assert api.asked.total() == before
    api.videos[0] = completed(1)
    page.evaluate(turn, False)
    page.get_by_role("button", name="Play: Clip number 1.").wait_for()


def test_refresh_fails_says_so_and_keeps_the_cards(open_canned):
    api = CannedApi([in_flight(1), completed(2)])
    page = open_canned(api)
    api.status = 500
    page.clock.run_for(A_WHILE)
    page.get_by_role("status").get_by_text("Trying again").wait_for()
    assert page.locator(".card").count() == 2
    api.status = 200
    page.clock.run_for(LONG)
    page.get_by_text("Trying again").wait_for(state="detached")


def test_refresh_moves_nothing_on_the_page(open_canned):
    api = CannedApi([in_flight(3), completed(2), completed(1)])
    page = open_canned(api)
    places = "[...document.querySelector('div[lang=en]').shadowRoot.querySelectorAll('.card')].map(it => \
        JSON.stringify(it.getBoundingClientRect()))"
    before = page.evaluate(places)
    api.videos[0] = completed(3)
    page.clock.run_for(A_WHILE)
    card(page, 3).get_by_role("button").wait_for()
    assert page.evaluate(places) == before


@pytest.mark.parametrize(
    ("status", "what", "button"),
    [
        (401, "Your session has ended.", "Reload"),
        (403, "You may not see videos.", "Try again"),
        (500, "Airflow answered with 500.", "Try again"),
        (0, "Airflow does not answer.", "Try again"),
    ],
)
def test_first_answer_is_an_error_says_what_to_do(open_canned, status, what, button):
    api = CannedApi([completed(1)], status=status)
    page = open_canned(api)
    page.get_by_role("alert").get_by_text(what).wait_for()
    api.status = 200
    page.get_by_role("button", name=button).click()
    card(page, 1).wait_for()


def test_load_more_appends_the_next_page_once(open_canned):
    api = CannedApi([completed(3), completed(2)], after={"cursor": [completed(2), completed(1)]})
    page = open_canned(api)
    page.get_by_role("button", name="Load more").click()
    card(page, 1).wait_for()
    assert page.locator(".card").count() == 3
    assert not page.get_by_role("button", name="Load more").is_visible()


def test_empty_list_says_why(open_canned):
    page = open_canned(CannedApi([]))
    page.get_by_text("No videos yet.").wait_for()
    page.get_by_label("Model").select_option("veo3.1-fast")
    page.get_by_text("No video fits these filters.").wait_for()
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_text("No videos yet.").wait_for()
    assert page.url.endswith(PAGE)


@pytest.mark.parametrize(("address", "shown"), [("https://files.example/1.mp4", 1), ("javascript:alert(1)", 0)])
def test_remote_link_only_leads_to_the_web(open_canned, address, shown):
    media = {"video": None, "poster": None, "why_not": "No media root is configured."}
    page = open_canned(CannedApi([completed(1, media=media, remote_url=address)]))
    page.get_by_text("No media root is configured.").wait_for()
    assert page.get_by_role("link", name="Open at LemonData").count() == shown
