from __future__ import annotations

import base64
import io
import threading
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lemondata_provider.sandbox.orders import take_order
from lemondata_provider.sandbox.render import draw
from lemondata_provider.sandbox.settings import Settings


def png(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 36), colour).save(file, "PNG")
    return file.getvalue()


def data_url(colour: str) -> str:
    return f"data:image/png;base64,{base64.b64encode(png(colour)).decode()}"


def data_video(content: bytes) -> str:
    return f"data:video/mp4;base64,{base64.b64encode(content).decode()}"


def colour_of(frame: np.ndarray) -> str:
    return ("red", "green", "blue")[int(frame.mean((0, 1)).argmax())]


@pytest.fixture
def drawn(tmp_path, decoded):
    def drawn(**body):
        path = tmp_path / "a.part"
        settings = Settings(scale_down=8)
        draw(take_order({"prompt": "x", "duration": 1, **body}, settings), settings, path, lambda url: None)
        return decoded(path.read_bytes())

    return drawn


def test_draw_text_to_video_is_a_playable_video(drawn):
    video = drawn(duration=2, fps=24, resolution="1080p", aspect_ratio="9:16", output_audio=False)
    assert (video.codec, video.pixels, video.size) == ("h264", "yuv420p", (136, 240))
    assert (video.rate, len(video.frames)) == (24, 48)
    assert video.seconds == pytest.approx(2, abs=1 / 24)
    assert video.sound == 0


def test_draw_same_order_is_the_same_file(tmp_path: Path):
    def content(prompt: str, seed: int = 0) -> bytes:
        settings = Settings(scale_down=8)
        order = take_order({"prompt": prompt, "seed": seed, "duration": 1}, settings)
        draw(order, settings, tmp_path / "a.part", lambda url: None)
        return (tmp_path / "a.part").read_bytes()

    assert content("a cat") == content("a cat")
    assert len({content("a cat"), content("a dog"), content("a cat", seed=1)}) == 3


def test_draw_file_has_its_index_first(tmp_path):
    draw(take_order({"prompt": "x"}, Settings()), Settings(), tmp_path / "a.part", lambda url: None)
    content = (tmp_path / "a.part").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_draw_audio_is_as_long_as_the_video(drawn):
    assert drawn(model="veo3", duration=2).sound / 44_100 == pytest.approx(2, abs=0.06)
    assert drawn(model="veo3", output_audio=False).sound == 0


def test_draw_image_to_video_shows_the_image(drawn):
    video = drawn(image=data_url("red"))
    assert colour_of(video.frames[0]) == colour_of(video.frames[-1]) == "red"
    assert video.size == (160, 90)


def test_draw_start_end_to_video_goes_from_start_to_end(drawn):
    video = drawn(model="veo3.1", start_image=data_url("red"), end_image=data_url("blue"), output_audio=False)
    assert colour_of(video.frames[0]) == "red"
    assert colour_of(video.frames[-1]) == "blue"


def test_draw_reference_to_video_shows_every_reference(drawn):
    video = drawn(model="wan-2.6", reference_images=[data_url(colour) for colour in ("red", "lime", "blue")])
    assert {colour_of(frame) for frame in video.frames} == {"red", "green", "blue"}


def test_draw_unreadable_image_is_replaced(drawn):
    video = drawn(model="veo3.1", start_image="data:,", end_image="data:,")
    assert len(video.frames) == 12
    assert np.abs(video.frames[0].astype(int) - video.frames[-1]).mean() > 5


def test_draw_upscale_doubles_the_size_and_keeps_every_frame(api, decoded):
    api.sandbox.configure(scale_down=8)
    task = api.finish(model="veo3.1", duration=2, fps=15, aspect_ratio="9:16")
    up = decoded(api.video(model="topaz-video-upscale", video_url=task["video_url"]))
    source = decoded(api.http.get(task["video_url"]).content)
    assert source.size == (90, 160)
    assert up.size == (180, 320)
    assert (up.rate, len(up.frames), up.seconds) == (source.rate, len(source.frames), pytest.approx(2, abs=1 / 15))
    assert up.sound
    assert np.abs(up.frames[-1][::2, ::2].astype(int) - source.frames[-1]).mean() < 12


def test_draw_upscale_missing_source_renders_a_video(api, decoded):
    waiting = api.sandbox.url + f"/files/{api.create(prompt='[forever]')['id']}.mp4"
    assert decoded(api.video(model="topaz-video-upscale", video_url=waiting)).size == (320, 180)


def test_draw_upscale_odd_frame_rate_is_kept(drawn, api):
    source = api.video(fps=7, duration=1)
    assert drawn(model="topaz-video-upscale", video_url=data_video(source)).rate == Fraction(7)


def test_draw_motion_control_follows_the_video(drawn, api):
    motion = api.video(fps=10, duration=2)
    video = drawn(model="kling-3.0-motion-control", image=data_url("red"), video_url=data_video(motion))
    assert (len(video.frames), video.rate, video.size) == (20, 10, (160, 90))
    assert colour_of(video.frames[0]) == "red"
    drawn_instead = drawn(model="kling-3.0-motion-control", image="data:,", video_url="data:,")
    assert len(drawn_instead.frames) == 12


def test_draw_image_url_is_fetched_over_http(drawn):
    class Pictures(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(png("lime"))

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Pictures) as server:
        threading.Thread(target=server.handle_request).start()
        video = drawn(image_url=f"http://127.0.0.1:{server.server_port}/a.png")
    assert colour_of(video.frames[0]) == "green"
