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


def nobody(_url: str) -> None:
    return None


@pytest.mark.parametrize("url", [data_url(png()), f"data:image/png,{quote(png())}"])
def test_a_data_url_is_decoded(url):
    picture = picture_from(url, nobody)
    assert picture.shape == (18, 32, 3)
    assert picture[0, 0].tolist() == pytest.approx([255, 0, 0], abs=2)


def test_a_file_of_our_own_is_opened_and_not_fetched(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png("blue"))
    assert picture_from("http://127.0.0.1:1/files/a.mp4", lambda url: path)[0, 0, 2] > 250


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
def test_what_cannot_be_had_is_nothing(url):
    assert picture_from(url, nobody) is None
    assert clip_from(url, nobody) is None


def test_sound_alone_is_no_clip():
    assert clip_from("data:audio/wav;base64," + base64.b64encode(silence()).decode(), nobody) is None


def silence() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
        sound.writeframes(bytes(1600))
    return file.getvalue()
