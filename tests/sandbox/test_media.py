from __future__ import annotations

import base64
import io
import wave
from urllib.parse import quote

import pytest
from PIL import Image

from lemondata_provider.sandbox.media import clip_from, picture_from


def png(colour: str = "red", size: tuple[int, int] = (32, 18)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def data_url(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def no_own_file(_url: str) -> None:
    return None


@pytest.mark.parametrize("url", [data_url(png()), f"data:image/png,{quote(png())}"])
def test_picture_from_data_url_decodes_it(url):
    picture = picture_from(url, no_own_file)
    assert picture is not None
    assert picture.shape == (18, 32, 3)
    assert picture[0, 0].tolist() == pytest.approx([255, 0, 0], abs=2)


def test_picture_from_own_file_opens_it_without_fetching(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png("blue"))
    picture = picture_from("http://127.0.0.1:1/files/a.mp4", lambda url: path)
    assert picture is not None
    assert picture[0, 0, 2] > 250


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/nothing-listens-here.png",
        "file:///etc/hostname",
        "data:image/png;base64,AAAA",
        "data:image/png;base64,A",
        "no URL at all",
        "http://[broken",
        "",
    ],
)
def test_media_from_unreadable_url_is_none(url):
    assert picture_from(url, no_own_file) is None
    assert clip_from(url, no_own_file) is None


def test_clip_from_audio_only_is_none():
    assert clip_from("data:audio/wav;base64," + base64.b64encode(silence()).decode(), no_own_file) is None


def silence() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
        sound.writeframes(bytes(1600))
    return file.getvalue()
