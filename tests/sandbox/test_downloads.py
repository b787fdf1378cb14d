"""How the sandbox treats downloads: links that end, ranges, and files that break off."""

from __future__ import annotations

import httpx
import pytest


def finished(api) -> str:
    return str(api.finish()["video_url"])


# --- links


def test_link_without_end_is_plain_and_takes_any_query(api):
    url = finished(api)
    assert "?" not in url
    assert api.http.get(f"{url}?x=1").status_code == 200


def test_link_that_ends_answers_403_afterwards_and_a_poll_signs_anew(api, clock):
    api.sandbox.configure(link_seconds=60)
    task = api.create()
    clock.forward(10)
    first, second = (api.poll(task)["video_url"] for _ in range(2))
    assert "expires=" in first
    assert "signature=" in first
    assert first != second
    assert api.http.get(first).status_code == 200
    clock.forward(61)
    refused = api.http.get(first)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "link_expired")
    assert api.http.get(api.poll(task)["video_url"]).status_code == 200


@pytest.mark.parametrize("change", [("expires=", "expires=9"), ("signature=", "signature=0"), ("?", "?x=")])
def test_link_changed_answers_403(api, change):
    api.sandbox.configure(link_seconds=60)
    assert api.http.get(finished(api).replace(*change)).status_code == 403


# --- ranges


def resumed(api, first):
    return api.http.get(first.url, headers={"Range": "bytes=100-", "If-Range": first.headers["etag"]})


def test_range_requests_full_sends_the_missing_bytes(api):
    first = api.http.get(finished(api))
    second = resumed(api, first)
    assert (second.status_code, second.content) == (206, first.content[100:])
    assert second.headers["etag"] == first.headers["etag"]
    assert first.headers["etag"].startswith('"')


@pytest.mark.parametrize("way", ["ignored", "changed"])
def test_range_requests_otherwise_send_the_whole_file(api, way):
    api.sandbox.configure(range_requests=way)
    first = api.http.get(finished(api))
    second = resumed(api, first)
    assert (second.status_code, second.content) == (200, first.content)
    assert (second.headers["etag"] == first.headers["etag"]) is (way == "ignored")
    assert (second.headers["last-modified"] == first.headers["last-modified"]) is (way == "ignored")


# --- cut


def collect(response: httpx.Response, arrived: bytearray) -> None:
    for block in response.iter_raw():
        arrived += block


@pytest.mark.parametrize("share", [0, 0.25, 0.9])
def test_fault_cut_sends_all_headers_and_a_share_of_the_body(api, share):
    url = finished(api)
    whole = api.http.get(url)
    api.sandbox.fault("cut", on="file", share=share)
    arrived = bytearray()
    with api.http.stream("GET", url) as response:
        assert response.headers["etag"] == whole.headers["etag"]
        assert int(response.headers["content-length"]) == len(whole.content)
        with pytest.raises(httpx.RemoteProtocolError):
            collect(response, arrived)
    assert bytes(arrived) == whole.content[: int(len(whole.content) * share)]


def test_fault_cut_of_a_resumed_download_is_a_part_of_the_rest(api):
    first = api.http.get(finished(api))
    api.sandbox.fault("cut", on="file")
    headers = {"Range": "bytes=100-", "If-Range": first.headers["etag"]}
    with api.http.stream("GET", first.url, headers=headers) as response:
        assert (response.status_code, "content-range" in response.headers) == (206, True)
