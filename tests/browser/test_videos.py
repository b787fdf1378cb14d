"""The page with real videos of a real Airflow: progress, player, filters, links, failures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.browser.campaign import MARKUP, REASON, TIMEOUT, Campaign, run_campaign, start_clip
from tests.browser.looks import overflow, picture, violations

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

PAGE = "/plugin/videos"
SLOW = 20.0  # seconds of a generation that is watched


@pytest.fixture(scope="module")
def campaign(airflow, sandbox) -> Campaign:
    return run_campaign(airflow, sandbox)


def card(page: Page, text: str) -> Locator:
    return page.locator(".card:not(.placeholder)").filter(has_text=text)


def tab_of(dag_id: str, run_id: str, task_id: str) -> str:
    return f"/dags/{dag_id}/runs/{quote(run_id, safe='')}/tasks/{task_id}/plugin/video"


def steps(page: Page) -> list[str]:
    page.get_by_role("heading", name="Timeline").wait_for()
    return page.locator(".timeline b").all_inner_texts()


def test_page_task_in_flight_shows_its_progress_and_then_its_video(airflow, sandbox, open_page):
    page = open_page(PAGE)
    page.get_by_role("heading", name="Videos").wait_for()
    run_id = start_clip(airflow, sandbox, "A slow sunrise over hills.", SLOW)
    page.get_by_role("button", name="Refresh").click()
    slow = card(page, "A slow sunrise")
    slow.get_by_role("progressbar").wait_for()
    slow.get_by_text("so far").wait_for()
    assert slow.get_attribute("data-state") == "in_flight"
    picture(page, "in-flight-real")
    slow.get_by_role("button", name="Play: A slow sunrise").wait_for(timeout=TIMEOUT * 1000)
    assert airflow.wait_for_run("single_clip", run_id, TIMEOUT) == "success"
    page.goto(tab_of("single_clip", run_id, "clip"))
    assert steps(page) == ["Submitted", "First progress", "Completed", "Downloaded"]


def test_page_poster_clicked_plays_and_seeks(campaign, open_page):
    page = open_page(f"{PAGE}?dag_id=summer_campaign")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    opening = card(page, "A paper city unfolds")
    opening.locator("img").evaluate("it => it.complete || new Promise(done => it.onload = done)")
    assert opening.locator("img").evaluate("it => it.naturalWidth") > 0
    assert not any("media/video" in url for url in requests)
    opening.get_by_role("button").click()
    video = opening.locator("video")
    video.evaluate(
        "it => it.currentTime > 0.5 || new Promise(done => it.ontimeupdate = () => it.currentTime > 0.5 && done())"
    )
    size = video.evaluate("it => [it.videoWidth, it.videoHeight]")
    assert size == [640, 360]
    assert opening.get_by_title("Dimensions").inner_text().split()[::2] == [str(pixels) for pixels in size]
    video.evaluate("it => new Promise(done => { it.onseeked = done; it.currentTime = 3 })")
    assert video.evaluate("it => it.currentTime") >= 3
    assert video.evaluate("it => it.error") is None


def test_page_filters_stand_in_the_address_and_survive_a_reload(campaign, open_page):
    page = open_page(PAGE)
    card(page, "A paper city").wait_for()
    page.get_by_role("combobox", name="DAG").select_option("summer_campaign")
    page.get_by_label("Model").select_option("veo3.1-fast")
    card(page, "Lemon trees").wait_for(state="detached")
    assert page.url.endswith(f"{PAGE}?dag_id=summer_campaign&model=veo3.1-fast")
    page.reload()
    card(page, "A cat walks").wait_for()
    assert page.locator(".card").count() == 2
    assert page.get_by_label("Model").input_value() == "veo3.1-fast"
    page.get_by_role("button", name="Clear filters").click()
    card(page, "Lemon trees").wait_for()


def test_page_dates_of_another_day_show_nothing(campaign, open_page):
    page = open_page(f"{PAGE}?since=2020-01-01&until=2020-01-02")
    page.get_by_text("No video fits these filters.").wait_for()
    page.get_by_label("To", exact=True).fill("2099-12-31")
    card(page, "A paper city").wait_for()


def test_page_link_of_a_video_leads_to_its_task_and_back_leads_to_the_page(campaign, open_page):
    page = open_page(f"{PAGE}?dag_id=summer_campaign")
    card(page, "A paper city").get_by_role("link", name="opening").click()
    page.get_by_role("heading", name="opening").first.wait_for()
    assert f"/dags/summer_campaign/runs/{quote(campaign.clips, safe='')}/tasks/opening" in page.url
    page.go_back()
    card(page, "A paper city").wait_for()
    assert page.url.endswith("?dag_id=summer_campaign")


def test_page_failed_and_unknown_say_why_and_what_to_do(campaign, open_page):
    page = open_page(f"{PAGE}?state=failed")
    failed = card(page, "A cellar at night")
    failed.locator("strong", has_text=REASON).wait_for()
    page.get_by_label("State").select_option("unknown")
    unknown = card(page, "Neon rain")
    unknown.get_by_text("What to do:").wait_for()
    assert violations(page) == []


def test_page_prompt_with_markup_is_shown_as_it_was_written(campaign, open_page):
    page = open_page(PAGE)
    bold = card(page, "A <b>bold</b> cat")
    bold.wait_for()
    assert bold.locator(".prompt").text_content() == MARKUP
    assert bold.locator(".prompt *").count() == 0


def test_page_spending_sums_what_the_cards_say(campaign, open_page):
    page = open_page(f"{PAGE}?spend=model")
    page.locator("tfoot").wait_for()
    lines = page.locator("tbody tr").all_inner_texts()
    assert {line.split("\t")[0] for line in lines} >= {"veo3.1-fast", "kling-video-o1-pro"}


@pytest.fixture(scope="module")
def rain(campaign, airflow, sandbox) -> str:
    """The prompt of a clip that stays in flight for a while."""
    prompt = "Neon signs in the rain. A tram passes, and its windows mirror the street."
    start_clip(airflow, sandbox, prompt, 90.0)
    return prompt


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_page_and_tab_and_tile_look_as_the_docs_show_them(campaign, rain, open_page, theme):
    page = open_page(PAGE, theme=theme)
    card(page, rain).locator(".percent", has_text=re.compile(r"^[2-9]\d %$")).wait_for(timeout=TIMEOUT * 1000)
    card(page, "A paper city").locator("img").evaluate("it => it.complete || new Promise(done => it.onload = done)")
    picture(page, f"videos-page-{theme}", in_docs=True)
    assert violations(page) == []
    page.goto(tab_of("summer_campaign", campaign.clips, "opening"))
    page.get_by_text("Downloaded").wait_for()
    page.locator(".tab img").evaluate("it => it.complete || new Promise(done => it.onload = done)")
    picture(page, f"videos-tab-{theme}", in_docs=True)
    assert violations(page) == []
    page.goto("/")
    page.get_by_role("region", name="Videos").get_by_role("link", name="videos today").wait_for()
    picture(page, f"videos-tile-{theme}", in_docs=True)
    assert violations(page) == []


def test_tab_of_a_task_with_a_video_shows_request_and_timeline(campaign, open_page):
    page = open_page(tab_of("summer_campaign", campaign.clips, "portrait"))
    assert steps(page)[-2:] == ["Completed", "Downloaded"]
    assert "9:16" in page.locator(".details").inner_text()
    page.get_by_role("button", name="Play: A cat walks").click()
    video = page.locator("video")
    video.evaluate(
        "it => it.currentTime > 0 || new Promise(done => it.ontimeupdate = () => it.currentTime > 0 && done())"
    )
    assert video.evaluate("it => it.videoHeight > it.videoWidth")
    assert overflow(page) == 0


def test_tab_of_another_task_says_quietly_that_there_is_no_video(campaign, open_page):
    page = open_page(tab_of("summer_campaign", campaign.clips, "list_files"))
    page.get_by_text("No video.").wait_for()
    assert page.get_by_role("alert").count() == 0
