"""A file in storage, upscaled by the sandbox; and what a service that quotes its link leaves in an error."""

from __future__ import annotations

import io
import json
import pickle
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from lemondata_provider.api import calls
from lemondata_provider.api.client import Client
from lemondata_provider.api.container import facts_of_file
from lemondata_provider.api.errors import LemonDataError
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.catalog.media import is_local
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.results.inputs import sendable
from tests.api.video_files import CLIP
from tests.results.stores import Bucket, Folder

PORTRAIT = VideoRequest.checked(model="veo3.1-fast", prompt="a cat", aspect_ratio="9:16", duration=1)
UPSCALE = {"model": "topaz-video-upscale", "operation": "video-to-video"}


def video_of(client: Client, request: VideoRequest) -> bytes:
    task = client.send_once(calls.submit_video(request))
    end = time.monotonic() + 20
    while not task.videos:
        assert time.monotonic() < end, task
        time.sleep(0.05)
        task = client.send(calls.get_task(task.poll_url, task.id))
    return httpx.get(task.videos[0].url, trust_env=False).raise_for_status().content


def size_of(video: bytes) -> tuple[int, int]:
    facts = facts_of_file(io.BytesIO(video))
    assert facts
    assert facts.width
    assert facts.height
    return facts.width, facts.height


def test_submit_file_in_storage_is_upscaled(sandbox: Any, store: Folder | Bucket) -> None:
    with LemonDataHook().get_conn() as client:
        source = video_of(client, PORTRAIT)  # the sandbox draws a landscape, if it cannot fetch what it upscales
        store.put("clip.mp4", source)
        request = VideoRequest.checked(**UPSCALE, video_url=f"{store.base}/clip.mp4")
        result = video_of(client, sendable(request, is_local(client.base_url)))
    width, height = size_of(source)
    assert size_of(result) == (2 * width, 2 * height)
    assert width < height


def test_submit_link_that_a_service_quotes_is_not_in_the_error(bucket: Bucket) -> None:
    bucket.put("clip.mp4", CLIP)
    sent = sendable(VideoRequest.checked(**UPSCALE, video_url=f"{bucket.base}/clip.mp4"), is_local_service=True)
    link = str(sent.video_url)
    answer = {"error": {"message": f"cannot fetch {link}", "param": urlsplit(link).query, "seen": [link[:-4]]}}
    transport = httpx.MockTransport(lambda _: httpx.Response(400, json=answer))
    with Client("sk-a-key-1234", transport=transport) as client, pytest.raises(LemonDataError) as caught:
        client.send_once(calls.submit_video(sent))
    error = caught.value
    shown = f"{error} {error!r} {json.dumps(error.to_dict())} {pickle.dumps(error)!r}"
    (secret,) = parse_qs(urlsplit(link).query)["X-Amz-Signature"]
    assert secret[:16] not in shown
    assert urlsplit(link).path in shown
