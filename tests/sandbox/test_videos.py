from __future__ import annotations

import subprocess
import sys

import pytest

from lemondata_provider.sandbox.videos import READY_MADE_CLIP

WITHOUT_CODECS = "import sys; sys.modules['av'] = sys.modules['numpy'] = None\n"
SUBMIT_POLL_DOWNLOAD = """
import time, httpx
from lemondata_provider.sandbox.server import Sandbox
from lemondata_provider.sandbox.settings import Settings

settings = Settings(pending_seconds=0, generation_seconds=0, video_form="all")
with Sandbox(settings) as sandbox:
    headers = {"Authorization": f"Bearer {sandbox.api_key}"}
    with httpx.Client(base_url=sandbox.url, headers=headers, trust_env=False) as http:
        body = {"model": "sora-2", "prompt": "a cat", "resolution": "1080p", "aspect_ratio": "9:16"}
        task = http.post("/v1/videos/generations", json=body).raise_for_status().json()
        done = http.get(task["poll_url"]).raise_for_status().json()
        assert done["status"] == "completed", done
        assert (done["video"]["width"], done["video"]["height"]) == (270, 480)
        assert "lemondata_provider.sandbox.render" not in sys.modules
        sys.stdout.buffer.write(http.get(done["video_url"]).raise_for_status().content)
"""


@pytest.mark.slow
def test_sandbox_without_codecs_serves_the_ready_made_clip():
    command = [sys.executable, "-c", WITHOUT_CODECS + SUBMIT_POLL_DOWNLOAD]
    ended = subprocess.run(command, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
    assert ended.stdout[4:8] == b"ftyp"
    assert ended.stdout == READY_MADE_CLIP.read_bytes()


@pytest.mark.slow
def test_sandbox_until_first_download_imports_no_codecs():
    script = (
        "import sys; import lemondata_provider.sandbox.server, lemondata_provider.sandbox.pytest_plugin;"
        "print([name for name in ('av', 'numpy') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_ready_made_clip_decoded_is_a_small_h264_video(decoded):
    content = READY_MADE_CLIP.read_bytes()
    clip = decoded(content)
    assert len(content) < 50_000
    assert (clip.codec, clip.pixels) == ("h264", "yuv420p")
    assert clip.frames


def test_last_frame_asked_for_is_a_picture_that_the_next_video_begins_with(api, decoded):
    task = api.finish(model="seedance-2.0", return_last_frame=True, duration=1)
    frame = api.http.get(task["last_frame_url"])
    assert frame.headers["content-type"] == "image/png"
    last = decoded(api.http.get(task["video_url"]).content).frames[-1].astype(float)
    first = decoded(api.video(operation="image-to-video", image_url=task["last_frame_url"], duration=1)).frames[0]
    assert abs(first - last).mean() < 8


def test_last_frame_not_asked_for_is_not_in_the_answer(api):
    assert "last_frame_url" not in api.finish()


def test_audio_to_video_and_video_extension_are_drawn(api, decoded):
    source = api.finish(duration=1)
    spoken = decoded(api.video(model="wan2.2-s2v", operation="audio-to-video", audio_url="https://x.example/a.mp3"))
    fields = {"model": "seedance-2.0", "operation": "video-extension", "video_url": source["video_url"], "duration": 1}
    longer = decoded(api.video(**fields))
    assert spoken.sound
    assert len(longer.frames) == 2 * len(decoded(api.http.get(source["video_url"]).content).frames)
