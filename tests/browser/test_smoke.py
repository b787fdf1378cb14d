"""One clip on any supported Airflow: page, player, link, tab and tile."""

from __future__ import annotations

from urllib.parse import unquote

from tests.browser.campaign import TIMEOUT
from tests.browser.looks import picture

PROMPT = "A lighthouse in the evening."


def test_page_tab_and_tile_show_the_clip_of_a_run(airflow, open_page):
    run_id = airflow.trigger("single_clip", conf={"prompt": PROMPT})
    assert airflow.wait_for_run("single_clip", run_id, TIMEOUT) == "success"
    page = open_page("/plugin/videos")
    page.get_by_role("button", name=f"Play: {PROMPT}").click()
    video = page.locator("video")
    video.evaluate("it => new Promise(done => it.ontimeupdate = () => it.currentTime > 0 && done())")
    page.get_by_role("link", name="clip", exact=True).first.click()
    page.get_by_role("link", name="Video").click()
    page.get_by_role("button", name=f"Play: {PROMPT}").wait_for()
    assert run_id in unquote(page.url)
    picture(page, "smoke-tab")
    page.goto("/")
    page.get_by_role("region", name="Videos").get_by_role("link", name="videos today").click()
    page.get_by_role("button", name=f"Play: {PROMPT}").wait_for()
